/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm_memory.h - the backend of memory whose pages KVM knows as private or shared:
 * what its parts share.
 *
 * kvm_memory.c makes it and hands on what is the business of the backend behind,
 * kvm_turn.c turns pages, kvm_tell.c is what the kernel is asked.
 */
#ifndef GMS_LINUX_KVM_MEMORY_H
#define GMS_LINUX_KVM_MEMORY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <gmemstate/linux/kvm.h>

struct gms__linux_turned;

struct gms_kvm_memory {
	struct gms_backend backend;	/* this one */
	struct gms_backend shared;	/* the one behind it; all NULL: none */
	uint64_t gmem_offset_bytes;
	int vm_fd, gmem_fd;
	uint32_t flags;
	pthread_mutex_t lock;
	struct gms__linux_turned *turned;	/* guarded by it; kvm_turn.c */
	_Atomic uint64_t failures;
};

static inline bool gms__linux_in_place(const struct gms_kvm_memory *memory)
{
	return memory->flags & GMS_KVM_MEMORY_IN_PLACE;
}

/* kvm_tell.c */

/* Does the kernel keep such attributes? 0, or why not. */
int gms__linux_kvm_probe(const struct gms_kvm_memory_opts *opts);
/* A run is private, or shared, as it says: all of it, or none. */
int gms__linux_kvm_tell(const struct gms_kvm_memory *memory, const struct gms_host_run *run,
			struct gms_charge *charge);
/* Give back what the guest_memfd holds of these pages, or have a run's memory allocated. */
int gms__linux_kvm_punch(const struct gms_kvm_memory *memory, const struct gms_host_run *runs,
			 size_t nruns, size_t *ndone, struct gms_charge *charge);
int gms__linux_kvm_allocate(const struct gms_kvm_memory *memory, const struct gms_host_run *run,
			    struct gms_charge *charge);
/* The same of the mapping, by the backend behind. */
int gms__linux_kvm_discard(const struct gms_kvm_memory *memory, const struct gms_host_run *runs,
			   size_t nruns, size_t *ndone, struct gms_charge *charge);

/* kvm_turn.c: operations of the backend */

int  gms__linux_kvm_turn(void *ctx, const struct gms_host_run *runs, size_t nruns,
			 size_t *ndone, struct gms_charge *charge);
void gms__linux_kvm_flush(void *ctx, struct gms_charge *charge);

#endif
