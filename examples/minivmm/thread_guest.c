/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread_guest.c - the guest as a thread, for hosts without KVM.
 *
 * The same logic, natively compiled, on a mapping of RAM of its own. Its
 * doorbell hands the turn to the VMM and waits to get it back, as a vCPU does:
 * at any time exactly one of the two runs.
 */
#include "minivmm.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "guest.h"

enum turn { TURN_VMM, TURN_GUEST, TURN_OVER };

struct mv_thread {
	struct mv_guest guest;
	struct mv_memory *memory;
	pthread_t thread;
	pthread_mutex_t lock;	/* of turn and port */
	pthread_cond_t passed;
	enum turn turn;
	uint32_t port;
};

/* Called with the lock held, returns with it held. */
static void pass_turn(struct mv_thread *t, enum turn to)
{
	t->turn = to;
	pthread_cond_broadcast(&t->passed);
}

static void doorbell(void *ctx, uint32_t port)
{
	struct mv_thread *t = ctx;
	bool over;

	pthread_mutex_lock(&t->lock);
	t->port = port;
	pass_turn(t, TURN_VMM);
	while (t->turn == TURN_VMM)
		pthread_cond_wait(&t->passed, &t->lock);
	over = t->turn == TURN_OVER;
	pthread_mutex_unlock(&t->lock);
	if (over)
		pthread_exit(NULL);
}

static void *body(void *ctx)
{
	struct mv_thread *t = ctx;
	bool over;

	pthread_mutex_lock(&t->lock);
	while (t->turn == TURN_VMM)
		pthread_cond_wait(&t->passed, &t->lock);
	over = t->turn == TURN_OVER;
	pthread_mutex_unlock(&t->lock);
	if (!over)
		mv_guest_loop(&t->guest);
	return NULL;
}

int mv_thread_new(struct mv_thread **out, struct mv_memory *memory)
{
	struct mv_thread *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return -ENOMEM;
	t->memory = memory;
	t->guest.control = memory->control;
	t->guest.ram = memory->guest_ram;
	t->guest.doorbell = doorbell;
	t->guest.ctx = t;
	t->turn = TURN_VMM;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->passed, NULL);
	rc = pthread_create(&t->thread, NULL, body, t);
	if (rc) {
		pthread_cond_destroy(&t->passed);
		pthread_mutex_destroy(&t->lock);
		free(t);
		return -rc;
	}
	*out = t;
	return 0;
}

int mv_thread_next(struct mv_thread *t, uint32_t *port)
{
	pthread_mutex_lock(&t->lock);
	pass_turn(t, TURN_GUEST);
	while (t->turn == TURN_GUEST)
		pthread_cond_wait(&t->passed, &t->lock);
	*port = t->port;
	pthread_mutex_unlock(&t->lock);
	mv_charge(t->memory, GMS_ACCT_GUEST_EXITS, 1, 0);
	mv_charge(t->memory, GMS_ACCT_USER_EXITS, 1, 0);
	return 0;
}

void mv_thread_free(struct mv_thread *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	pass_turn(t, TURN_OVER);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	pthread_cond_destroy(&t->passed);
	pthread_mutex_destroy(&t->lock);
	free(t);
}
