/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * access.c - the calls of access.h.
 */
#include <errno.h>

#include <gmemstate/access.h>

#include "api/convert.h"
#include "map/get.h"

#define ACCESS_FLAGS	(GMS_ACCESS_WRITE | GMS_ACCESS_NOWAIT | GMS_ACCESS_NESTED)

static struct gms__access *ours(struct gms_access *access)
{
	_Static_assert(sizeof(struct gms__access) <= sizeof(struct gms_access), "it fits");
	_Static_assert(_Alignof(struct gms__access) <= _Alignof(struct gms_access), "it fits");
	_Static_assert(offsetof(struct gms__access, flags) == offsetof(struct gms_access, flags),
		       "the public part is the same");
	return (struct gms__access *)access;
}

int gms_access_begin(struct gms_space *space, struct gms_range range, uint32_t flags,
		     uint64_t timeout_ns, struct gms_access *access)
{
	if (!space || !access || !gms__range_ok(range) || (flags & ~ACCESS_FLAGS))
		return -EINVAL;
	return gms__access_begin(space, range.first, range.first + range.npages, flags, timeout_ns,
				 ours(access));
}

void gms_access_end(struct gms_space *space, struct gms_access *access)
{
	if (space && access)
		gms__access_end(space, ours(access));
}

/* --- freezing, missing ----------------------------------------------------- */

/* By the short way, if it is one. */
static bool resolve(struct gms_space *space, const struct gms__want *want,
		    struct gms_convert_result *result)
{
	struct gms__fast_result fast;

	if (!gms__fast_resolve(space, want->range, want->writable, &fast))
		return false;
	if (result)
		gms__report_fast(&fast, 0, result);
	return true;
}

static int touch(struct gms_space *space, const struct gms__want *want, uint32_t kind,
		 struct gms_convert_result *result)
{
	struct gms__plan plan;
	uint64_t began_ns;
	bool opened;
	int err;

	if (!space)
		return -EINVAL;
	err = gms__clear_result(result);
	if (err)
		return err;
	if (!gms__range_ok(want->range))
		return -EINVAL;
	began_ns = gms__ledger_now(&space->ledger);
	opened = gms__access_open(space);
	if (opened && want->touch == GMS__RESOLVE && resolve(space, want, result)) {
		gms__ledger_took(&space->ledger, began_ns);
		return 0;
	}
	gms__plan_begin(&plan, space, want);
	err = opened ? 0 : gms__plan_no_memory(&plan, want->range.first);
	err = gms__carry_out(&plan, err, false, result);
	gms__plan_drop(&plan);
	if (!err && kind < GMS_ACCT_KINDS)
		gms__ledger_count(&space->ledger, kind, 1);
	gms__ledger_took(&space->ledger, began_ns);
	return err;
}

int gms_freeze(struct gms_space *space, struct gms_range range, uint64_t timeout_ns,
	       struct gms_convert_result *result)
{
	return touch(space, &(struct gms__want){ .touch = GMS__FREEZE, .range = range,
						 .wait_ns = timeout_ns },
		     GMS_ACCT_FREEZES, result);
}

int gms_thaw(struct gms_space *space, struct gms_range range, struct gms_convert_result *result)
{
	return touch(space, &(struct gms__want){ .touch = GMS__THAW, .range = range },
		     GMS_ACCT_THAWS, result);
}

int gms_miss(struct gms_space *space, struct gms_range range, uint64_t timeout_ns,
	     struct gms_convert_result *result)
{
	const struct gms_change change = { range, GMS_STATE_MISSING, GMS_STATE_POPULATED };

	return gms__turn(space, &change, timeout_ns, result);
}

int gms_resolve(struct gms_space *space, struct gms_range range, bool writable,
		struct gms_convert_result *result)
{
	return touch(space, &(struct gms__want){ .touch = GMS__RESOLVE, .range = range,
						 .writable = writable },
		     GMS_ACCT_KINDS, result);
}

/* --- faults ---------------------------------------------------------------- */

/* The caller has the lock of the page's shard. */
static int raise_at(struct gms_space *space, gms_gfn gfn, uint32_t flags, gms_tag tag)
{
	struct gms__asked asked = { .gfn = gfn, .flags = flags, .tag = tag, .counts = true };
	const gms_state state = gms__map_get(&space->map, gfn);

	if (state & GMS_HOLE)
		return -ENOENT;
	if (state & GMS_STATE_MISSING)
		asked.reason = GMS_REASON_MISSING;
	else if ((flags & GMS_ACCESS_WRITE) && (state & GMS_STATE_WRITE_PROTECT))
		asked.reason = GMS_REASON_WRITE_PROTECT;
	else
		return -EALREADY;
	return gms__fault_ask(space, &asked);
}

int gms_fault_raise(struct gms_space *space, gms_gfn gfn, uint32_t flags, gms_tag tag)
{
	struct gms__access_books *books;
	struct gms__lock *lock;
	int err;

	if (!space || (flags & ~GMS_ACCESS_WRITE))
		return -EINVAL;
	books = gms__access_open(space);
	if (!books)
		return -ENOMEM;
	lock = &books->shard[gms__stripe_of(gfn)].lock;
	gms__lock(lock);
	err = raise_at(space, gfn, flags, tag);
	gms__unlock(lock);
	return err;
}

int gms_fault_next(struct gms_space *space, struct gms_fault *faults, size_t most, uint32_t order,
		   uint64_t timeout_ns, size_t *found)
{
	if (!space || !faults || !most || !found || order > GMS_FAULT_MOST_WAITERS)
		return -EINVAL;
	if (!gms__access_open(space))
		return -ENOMEM;
	return gms__faults_next(space, faults, most, order, timeout_ns, found);
}

int gms_fault_again(struct gms_space *space, struct gms_range range)
{
	struct gms__access_books *books;

	if (!space || !gms__range_ok(range))
		return -EINVAL;
	books = gms__load(&space->access);
	if (!books)
		return -ENOENT;
	return gms__faults_again(&books->faults, range.first, range.first + range.npages);
}

int gms_fault_fail(struct gms_space *space, struct gms_range range, int error)
{
	if (!space || !gms__range_ok(range) || error >= 0 || error <= -4096)
		return -EINVAL;
	if (!gms__load(&space->access))
		return -ENOENT;
	return gms__access_fail(space, range.first, range.first + range.npages, error);
}

void gms_fault_cancel(struct gms_space *space, bool on)
{
	struct gms__access_books *books;

	if (!space)
		return;
	/* Before the books are looked for: who makes them looks at it after. */
	__atomic_store_n(&space->faults_cancelled, on, __ATOMIC_SEQ_CST);
	books = gms__load(&space->access);
	if (books)
		gms__faults_cancel(&books->faults);
}

int gms_fault_notify(struct gms_space *space, gms_fault_fn *callback, void *ctx)
{
	struct gms__access_books *books;

	if (!space)
		return -EINVAL;
	books = gms__access_open(space);
	if (!books)
		return -ENOMEM;
	gms__faults_notify(&books->faults, callback, ctx);
	return 0;
}
