/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * access.c - accesses begin, wait and end; see access.h.
 */
#include "engine/access.h"

#include <errno.h>
#include <string.h>

#include "engine/space.h"
#include "map/get.h"
#include "map/walk.h"

#define FROST_PER_SLAB	16

/* --- the books ------------------------------------------------------------ */

static void books_fini(struct gms_space *space, struct gms__access_books *books)
{
	for (unsigned s = 0; s < GMS__ACCESS_SHARDS; s++)
		gms__lock_fini(&books->shard[s].lock);
	gms__lock_fini(&books->queue);
	gms__faults_fini(&books->faults);
	gms__pool_fini(&books->frost);
	gms__mem_free(&space->map.mem, books, sizeof(*books));
}

static struct gms__access_books *books_new(struct gms_space *space)
{
	struct gms__access_books *books = gms__mem_alloc(&space->map.mem, sizeof(*books));
	int err = 0;

	_Static_assert(sizeof(struct gms__frosted) % GMS__CACHE_LINE == 0, "fits a pool");
	if (!books)
		return NULL;
	memset(books, 0, sizeof(*books));
	for (unsigned s = 0; !err && s < GMS__ACCESS_SHARDS; s++)
		err = gms__lock_init(&books->shard[s].lock, GMS__RANK_ACCESS, s);
	if (!err)
		err = gms__lock_init(&books->queue, GMS__RANK_QUEUE, 0);
	if (!err)
		err = gms__faults_init(&books->faults, &space->map.mem);
	if (!err)
		err = gms__pool_init(&books->frost, &space->map.mem, sizeof(struct gms__frosted),
				     FROST_PER_SLAB);
	if (!err)
		return books;
	gms__mem_free(&space->map.mem, books, sizeof(*books));
	return NULL;
}

int gms__access_make(struct gms_space *space)
{
	space->access = books_new(space);
	return space->access ? 0 : -ENOMEM;
}

/* With all stripes held no conversion is at work that has not seen them. */
struct gms__access_books *gms__access_open(struct gms_space *space)
{
	struct gms__access_books *books = gms__load(&space->access), *other;

	if (gms__likely(books != NULL))
		return books;
	books = books_new(space);
	if (!books)
		return NULL;
	gms__map_lock_all(&space->map);
	other = space->access;
	if (!other)
		gms__store(&space->access, books);
	gms__map_unlock(&space->map, GMS__ALL_STRIPES);
	if (!other)
		return books;
	books_fini(space, books);
	return other;
}

void gms__access_fini(struct gms_space *space)
{
	if (space->access)
		books_fini(space, space->access);
}

static uint64_t sum(const struct gms__access_books *books, unsigned which)
{
	uint64_t n = 0;

	for (unsigned s = 0; s < GMS__ACCESS_SHARDS; s++)
		n += gms__load(&books->shard[s].count[which]);
	return n;
}

void gms__access_acct(const struct gms_space *space, struct gms_acct *acct)
{
	const struct gms__access_books *books = gms__load(&space->access);

	if (!books)
		return;
	acct->event[GMS_ACCT_ACCESSES].count = sum(books, GMS__BEGUN);
	acct->event[GMS_ACCT_ACCESS_WAITS].count = sum(books, GMS__WAITED);
	acct->event[GMS_ACCT_FAULTS].count = gms__load(&books->faults.raised);
	acct->event[GMS_ACCT_FAULTS_MERGED].count = gms__load(&books->faults.merged);
	acct->event[GMS_ACCT_FAULTS_FAILED].count = gms__load(&books->faults.failed);
}

/* --- looking -------------------------------------------------------------- */

/* An access that wants to begin. */
struct begin {
	struct gms_space *space;
	struct gms__access_books *books;
	struct gms__access *access;
	gms_gfn	 first;
	gms_gfn	 end;
	uint32_t flags;
	uint64_t shards;
	struct gms__access_shard *home;	/* the last of them, where it waits */
	uint64_t timeout_ns;		/* 0: it does not wait */
	uint64_t until_ns;
	bool	 gated;			/* the error is for a conversion */
	bool	 waits;			/* it is in the list, and this is set up */
	bool	 late;			/* its time is over: this is the last look */
	struct gms__waiter waiter;
};

static int refuse(struct begin *b, int err, gms_gfn gfn, uint32_t reason)
{
	b->access->error_gfn = gfn;
	b->access->error_reason = reason;
	return err;
}

static int error_of(uint32_t reason)
{
	switch (reason) {
	case GMS_REASON_POISON:		return -EHWPOISON;
	case GMS_REASON_FROZEN:		return -EBUSY;
	case GMS_REASON_PRIVATE:	return -EFAULT;
	default:			return -EAGAIN;
	}
}

/* The lowest page that is not fit; 0: there is none. */
static int look_at_pages(struct begin *b)
{
	const bool writes = gms__access_writes(b->flags);
	gms_gfn pos = b->first, at = pos;
	struct gms_cursor cursor = { 0 };
	uint32_t reason;
	struct gms_run run;
	gms_state state;

	if (b->end - b->first == 1) {		/* what is common, at a glance */
		state = gms__map_get(&b->space->map, b->first);
		if (state & GMS_HOLE)
			return refuse(b, -ENOENT, b->first, GMS_REASON_HOLE);
		reason = gms__rule_access(state, writes);
		return reason ? refuse(b, error_of(reason), b->first, reason) : 0;
	}
	for (; at < b->end; at = pos) {
		if (!gms__map_next_run(&b->space->map, &cursor, &pos, b->end, GMS__FIT, &run) ||
		    run.first > at)
			return refuse(b, -ENOENT, at, GMS_REASON_HOLE);
		reason = gms__rule_access(run.state, writes);
		if (reason)
			return refuse(b, error_of(reason), at, reason);
	}
	return 0;
}

/* The lowest page that a conversion is at; b->end: none. */
static gms_gfn look_at_gates(const struct begin *b)
{
	gms_gfn gfn = b->end;

	for (uint64_t set = b->shards; set; set &= set - 1) {
		const struct gms__access_shard *shard = &b->books->shard[__builtin_ctzll(set)];

		for (unsigned i = 0; i < GMS__GATES; i++) {
			if (gms__unlikely(shard->gate[i] != NULL))
				gfn = gms__gate_meets(shard->gate[i], b->first, gfn,
						      gms__segment_gates);
		}
	}
	return gfn;
}

/*
 * May it begin? If not, because of a page or because of a conversion. Behind a gate
 * a page is not looked at; where a conversion only waits it is what it is.
 */
static int look(struct begin *b)
{
	const gms_gfn gate = look_at_gates(b);
	gms_gfn queued;
	int err = look_at_pages(b);

	b->gated = gate < b->end && (!err || gate <= b->access->error_gfn);
	if (b->gated)
		return refuse(b, -EAGAIN, gate, GMS_REASON_ACCESS);
	if (err || (b->flags & GMS_ACCESS_NESTED) ||
	    !gms__queue_holds(b->books, b->first, b->end,
			      b->waits ? b->waiter.number : UINT64_MAX, &queued))
		return err;
	b->gated = true;
	return refuse(b, -EAGAIN, queued, GMS_REASON_ACCESS);
}

/* A page is to be brought in, or made writable: 0, or the error of asking for it. */
static int ask(struct begin *b)
{
	const struct gms__asked asked = {
		.gfn = b->access->error_gfn, .reason = b->access->error_reason,
		.flags = b->flags & GMS_ACCESS_WRITE,
		.counts = b->timeout_ns, .wish = b->waits ? &b->waiter.wish : NULL,
	};

	if (b->gated || (asked.reason != GMS_REASON_MISSING &&
			 asked.reason != GMS_REASON_WRITE_PROTECT))
		return 0;
	return gms__fault_ask(b->space, &asked);
}

/* --- waiting -------------------------------------------------------------- */

/* It waits from now on. */
static int get_in_line(struct begin *b)
{
	struct gms__access_shard *home = b->home;
	struct gms__waiter *w = &b->waiter;

	memset(w, 0, sizeof(*w));
	if (!gms__cond_init(&w->cond))
		return -ENOMEM;
	b->until_ns = gms__clock_after(b->timeout_ns);
	b->late = false;
	w->first = b->first;
	w->end = b->end;
	w->flags = b->flags;
	w->number = gms__queue_number(b->books);
	w->older = home->youngest;
	*(home->youngest ? &home->youngest->younger : &home->oldest) = w;
	home->youngest = w;
	gms__store(&home->count[GMS__WAITED], home->count[GMS__WAITED] + 1);
	if (home == &b->books->shard[GMS__WIDE_ACCESSES])
		gms__add(&b->books->wide_waiters, 1);
	b->waits = true;
	return 0;
}

/* It waits no longer. The home shard's lock is held. */
static void leave_line(struct begin *b)
{
	struct gms__access_shard *home = b->home;
	struct gms__waiter *w = &b->waiter;

	*(w->older ? &w->older->younger : &home->oldest) = w->younger;
	*(w->younger ? &w->younger->older : &home->youngest) = w->older;
	if (home == &b->books->shard[GMS__WIDE_ACCESSES])
		gms__sub(&b->books->wide_waiters, 1);
	gms__fault_unwish(&b->books->faults, &w->wish);
	gms__cond_fini(&w->cond);
	b->waits = false;
}

/*
 * Until somebody says that it is worth to look again. All shards are locked, and are
 * afterwards. false: the time is over.
 */
static bool wait(struct begin *b)
{
	const uint64_t others = b->shards & (b->shards - 1) ?
				b->shards & ~(UINT64_C(1) << GMS__WIDE_ACCESSES) : 0;
	struct gms__waiter *w = &b->waiter;
	const bool was_due = w->gated || w->woken;
	bool woken;

	if (b->late)
		return false;
	w->gated = b->gated;
	w->woken = false;
	/* A conversion that waits for this one need not any more. */
	if (was_due && !w->gated)
		gms__queue_wake(b->books, b->first, b->end);
	gms__access_unlock(b->books, others);
	while (!w->woken && !b->late)
		b->late = !gms__cond_wait(&w->cond, &b->home->lock, b->until_ns);
	woken = w->woken;
	if (others) {		/* the home comes last in order */
		gms__unlock(&b->home->lock);
		gms__access_lock(b->books, b->shards);
	}
	return woken;
}

/* --- beginning and ending ------------------------------------------------- */

static void enter(struct begin *b)
{
	struct gms__access_shard *home = b->home;
	struct gms__inode *node = &b->access->node;

	node->first = b->first;
	node->end = b->end;
	node->serial = ++home->serial;
	gms__itree_insert(&home->root, node);
	gms__store(&home->here, home->here + 1);
	gms__store(&home->count[GMS__BEGUN], home->count[GMS__BEGUN] + 1);
	if (gms__likely(home != &b->books->shard[GMS__WIDE_ACCESSES]))
		return;
	for (uint64_t set = b->shards & GMS__ALL_STRIPES; set; set &= set - 1) {
		struct gms__access_shard *shard = &b->books->shard[__builtin_ctzll(set)];

		gms__store(&shard->here, shard->here + GMS__ONE_WIDE_ACCESS);
	}
}

/* What waiting for this error comes to: itself, or that the time is over. */
static int over(const struct begin *b, int err)
{
	return b->timeout_ns && err == -EAGAIN ? -ETIMEDOUT : err;
}

/* With all its shards locked: 0, and it runs, or an error. */
static int begin(struct begin *b)
{
	int err;

	while ((err = look(b)) != 0) {
		const bool lines_up = b->timeout_ns && !b->waits;
		int failed;

		if (b->waits && b->waiter.error)
			return refuse(b, b->waiter.error, b->waiter.wish.gfn,
				      b->waiter.wish.reason);
		if (err != -EAGAIN && err != -EBUSY)
			return err;
		failed = lines_up ? get_in_line(b) : 0;
		if (!failed)
			failed = ask(b);
		if (failed)
			return failed;
		if (!b->waits || !wait(b))
			return over(b, err);
	}
	enter(b);
	return 0;
}

int gms__access_begin(struct gms_space *space, gms_gfn first, gms_gfn end, uint32_t flags,
		      uint64_t timeout_ns, struct gms__access *access)
{
	struct begin b;
	bool waited;
	int err;

	b.space = space;
	b.books = gms__access_open(space);
	b.access = access;
	b.first = first;
	b.end = end;
	b.flags = flags;
	b.timeout_ns = flags & GMS_ACCESS_NOWAIT ? 0 : timeout_ns;
	b.waits = false;
	access->error_gfn = 0;
	access->error_reason = GMS_REASON_NONE;
	access->flags = flags;
	if (!b.books)
		return refuse(&b, -ENOMEM, first, GMS_REASON_NO_MEMORY);
	b.shards = gms__access_shards(first, end);
	b.home = &b.books->shard[63 - (unsigned)__builtin_clzll(b.shards)];
	gms__access_lock(b.books, b.shards);
	err = begin(&b);
	waited = b.waits;
	if (waited)
		leave_line(&b);
	gms__access_unlock(b.books, b.shards);
	if (!err) {
		access->error_gfn = 0;
		access->error_reason = GMS_REASON_NONE;
	} else if (waited) {
		gms__queue_wake(b.books, first, end);
	}
	return err;
}

void gms__access_end(struct gms_space *space, struct gms__access *access)
{
	struct gms__access_books *books = space->access;
	const gms_gfn first = access->node.first, end = access->node.end;
	const uint64_t shards = gms__access_shards(first, end);
	struct gms__access_shard *home = &books->shard[63 - (unsigned)__builtin_clzll(shards)];

	gms__access_lock(books, shards);
	gms__itree_remove(&home->root, &access->node);
	gms__store(&home->here, home->here - 1);
	for (uint64_t set = shards & (shards - 1) ? shards & GMS__ALL_STRIPES : 0; set;
	     set &= set - 1) {
		struct gms__access_shard *shard = &books->shard[__builtin_ctzll(set)];

		gms__store(&shard->here, shard->here - GMS__ONE_WIDE_ACCESS);
	}
	gms__access_unlock(books, shards);
	gms__queue_wake(books, first, end);
	gms__park_wake(space, (struct gms_range){ first, end - first });
}

/* --- giving up ------------------------------------------------------------ */

/* Tell those who wait for a fault of this name. The shard's lock is held. */
static void fail_waiters(struct gms__access_shard *shard, uint64_t serial, int error)
{
	for (struct gms__waiter *w = shard->oldest; w; w = w->younger) {
		if (w->wish.serial != serial)
			continue;
		w->error = error;
		w->woken = true;
		gms__cond_wake(&w->cond);
	}
}

int gms__access_fail(struct gms_space *space, gms_gfn first, gms_gfn end, int error)
{
	struct gms__access_books *books = gms__load(&space->access);
	struct gms__faults *faults;
	uint64_t upto, serial;
	int err = -ENOENT;
	gms_gfn gfn;

	faults = &books->faults;
	upto = gms__faults_last(faults);
	/* Those that are asked for again meanwhile are new, and below: no look at them. */
	while ((serial = gms__faults_find(faults, first, end, upto, &gfn)) != 0) {
		const uint64_t shards = UINT64_C(1) << gms__stripe_of(gfn) |
					UINT64_C(1) << GMS__WIDE_ACCESSES;

		first = gms__max(first, gfn);
		gms__access_lock(books, shards);
		gms__fault_drop(faults, gfn, serial);
		fail_waiters(&books->shard[gms__stripe_of(gfn)], serial, error);
		fail_waiters(&books->shard[GMS__WIDE_ACCESSES], serial, error);
		gms__access_unlock(books, shards);
		err = 0;
	}
	return err;
}
