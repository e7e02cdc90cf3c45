#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# denied.sh [TREE] - the core calls nothing that a library in somebody else's
# VMM must not: no stdio, no end of the process, no environment, no signals,
# no threads of its own, no thread-locals, no errno, no system calls (read and
# write are names of callbacks too: tests/abi/imports.sh looks for those). What
# only a debug build compiles, under #if GMS_DEBUG, may; and lib/base/wait.c, which
# waits by the clock, may look at it.
set -eu
cd "${1-${top_srcdir:-${0%/*}/../..}}"

for layer in base map engine guest api; do
	if [ -d "lib/$layer" ]; then
		find "lib/$layer" -name '*.[ch]'
	fi
done | LC_ALL=C sort | xargs awk '
BEGIN {
	n = split("printf fprintf sprintf snprintf vprintf vfprintf vsprintf vsnprintf dprintf " \
		  "puts fputs putchar fwrite fopen fclose fflush perror stdin stdout stderr scanf " \
		  "sscanf FILE syslog " \
		  "exit _exit _Exit quick_exit abort atexit on_exit assert raise kill " \
		  "longjmp setjmp sigsetjmp siglongjmp " \
		  "getenv secure_getenv setenv putenv setlocale strtok strerror rand srand random " \
		  "signal sigaction sigprocmask pthread_sigmask pthread_kill alarm setitimer " \
		  "dlopen dlsym dlclose fork vfork execve system popen " \
		  "pthread_create pthread_key_create pthread_setspecific pthread_atfork " \
		  "__thread _Thread_local thread_local errno " \
		  "syscall ioctl mmap munmap mprotect madvise process_madvise membarrier " \
		  "openat pread pwrite fallocate ftruncate " \
		  "usleep nanosleep sleep clock_gettime gettimeofday alloca " \
		  "mallocx sdallocx mallctl je_malloc", words, " ")
	for (i = 1; i <= n; i++)
		denied[words[i]] = 1
	n = split("stdio.h signal.h setjmp.h unistd.h errno_location.h dlfcn.h syslog.h " \
		  "locale.h assert.h threads.h sys/mman.h sys/syscall.h sys/ioctl.h " \
		  "jemalloc/jemalloc.h linux/kvm.h", words, " ")
	for (i = 1; i <= n; i++)
		header[words[i]] = 1
}

FNR == 1 {
	files++
	incomment = depth = debug = 0
}

{
	text = $0

	# Strings first: they may hold what looks like a comment.
	gsub(/\\\\/, "", text)
	gsub(/\\"/, "", text)
	if (!incomment && text !~ /^[ \t]*#[ \t]*include/)
		gsub(/"[^"]*"/, "\"\"", text)
	if (incomment) {
		if (!sub(/^.*\*\//, "", text))
			next
		incomment = 0
	}
	while (match(text, /\/\*/)) {
		rest = substr(text, RSTART + 2)
		text = substr(text, 1, RSTART - 1)
		if (match(rest, /\*\//)) {
			text = text " " substr(rest, RSTART + 2)
		} else {
			incomment = 1
			break
		}
	}
	sub(/\/\/.*/, "", text)
}

text ~ /^[ \t]*#[ \t]*if/ {
	depth++
	if (!debug && text ~ /#[ \t]*(if|ifdef)[ \t]+(defined *\(? *)?GMS_DEBUG/)
		debug = depth
	next
}
text ~ /^[ \t]*#[ \t]*el/ {
	if (debug == depth)
		debug = 0
	next
}
text ~ /^[ \t]*#[ \t]*endif/ {
	if (debug == depth)
		debug = 0
	depth--
	next
}
debug {
	next
}

text ~ /^[ \t]*#[ \t]*include/ {
	name = text
	sub(/^[^<"]*[<"]/, "", name)
	sub(/[>"].*/, "", name)
	if (name in header) {
		printf "%s:%d: includes %s\n", FILENAME, FNR, name
		failures++
	}
	next
}

{
	while (match(text, /[A-Za-z_][A-Za-z0-9_]*/)) {
		word = substr(text, RSTART, RLENGTH)
		before = substr(text, 1, RSTART - 1)
		text = substr(text, RSTART + RLENGTH)
		if (!(word in denied))
			continue
		if (word == "clock_gettime" && FILENAME == "lib/base/wait.c")
			continue
		# A member of that name is ours: ops->log, x.time. So is what is not called.
		if (before ~ /(->|\.)[ \t]*$/)
			continue
		if (word ~ /^(system|raise|kill|random|signal|sleep|exit)$/ && text !~ /^[ \t]*\(/)
			continue
		printf "%s:%d: uses %s\n", FILENAME, FNR, word
		failures++
	}
}

END {
	printf "%d files, %d violations\n", files, failures
	exit failures > 0 || files == 0
}'
