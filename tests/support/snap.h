/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snap.h - everything that can be seen of a space, to compare before and after.
 *
 * Regions, runs under the full mask, folios, pins, the host's view and the
 * ledger. Taken through public reading calls only.
 */
#ifndef FX_SNAP_H
#define FX_SNAP_H

#include <stdint.h>

#include <gmemstate/account.h>
#include <gmemstate/space.h>

struct fx_host;

struct fx_snap {
	uint64_t nregions, regions;	/* how many, and their hash; so below */
	uint64_t nruns, runs;
	uint64_t nfolios, folios;
	uint64_t npins, pins;
	uint64_t host;
	struct gms_acct acct;
};

/* @host may be NULL. */
void fx_snap_take(struct fx_snap *snap, struct gms_space *space, struct fx_host *host);

/*
 * Fail the test, saying what differs. A refused call is itself counted, so the
 * kinds CONVERTS, BLOCKED, ROLLBACKS, PINS_REFUSED and what backends were asked
 * and charged are left out, and so is the size of the metadata, which the
 * tests of memory look at.
 */
#define fx_snap_same(a, b)	fx_snap_same_at((a), (b), __FILE__, __LINE__)
void fx_snap_same_at(const struct fx_snap *a, const struct fx_snap *b, const char *file, int line);

/* One step of the hash. */
uint64_t fx_hash(uint64_t hash, uint64_t word);

#endif
