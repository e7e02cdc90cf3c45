/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * faults.c - pages that somebody wants and that are not there; see faults.h.
 */
#include "engine/faults.h"

#include <errno.h>
#include <string.h>

#include "engine/space.h"
#include "map/get.h"
#include "map/walk.h"

#define PER_SLAB	16

static struct gms__faulted *of_gfns(struct gms__inode *node)
{
	return (struct gms__faulted *)(void *)node;
}

static struct gms__faulted *of_age(struct gms__inode *node)
{
	return (struct gms__faulted *)(void *)((char *)node - offsetof(struct gms__faulted, age));
}

static struct gms__faulted *of_weight(struct gms__inode *node)
{
	return (struct gms__faulted *)(void *)((char *)node -
					       offsetof(struct gms__faulted, weight));
}

int gms__faults_init(struct gms__faults *faults, struct gms__mem *mem)
{
	_Static_assert(sizeof(struct gms__faulted) % GMS__CACHE_LINE == 0, "fits a pool");
	int err;

	memset(faults, 0, sizeof(*faults));
	if (!gms__cond_init(&faults->cond))
		return -ENOMEM;
	err = gms__lock_init(&faults->lock, GMS__RANK_FAULTS, 0);
	return err ? err : gms__pool_init(&faults->pool, mem, sizeof(struct gms__faulted),
					  PER_SLAB);
}

void gms__faults_fini(struct gms__faults *faults)
{
	gms__pool_fini(&faults->pool);
	gms__lock_fini(&faults->lock);
	gms__cond_fini(&faults->cond);
}

/* --- the trees; the caller has the lock ---------------------------------- */

static void weigh(struct gms__faults *faults, struct gms__faulted *f)
{
	f->weight.first = UINT64_MAX - 1 - f->waiters;
	f->weight.end = f->weight.first + 1;
	f->weight.serial = f->gfns.serial;
	gms__itree_insert(&faults->by_weight, &f->weight);
}

static void enqueue(struct gms__faults *faults, struct gms__faulted *f)
{
	f->age.first = f->gfns.serial;
	f->age.end = f->age.first + 1;
	f->age.serial = f->gfns.serial;
	gms__itree_insert(&faults->by_age, &f->age);
	weigh(faults, f);
	f->queued = true;
	if (!faults->nqueued++ && faults->callback)
		faults->callback(faults->ctx);
	gms__cond_wake(&faults->cond);
}

static void dequeue(struct gms__faults *faults, struct gms__faulted *f)
{
	gms__itree_remove(&faults->by_age, &f->age);
	gms__itree_remove(&faults->by_weight, &f->weight);
	f->queued = false;
	faults->nqueued--;
}

static void count(struct gms__faults *faults, struct gms__faulted *f, uint64_t more)
{
	if (f->queued)
		gms__itree_remove(&faults->by_weight, &f->weight);
	f->waiters += more;
	if (f->queued)
		weigh(faults, f);
}

static void drop(struct gms__faults *faults, struct gms__faulted *f)
{
	struct gms__stock stock = { 0 };

	if (f->queued)
		dequeue(faults, f);
	gms__itree_remove(&faults->by_gfn, &f->gfns);
	gms__store(&faults->n, faults->n - 1);
	gms__stock_push(&stock, f);
	gms__pool_put(&faults->pool, &stock);
}

/* F1 */
static struct gms__faulted *find(const struct gms__faults *faults, gms_gfn gfn, uint32_t reason)
{
	struct gms__inode *node = gms__itree_first(faults->by_gfn, gfn, gfn + 1);

	while (node && of_gfns(node)->reason != reason)
		node = gms__itree_after(faults->by_gfn, node, gfn, gfn + 1);
	return node ? of_gfns(node) : NULL;
}

static struct gms__faulted *named(const struct gms__faults *faults, gms_gfn gfn, uint64_t serial)
{
	struct gms__inode *node = gms__itree_first(faults->by_gfn, gfn, gfn + 1);

	while (node && node->serial != serial)
		node = gms__itree_after(faults->by_gfn, node, gfn, gfn + 1);
	return node ? of_gfns(node) : NULL;
}

/* --- asking -------------------------------------------------------------- */

/* The block that is asked for with this page; false: a hole. */
static bool block_of(const struct gms_space *space, gms_gfn gfn, gms_gfn *first, gms_gfn *end)
{
	struct gms__region row;
	uint64_t check, npages;

	if (!gms__region_find(&space->map, gfn, &row, &check) || row.first > gfn)
		return false;
	npages = UINT64_C(1) << gms__region_fault_order(&row);
	*first = gfn & ~(npages - 1);
	*end = *first + npages;
	return true;
}

static struct gms__faulted *fresh(struct gms_space *space, const struct gms__asked *asked, int *err)
{
	struct gms__faults *faults = &space->access->faults;
	struct gms__stock stock = { 0 };
	struct gms__faulted *f;
	gms_gfn first, end;

	*err = -ENOENT;
	if (!block_of(space, asked->gfn, &first, &end))
		return NULL;
	*err = faults->n == GMS_FAULTS_MOST ? -ENOSPC :
					      gms__pool_take(&faults->pool, &stock, 1, true);
	if (*err)
		return NULL;
	f = gms__stock_pop(&stock);
	memset(f, 0, sizeof(*f));
	f->gfns.first = first;
	f->gfns.end = end;
	f->gfns.serial = ++faults->serial;
	f->gfn = asked->gfn;
	f->tag = asked->tag;
	f->since_ns = gms__clock_ns();
	f->reason = asked->reason;
	f->flags = asked->flags;
	gms__itree_insert(&faults->by_gfn, &f->gfns);
	gms__store(&faults->n, faults->n + 1);
	gms__add(&faults->raised, 1);
	return f;
}

static void unwish(struct gms__faults *faults, struct gms__wish *wish)
{
	struct gms__faulted *f = wish->serial ? named(faults, wish->gfn, wish->serial) : NULL;

	if (f)
		count(faults, f, (uint64_t)-1);
	wish->serial = 0;
}

int gms__fault_ask(struct gms_space *space, const struct gms__asked *asked)
{
	struct gms__faults *faults = &space->access->faults;
	struct gms__faulted *f;
	bool is_new = false;
	int err = 0;

	gms__lock(&faults->lock);
	f = find(faults, asked->gfn, asked->reason);
	if (f && asked->wish && asked->wish->serial == f->gfns.serial)
		goto out;
	if (asked->wish)
		unwish(faults, asked->wish);
	if (f) {
		gms__add(&faults->merged, 1);
	} else {
		f = fresh(space, asked, &err);
		if (!f)
			goto out;
		is_new = true;
	}
	f->flags |= asked->flags;
	if (asked->counts)
		count(faults, f, 1);
	if (asked->wish)
		*asked->wish = (struct gms__wish){ f->gfns.serial, asked->gfn, asked->reason };
	if (is_new)
		enqueue(faults, f);
out:
	gms__unlock(&faults->lock);
	return err;
}

void gms__fault_unwish(struct gms__faults *faults, struct gms__wish *wish)
{
	if (!wish->serial)
		return;
	gms__lock(&faults->lock);
	unwish(faults, wish);
	gms__unlock(&faults->lock);
}

/* --- serving ------------------------------------------------------------- */

static struct gms__faulted *pick(const struct gms__faults *faults, uint32_t order)
{
	if (order == GMS_FAULT_OLDEST)
		return of_age(gms__itree_first(faults->by_age, 0, UINT64_MAX));
	return of_weight(gms__itree_first(faults->by_weight, 0, UINT64_MAX));
}

static size_t hand_out(struct gms__faults *faults, struct gms_fault *out, size_t most,
		       uint32_t order)
{
	const uint64_t now = gms__clock_ns();
	size_t n;

	for (n = 0; n < most && faults->nqueued; n++) {
		struct gms__faulted *f = pick(faults, order);

		dequeue(faults, f);
		out[n] = (struct gms_fault){
			.range = { f->gfns.first, f->gfns.end - f->gfns.first },
			.gfn = f->gfn, .tag = f->tag, .waited_ns = now - f->since_ns,
			.waiters = f->waiters, .reason = f->reason, .flags = f->flags,
		};
	}
	return n;
}

int gms__faults_next(struct gms_space *space, struct gms_fault *out, size_t most, uint32_t order,
		     uint64_t timeout_ns, size_t *found)
{
	struct gms__faults *faults = &space->access->faults;
	const uint64_t until = timeout_ns ? gms__clock_after(timeout_ns) : 0;
	int err = timeout_ns ? 0 : -EAGAIN;

	gms__lock(&faults->lock);
	while (!gms__load(&space->faults_cancelled) && !faults->nqueued && !err) {
		if (!gms__cond_wait(&faults->cond, &faults->lock, until))
			err = -ETIMEDOUT;
	}
	if (gms__load(&space->faults_cancelled)) {
		err = -ECANCELED;
	} else if (faults->nqueued) {
		*found = hand_out(faults, out, most, order);
		err = 0;
		/* One call may have been meant for several threads. */
		if (faults->nqueued)
			gms__cond_wake(&faults->cond);
	}
	gms__unlock(&faults->lock);
	return err;
}

int gms__faults_again(struct gms__faults *faults, gms_gfn first, gms_gfn end)
{
	struct gms__inode *node;
	int err = -ENOENT;

	gms__lock(&faults->lock);
	node = gms__itree_first(faults->by_gfn, first, end);
	for (; node; node = gms__itree_after(faults->by_gfn, node, first, end)) {
		if (of_gfns(node)->queued)
			continue;
		enqueue(faults, of_gfns(node));
		err = 0;
	}
	gms__unlock(&faults->lock);
	return err;
}

uint64_t gms__faults_last(struct gms__faults *faults)
{
	uint64_t serial;

	gms__lock(&faults->lock);
	serial = faults->serial;
	gms__unlock(&faults->lock);
	return serial;
}

uint64_t gms__faults_find(struct gms__faults *faults, gms_gfn first, gms_gfn end, uint64_t upto,
			  gms_gfn *gfn)
{
	struct gms__inode *node;
	uint64_t serial = 0;

	gms__lock(&faults->lock);
	node = gms__itree_first(faults->by_gfn, first, end);
	while (node && node->serial > upto)
		node = gms__itree_after(faults->by_gfn, node, first, end);
	if (node) {
		*gfn = node->first;
		serial = node->serial;
	}
	gms__unlock(&faults->lock);
	return serial;
}

void gms__fault_drop(struct gms__faults *faults, gms_gfn gfn, uint64_t serial)
{
	struct gms__faulted *f;

	gms__lock(&faults->lock);
	f = named(faults, gfn, serial);
	if (f) {
		drop(faults, f);
		gms__add(&faults->failed, 1);
	}
	gms__unlock(&faults->lock);
}

static bool is_over(const struct gms_space *space, const struct gms__faulted *f)
{
	const gms_state bit = f->reason == GMS_REASON_MISSING ? GMS_STATE_MISSING :
								GMS_STATE_WRITE_PROTECT;

	return gms__map_find(&space->map, f->gfns.first, f->gfns.end, bit, bit) == f->gfns.end;
}

void gms__faults_over(struct gms_space *space, const struct gms__gate *gate)
{
	struct gms__faults *faults = &space->access->faults;

	if (!gms__load(&faults->n))
		return;
	gms__lock(&faults->lock);
	for (size_t i = 0; i < gate->n && faults->n; i++) {
		const struct gms__segment *s = &gate->segment[i];
		struct gms__inode *node, *next;

		/* Or what it set was undone, and asked for meanwhile. */
		if (!((s->set | s->clear) & (GMS_STATE_MISSING | GMS_STATE_WRITE_PROTECT)))
			continue;
		node = gms__itree_first(faults->by_gfn, s->first, s->end);
		for (; node; node = next) {
			next = gms__itree_after(faults->by_gfn, node, s->first, s->end);
			if (is_over(space, of_gfns(node)))
				drop(faults, of_gfns(node));
		}
	}
	gms__unlock(&faults->lock);
}

void gms__faults_cancel(struct gms__faults *faults)
{
	gms__lock(&faults->lock);
	gms__cond_wake_all(&faults->cond);
	gms__unlock(&faults->lock);
}

void gms__faults_notify(struct gms__faults *faults, gms_fault_fn *callback, void *ctx)
{
	gms__lock(&faults->lock);
	faults->callback = callback;
	faults->ctx = ctx;
	if (faults->nqueued && callback)
		callback(ctx);
	gms__unlock(&faults->lock);
}
