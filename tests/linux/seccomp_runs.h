/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seccomp_runs.h - one run of each public call of the Linux library: what goes
 * before it, and the call itself, which alone is under a filter.
 */
#ifndef LINUX_SECCOMP_RUNS_H
#define LINUX_SECCOMP_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gmemstate/gmemstate-linux.h>

/* What a run works on; what it does not make stays as sc_world_init() leaves it. */
struct sc_world {
	uint32_t kind;		/* enum gms_backing_kind */
	uint32_t revoke;
	int	 vm;
	int	 vcpu;
	int	 vcpu_vm;	/* the VM of that */
	bool	 wants_log;
	void	*run;		/* of the vCPU */
	size_t	 run_bytes;
	char	*ram;		/* anonymous, a slot's */
	struct gms_backing *backing;
	struct gms_space *space;
	gms_gfn	 first;
};

void sc_world_init(struct sc_world *world, uint32_t kind);

struct sc_run {
	const char *call;	/* a row of the table */
	const char *what;	/* of its ways this one takes */
	int (*prepare)(struct sc_world *world);	/* NULL, or before the filter; as run() */
	int (*run)(struct sc_world *world);	/* 0, or the line that failed */
	const char *(*needs)(uint32_t kind);	/* NULL, or what this host lacks: NULL if nothing */
	uint32_t kind;
};

extern const struct sc_run sc_runs[];
extern const size_t sc_nruns;

#endif
