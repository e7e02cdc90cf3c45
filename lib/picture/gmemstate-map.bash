# SPDX-License-Identifier: BSD-2-Clause
#
# Completion of gmemstate-map(1), which bash finds by this file's name.

_gmemstate_map()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}

	COMPREPLY=()
	# "--what=state" comes as three words.
	if [[ $word == '=' && $before == --* ]]; then
		word=
	elif [[ $before == '=' && ${COMP_WORDS[COMP_CWORD - 2]} == --* ]]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	case $before in
	--what)
		mapfile -t COMPREPLY < <(compgen -W 'state folios access' -- "$word")
		return
		;;
	--color)
		mapfile -t COMPREPLY < <(compgen -W 'auto never 256 true' -- "$word")
		return
		;;
	--zoom | --size | --most-bytes)
		return
		;;
	esac
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '--png --svg --hilbert --rows --what --diff
			--zoom --size --color --most-bytes --exit-code --quiet --help --version' -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	fi
} &&
	complete -o filenames -F _gmemstate_map gmemstate-map
