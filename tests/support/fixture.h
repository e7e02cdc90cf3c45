/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture.h - what every test of the core stands on.
 *
 * A test makes a space with fx_space() on a counting allocator (mem.h), gives
 * it regions with fx_region() on a recording backend (host.h), and compares
 * what can be seen before and after with a snapshot (snap.h). Public headers
 * only: the same fixture serves white-box and black-box tests.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gmemstate/gmemstate.h>

#include "host.h"
#include "mem.h"
#include "rand.h"
#include "snap.h"

/* Pages in a block of 2 MiB and of 1 GiB. */
#define FX_2M	UINT64_C(512)
#define FX_1G	UINT64_C(262144)

/* A range as an expression. */
#define FX_RANGE(from, count)	((struct gms_range){ .first = (from), .npages = (count) })

/* Every frame a region can hold. */
#define FX_ALL	FX_RANGE(0, GMS_GFN_LIMIT)

/*
 * A sized struct of a later version: ours, and a tail this library does not
 * know. size covers both; the tail is zero until the test writes to it.
 */
#define FX_LONGER(type) \
	struct { type known; unsigned char tail[16]; }

/*
 * Run a suite, and say 0 or 1. Honours CK_FORK, CK_RUN_CASE and CK_VERBOSITY.
 * Under a sanitizer tests do not fork unless CK_FORK says so: the leaks of a
 * forked child would be reported for memory its parent still holds.
 */
int fx_run(Suite *suite);

/* A test case with a time limit that fits the slowest sanitizer. */
TCase *fx_case(Suite *suite, const char *name);

/* A space on @mem (NULL: the C library's), or the test fails. */
struct gms_space *fx_space(struct fx_mem *mem, uint32_t profile, uint32_t split, uint32_t merge);

/* GENERIC, LEVELS, EAGER. */
struct gms_space *fx_plain_space(struct fx_mem *mem);

/*
 * A region with backing id 7 at an offset equal to its address in the guest,
 * and hva at FX_HVA plus that. @host NULL: no backend. Fails the test on error.
 */
uint32_t fx_region(struct gms_space *space, struct gms_range range, uint32_t base_order,
		   gms_state state, struct fx_host *host);

/* Where fx_region() says the VMM has frame 0 mapped. Never touched. */
#define FX_HVA		UINT64_C(0x100000000000)
#define FX_BACKING_ID	UINT64_C(7)

/* The options fx_region() uses, for tests that change one of them. */
void fx_region_opts(struct gms_region_opts *opts, struct gms_range range, uint32_t base_order,
		    gms_state state, struct fx_host *host);

/* Free the space, and fail the test if anything of it lives on in @mem. */
void fx_space_done(struct gms_space *space, struct fx_mem *mem);

/* gms_check(), failing the test with the reason. */
#define fx_check(space)	fx_check_at((space), __FILE__, __LINE__)
void fx_check_at(struct gms_space *space, const char *file, int line);

/* The order of the folio that holds a page; fails the test in a hole. */
unsigned fx_order_at(const struct gms_space *space, gms_gfn gfn);

/* Pages of a range that are shared. */
uint64_t fx_shared(const struct gms_space *space, struct gms_range range);

/* How often an event was counted. */
uint64_t fx_event(const struct gms_space *space, uint32_t kind);

/* The whole ledger. */
void fx_acct(const struct gms_space *space, struct gms_acct *acct);

/* How many times slower this build is, roughly: 1, or more under a sanitizer. */
unsigned fx_slowdown(void);

/* A number from the environment, or what it is by default. */
uint64_t fx_env_u64(const char *name, uint64_t otherwise);

#endif
