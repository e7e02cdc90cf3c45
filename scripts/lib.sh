# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What scripts/demo and scripts/check share: packages, bootstrap, configure.
# Sourced, never run. The caller has set -euo pipefail.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
me=scripts/$(basename "$0")
jobs=$(nproc)

say()
{
	printf '%s\n' "$*"
}

die()
{
	printf '%s: %s\n' "$me" "$*" >&2
	exit 1
}

# need_packages PACKAGE...: install those that are missing, and only those.
need_packages()
{
	local package missing=()

	if ! command -v dpkg-query >/dev/null; then
		say "Not a Debian: taking the tools that are here."
		return
	fi
	for package in "$@"; do
		if ! dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed; then
			missing+=("$package")
		fi
	done
	if [ ${#missing[@]} -eq 0 ]; then
		return
	fi
	if [ "$(id -u)" -ne 0 ]; then
		die "packages are missing and only root can install them: apt-get install ${missing[*]}"
	fi
	say "Installing: ${missing[*]}"
	mkdir -p "$out"
	export DEBIAN_FRONTEND=noninteractive
	with_progress "apt-get update" "$out/apt.log" apt-get -q -o DPkg::Lock::Timeout=300 update ||
		die "apt-get update failed, see $out/apt.log"
	with_progress "apt-get install" "$out/apt.log" apt-get -q -y -o DPkg::Lock::Timeout=300 \
		install --no-install-recommends "${missing[@]}" ||
		die "apt-get install ${missing[*]} failed, see $out/apt.log"
}

# with_progress WHAT LOG COMMAND...: run it with its output in LOG, and say
# every 10 seconds that it is still at it.
with_progress()
{
	local what=$1 log=$2 start=$SECONDS pid rc=0

	shift 2
	printf '%s ...' "$what"
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		if [ $(((SECONDS - start) / 10)) -gt "${dots:-0}" ]; then
			dots=$(((SECONDS - start) / 10))
			printf ' %d s' $((SECONDS - start))
		fi
	done
	dots=0
	wait "$pid" || rc=$?
	if [ $rc -eq 0 ]; then
		printf ' done (%d s)\n' $((SECONDS - start))
	else
		printf ' FAILED\n'
	fi
	return $rc
}

# Is configure missing, or older than what it is made of?
bootstrap_needed()
{
	local newer

	[ -f "$top/configure" ] && [ -f "$top/Makefile.in" ] && [ -f "$top/config.h.in" ] || return 0
	newer=$(find "$top"/configure.ac "$top"/Makefile.am "$top"/*/Makemodule.am "$top"/m4/gms_*.m4 \
		"$top"/build-aux/version "$top"/include/gmemstate/version.h \
		\( -newer "$top/configure" -o -newer "$top/Makefile.in" \) -print -quit)
	[ -n "$newer" ]
}

autoreconf_here()
{
	(cd "$top" && autoreconf --force --install)
}

bootstrap()
{
	if [ -f "$top/config.status" ]; then
		die "the source tree itself is configured; run make distclean there first"
	fi
	mkdir -p "$out"
	# A tarball comes with it. Two scripts at once must not both make it.
	exec 9<"$top"
	flock 9
	if bootstrap_needed; then
		with_progress "autoreconf" "$out/bootstrap.log" autoreconf_here || {
			tail -n 20 "$out/bootstrap.log" >&2
			die "autoreconf failed, see $out/bootstrap.log"
		}
	fi
	exec 9>&-
}

# configure_in FOLDER OPTION...: unless it is configured so already.
configure_in()
{
	local folder=$1

	shift
	mkdir -p "$folder"
	if [ -f "$folder/config.status" ] && [ "$folder/config.status" -nt "$top/configure" ] &&
	   [ "$(cat "$folder/options" 2>/dev/null)" = "$*" ]; then
		return
	fi
	rm -f "$folder/options"
	(cd "$folder" && "$top/configure" --quiet "$@")
	printf '%s' "$*" >"$folder/options"
}
