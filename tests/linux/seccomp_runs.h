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
	struct gms_uffd *uffd;
	int	 event_fd;
	char	 touched;	/* what a thread found that touched the first page */
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

/* seccomp_uffd.c */
int sc_make_uffd(struct sc_world *world);
int sc_make_uffd_minor(struct sc_world *world);
int sc_make_uffd_private(struct sc_world *world);
int sc_make_unregistered(struct sc_world *world);
int sc_make_unpopulated(struct sc_world *world);
int sc_make_filled(struct sc_world *world);
int sc_make_written(struct sc_world *world);
int sc_make_event(struct sc_world *world);
int sc_make_eventfd(struct sc_world *world);
int sc_run_fault_eventfd(struct sc_world *world);
int sc_run_fault_eventfd_close(struct sc_world *world);
int sc_run_populate(struct sc_world *world);
int sc_run_uffd_add(struct sc_world *world);
int sc_run_uffd_arm(struct sc_world *world);
int sc_run_uffd_look(struct sc_world *world);
int sc_run_uffd_new(struct sc_world *world);
int sc_run_uffd_free(struct sc_world *world);
int sc_run_uffd_copy(struct sc_world *world);
int sc_run_uffd_fill(struct sc_world *world);
int sc_run_uffd_zero(struct sc_world *world);
int sc_run_uffd_continue(struct sc_world *world);
int sc_run_uffd_poison(struct sc_world *world);
int sc_run_uffd_protect(struct sc_world *world);
int sc_run_uffd_unprotect(struct sc_world *world);
int sc_run_uffd_pump(struct sc_world *world);
int sc_run_uffd_remove(struct sc_world *world);
int sc_run_uffd_wake(struct sc_world *world);

extern const struct sc_run sc_runs[];
extern const size_t sc_nruns;

#endif
