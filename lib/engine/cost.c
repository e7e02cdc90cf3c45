/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cost.c - what a path costs; see cost.h.
 *
 * The rows follow the algorithms of Linux and the protocols of the guests. What
 * is charged for a page is what can happen to it: an entry that was never there
 * is not taken out, so numbers per page are the most. Entries are counted as of
 * 4K: how the pages were mapped is not known here.
 */
#include "engine/cost.h"

#define SHARED	GMS_COST_TO_SHARED
#define PRIVATE	GMS_COST_TO_PRIVATE
#define BOTH	(SHARED | PRIVATE)
#define REFUSED	GMS_COST_REFUSED
#define BLOCK	(UINT64_C(1) << GMS_ORDER_2M)

/* 64 pieces are what a Linux guest puts into a buffer, of 253. */
#define BUFFER		64u
#define BUFFER_MAX	253u

#define T(kind, per, events, count)	{ GMS_ACCT_##kind, GMS_PER_##per, events, count }

/*
 * Two stores a page: a place is reserved, then filled. What was mapped of the
 * side that goes is zapped and found again by faults; the side that comes is
 * cleared. Then the side that went is given back: a hole is punched in
 * guest_memfd, or the VMM's own mapping is dropped, with its translations.
 */
#define KVM_ATTRS_TERMS \
	T(GUEST_EXITS, RUN, BOTH, 1), \
	T(USER_EXITS, RUN, BOTH, 1), \
	T(SYS_IOCTL, RUN, BOTH, 1), \
	T(SYS_FALLOCATE, RUN, SHARED, 1), \
	T(SYS_MADVISE, RUN, PRIVATE, 1), \
	T(FLUSH_STAGE2, RUN, BOTH, 1), \
	T(FLUSH_PROCESS, RUN, PRIVATE, 1), \
	T(TREE_UPDATES, PAGE, BOTH, 2), \
	T(PTES_4K, PAGE, BOTH, 1), \
	T(REFAULTS, PAGE, BOTH, 1), \
	T(PAGES_ZEROED, PAGE, BOTH, 1)

static const struct gms_cost_term kvm_attrs[] = {
	T(HYPERCALLS, RUN, BOTH, 1), KVM_ATTRS_TERMS
};

static const struct gms_cost_term implicit[] = { KVM_ATTRS_TERMS };

static const struct gms_cost_term bounce[] = { T(BYTES_COPIED, PAGE, BOTH, GMS_PAGE_SIZE) };

/*
 * The range is unmapped from the VMM before anyone looks whether a page of it is
 * held: a refusal costs that, and the faults that bring the mappings back. One
 * store of a range in the tree, whatever its length.
 */
static const struct gms_cost_term gmem[] = {
	T(GUEST_EXITS, RUN, BOTH | REFUSED, 1),
	T(HYPERCALLS, RUN, BOTH | REFUSED, 1),
	T(USER_EXITS, RUN, BOTH | REFUSED, 1),
	T(SYS_IOCTL, RUN, BOTH | REFUSED, 1),
	T(FLUSH_STAGE2, RUN, BOTH, 1),
	T(FLUSH_PROCESS, RUN, PRIVATE | REFUSED, 1),
	T(TREE_UPDATES, RUN, BOTH, 1),
	T(PTES_4K, PAGE, PRIVATE | REFUSED, 1),
	T(REFAULTS, PAGE, SHARED | REFUSED, 1),
};

static const struct gms_cost_term iommu[] = {
	T(SYS_IOCTL, RUN, BOTH, 1), T(FLUSH_IOTLB, RUN, BOTH, 1), T(PTES_4K, PAGE, BOTH, 1),
};

/*
 * Every page that leaves is flushed by itself, in every kernel there is. Large
 * entries of the direct map are split on the way, once, and stay so.
 */
#define LEAVES	(GMS_COST_POPULATE | GMS_COST_UNDIRECT)
static const struct gms_cost_term direct_map[] = {
	T(FLUSH_KERNEL, PAGE, LEAVES, 1),
	T(PTES_4K, PAGE, LEAVES | GMS_COST_DIRECT, 1),
	T(PTES_2M, NEW_2M, LEAVES, 1),
	T(PTES_1G, NEW_1G, LEAVES, 1),
};

static const struct gms_cost_term discard[] = { T(SYS_FALLOCATE, RUN, GMS_COST_DISCARD, 1) };

/*
 * The host asks its VMM once for neighbours of one size in a buffer, and the VMM
 * does what KVM_ATTRS does for each. To shared the guest rescinds before, to
 * private it validates after; what the guest had encrypted is flushed out of
 * caches before the host has it.
 */
static const struct gms_cost_term snp[] = {
	T(GUEST_EXITS, BUFFER, BOTH, 1),
	T(HYPERCALLS, BUFFER, BOTH, 1),
	T(USER_EXITS, STRETCH, BOTH, 1),
	T(SYS_IOCTL, STRETCH, BOTH, 1),
	T(SYS_FALLOCATE, STRETCH, SHARED, 1),
	T(SYS_MADVISE, STRETCH, PRIVATE, 1),
	T(FLUSH_STAGE2, STRETCH, BOTH, 1),
	T(FLUSH_PROCESS, STRETCH, PRIVATE, 1),
	T(RMP_UPDATES, PIECE, BOTH, 1),
	T(ACCEPTS, PIECE, BOTH, 1),
	T(BYTES_FLUSHED, PAGE, SHARED, GMS_PAGE_SIZE),
};

/*
 * MapGPA is one call of the guest, cut by the host to chunks of 2M. A private
 * page that goes is blocked and tracked, which is a flush each; a shared one that
 * goes is flushed with its chunk. The guest accepts page by page, which clears.
 */
static const struct gms_cost_term tdx[] = {
	T(GUEST_EXITS, RUN, BOTH, 1),
	T(HYPERCALLS, RUN, BOTH, 1),
	T(USER_EXITS, CHUNK, BOTH, 1),
	T(SYS_IOCTL, CHUNK, BOTH, 1),
	T(FLUSH_STAGE2, PAGE, SHARED, 1),
	T(FLUSH_STAGE2, CHUNK, PRIVATE, 1),
	T(PTES_4K, PAGE, BOTH, 1),
	T(ACCEPTS, PAGE, PRIVATE, 1),
	T(PAGES_ZEROED, PAGE, PRIVATE, 1),
};

/* The hypervisor does it at the guest's call; the VMM's request keeps books. */
static const struct gms_cost_term pkvm[] = {
	T(GUEST_EXITS, PAGE, BOTH, 1),
	T(HYPERCALLS, PAGE, BOTH, 1),
	T(SYS_IOCTL, RUN, BOTH, 1),
	T(FLUSH_STAGE2, PAGE, BOTH, 1),
	T(PTES_4K, PAGE, BOTH, 2),
};

/*
 * Not in anybody's table yet, put together from the protocol: the guest asks for
 * a range, the host leaves to the VMM for what guest_memfd does not agree with,
 * and carries it out when the guest is entered again. Asking for RAM accepts it.
 */
static const struct gms_cost_term cca[] = {
	T(GUEST_EXITS, RUN, BOTH | REFUSED, 1),
	T(HYPERCALLS, RUN, BOTH | REFUSED, 1),
	T(USER_EXITS, RUN, BOTH | REFUSED, 1),
	T(SYS_IOCTL, RUN, BOTH | REFUSED, 1),
	T(FLUSH_STAGE2, RUN, BOTH, 1),
	T(FLUSH_PROCESS, RUN, PRIVATE | REFUSED, 1),
	T(TREE_UPDATES, RUN, BOTH, 1),
	T(PTES_4K, PAGE, BOTH | REFUSED, 1),
	T(REFAULTS, PAGE, SHARED | REFUSED, 1),
	T(ACCEPTS, RUN, PRIVATE, 1),
};

static const struct gms_cost_term userfault[] = {
	T(GUEST_EXITS, PAGE, GMS_COST_POPULATE, 1),
	T(USER_EXITS, PAGE, GMS_COST_POPULATE, 1),
	T(SYS_WRITE, PAGE, GMS_COST_POPULATE, 1),
	T(PTES_4K, PAGE, GMS_COST_POPULATE, 1),
	T(BYTES_COPIED, PAGE, GMS_COST_POPULATE, GMS_PAGE_SIZE),
};

#define ROW(name, terms)	{ 0, name, terms, sizeof(terms) / sizeof((terms)[0]) }

const struct gms_path_info gms__paths[GMS_PATH_COUNT] = {
	[GMS_PATH_NONE] = { 0, "none", NULL, 0 },
	[GMS_PATH_BOUNCE] = ROW("bounce", bounce),
	[GMS_PATH_KVM_ATTRS] = ROW("kvm-attrs", kvm_attrs),
	[GMS_PATH_IMPLICIT] = ROW("implicit", implicit),
	[GMS_PATH_GMEM] = ROW("gmem", gmem),
	[GMS_PATH_IOMMU] = ROW("iommu", iommu),
	[GMS_PATH_DIRECT_MAP] = ROW("direct-map", direct_map),
	[GMS_PATH_DISCARD] = ROW("discard", discard),
	[GMS_PATH_SNP] = ROW("snp", snp),
	[GMS_PATH_TDX] = ROW("tdx", tdx),
	[GMS_PATH_PKVM] = ROW("pkvm", pkvm),
	[GMS_PATH_CCA] = ROW("cca", cca),
	[GMS_PATH_USERFAULT] = ROW("userfault", userfault),
};

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return n / to + (n % to != 0);
}

/* Adjacent pieces of one size: they may begin in a buffer that others began. */
static void add_stretch(struct gms__units *units, uint64_t pieces)
{
	const uint64_t before = units->n[GMS_PER_PIECE];

	if (!pieces)
		return;
	units->n[GMS_PER_PIECE] += pieces;
	units->n[GMS_PER_STRETCH] += (before + pieces - 1) / BUFFER - before / BUFFER + 1;
}

void gms__units_add(struct gms__units *units, gms_gfn first, uint64_t npages)
{
	const gms_gfn end = first + npages;
	const gms_gfn lo = (first + BLOCK - 1) & ~(BLOCK - 1), hi = end & ~(BLOCK - 1);

	units->n[GMS_PER_RUN]++;
	units->n[GMS_PER_PAGE] += npages;
	units->n[GMS_PER_CHUNK] += round_up(npages, BLOCK);
	if (lo >= hi) {		/* no whole block: the pages are one stretch */
		add_stretch(units, npages);
		return;
	}
	add_stretch(units, lo - first);
	add_stretch(units, (hi - lo) / BLOCK);
	add_stretch(units, end - hi);
}

static uint64_t blocks_from(gms_gfn first, gms_gfn last, unsigned order, gms_gfn *counted)
{
	const gms_gfn lo = first >> order > *counted ? first >> order : *counted;
	const gms_gfn end = (last >> order) + 1;

	if (lo >= end)
		return 0;
	*counted = end;
	return end - lo;
}

void gms__units_new(struct gms__units *units, gms_gfn first, uint64_t npages)
{
	const gms_gfn last = first + npages - 1;

	units->n[GMS_PER_NEW_2M] += blocks_from(first, last, GMS_ORDER_2M, &units->end_2m);
	units->n[GMS_PER_NEW_1G] += blocks_from(first, last, GMS_ORDER_1G, &units->end_1g);
}

void gms__units_end(struct gms__units *units)
{
	units->n[GMS_PER_CALL] = units->n[GMS_PER_RUN] != 0;
	units->n[GMS_PER_BUFFER] = round_up(units->n[GMS_PER_PIECE], BUFFER);
	units->n[GMS_PER_BUFFER_MAX] = round_up(units->n[GMS_PER_PIECE], BUFFER_MAX);
}

void gms__path_cost(uint32_t path, uint32_t event, const struct gms__units *units,
		    void (*add)(void *to, uint32_t kind, uint64_t count), void *to)
{
	const struct gms_path_info *row = &gms__paths[path];

	for (size_t i = 0; i < row->nterms; i++) {
		const struct gms_cost_term *term = &row->terms[i];

		if (term->events & event)
			add(to, term->kind, units->n[term->per] * term->count);
	}
}
