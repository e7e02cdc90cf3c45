/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handler.c - the thread that brings memory in.
 *
 * One loop: faults of the kernel go to the space's queue, faults of the queue, whoever
 * they are of, go to the source, and what the source sends is put in place. Behind
 * each block that is asked for come some of its neighbours, and whenever nobody waits
 * the next blocks in order are streamed. A page is asked for once: what is on its way
 * is marked, and a fault there is over when it arrives.
 */
#include "postcopy.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define FAULTS	64u

/* How long a call of the library took, and how much of that the kernel did. */
struct stretch {
	uint64_t from_ns, kernel_ns;
};

static struct stretch begin(void)
{
	return (struct stretch){ pc_now_ns(), pc_kernel_ns() };
}

/* What of it was the library's, for each of some faults. */
static void end(struct pc_times *times, struct stretch since, uint64_t faults)
{
	const uint64_t all = pc_now_ns() - since.from_ns;
	const uint64_t other = pc_kernel_ns() - since.kernel_ns + pc_clock_ns();

	pc_times_add(times, all > other ? (all - other) / faults : 0);
}

/* Ask for as many of these pages as nobody has asked for yet. */
static int ask(struct pc_handler *handler, uint64_t page, uint64_t npages, enum pc_why why)
{
	struct pc_guest *guest = handler->guest;
	struct pc_request request = { .page = page, .why = why };

	while (request.npages < npages && page < guest->range.npages && !guest->why[page]) {
		guest->why[page++] = (uint8_t)why;
		request.npages++;
	}
	if (!request.npages)
		return 0;
	handler->in_flight[why]++;
	handler->requests++;
	return pc_send(handler->source->fd, &request, sizeof(request));
}

static int ask_for(struct pc_handler *handler, const struct gms_fault *fault)
{
	struct pc_guest *guest = handler->guest;
	const uint64_t page = fault->gfn - guest->range.first;
	const uint64_t block = page - page % guest->block;
	int rc = ask(handler, block, guest->block, PC_ASKED);

	if (!rc && guest->options->window)
		rc = ask(handler, block + guest->block,
			 (uint64_t)guest->options->window * guest->block, PC_PREFETCHED);
	return rc;
}

/* Everything that anybody waits for: the page that most wait for goes out first. */
static int take_faults(struct pc_handler *handler)
{
	struct pc_guest *guest = handler->guest;
	struct gms_fault fault[FAULTS];
	struct stretch since = begin();
	uint64_t raised = 0;
	size_t n = 0;
	int rc;

	rc = gms_uffd_pump(guest->uffd, 0, &raised);
	if (rc && rc != -EAGAIN)
		return rc;
	rc = gms_fault_next(guest->space, fault, FAULTS, GMS_FAULT_MOST_WAITERS, 0, &n);
	if (n)
		end(&handler->taking, since, n);
	if (rc)
		return rc == -EAGAIN ? 0 : rc;
	for (size_t i = 0; !rc && i < n; i++) {
		handler->faults++;
		handler->waiters += fault[i].waiters;
		rc = ask_for(handler, &fault[i]);
	}
	return rc;
}

static int put_in_place(struct pc_handler *handler)
{
	struct pc_guest *guest = handler->guest;
	struct pc_request head;
	struct stretch since;
	struct gms_range range;
	int rc;

	rc = pc_receive(handler->source->fd, &head, sizeof(head));
	if (!rc)
		rc = pc_receive(handler->source->fd, handler->buffer, head.npages * PC_PAGE);
	if (rc)
		return rc;
	range = (struct gms_range){ guest->range.first + head.page, head.npages };

	since = begin();
	rc = gms_uffd_fill(guest->uffd, range, handler->buffer, 0, NULL);
	if (head.why == PC_ASKED)
		end(&handler->filling, since, 1);
	if (rc)
		return rc;
	handler->in_flight[head.why]--;
	handler->pages[head.why] += head.npages;
	guest->arrived += head.npages;
	return 0;
}

/* The next pages in order that are not on their way. */
static int stream(struct pc_handler *handler)
{
	struct pc_guest *guest = handler->guest;
	const uint64_t npages = guest->block > 1 ? guest->block : PC_BACKGROUND;

	while (handler->stream_at < guest->range.npages && guest->why[handler->stream_at])
		handler->stream_at++;
	if (handler->stream_at == guest->range.npages)
		return 0;
	return ask(handler, handler->stream_at, npages, PC_STREAMED);
}

static bool may_stream(const struct pc_handler *handler)
{
	const uint32_t waited_for = handler->in_flight[PC_ASKED];

	return handler->in_flight[PC_STREAMED] < (waited_for ? 1 : 2);
}

static int step(struct pc_handler *handler)
{
	struct pollfd ready[] = {
		{ .fd = handler->source->fd, .events = POLLIN },
		{ .fd = gms_uffd_fd(handler->guest->uffd), .events = POLLIN },
		{ .fd = handler->wake_fd, .events = POLLIN },
	};
	uint64_t woken;
	int rc;

	rc = take_faults(handler);
	while (!rc && may_stream(handler)) {
		const uint32_t before = handler->in_flight[PC_STREAMED];

		rc = stream(handler);
		if (before == handler->in_flight[PC_STREAMED])
			break;
	}
	if (rc)
		return rc;
	if (poll(ready, 3, 100) < 0 && errno != EINTR)
		return -errno;
	if (ready[2].revents & POLLIN && read(handler->wake_fd, &woken, sizeof(woken)) < 0)
		return -errno;
	return ready[0].revents ? put_in_place(handler) : 0;
}

void *pc_handler_run(void *arg)
{
	struct pc_handler *handler = arg;
	struct pc_guest *guest = handler->guest;

	pc_ready(guest);
	handler->started_ns = pc_now_ns();
	while (!handler->err && guest->arrived < guest->range.npages)
		handler->err = step(handler);
	handler->ended_ns = pc_now_ns();
	guest->complete = !handler->err;

	/* Who faulted before the last page came, and has been served, may be in the queue still. */
	while (!handler->err && !guest->stop) {
		const int rc = gms_uffd_pump(guest->uffd, 10000000, NULL);

		if (rc && rc != -ETIMEDOUT && rc != -EAGAIN && rc != -EINTR)
			handler->err = rc;
	}
	return NULL;
}
