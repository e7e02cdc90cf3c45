# SPDX-License-Identifier: BSD-2-Clause
# Completion of gmemstate-replay for bash.

_gmemstate_replay()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words= head=

	COMPREPLY=()
	# "--by=gpa" comes as three words.
	if [[ $cur == '=' && $prev == --* ]]; then
		cur=
	elif [[ $prev == '=' && ${COMP_WORDS[COMP_CWORD - 2]} == --* ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	# Lists: the last word of one.
	case $prev in
	--strategy)
		words='bounce pool eager batch= lazy lazy= keep pread all' ;;
	--profile)
		words='generic kvm-attrs gmem-inplace gmem-hugetlb no-direct-map secretmem
			snp tdx pkvm cca' ;;
	--folio)
		words='4k 2m 1g' ;;
	esac
	if [ -n "$words" ]; then
		case $cur in *,*) head=${cur%,*}, ;; esac
		COMPREPLY=($(compgen -P "$head" -W "$words" -- "${cur##*,}"))
		compopt -o nospace
		return
	fi
	case $prev in
	--by)
		words='gpa dma' ;;
	--form)
		words='lines ftrace perf' ;;
	--ask | --doorbell)
		words='vmm kernel none' ;;
	--backing)
		words='guard mprotect attributes in-place' ;;
	--model)
		COMPREPLY=($(compgen -W 'host example none' -- "$cur") $(compgen -f -- "$cur"))
		compopt -o filenames
		return ;;
	--svg | --save)
		COMPREPLY=($(compgen -d -- "$cur"))
		compopt -o filenames
		return ;;
	--save-model | --json | --openmetrics)
		COMPREPLY=($(compgen -f -- "$cur"))
		compopt -o filenames
		return ;;
	--ram | --pool | --batch-wait | --most-outstanding | --most-memory | --until | --jobs | \
		--threads)
		return ;;
	*)
		case $cur in
		-*)
			words='--strategy --profile --folio --by --ram --pool --batch-wait --form
				--skip-bad --most-outstanding --most-memory --until --realtime --jobs
				--model --save-model --threads --ask --doorbell --backing --guest-memfd
				--warm --json --openmetrics --svg --save --no-table --quiet --help --version' ;;
		*)
			COMPREPLY=($(compgen -f -- "$cur"))
			compopt -o filenames
			return ;;
		esac ;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

complete -F _gmemstate_replay gmemstate-replay
