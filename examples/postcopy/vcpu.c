/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vcpu.c - threads that use memory while it comes.
 *
 * A vCPU goes through all pages once, in an order of its own, looks whether they hold
 * what they should, and leaves its mark in each: a page that were put in place a second
 * time would have lost marks. The device does the same by the library's choke points,
 * some pages at a time, and only reads.
 *
 * A guest whose memory is frozen must stop, not die: the touch ends with SIGSEGV, also
 * one that had waited and was woken, and the thread leaves it by a long jump.
 */
#include "postcopy.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define DEVICE_PAGES	8u
#define RUN_PAGES	64u	/* one after the other, in mixed order */
#define PATIENCE_NS	UINT64_C(100000000)	/* then the device looks if it is to stop */

static _Thread_local sigjmp_buf left;
static _Thread_local volatile sig_atomic_t inside;

static void leave(int sig)
{
	if (inside)
		siglongjmp(left, 1);
	signal(sig, SIG_DFL);		/* not the guest's: die of it */
}

int pc_vcpus_prepare(void)
{
	struct sigaction act = { .sa_handler = leave };

	return sigaction(SIGSEGV, &act, NULL) ? -errno : 0;
}

/* Step i of a walk through all pages: a multiplier without a common factor with npages. */
static uint64_t scatter(uint64_t npages, uint64_t vcpu, uint64_t i)
{
	uint64_t step = npages / 2 + npages / 8 + 2 * vcpu + 1, a, b;

	for (;; step++) {
		for (a = step, b = npages; b;) {
			const uint64_t rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			break;
	}
	return (vcpu * (npages / 3) + i * (step % npages)) % npages;
}

uint64_t pc_page_at(const struct pc_guest *guest, uint32_t vcpu, uint64_t i)
{
	const uint64_t npages = guest->range.npages;

	switch (guest->options->order) {
	case PC_SEQUENTIAL:
		return (i + vcpu * (npages / guest->options->vcpus)) % npages;
	case PC_MIXED:
		return scatter(npages / RUN_PAGES, vcpu, i / RUN_PAGES) * RUN_PAGES + i % RUN_PAGES;
	case PC_RANDOM:
		break;
	}
	return scatter(npages, vcpu, i);
}

static bool page_is_right(const struct pc_guest *guest, uint64_t page, uint64_t words)
{
	const volatile uint64_t *word = (void *)(guest->ram + page * PC_PAGE);

	for (uint64_t i = 0; i < words; i++)
		if (word[i] != pc_word(guest->options->seed, page, i))
			return false;
	return true;
}

static void visit(struct pc_vcpu *vcpu, uint64_t page)
{
	struct pc_guest *guest = vcpu->guest;
	_Atomic uint64_t *mark = (void *)(guest->ram + page * PC_PAGE + 8 * PC_COUNTER);
	const bool missing = gms_state_at(guest->space, guest->range.first + page) &
			     GMS_STATE_MISSING;
	const uint64_t from = pc_now_ns();
	bool right;

	right = *(volatile uint64_t *)(void *)(guest->ram + page * PC_PAGE) ==
		pc_word(guest->options->seed, page, 0);
	pc_times_add(missing ? &vcpu->faults : &vcpu->others, pc_now_ns() - from);
	atomic_fetch_add(mark, 1);
	if (!right)
		guest->wrong_pages++;
	if (!guest->touched[page]++ && guest->why[page] == PC_PREFETCHED && !guest->complete)
		guest->prefetched_used++;
	vcpu->touches++;
}

void pc_ready(struct pc_guest *guest)
{
	const uint32_t all = guest->options->vcpus + 1;	/* and the handler */

	guest->ready++;
	while (guest->ready < all && !guest->stop)
		usleep(100);
}

void *pc_vcpu_run(void *arg)
{
	struct pc_vcpu *vcpu = arg;
	struct pc_guest *guest = vcpu->guest;

	pc_ready(guest);
	if (sigsetjmp(left, 1)) {
		inside = 0;
		guest->frozen_vcpus++;
		return NULL;
	}
	for (uint64_t i = 0; i < guest->range.npages && !guest->stop; i++) {
		const uint64_t page = pc_page_at(guest, vcpu->number, i);

		inside = 1;
		visit(vcpu, page);
		inside = 0;
	}
	return NULL;
}

void *pc_device_run(void *arg)
{
	struct pc_vcpu *device = arg;
	struct pc_guest *guest = device->guest;
	uint64_t at = guest->options->seed;

	while (!guest->stop && !guest->complete) {
		struct gms_access access;
		struct gms_range range;
		uint64_t from;
		int rc;

		at = at * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		range.first = (at >> 33) % (guest->range.npages - DEVICE_PAGES);
		range.npages = 1 + (at >> 20) % DEVICE_PAGES;
		from = pc_now_ns();
		rc = gms_access_begin(guest->space,
				      (struct gms_range){ guest->range.first + range.first,
							  range.npages }, 0, PATIENCE_NS, &access);
		if (rc == -ETIMEDOUT)
			continue;
		if (rc) {
			guest->refused++;
			device->err = rc;
			return NULL;
		}
		pc_times_add(&device->faults, pc_now_ns() - from);
		for (uint64_t i = 0; i < range.npages; i++)
			if (!page_is_right(guest, range.first + i, PC_COUNTER))
				guest->wrong_pages++;
		gms_access_end(guest->space, &access);
		device->touches++;
	}
	return NULL;
}
