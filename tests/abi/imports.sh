#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# imports.sh - what the libraries need of others. The core: libc alone, of that
# a handful of functions, no thread-local storage, and no variable that is not
# constant. The companions: the core and, one of them, jemalloc.
set -eu
libs=${top_builddir:?run by make check}/lib/.libs
failures=0
fail()
{
	echo "$*"
	failures=$((failures + 1))
}

if [ ! -f "$libs/libgmemstate.so" ]; then
	echo "no shared library was built"
	exit 77
fi

# needs NAME PATTERN: every DT_NEEDED of it matches.
needs()
{
	[ -f "$libs/$1.so" ] || return 0
	needed=$(${READELF:-readelf} -dW "$libs/$1.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
	echo "$1.so: needs" $needed
	for other in $needed; do
		echo "$other" | grep -qxE "$2" || fail "$1.so: needs $other"
	done
}

libc='libc\.so\.6|libc\.musl-.*|ld-linux.*'
needs libgmemstate "$libc"
needs libgmemstate-linux "$libc|libgmemstate\\.so\\.[0-9]+"
needs libgmemstate-jemalloc "$libc|libgmemstate\\.so\\.[0-9]+|libjemalloc\\.so\\.[0-9]+"

# A debug build may print and abort, and knows each thread's locks.
if [ "${GMS_ENABLE_DEBUG:-no}" = no ]; then
	allowed='mem(chr|cmp|cpy|move|set)|str(len|cmp|ncmp|chr|nlen)'
	allowed="$allowed|malloc|calloc|free|aligned_alloc|posix_memalign|qsort"
	allowed="$allowed|pthread_(mutex|rwlock|spin|cond)_[a-z]+|pthread_mutexattr_[a-z]+"
	allowed="$allowed|pthread_condattr_(init|setclock|destroy)|clock_gettime"	# base/wait.c
	allowed="$allowed|sched_yield"
	# What compilers and hardening add.
	allowed="$allowed|__(memcpy|memmove|memset)_chk|__stack_chk_fail|__cxa_finalize"
	allowed="$allowed|__gmon_start__|_ITM_(de)?registerTMCloneTable"
	for symbol in $(${NM:-nm} -D -u "$libs/libgmemstate.so" | sed 's/.* //; s/@.*//'); do
		echo "$symbol" | grep -qxE "$allowed" || fail "libgmemstate.so: calls $symbol()"
	done

	if ${READELF:-readelf} -lW "$libs/libgmemstate.so" | grep -qw TLS; then
		fail "libgmemstate.so: has thread-local storage"
	fi

	# Of the objects, not of the library, to which the compiler adds its own.
	if [ -f "$libs/libgmemstate.a" ]; then
		variables=$(${READELF:-readelf} -SW "$libs/libgmemstate.a" | awk '
		/^File:/ { file = $2 }
		{ sub(/^ *\[ *[0-9]+\] */, "") }
		$1 ~ /^\.(data|bss|tdata|tbss)(\.|$)/ && $1 !~ /^\.data\.rel\.ro/ && $5 !~ /^0+$/ {
			print file ": " $1
		}')
		[ -z "$variables" ] || fail "variables that are not constant: $variables"
	fi
fi

[ "$failures" -eq 0 ]
