/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print_calls - the table of system calls as it is in the tree: "json" as
 * lib/linux/seccomp.json, "man" as the list in man/man7/gmemstate-seccomp.7. After a
 * change of lib/linux/calls.def, these are made with it; seccomp_table.sh compares.
 */
#include <stdio.h>
#include <string.h>

#include <gmemstate/gmemstate-linux.h>

static int to_stdout(void *ctx, const char *text, size_t bytes)
{
	(void)ctx;
	return fwrite(text, 1, bytes, stdout) == bytes ? 0 : -1;
}

static void print_name(const struct gms_linux_syscall *sys)
{
	if (sys->request)
		printf("ioctl (%s)", sys->request);
	else
		printf("%s", sys->name);
}

/* A row: what is to be expected in a line each, then what is made only sometimes. */
static void print_row(const struct gms_linux_call *call)
{
	size_t expected = 0, sometimes = 0, seen = 0;

	for (size_t i = 0; i < call->nsyscalls; i++)
		*(call->syscalls[i].when ? &sometimes : &expected) += 1;
	printf(".It %s\n.Pq %s\n", call->name, call->about);
	if (!call->nsyscalls)
		printf("None.\n");
	for (size_t i = 0; i < call->nsyscalls; i++) {
		if (call->syscalls[i].when)
			continue;
		print_name(&call->syscalls[i]);
		printf("%s\n", ++seen < expected ? "," : ".");
	}
	if (!sometimes)
		return;
	printf(".Bl -tag -width Ds -compact\n");
	for (size_t i = 0; i < call->nsyscalls; i++) {
		if (!call->syscalls[i].when)
			continue;
		printf(".It ");
		print_name(&call->syscalls[i]);
		printf("\n%s.\n", call->syscalls[i].when);
	}
	printf(".El\n");
}

int main(int argc, char **argv)
{
	const struct gms_linux_call *calls;
	size_t n;

	if (argc == 2 && !strcmp(argv[1], "json"))
		return gms_linux_calls_write(to_stdout, NULL) ? 1 : 0;
	if (argc != 2 || strcmp(argv[1], "man")) {
		fprintf(stderr, "usage: print_calls json|man\n");
		return 2;
	}
	calls = gms_linux_calls(&n);
	printf(".Bl -tag -width Ds\n");
	for (size_t i = 0; i < n; i++)
		print_row(&calls[i]);
	printf(".El\n");
	return 0;
}
