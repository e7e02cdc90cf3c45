/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm_turn.c - pages turn private or shared, in KVM and in the memory behind.
 *
 * With two backings a page that turned leaves memory behind in the half that it
 * left. That may go only when the conversion cannot be undone any more, which a
 * backend learns from the flush that ends every commit. So an operation keeps the
 * runs that it turned:
 *
 *   K1  What was turned is kept with the commit's name, its struct gms_charge, until
 *       that commit's flush; the memory for it is had before the first ioctl.
 *   K2  A call that undoes (GMS_CONTENT_UNDO) forgets what its commit kept: that memory
 *       stays where it is.
 *   K3  To zero a page empties the half that it enters, before it enters it: nobody
 *       can see that half, so this needs no undo.
 *
 * In place there is one half, and all that is done to it is the ioctl.
 *
 * Locking: lock guards the list of what was turned. Two commits at once are of
 * different pages, and never look at each other's entries.
 *
 * System calls, for a seccomp filter: those of kvm_tell.c, and of the backend behind.
 */
#include "linux/kvm_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Runs of one operation that took effect. */
struct gms__linux_turned {
	struct gms__linux_turned *next;
	const struct gms_charge *commit;
	size_t nruns;
	struct gms_host_run runs[];
};

static void keep(struct gms_kvm_memory *memory, struct gms__linux_turned *turned)
{
	pthread_mutex_lock(&memory->lock);
	turned->next = memory->turned;
	memory->turned = turned;
	pthread_mutex_unlock(&memory->lock);
}

/* One that a commit turned, or NULL. */
static struct gms__linux_turned *take(struct gms_kvm_memory *memory,
				      const struct gms_charge *commit)
{
	struct gms__linux_turned **at = &memory->turned, *turned;

	pthread_mutex_lock(&memory->lock);
	while (*at && (*at)->commit != commit)
		at = &(*at)->next;
	turned = *at;
	if (turned)
		*at = turned->next;
	pthread_mutex_unlock(&memory->lock);
	return turned;
}

/* K2 */
static void forget(struct gms_kvm_memory *memory, const struct gms_charge *commit)
{
	struct gms__linux_turned *turned;

	while ((turned = take(memory, commit)) != NULL)
		free(turned);
}

static int empty_half(const struct gms_kvm_memory *memory, const struct gms_host_run *runs,
		      size_t nruns, bool of_mapping, size_t *ndone, struct gms_charge *charge)
{
	if (of_mapping)
		return gms__linux_kvm_discard(memory, runs, nruns, ndone, charge);
	return gms__linux_kvm_punch(memory, runs, nruns, ndone, charge);
}

/* The half that was left. What fails keeps its memory; that stops nothing else. */
static void give_back(struct gms_kvm_memory *memory, const struct gms__linux_turned *turned,
		      struct gms_charge *charge)
{
	const bool of_mapping = !(turned->runs[0].to & GMS_STATE_SHARED);
	size_t done = 0;

	if (of_mapping && !memory->shared.discard)
		return;
	for (size_t i = 0; i < turned->nruns; i += done + 1) {
		if (!empty_half(memory, turned->runs + i, turned->nruns - i, of_mapping, &done,
				charge))
			break;
		atomic_fetch_add_explicit(&memory->failures, 1, memory_order_relaxed);
	}
}

/* Can contents be as the conversion asks? */
static int check_content(const struct gms_kvm_memory *memory, const struct gms_host_run *run)
{
	if (run->content == GMS_CONTENT_ANY)
		return 0;
	if (gms__linux_in_place(memory))	/* who zeroes there is told by zero() */
		return run->content == GMS_CONTENT_PRESERVE || memory->shared.zero ? 0
										   : -EOPNOTSUPP;
	if (run->content != GMS_CONTENT_ZERO)
		return -EOPNOTSUPP;
	if (run->to & GMS_STATE_SHARED)
		return memory->shared.discard ? 0 : -EOPNOTSUPP;
	return memory->gmem_fd >= 0 ? 0 : -EOPNOTSUPP;
}

/* What a conversion needs before its first ioctl; *out is what is to be kept of it, or NULL. */
static int prepare(const struct gms_kvm_memory *memory, const struct gms_host_run *runs,
		   size_t nruns, struct gms_charge *charge, struct gms__linux_turned **out)
{
	struct gms__linux_turned *turned = NULL;
	size_t ndone;
	int rc = check_content(memory, runs);

	if (rc || gms__linux_in_place(memory))
		return rc;
	if (memory->flags & GMS_KVM_MEMORY_PUNCH) {	/* K1 */
		turned = malloc(sizeof(*turned) + nruns * sizeof(runs[0]));
		if (!turned)
			return -ENOMEM;
		turned->commit = charge;
		memcpy(turned->runs, runs, nruns * sizeof(runs[0]));
	}
	if (runs->content == GMS_CONTENT_ZERO)		/* K3 */
		rc = empty_half(memory, runs, nruns, runs->to & GMS_STATE_SHARED, &ndone, charge);
	if (rc)
		free(turned);
	else
		*out = turned;
	return rc;
}

int gms__linux_kvm_turn(void *ctx, const struct gms_host_run *runs, size_t nruns,
			size_t *ndone, struct gms_charge *charge)
{
	struct gms_kvm_memory *memory = ctx;
	struct gms__linux_turned *turned = NULL;
	int rc = 0;

	if (runs->content == GMS_CONTENT_UNDO)
		forget(memory, charge);
	else
		rc = prepare(memory, runs, nruns, charge, &turned);
	for (*ndone = 0; *ndone < nruns && !rc; *ndone += !rc)
		rc = gms__linux_kvm_tell(memory, &runs[*ndone], charge);
	if (turned && *ndone) {
		turned->nruns = *ndone;
		keep(memory, turned);
	} else {
		free(turned);
	}
	return rc;
}

void gms__linux_kvm_flush(void *ctx, struct gms_charge *charge)
{
	struct gms_kvm_memory *memory = ctx;
	struct gms__linux_turned *turned;

	while ((turned = take(memory, charge)) != NULL) {
		give_back(memory, turned, charge);
		free(turned);
	}
	if (memory->shared.flush)
		memory->shared.flush(memory->shared.ctx, charge);
}
