/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse.h - one count for all callbacks of a test: the n-th fails, whoever it is of.
 *
 * A backend (host.h) and a listener (device.h) that are given the same fuse ask it
 * before everything that they may fail at: each run, each prepare, each split.
 */
#ifndef FX_FUSE_H
#define FX_FUSE_H

#include <stdbool.h>
#include <stdint.h>

/* Nothing more is to fail. */
#define FX_FUSE_NEVER	UINT64_MAX

struct fx_fuse {
	uint64_t pass;		/* how many still succeed before one fails */
	uint64_t again;		/* and after that one, before another: in an undo */
	int	 error;		/* what fails returns it */
	unsigned blown;		/* how many failed */
	void	*victim[2];	/* who: a struct fx_host or fx_device */
	uint64_t asked;
	bool	 vetoed;	/* it was a prepare that failed: nothing had been done */
};

/* The pass + 1st fails with error, and again + 1 later one more; both may be NEVER. */
static inline void fx_fuse_arm(struct fx_fuse *fuse, uint64_t pass, uint64_t again, int error)
{
	*fuse = (struct fx_fuse){ .pass = pass, .again = again, .error = error };
}

/* Must @who fail now? */
static inline bool fx_fuse_blows(struct fx_fuse *fuse, void *who)
{
	fuse->asked++;
	if (fuse->pass == FX_FUSE_NEVER)
		return false;
	if (fuse->pass--)
		return false;
	fuse->victim[fuse->blown++] = who;
	fuse->pass = fuse->again;
	fuse->again = FX_FUSE_NEVER;
	return true;
}

#endif
