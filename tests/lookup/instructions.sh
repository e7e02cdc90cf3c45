#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# instructions.sh - by the instructions of the shared library, a lookup takes no
# lock, stores nothing but to the stack, has no fence, makes no system call and
# calls nobody outside; the other questions of state.h take no lock, store to no
# variable, have no fence, make no system call, and leave the library for memset
# and memcpy only.
set -eu
top_srcdir=${top_srcdir:-${0%/*}/../..}
top_builddir=${top_builddir:-.}
library=$top_builddir/lib/.libs/libgmemstate.so
objdump=${OBJDUMP:-objdump}
cc=${CC:-cc}

skip()
{
	echo "skipped: $*"
	exit 77
}

command -v "$objdump" >/dev/null || skip "no objdump (Debian: binutils)"
[ -f "$library" ] || skip "no shared library was built"
LC_ALL=C "$objdump" -f "$library" | grep -q '^architecture: i386:x86-64' ||
	skip "this test knows the instructions of x86-64 only"
[ "${GMS_ENABLE_DEBUG:-no}" = no ] || skip "a debug build's assertions print and abort"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failures=0

# look OBJECT RULES ALLOWED ROOT...
look()
{
	object=$1 rules=$2 allowed=$3
	shift 3
	LC_ALL=C "$objdump" -d --no-show-raw-insn "$object" | LC_ALL=C awk \
		-v rules="$rules" -v allowed="$allowed" -v roots="$*" \
		-f "$top_srcdir/tests/lookup/instructions.awk"
}

# expect STATUS REASON RULES FUNCTION: of the planted ones.
expect()
{
	rc=0
	look "$work/planted.so" "$3" 'memset' "$4" >"$work/out" || rc=$?
	if [ "$rc" -ne "$1" ] || ! grep -q "$2" "$work/out"; then
		echo "planted $4 by the rules of a $3: status $rc"
		cat "$work/out"
		failures=$((failures + 1))
	fi
}

# What must be noticed is noticed, and what is allowed is not.
cat >"$work/planted.c" <<'EOT'
#include <stdio.h>
#include <string.h>

#define FAR __attribute__((noinline, noclone))

unsigned long word, table[512];
unsigned long (*pointer)(unsigned long);

unsigned long good_load(unsigned long n) { return table[n % 512]; }
unsigned long good_stack(unsigned long n)
{
	volatile unsigned long own[16];

	for (unsigned i = 0; i < 16; i++)
		own[i] = table[i] + n;
	return own[n % 16] ? own[3] : 2;
}
static FAR unsigned long behind(unsigned long n) { return table[n % 512] + word; }
unsigned long good_call(unsigned long n) { return behind(n) * 3; }
unsigned long good_answer(unsigned long *answer) { *answer = word; return 0; }
unsigned long good_clear(void *p, unsigned long n) { memset(p, 0, n); return 0; }

unsigned long bad_add(void) { return __atomic_add_fetch(&word, 1, __ATOMIC_RELAXED); }
unsigned long bad_or(void) { return __atomic_or_fetch(&word, 1, __ATOMIC_RELAXED); }
unsigned long bad_exchange(void) { return __atomic_exchange_n(&word, 1, __ATOMIC_RELAXED); }
unsigned long bad_fence(void)
{
	__asm__ volatile("mfence" ::: "memory");
	return word;
}
unsigned long bad_system_call(void)
{
	unsigned long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(39) : "rcx", "r11", "memory");
	return result;
}
static unsigned long variable;
static FAR unsigned long far_behind(unsigned long n) { variable += n; return variable; }
static FAR unsigned long between(unsigned long n) { return far_behind(n + 1) * 5; }
unsigned long bad_far_store(unsigned long n) { return between(n) + 7; }
unsigned long bad_store(unsigned long n) { word = n; return n; }
unsigned long bad_store_in_table(unsigned long n) { table[n % 512] = n; return n; }
unsigned long bad_increment(unsigned long *p) { return ++*p; }
unsigned long bad_fill(unsigned long *p)
{
	unsigned long n = 8;

	__asm__ volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(0) : "memory");
	return 0;
}
static FAR unsigned long answer(unsigned long *p) { *p = word; return 0; }
unsigned long good_far_answer(void)
{
	unsigned long n;

	return answer(&n) + n;
}
unsigned long bad_call(unsigned long n) { puts("x"); return n; }
unsigned long bad_pointer(unsigned long n) { return pointer(n) + 1; }
EOT
$cc -O2 -fPIC -shared -o "$work/planted.so" "$work/planted.c" 2>"$work/out" ||
	skip "$cc makes no shared libraries here"

for function in good_load good_stack good_call good_far_answer; do
	expect 0 ' 0 refused' lookup $function
done
for function in good_answer good_clear bad_increment bad_pointer; do
	expect 0 ' 0 refused' query $function
done
for rules in lookup query; do
	expect 1 'bad_add: locked: ' "$rules" bad_add
	expect 1 'bad_or: locked: ' "$rules" bad_or
	expect 1 'bad_exchange: locked by itself: ' "$rules" bad_exchange
	expect 1 'bad_fence: fence: ' "$rules" bad_fence
	expect 1 'bad_system_call: system call: ' "$rules" bad_system_call
	expect 1 'far_behind: stores to a variable: ' "$rules" bad_far_store
	expect 1 'bad_call: leaves the library: ' "$rules" bad_call
	expect 1 'nobody: no such function' "$rules" nobody
done
expect 1 'good_answer: stores: ' lookup good_answer
for function in bad_store bad_store_in_table bad_increment bad_fill; do
	expect 1 "$function: stores: " lookup $function
done
expect 1 'bad_pointer: a call through a pointer: ' lookup bad_pointer
[ "$failures" -eq 0 ] || exit 1

echo "gms_state_at:"
look "$library" lookup '' gms_state_at || failures=1

# Pointers lead to the tables of functions for many words at once (base/bulk.h).
bulk=$(${NM:-nm} "$library" | awk '$2 == "t" && $3 ~ /^(plain|avx2)_/ { print $3 }')
if [ -z "$bulk" ]; then
	echo "the bulk functions were not found"
	failures=1
fi
echo "the other questions:"
# shellcheck disable=SC2086 # one word each
look "$library" query 'memset|memcpy|__memset_chk|__memcpy_chk|__stack_chk_fail' $bulk \
	gms_run_at gms_iter_init gms_iter_init_match gms_iter_next gms_find gms_count \
	gms_uniform gms_map_order gms_read_begin gms_read_retry || failures=1
[ "$failures" -eq 0 ]
