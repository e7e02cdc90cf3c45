/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * batch - one conversion of many runs, between two marks that strace(1) shows.
 *
 *	batch KIND OPERATION RUNS PAGES
 *
 * KIND is a number of enum gms_backing_kind; OPERATION is unshare, share, discard,
 * populate or zero (unshare with zeros). Each run has PAGES pages, and as many lie
 * between two. What the ledger counts is printed: calls by kind, and flushes.
 */
#define _GNU_SOURCE
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/kvm.h>

#include <gmemstate/gmemstate-linux.h>

#define S	GMS_STATE_SHARED
#define P	GMS_STATE_POPULATED

static const struct operation {
	const char *name;
	gms_state first, set, clear;
	uint32_t content;
} operations[] = {
	{ "unshare", S, 0, S, GMS_CONTENT_ANY },
	{ "share", 0, S, 0, GMS_CONTENT_ANY },
	{ "discard", S | P, 0, P, GMS_CONTENT_ANY },
	{ "populate", S, P, 0, GMS_CONTENT_ANY },
	{ "zero", S, 0, S, GMS_CONTENT_ZERO },
};

static int die(const char *what, int err)
{
	fprintf(stderr, "batch: %s: %s\n", what, gms_strerror(err));
	return err == -EOPNOTSUPP || err == -ENOMEM || err == -EBADF ? 77 : 1;
}

/* A call that does nothing and stands out. */
static void mark(void)
{
	(void)!write(-1, "mark", 4);
}

static int new_vm(void)
{
	const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	const int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);

	close(kvm);
	return vm;
}

static int run(struct gms_backing *backing, const struct operation *op, uint64_t nruns,
	       uint64_t npages)
{
	static const uint32_t kinds[] = {
		GMS_ACCT_SYS_PROCESS_MADVISE, GMS_ACCT_SYS_MADVISE, GMS_ACCT_SYS_MPROTECT,
		GMS_ACCT_SYS_FALLOCATE, GMS_ACCT_SYS_OTHER, GMS_ACCT_FLUSH_PROCESS,
	};
	struct gms_convert_opts opts;
	struct gms_region_opts region;
	struct gms_space *space = NULL;
	struct gms_batch *batch = NULL;
	struct gms_acct before, after;
	int err;

	GMS_INIT(&region);
	GMS_INIT(&opts);
	GMS_INIT(&before);
	GMS_INIT(&after);
	opts.content = op->content;
	/* What the host may not touch begins private. */
	err = gms_backing_region(backing, 0, 0,
				 gms_backing_can(backing, GMS_BACKING_CAN_TOUCH, NULL)
				 ? op->first & ~S : op->first, &region);
	if (!err)
		err = gms_space_new(&space, NULL);
	if (!err)
		err = gms_region_add(space, &region, NULL);
	if (!err)
		err = gms_batch_new(&batch, space, nruns + 1);
	/* The way to revoke is found before, with the last pages. */
	if (!err && region.state & S)
		err = gms_unshare(space, (struct gms_range){ region.npages - npages, npages },
				  NULL);
	for (uint64_t i = 0; !err && i < nruns; i++) {
		const struct gms_change change = {
			{ 2 * i * npages, npages }, op->set, op->clear,
		};

		err = gms_batch_add(batch, &change);
	}
	if (!err)
		err = gms_acct_read(space, &before);
	if (!err) {
		mark();
		err = gms_batch_commit(batch, &opts, NULL);
		mark();
	}
	if (!err)
		err = gms_acct_read(space, &after);
	for (size_t i = 0; !err && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		printf("%s %" PRIu64 "\n", gms_acct_name(kinds[i]),
		       after.event[kinds[i]].count - before.event[kinds[i]].count);
	gms_batch_free(batch);
	gms_space_free(space);
	return err;
}

int main(int argc, char **argv)
{
	const struct operation *op = NULL;
	struct gms_backing *backing = NULL;
	struct gms_backing_opts opts;
	uint64_t nruns, npages, whole = UINT64_C(2) << 20;
	int err;

	for (size_t i = 0; argc == 5 && i < sizeof(operations) / sizeof(operations[0]); i++)
		if (!strcmp(argv[2], operations[i].name))
			op = &operations[i];
	if (!op) {
		fprintf(stderr, "usage: batch KIND OPERATION RUNS PAGES\n");
		return 2;
	}
	nruns = strtoull(argv[3], NULL, 10);
	npages = strtoull(argv[4], NULL, 10);
	GMS_INIT(&opts);
	opts.kind = (uint32_t)strtoul(argv[1], NULL, 10);
	if (opts.kind == GMS_BACKING_HUGETLB_1G)
		whole = UINT64_C(1) << 30;
	opts.bytes = ((2 * nruns + 1) * npages * GMS_PAGE_SIZE + whole - 1) / whole * whole;
	lx_settings_begin();
	opts.vm_fd = new_vm();
	if (opts.kind == GMS_BACKING_MEMFD_THP)
		(void)lx_settings_thp();
	if (opts.kind == GMS_BACKING_HUGETLB_2M)
		(void)lx_settings_huge(LX_HUGE_2M, opts.bytes / LX_HUGE_2M);
	err = gms_backing_new(&backing, &opts);
	if (!err)
		err = run(backing, op, nruns, npages);
	gms_backing_free(backing);
	return err ? die(gms_backing_kind_name(opts.kind), err) : 0;
}
