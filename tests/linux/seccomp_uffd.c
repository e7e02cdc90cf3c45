/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seccomp_uffd.c - one run of each call of linux/uffd.h and linux/populate.h.
 */
#define _GNU_SOURCE
#include "seccomp_runs.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

#define PAGES	512u	/* of the world's memory */
#define ALL	LX_RANGE(w->first, PAGES)
#define PAGE(n)	LX_RANGE(w->first + (n), 1)

#define MUST(cond) do { \
	if (!(cond)) \
		return __LINE__; \
} while (0)

static char contents[4 * GMS_PAGE_SIZE];

/* Missing pages under a userfaultfd: the first shared, the second private, and so on. */
static int make_missing(struct sc_world *w, uint32_t modes, gms_state state)
{
	struct gms_backing_opts memory;
	struct gms_region_opts region;
	struct gms_uffd_opts opts;

	GMS_INIT(&memory);
	GMS_INIT(&region);
	GMS_INIT(&opts);
	memory.bytes = PAGES * LX_PAGE;
	memory.kind = w->kind;
	memory.vm_fd = w->vm;
	MUST(!gms_backing_new(&w->backing, &memory));
	MUST(!gms_backing_region(w->backing, w->first, 0, state, &region));
	MUST(!gms_space_new(&w->space, NULL));
	MUST(!gms_region_add(w->space, &region, NULL));
	if (!modes)
		return 0;
	opts.space = w->space;
	opts.modes = modes;
	MUST(!gms_uffd_new(&w->uffd, &opts));
	MUST(!gms_uffd_add(w->uffd, ALL, modes));
	return 0;
}

int sc_make_uffd(struct sc_world *w)
{
	return make_missing(w, GMS_UFFD_MISSING | GMS_UFFD_WP,
			    GMS_STATE_SHARED | GMS_STATE_MISSING);
}

int sc_make_uffd_minor(struct sc_world *w)
{
	return make_missing(w, GMS_UFFD_MISSING | GMS_UFFD_MINOR,
			    GMS_STATE_SHARED | GMS_STATE_MISSING);
}

int sc_make_uffd_private(struct sc_world *w)
{
	return make_missing(w, GMS_UFFD_MISSING, GMS_STATE_MISSING);
}

int sc_make_unregistered(struct sc_world *w)
{
	MUST(!make_missing(w, GMS_UFFD_MISSING, GMS_STATE_SHARED));
	MUST(!gms_uffd_remove(w->uffd, ALL));
	return 0;
}

int sc_make_unpopulated(struct sc_world *w)
{
	return make_missing(w, 0, GMS_STATE_SHARED);
}

int sc_make_filled(struct sc_world *w)
{
	MUST(!sc_make_uffd(w));
	MUST(!gms_uffd_zero(w->uffd, ALL, NULL));
	return 0;
}

int sc_make_written(struct sc_world *w)
{
	MUST(!sc_make_uffd_minor(w));
	MUST(pwrite(gms_backing_fd(w->backing), contents, LX_PAGE, 0) == (ssize_t)LX_PAGE);
	return 0;
}

static void *touch(void *arg)
{
	struct sc_world *w = arg;

	w->touched = *(volatile char *)gms_backing_hva(w->backing);
	return NULL;
}

/* Somebody waits for the first page, and the event is there. */
int sc_make_event(struct sc_world *w)
{
	pthread_t thread;

	MUST(!sc_make_uffd(w));
	MUST(!pthread_create(&thread, NULL, touch, w));
	usleep(50000);
	return 0;
}

int sc_make_eventfd(struct sc_world *w)
{
	MUST(!make_missing(w, 0, GMS_STATE_SHARED | GMS_STATE_MISSING));
	MUST(!gms_fault_eventfd(w->space, &w->event_fd));
	return 0;
}

int sc_run_fault_eventfd(struct sc_world *w)
{
	MUST(!gms_fault_eventfd(w->space, &w->event_fd));
	return 0;
}

int sc_run_fault_eventfd_close(struct sc_world *w)
{
	gms_fault_eventfd_close(w->space, w->event_fd);
	return 0;
}

int sc_run_populate(struct sc_world *w)
{
	struct gms_populate_opts opts;

	GMS_INIT(&opts);
	for (opts.way = GMS_POPULATE_BEST; opts.way <= GMS_POPULATE_ADVISE_MEMCPY; opts.way++)
		MUST(!gms_populate_write(w->space, PAGE(opts.way), contents, &opts, NULL));
	MUST(gms_populate_write(w->space, PAGE(0), contents, NULL, NULL) == -EEXIST);
	MUST(gms_populate_name(0));
	return 0;
}

int sc_run_uffd_add(struct sc_world *w)
{
	MUST(!gms_uffd_add(w->uffd, ALL, GMS_UFFD_MISSING));
	MUST(gms_uffd_add(w->uffd, ALL, GMS_UFFD_MISSING) == -EEXIST);
	return 0;
}

int sc_run_uffd_arm(struct sc_world *w)
{
	MUST(!gms_uffd_arm(w->uffd, LX_RANGE(w->first, 4), 0, NULL));
	return 0;
}

int sc_run_uffd_look(struct sc_world *w)
{
	struct gms_uffd_info info;
	struct gms_range block;

	GMS_INIT(&info);
	MUST(!gms_uffd_get(w->uffd, &info));
	MUST(!gms_uffd_block(w->uffd, w->first, &block));
	MUST(gms_uffd_fd(w->uffd) >= 0);
	return 0;
}

int sc_run_uffd_new(struct sc_world *w)
{
	struct gms_uffd_opts opts;

	GMS_INIT(&opts);
	opts.space = w->space;
	opts.modes = GMS_UFFD_MISSING;
	MUST(!gms_uffd_new(&w->uffd, &opts));
	return 0;
}

int sc_run_uffd_free(struct sc_world *w)
{
	gms_uffd_free(w->uffd);
	w->uffd = NULL;
	return 0;
}

int sc_run_uffd_copy(struct sc_world *w)
{
	MUST(!gms_uffd_copy(w->uffd, LX_RANGE(w->first, 4), contents, 0, NULL));
	MUST(!gms_uffd_copy(w->uffd, PAGE(2), contents, 0, NULL));
	return 0;
}

int sc_run_uffd_fill(struct sc_world *w)
{
	MUST(!gms_uffd_fill(w->uffd, LX_RANGE(w->first, 4), contents, 0, NULL));
	return 0;
}

int sc_run_uffd_zero(struct sc_world *w)
{
	MUST(!gms_uffd_zero(w->uffd, LX_RANGE(w->first, 4), NULL));
	return 0;
}

int sc_run_uffd_continue(struct sc_world *w)
{
	MUST(!gms_uffd_continue(w->uffd, PAGE(0), 0, NULL));
	MUST(gms_uffd_continue(w->uffd, PAGE(1), 0, NULL) == -EFAULT);
	return 0;
}

int sc_run_uffd_poison(struct sc_world *w)
{
	const int rc = gms_uffd_poison(w->uffd, PAGE(0), NULL);

	MUST(!rc || rc == -EOPNOTSUPP);
	return 0;
}

int sc_run_uffd_protect(struct sc_world *w)
{
	MUST(!gms_uffd_protect(w->uffd, PAGE(0), 0, NULL));
	return 0;
}

int sc_run_uffd_unprotect(struct sc_world *w)
{
	MUST(!gms_uffd_unprotect(w->uffd, PAGE(0), GMS_UFFD_SET_DIRTY, NULL));
	return 0;
}

int sc_run_uffd_pump(struct sc_world *w)
{
	uint64_t raised = 0;

	MUST(!gms_uffd_pump(w->uffd, 0, &raised) && raised == 1);
	MUST(gms_uffd_pump(w->uffd, 1000, &raised) == -ETIMEDOUT);
	return 0;
}

int sc_run_uffd_remove(struct sc_world *w)
{
	MUST(!gms_uffd_remove(w->uffd, ALL));
	return 0;
}

int sc_run_uffd_wake(struct sc_world *w)
{
	MUST(!gms_uffd_wake(w->uffd, ALL));
	return 0;
}
