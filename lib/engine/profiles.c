/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profiles.c - the systems there are, as tables: what a profile stands for, and
 * which changes are refused.
 *
 * Where a system's documents leave something open, the comment says so.
 */
#include <errno.h>

#include "engine/profile.h"

#define ALL	GMS_STATE_ALL
#define COCO	(GMS_STATE_ACCEPTED | GMS_STATE_DESTROYED)
#define HOSTED	(ALL & ~COCO)			/* no guest has a say */
#define AMD	(ALL & ~GMS_STATE_DESTROYED)	/* and Intel: accepted, never destroyed */
#define TIED(a)	((a) & ~GMS_STATE_DIRECT_MAP)	/* the profile moves DIRECT_MAP itself */

static const struct gms_profile_info profiles[GMS_PROFILE_COUNT] = {
	[GMS_PROFILE_GENERIC] = {
		.name = "generic",
		.attributes = ALL, .settable = ALL, .direct_map = GMS_DIRECT_MAP_AS_TOLD,
		.flags = GMS_PROFILE_ACCEPTS | GMS_PROFILE_DESTROYS,
		.held_error = -EAGAIN,
		.unit = GMS_REQUEST_GFNS,
	},
	/*
	 * A page that turns is backed by another file: what was in it is gone, and
	 * the new one begins with zeros. Nobody looks for pins: they hold the old one.
	 */
	[GMS_PROFILE_KVM_ATTRS] = {
		.name = "kvm-attrs",
		.attributes = HOSTED, .settable = TIED(HOSTED),
		.direct_map = GMS_DIRECT_MAP_ALWAYS,
		.to_shared = GMS_FATE_ZEROED, .to_private = GMS_FATE_ZEROED,
		.split = GMS_SPLITS_MAPPING,
		.unit = GMS_REQUEST_GFNS, .unit_most = 1,
		.convert_path = GMS_PATH_KVM_ATTRS,
	},
	[GMS_PROFILE_GMEM_INPLACE] = {
		.name = "gmem-inplace",
		.attributes = HOSTED, .settable = TIED(HOSTED),
		.direct_map = GMS_DIRECT_MAP_ALWAYS,
		.to_shared = GMS_FATE_KEPT, .to_private = GMS_FATE_KEPT,
		.held_error = -EAGAIN, .split = GMS_SPLITS_NEVER,
		.unit = GMS_REQUEST_OFFSETS, .unit_most = 1,
		.atomicity = GMS_ATOMIC_BUT_UNMAPS, .progress = GMS_PROGRESS_ERROR_OFFSET,
		.convert_path = GMS_PATH_GMEM,
	},
	[GMS_PROFILE_GMEM_HUGETLB] = {
		.name = "gmem-hugetlb",
		.attributes = HOSTED, .settable = TIED(HOSTED),
		.direct_map = GMS_DIRECT_MAP_ALWAYS,
		.to_shared = GMS_FATE_KEPT, .to_private = GMS_FATE_KEPT,
		.held_error = -EAGAIN, .split = GMS_SPLITS_ALL_4K,
		.unit = GMS_REQUEST_OFFSETS, .unit_most = 1,
		.atomicity = GMS_ATOMIC_BUT_UNMAPS, .progress = GMS_PROGRESS_ERROR_OFFSET,
		.convert_path = GMS_PATH_GMEM,
	},
	/* guest_memfd without a direct map has pages of 4K only. */
	[GMS_PROFILE_NO_DIRECT_MAP] = {
		.name = "no-direct-map",
		.attributes = HOSTED, .settable = TIED(HOSTED),
		.direct_map = GMS_DIRECT_MAP_SHARED,
		.to_shared = GMS_FATE_KEPT, .to_private = GMS_FATE_KEPT,
		.held_error = -EAGAIN, .split = GMS_SPLITS_NEVER,
		.unit = GMS_REQUEST_OFFSETS, .unit_most = 1,
		.atomicity = GMS_ATOMIC_BUT_UNMAPS, .progress = GMS_PROGRESS_ERROR_OFFSET,
		.convert_path = GMS_PATH_GMEM, .populate_path = GMS_PATH_DIRECT_MAP,
	},
	/* No request converts its pages; the library's books may still say so. */
	[GMS_PROFILE_SECRETMEM] = {
		.name = "secretmem",
		.attributes = HOSTED, .settable = TIED(HOSTED),
		.direct_map = GMS_DIRECT_MAP_NEVER,
		.split = GMS_SPLITS_NEVER, .unit = GMS_REQUEST_NONE,
		.populate_path = GMS_PATH_DIRECT_MAP,
	},
	/* A reverse-map entry that was smashed to 4K is not made whole again. */
	[GMS_PROFILE_SNP] = {
		.name = "snp",
		.attributes = AMD, .settable = TIED(AMD), .direct_map = GMS_DIRECT_MAP_ALWAYS,
		.to_shared = GMS_FATE_LOST, .to_private = GMS_FATE_LOST,
		.flags = GMS_PROFILE_ACCEPTS, .split = GMS_SPLITS_ONE_WAY,
		.unit = GMS_REQUEST_ENTRIES, .unit_most = 253,
		.atomicity = GMS_ATOMIC_ENTRY, .progress = GMS_PROGRESS_CUR_ENTRY,
		.convert_path = GMS_PATH_SNP,
	},
	/* Demotion is one way: promotion is there and not used. Accepting clears. */
	[GMS_PROFILE_TDX] = {
		.name = "tdx",
		.attributes = AMD, .settable = TIED(AMD), .direct_map = GMS_DIRECT_MAP_ALWAYS,
		.to_shared = GMS_FATE_LOST, .to_private = GMS_FATE_ZEROED,
		.flags = GMS_PROFILE_ACCEPTS, .split = GMS_SPLITS_ONE_WAY,
		.unit = GMS_REQUEST_GFNS, .unit_most = 1,
		.atomicity = GMS_ATOMIC_CHUNK, .progress = GMS_PROGRESS_NEXT_GPA,
		.convert_path = GMS_PATH_TDX,
	},
	/* -EBUSY is of pages that the hypervisor holds; a wrong state is -EPERM. */
	[GMS_PROFILE_PKVM] = {
		.name = "pkvm",
		.attributes = HOSTED, .settable = TIED(HOSTED),
		.direct_map = GMS_DIRECT_MAP_ALWAYS,
		.to_shared = GMS_FATE_KEPT, .to_private = GMS_FATE_KEPT,
		.held_error = -EBUSY, .split = GMS_SPLITS_NEVER,
		.unit = GMS_REQUEST_GRANULE, .unit_most = 1,
		.atomicity = GMS_ATOMIC_GRANULE,
		.convert_path = GMS_PATH_PKVM,
	},
	/* Contents and folios are open in its host's code: as the other protected guests. */
	[GMS_PROFILE_CCA] = {
		.name = "cca",
		.attributes = ALL, .settable = TIED(ALL), .direct_map = GMS_DIRECT_MAP_ALWAYS,
		.to_shared = GMS_FATE_LOST, .to_private = GMS_FATE_LOST,
		.flags = GMS_PROFILE_ACCEPTS | GMS_PROFILE_DESTROYS,
		.held_error = -EAGAIN, .split = GMS_SPLITS_MAPPING,
		.unit = GMS_REQUEST_GFNS, .unit_most = 1,
		.atomicity = GMS_ATOMIC_PREFIX, .progress = GMS_PROGRESS_TOP,
		.convert_path = GMS_PATH_CCA,
	},
};

/* The first that is meant counts. */
const struct gms_refusal gms__refusals[GMS__REFUSALS] = {
	{	/* I11: only who replaces the page gets it back */
		.lost = GMS_STATE_POISON, .is = GMS_STATE_POPULATED,
		.error = -EHWPOISON, .reason = GMS_REASON_POISON,
	},
	{
		.lost = GMS_STATE_SHARED, .was = GMS_STATE_FROZEN,
		.error = -EBUSY, .reason = GMS_REASON_FROZEN,
	},
	{	/* I4 */
		.is = GMS_STATE_HOST_MAPPED, .is_not = GMS_STATE_SHARED,
		.error = -EPERM, .reason = GMS_REASON_PRIVATE,
	},
	{
		.is = GMS_STATE_SHARED | GMS_STATE_ACCEPTED,
		.error = -EPERM, .reason = GMS_REASON_SHARED,
	},
	{	/* I4, I5 */
		.lost = GMS__PIN_KEEPS, .if_pinned = 1,
		.error = -EAGAIN, .reason = GMS_REASON_PINNED,
	},
	{	/* I10 */
		.gained = GMS__PIN_BARS, .if_pinned = 1,
		.error = -EAGAIN, .reason = GMS_REASON_PINNED,
	},
};

const struct gms_profile_info *gms__profile_get(uint32_t profile)
{
	return profile < GMS_PROFILE_COUNT ? &profiles[profile] : NULL;
}
