/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kinds.c - what can be counted, in words.
 */
#include "engine/ledger.h"

static const struct {
	const char *name;
	const char *help;
} kinds[GMS_ACCT_KINDS] = {
	[GMS_ACCT_CONVERTS] = { "converts", "Conversion calls with valid arguments." },
	[GMS_ACCT_COMMITS] = { "commits", "Conversion calls that changed a page." },
	[GMS_ACCT_BLOCKED] = { "blocked", "Conversion calls refused for pins or frost." },
	[GMS_ACCT_ROLLBACKS] = {
		"rollbacks", "Conversion calls undone: a backend or a listener failed."
	},
	[GMS_ACCT_UNDO_FAILURES] = {
		"undo_failures", "Undo operations that a backend failed too."
	},
	[GMS_ACCT_PAGES_TO_SHARED] = { "pages_to_shared", "Pages turned shared." },
	[GMS_ACCT_PAGES_TO_PRIVATE] = { "pages_to_private", "Pages turned private." },
	[GMS_ACCT_PAGES_CHANGED] = { "pages_changed", "Pages whose state changed in any way." },
	[GMS_ACCT_PAGES_UNCHANGED] = {
		"pages_unchanged", "Pages asked for that were as wanted already."
	},
	[GMS_ACCT_HOST_RUNS] = { "host_runs", "Runs given to backends." },
	[GMS_ACCT_BACKEND_CALLS] = { "backend_calls", "map_host and unmap_host calls." },
	[GMS_ACCT_BACKEND_FLUSHES] = { "backend_flushes", "flush calls." },
	[GMS_ACCT_SPLITS_1G] = { "splits_1g", "Folios of 1G cut to 2M." },
	[GMS_ACCT_SPLITS_2M] = { "splits_2m", "Folios of 2M cut to 4K." },
	[GMS_ACCT_MERGES_2M] = { "merges_2m", "Folios of 2M made of 4K." },
	[GMS_ACCT_MERGES_1G] = { "merges_1g", "Folios of 1G made of 2M." },
	[GMS_ACCT_PINS] = { "pins", "gms_pin() calls that succeeded." },
	[GMS_ACCT_UNPINS] = { "unpins", "gms_unpin() calls that succeeded." },
	[GMS_ACCT_PINS_REFUSED] = { "pins_refused", "gms_pin() calls refused for a page." },
	[GMS_ACCT_DRY_RUNS] = { "dry_runs", "Conversions that were only tried out." },
	[GMS_ACCT_DISCARD_FAILURES] = { "discard_failures", "Discards that a backend failed." },
	[GMS_ACCT_PARKED] = { "parked", "Conversions that were parked." },
	[GMS_ACCT_LISTENER_CALLS] = { "listener_calls", "Calls of listeners, but begin and end." },
	[GMS_ACCT_LISTENER_VETOES] = {
		"listener_vetoes", "Conversions that a listener refused or failed."
	},
	[GMS_ACCT_SPANS_MAPPED] = { "spans_mapped", "Spans that listeners were given." },
	[GMS_ACCT_SPANS_UNMAPPED] = { "spans_unmapped", "Spans that listeners gave up." },
	[GMS_ACCT_SPLITS_OTHER] = { "splits_other", "Folios cut otherwise: in half, or 1G to 4K." },
	[GMS_ACCT_MERGES_OTHER] = { "merges_other", "Folios made otherwise." },
	[GMS_ACCT_LENDS] = { "lends", "gms_lend() calls that succeeded." },
	[GMS_ACCT_RETURNS] = { "returns", "gms_return() calls that succeeded." },
	[GMS_ACCT_LEND_HITS] = { "lend_hits", "Pages lent that were shared for a loan already." },
	[GMS_ACCT_RECLAIMS] = { "reclaims", "Batches of idle pages that were reclaimed." },
	[GMS_ACCT_RECLAIMED_PAGES] = {
		"reclaimed_pages", "Idle pages that were turned private again."
	},
	[GMS_ACCT_ACCESSES] = { "accesses", "gms_access_begin() calls that succeeded." },
	[GMS_ACCT_ACCESS_WAITS] = { "access_waits", "gms_access_begin() calls that waited." },
	[GMS_ACCT_CONVERT_WAITS] = {
		"convert_waits", "Conversion calls that waited for accesses."
	},
	[GMS_ACCT_FAULTS] = { "faults", "Faults queued; those put back count once." },
	[GMS_ACCT_FAULTS_MERGED] = { "faults_merged", "Faults that were there already." },
	[GMS_ACCT_FAULTS_FAILED] = { "faults_failed", "Faults given up." },
	[GMS_ACCT_FREEZES] = { "freezes", "gms_freeze() calls that succeeded." },
	[GMS_ACCT_THAWS] = { "thaws", "gms_thaw() calls that succeeded." },
	[GMS_ACCT_GUEST_EXITS] = { "guest_exits", "Exits from the guest to the host kernel." },
	[GMS_ACCT_HYPERCALLS] = { "hypercalls", "Hypercalls of the guest." },
	[GMS_ACCT_USER_EXITS] = { "user_exits", "Exits that went on to the VMM." },
	[GMS_ACCT_SYS_MADVISE] = { "sys_madvise", "madvise(2) calls." },
	[GMS_ACCT_SYS_PROCESS_MADVISE] = { "sys_process_madvise", "process_madvise(2) calls." },
	[GMS_ACCT_SYS_MPROTECT] = { "sys_mprotect", "mprotect(2) calls." },
	[GMS_ACCT_SYS_FALLOCATE] = { "sys_fallocate", "fallocate(2) calls." },
	[GMS_ACCT_SYS_IOCTL] = { "sys_ioctl", "ioctl(2) calls." },
	[GMS_ACCT_SYS_READ] = { "sys_read", "read(2) and its kin." },
	[GMS_ACCT_SYS_WRITE] = { "sys_write", "write(2) and its kin." },
	[GMS_ACCT_SYS_OTHER] = { "sys_other", "Other system calls." },
	[GMS_ACCT_FLUSH_STAGE2] = { "flush_stage2", "Calls that flushed guest translations." },
	[GMS_ACCT_FLUSH_PROCESS] = {
		"flush_process", "Calls that flushed the VMM's translations."
	},
	[GMS_ACCT_FLUSH_KERNEL] = { "flush_kernel", "Calls that flushed kernel ranges." },
	[GMS_ACCT_FLUSH_IOTLB] = { "flush_iotlb", "Calls that flushed IOMMU translations." },
	[GMS_ACCT_PTES_4K] = { "ptes_4k", "Page-table entries of 4K written." },
	[GMS_ACCT_PTES_2M] = { "ptes_2m", "Page-table entries of 2M written." },
	[GMS_ACCT_PTES_1G] = { "ptes_1g", "Page-table entries of 1G written." },
	[GMS_ACCT_PAGES_ZEROED] = { "pages_zeroed", "Pages cleared." },
	[GMS_ACCT_BYTES_COPIED] = {
		"bytes_copied", "Bytes bounced: copied only because of visibility."
	},
	[GMS_ACCT_BYTES_DIRECT] = {
		"bytes_direct", "Bytes moved without a copy, straight to the page."
	},
	[GMS_ACCT_REFAULTS] = { "refaults", "Faults expected because mappings were dropped." },
	[GMS_ACCT_REQUESTS] = { "requests", "I/O requests served." },
	[GMS_ACCT_TREE_UPDATES] = {
		"tree_updates", "Stores into the trees that hold attributes."
	},
	[GMS_ACCT_ACCEPTS] = { "accepts", "Guest instructions that accept, validate or rescind." },
	[GMS_ACCT_RMP_UPDATES] = {
		"rmp_updates", "Entries of a reverse map written (RMPUPDATE)."
	},
	[GMS_ACCT_BYTES_FLUSHED] = { "bytes_flushed", "Bytes written back from caches." },
};

const char *gms_acct_name(uint32_t kind)
{
	return kind < GMS_ACCT_KINDS ? kinds[kind].name : NULL;
}

const char *gms__kind_help(uint32_t kind)
{
	return kinds[kind].help;
}
