/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pkvm_table.c - who may own a page under pKVM, and after whom: a table.
 *
 * Each row is a pair of states that an operation is for, and the pair that it makes
 * of it. What is no row is -EPERM; before that comes what the hypervisor finds at the
 * guest's end of its page tables, and after it who still uses the page.
 */
#include <gmemstate/guest/pkvm.h>

#include <errno.h>

/* What the operation does with the count. */
enum tally {
	KEEP,
	FIRST,		/* one guest has the page now */
	ONE_MORE,	/* which says -EPERM if none had it: that is no guest's share */
	ONE_LESS,	/* and the host owns the page alone again after the last */
	MUST_BE_UNUSED,	/* references that are left are -EBUSY */
	MUST_BE_NOBODYS	/* guests that have it are -EPERM */
};

struct row {
	uint8_t op;
	uint8_t host, guest;
	uint8_t new_host, new_guest;
	uint8_t tally;
};

#define ROW(op, host, guest, new_host, new_guest, tally) \
	{ GMS_PKVM_##op, GMS_PKVM_##host, GMS_PKVM_##guest, GMS_PKVM_##new_host, \
	  GMS_PKVM_##new_guest, tally }

static const struct row rows[] = {
	ROW(HOST_SHARE_GUEST, OWNED, NOPAGE, SHARED_OWNED, SHARED_BORROWED, FIRST),
	ROW(HOST_SHARE_GUEST, SHARED_OWNED, NOPAGE, SHARED_OWNED, SHARED_BORROWED, ONE_MORE),
	ROW(HOST_UNSHARE_GUEST, SHARED_OWNED, SHARED_BORROWED, SHARED_OWNED, NOPAGE, ONE_LESS),
	ROW(HOST_DONATE_GUEST, OWNED, NOPAGE, NOPAGE, OWNED, KEEP),
	ROW(GUEST_SHARE_HOST, NOPAGE, OWNED, SHARED_BORROWED, SHARED_OWNED, KEEP),
	ROW(GUEST_UNSHARE_HOST, SHARED_BORROWED, SHARED_OWNED, NOPAGE, OWNED, KEEP),
	ROW(GUEST_RELINQUISH, NOPAGE, OWNED, OWNED, NOPAGE, MUST_BE_UNUSED),
	/* There is nothing to give back, which is no error. */
	ROW(GUEST_RELINQUISH, OWNED, NOPAGE, OWNED, NOPAGE, KEEP),
	ROW(RECLAIM, NOPAGE, OWNED, OWNED, NOPAGE, KEEP),
	ROW(RECLAIM, SHARED_BORROWED, SHARED_OWNED, OWNED, NOPAGE, KEEP),
	/* The host has it already: only the guest's end is cleared. */
	ROW(RECLAIM, OWNED, POISONED, OWNED, NOPAGE, KEEP),
	ROW(FORCE_RECLAIM, NOPAGE, OWNED, OWNED, POISONED, KEEP),
	ROW(HOST_SHARE_HYP, OWNED, NOPAGE, SHARED_OWNED, SHARED_BORROWED, KEEP),
	ROW(HOST_UNSHARE_HYP, SHARED_OWNED, SHARED_BORROWED, OWNED, NOPAGE, MUST_BE_UNUSED),
	ROW(HOST_SHARE_FFA, OWNED, NOPAGE, SHARED_OWNED, NOPAGE, MUST_BE_NOBODYS),
	ROW(HOST_UNSHARE_FFA, SHARED_OWNED, NOPAGE, OWNED, NOPAGE, MUST_BE_NOBODYS),
};

static const struct row *find_row(uint32_t op, const struct gms_pkvm_page *page)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].op == op && rows[i].host == page->host && rows[i].guest == page->guest)
			return &rows[i];
	return NULL;
}

/* The operations that begin at what the guest has mapped: it must be a page. */
static int check_mapping(uint32_t op, const struct gms_pkvm_page *page)
{
	switch (op) {
	case GMS_PKVM_HOST_UNSHARE_GUEST:
	case GMS_PKVM_GUEST_SHARE_HOST:
	case GMS_PKVM_GUEST_UNSHARE_HOST:
	case GMS_PKVM_GUEST_RELINQUISH:
	case GMS_PKVM_RECLAIM:
	case GMS_PKVM_FORCE_RECLAIM:
		break;
	default:
		return 0;
	}
	if (page->guest == GMS_PKVM_POISONED)
		return op == GMS_PKVM_RECLAIM ? 0 : -EHWPOISON;
	if (page->guest == GMS_PKVM_NOPAGE)
		return op == GMS_PKVM_GUEST_RELINQUISH ? 0 : -ENOENT;
	return page->order ? -E2BIG : 0;
}

static int count(struct gms_pkvm_page *page, uint32_t tally)
{
	switch (tally) {
	case FIRST:
		page->count = 1;
		return 0;
	case ONE_MORE:
		if (!page->count)
			return -EPERM;
		if (page->count == UINT32_MAX)
			return -EBUSY;
		page->count++;
		return 0;
	case ONE_LESS:
		if (!page->count)
			return -EINVAL;
		if (!--page->count)
			page->host = GMS_PKVM_OWNED;
		return 0;
	case MUST_BE_UNUSED:
		return page->count ? -EBUSY : 0;
	case MUST_BE_NOBODYS:
		return page->count ? -EPERM : 0;
	default:
		return 0;
	}
}

int gms_pkvm_may(uint32_t op, const struct gms_pkvm_page *before, struct gms_pkvm_page *after)
{
	struct gms_pkvm_page page;
	const struct row *row;
	int err;

	if (!before || op >= GMS_PKVM_OP_COUNT || before->host >= GMS_PKVM_STATE_COUNT ||
	    before->guest >= GMS_PKVM_STATE_COUNT)
		return -EINVAL;
	err = check_mapping(op, before);
	if (err)
		return err;
	row = find_row(op, before);
	if (!row)
		return -EPERM;
	page = *before;
	page.host = row->new_host;
	page.guest = row->new_guest;
	err = count(&page, row->tally);
	if (err)
		return err;
	if (page.guest == GMS_PKVM_NOPAGE)
		page.order = 0;
	if (after)
		*after = page;
	return 0;
}

int gms_pkvm_page_of(gms_state state, struct gms_pkvm_page *page)
{
	if (!page)
		return -EINVAL;
	if (state == GMS_HOLE)
		return -ENOENT;
	if (state & ~GMS_STATE_ALL)
		return -EINVAL;
	*page = (struct gms_pkvm_page){ .host = GMS_PKVM_OWNED, .guest = GMS_PKVM_NOPAGE };
	if (state & GMS_STATE_POISON) {
		page->guest = GMS_PKVM_POISONED;
	} else if (state & GMS_STATE_POPULATED) {
		const bool shared = state & GMS_STATE_SHARED;

		page->host = shared ? GMS_PKVM_SHARED_BORROWED : GMS_PKVM_NOPAGE;
		page->guest = shared ? GMS_PKVM_SHARED_OWNED : GMS_PKVM_OWNED;
	}
	return 0;
}
