/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nested.h - what the tests in the nested kernel share.
 *
 * They write a line a test, as TAP has it; run.sh reads them.
 */
#ifndef NESTED_H
#define NESTED_H

#include "vm.h"

/* One test: "ok 7 - text" or "not ok 7 - text". Answers whether it was. */
bool tap_ok(bool ok, const char *format, ...) __attribute__((__format__(__printf__, 2, 3)));
/* The same of two numbers, which are written when they differ. */
bool tap_is(int64_t seen, int64_t wanted, const char *format, ...)
	__attribute__((__format__(__printf__, 3, 4)));

/* A guest whose memory the library keeps in step with KVM. */
struct world {
	struct vm vm;
	struct gms_space *space;
	struct gms_backing *backing;
	struct gms_backend inner;	/* the backing's own */
	struct gms_kvm_memory *memory, *plain;
	struct gms_request *request;	/* of the vCPU */
	uint64_t *hva;			/* the shared half, 512 words a page */
	unsigned int fail_after;	/* runs that map_host gives before it fails; 0: none */
};

/* flags: of gms_kvm_memory_new(). All pages begin shared, page n with n + 1 in it. */
void world_new(struct world *world, uint32_t flags);
void world_free(struct world *world);
uint64_t world_charged(const struct world *world, uint32_t kind);
/* What the guest reads in one page of its memory. */
uint64_t world_guest_sees(struct world *world, uint64_t page);
/* Can the VMM read the page? Asked of the kernel. */
bool world_vmm_reaches(const struct world *world, uint64_t page);

/* The tests. */
void test_refusals(void);
void test_contents(uint32_t flags);
void test_host_pages(void);
void test_guest_calls(uint32_t flags);
void test_guest_faults(void);
void test_failures(uint32_t flags);
void test_random(uint32_t flags, uint64_t seed);

#endif
