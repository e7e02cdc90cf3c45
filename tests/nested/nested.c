/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nested.c - the tests that need real private memory, as the first process of a
 * kernel that has it.
 *
 * run.sh boots that kernel in QEMU, with this program as its init and nothing else
 * to run: it mounts what it needs, runs the tests, writes a line each to the console
 * and turns the machine off.
 */
#define _GNU_SOURCE
#include "nested.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned int tests, failures;

bool tap_ok(bool ok, const char *format, ...)
{
	va_list args;

	failures += !ok;
	printf("%sok %u - ", ok ? "" : "not ", ++tests);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	return ok;
}

bool tap_is(int64_t seen, int64_t wanted, const char *format, ...)
{
	const bool ok = seen == wanted;
	va_list args;

	failures += !ok;
	printf("%sok %u - ", ok ? "" : "not ", ++tests);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	if (!ok)
		printf(": %lld and not %lld", (long long)seen, (long long)wanted);
	putchar('\n');
	return ok;
}

static int report(void *ctx, const char *text, size_t bytes)
{
	(void)ctx;
	return printf("# %.*s", (int)bytes, text) < 0;
}

static void test_host(void)
{
	static const uint32_t needed[] = {
		GMS_HOST_KVM, GMS_HOST_KVM_MEMSLOT2, GMS_HOST_KVM_MEMORY_FAULT,
		GMS_HOST_KVM_ATTRIBUTES, GMS_HOST_KVM_PRE_FAULT, GMS_HOST_KVM_HYPERCALL,
		GMS_HOST_GMEM, GMS_HOST_MEMFD,
	};
	struct gms_host host;

	GMS_INIT(&host);
	tap_is(gms_host_probe(&host), 0, "the host is probed");
	tap_is(gms_host_report(&host, report, NULL), 0, "and reported");
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		tap_ok(gms_host_has(&host, needed[i]), "it has %s",
		       gms_host_feature_name(needed[i]));
}

static void all_tests(void)
{
	puts("\nTAP version 13");	/* what came before did not end its line */
	test_host();
	test_refusals();
	test_contents(0);
	test_contents(GMS_KVM_MEMORY_PUNCH);
	test_host_pages();
	test_guest_calls(0);
	test_guest_calls(GMS_KVM_MEMORY_PUNCH);
	test_guest_faults();
	test_failures(0);
	test_failures(GMS_KVM_MEMORY_PUNCH);
	for (uint64_t seed = 1; seed <= 2; seed++) {
		test_random(0, seed);
		test_random(GMS_KVM_MEMORY_PUNCH, seed + 100);
	}
	printf("1..%u\n# end of the tests: %u passed, %u failed\n", tests, tests - failures, failures);
}

/* Also when a test ends the program: the machine must not stay. */
static void turn_off(void)
{
	fflush(stdout);
	sync();
	if (getpid() == 1)
		reboot(RB_POWER_OFF);
}

int main(void)
{
	if (getpid() == 1) {
		atexit(turn_off);
		mkdir("/dev", 0755);
		mkdir("/proc", 0755);
		mkdir("/sys", 0755);
		if (mount("dev", "/dev", "devtmpfs", 0, NULL) && errno != EBUSY)
			vm_die("devtmpfs");
		(void)mount("proc", "/proc", "proc", 0, NULL);
		(void)mount("sys", "/sys", "sysfs", 0, NULL);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	all_tests();
	return failures ? 1 : 0;
}
