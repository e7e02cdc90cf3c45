/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_layout - sizes, offsets and numbers that compiled programs rely on.
 *
 * All are written down here as they were released, for LP64 hosts: a number
 * that is in a release never changes. A sized struct may grow, at its end only,
 * which changes its STRUCT line and adds MEMBER lines. No public struct has a
 * hole: its members' sizes add up to its own, so that clearing the members
 * clears every byte, and bindings need not know how a compiler pads.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <gmemstate/gmemstate-linux.h>
#include <gmemstate/jemalloc.h>

/** One line of the tables. A struct's own line has no member. */
struct layout {
	const char *type;
	const char *member;
	size_t released;	/**< Size of the struct, offset of the member. */
	size_t found;		/**< What this compiler made of the header. */
	size_t bytes;		/**< Of the member. */
};

#define STRUCT(type, bytes) { #type, NULL, bytes, sizeof(struct type), 0 }
#define MEMBER(type, member, offset) \
	{ #type, #member, offset, offsetof(struct type, member), \
	  sizeof(((struct type *)NULL)->member) }

static const struct layout layouts[] = {
	/* types.h */
	STRUCT(gms_range, 16),
	MEMBER(gms_range, first, 0),
	MEMBER(gms_range, npages, 8),

	/* space.h */
	STRUCT(gms_mem_ops, 32),
	MEMBER(gms_mem_ops, size, 0),
	MEMBER(gms_mem_ops, ctx, 8),
	MEMBER(gms_mem_ops, alloc, 16),
	MEMBER(gms_mem_ops, free, 24),

	STRUCT(gms_space_opts, 96),
	MEMBER(gms_space_opts, size, 0),
	MEMBER(gms_space_opts, profile, 8),
	MEMBER(gms_space_opts, split, 12),
	MEMBER(gms_space_opts, merge, 16),
	MEMBER(gms_space_opts, flags, 20),
	MEMBER(gms_space_opts, mem, 24),
	MEMBER(gms_space_opts, now_ns, 32),
	MEMBER(gms_space_opts, log, 40),
	MEMBER(gms_space_opts, ctx, 48),
	MEMBER(gms_space_opts, merge_after_commits, 56),
	MEMBER(gms_space_opts, lend_policy, 64),
	MEMBER(gms_space_opts, reserved, 68),
	MEMBER(gms_space_opts, lend_idle_pages, 72),
	MEMBER(gms_space_opts, lend_idle_ns, 80),
	MEMBER(gms_space_opts, access_wait_ns, 88),

	STRUCT(gms_region_opts, 72),
	MEMBER(gms_region_opts, size, 0),
	MEMBER(gms_region_opts, first, 8),
	MEMBER(gms_region_opts, npages, 16),
	MEMBER(gms_region_opts, backing_id, 24),
	MEMBER(gms_region_opts, backing_offset_bytes, 32),
	MEMBER(gms_region_opts, hva, 40),
	MEMBER(gms_region_opts, backend, 48),
	MEMBER(gms_region_opts, base_order, 56),
	MEMBER(gms_region_opts, state, 60),
	MEMBER(gms_region_opts, fault_order, 64),
	MEMBER(gms_region_opts, flags, 68),

	STRUCT(gms_region, 80),
	MEMBER(gms_region, size, 0),
	MEMBER(gms_region, first, 8),
	MEMBER(gms_region, npages, 16),
	MEMBER(gms_region, backing_id, 24),
	MEMBER(gms_region, backing_offset_bytes, 32),
	MEMBER(gms_region, hva, 40),
	MEMBER(gms_region, page_offset_bytes, 48),
	MEMBER(gms_region, page_hva, 56),
	MEMBER(gms_region, id, 64),
	MEMBER(gms_region, base_order, 68),
	MEMBER(gms_region, fault_order, 72),
	MEMBER(gms_region, reserved, 76),

	/* backend.h */
	STRUCT(gms_host_run, 56),
	MEMBER(gms_host_run, first, 0),
	MEMBER(gms_host_run, npages, 8),
	MEMBER(gms_host_run, backing_id, 16),
	MEMBER(gms_host_run, backing_offset_bytes, 24),
	MEMBER(gms_host_run, hva, 32),
	MEMBER(gms_host_run, mask, 40),
	MEMBER(gms_host_run, to, 44),
	MEMBER(gms_host_run, content, 48),
	MEMBER(gms_host_run, reserved, 52),

	STRUCT(gms_host_folio, 40),
	MEMBER(gms_host_folio, first, 0),
	MEMBER(gms_host_folio, backing_id, 8),
	MEMBER(gms_host_folio, backing_offset_bytes, 16),
	MEMBER(gms_host_folio, hva, 24),
	MEMBER(gms_host_folio, order, 32),
	MEMBER(gms_host_folio, parts_order, 36),

	STRUCT(gms_backend, 96),
	MEMBER(gms_backend, size, 0),
	MEMBER(gms_backend, ctx, 8),
	MEMBER(gms_backend, unmap_host, 16),
	MEMBER(gms_backend, map_host, 24),
	MEMBER(gms_backend, flush, 32),
	MEMBER(gms_backend, set_attributes, 40),
	MEMBER(gms_backend, direct_map, 48),
	MEMBER(gms_backend, populate, 56),
	MEMBER(gms_backend, discard, 64),
	MEMBER(gms_backend, split, 72),
	MEMBER(gms_backend, merge, 80),
	MEMBER(gms_backend, zero, 88),

	/* state.h */
	STRUCT(gms_run, 24),
	MEMBER(gms_run, first, 0),
	MEMBER(gms_run, npages, 8),
	MEMBER(gms_run, state, 16),
	MEMBER(gms_run, region, 20),

	STRUCT(gms_cursor, 64),
	MEMBER(gms_cursor, check, 0),
	MEMBER(gms_cursor, gib_at, 8),
	MEMBER(gms_cursor, gib, 16),
	MEMBER(gms_cursor, generation, 24),
	MEMBER(gms_cursor, plane, 32),
	MEMBER(gms_cursor, first, 40),
	MEMBER(gms_cursor, npages, 48),
	MEMBER(gms_cursor, region, 56),
	MEMBER(gms_cursor, state, 60),

	STRUCT(gms_iter, 96),
	MEMBER(gms_iter, space, 0),
	MEMBER(gms_iter, next, 8),
	MEMBER(gms_iter, end, 16),
	MEMBER(gms_iter, mask, 24),
	MEMBER(gms_iter, value, 28),
	MEMBER(gms_iter, cursor, 32),

	/* convert.h */
	STRUCT(gms_change, 24),
	MEMBER(gms_change, range, 0),
	MEMBER(gms_change, set, 16),
	MEMBER(gms_change, clear, 20),

	STRUCT(gms_blocker, 40),
	MEMBER(gms_blocker, range, 0),
	MEMBER(gms_blocker, id, 16),
	MEMBER(gms_blocker, tag, 24),
	MEMBER(gms_blocker, reason, 32),
	MEMBER(gms_blocker, flags, 36),

	STRUCT(gms_convert_opts, 56),
	MEMBER(gms_convert_opts, size, 0),
	MEMBER(gms_convert_opts, flags, 8),
	MEMBER(gms_convert_opts, mode, 12),
	MEMBER(gms_convert_opts, tag, 16),
	MEMBER(gms_convert_opts, content, 24),
	MEMBER(gms_convert_opts, reserved, 28),
	MEMBER(gms_convert_opts, blockers, 32),
	MEMBER(gms_convert_opts, blockers_room, 40),
	MEMBER(gms_convert_opts, wait_ns, 48),

	/* access.h */
	STRUCT(gms_access, 120),
	MEMBER(gms_access, error_gfn, 0),
	MEMBER(gms_access, error_reason, 8),
	MEMBER(gms_access, flags, 12),
	MEMBER(gms_access, opaque, 16),

	STRUCT(gms_fault, 56),
	MEMBER(gms_fault, range, 0),
	MEMBER(gms_fault, gfn, 16),
	MEMBER(gms_fault, tag, 24),
	MEMBER(gms_fault, waited_ns, 32),
	MEMBER(gms_fault, waiters, 40),
	MEMBER(gms_fault, reason, 48),
	MEMBER(gms_fault, flags, 52),

	STRUCT(gms_convert_result, 88),
	MEMBER(gms_convert_result, size, 0),
	MEMBER(gms_convert_result, changed_pages, 8),
	MEMBER(gms_convert_result, unchanged_pages, 16),
	MEMBER(gms_convert_result, host_runs, 24),
	MEMBER(gms_convert_result, splits, 32),
	MEMBER(gms_convert_result, merges, 40),
	MEMBER(gms_convert_result, flushes, 48),
	MEMBER(gms_convert_result, error_gfn, 56),
	MEMBER(gms_convert_result, error_reason, 64),
	MEMBER(gms_convert_result, reserved, 68),
	MEMBER(gms_convert_result, next, 72),
	MEMBER(gms_convert_result, blockers, 80),

	/* folio.h */
	STRUCT(gms_folio, 32),
	MEMBER(gms_folio, first, 0),
	MEMBER(gms_folio, order, 8),
	MEMBER(gms_folio, flags, 12),
	MEMBER(gms_folio, shared_pages, 16),
	MEMBER(gms_folio, region, 24),
	MEMBER(gms_folio, reserved, 28),

	STRUCT(gms_merge_result, 184),
	MEMBER(gms_merge_result, size, 0),
	MEMBER(gms_merge_result, looked_blocks, 8),
	MEMBER(gms_merge_result, waiting, 16),
	MEMBER(gms_merge_result, folios, 24),
	MEMBER(gms_merge_result, more, 176),
	MEMBER(gms_merge_result, reserved, 180),

	STRUCT(gms_folio_iter, 24),
	MEMBER(gms_folio_iter, space, 0),
	MEMBER(gms_folio_iter, next, 8),
	MEMBER(gms_folio_iter, end, 16),

	/* pin.h */
	STRUCT(gms_gup_answer, 40),
	MEMBER(gms_gup_answer, size, 0),
	MEMBER(gms_gup_answer, eligible_pages, 8),
	MEMBER(gms_gup_answer, refused_pages, 16),
	MEMBER(gms_gup_answer, refused_gfn, 24),
	MEMBER(gms_gup_answer, reason, 32),
	MEMBER(gms_gup_answer, reserved, 36),

	STRUCT(gms_gup_run, 24),
	MEMBER(gms_gup_run, first, 0),
	MEMBER(gms_gup_run, npages, 8),
	MEMBER(gms_gup_run, reason, 16),
	MEMBER(gms_gup_run, region, 20),

	STRUCT(gms_gup_iter, 32),
	MEMBER(gms_gup_iter, space, 0),
	MEMBER(gms_gup_iter, next, 8),
	MEMBER(gms_gup_iter, end, 16),
	MEMBER(gms_gup_iter, flags, 24),
	MEMBER(gms_gup_iter, reserved, 28),

	STRUCT(gms_span_change, 64),
	MEMBER(gms_span_change, lost, 0),
	MEMBER(gms_span_change, nlost, 8),
	MEMBER(gms_span_change, rest, 16),
	MEMBER(gms_span_change, nrest, 24),
	MEMBER(gms_span_change, joined, 32),
	MEMBER(gms_span_change, njoined, 40),
	MEMBER(gms_span_change, gained, 48),
	MEMBER(gms_span_change, ngained, 56),

	STRUCT(gms_listener, 96),
	MEMBER(gms_listener, size, 0),
	MEMBER(gms_listener, ctx, 8),
	MEMBER(gms_listener, mask, 16),
	MEMBER(gms_listener, value, 20),
	MEMBER(gms_listener, flags, 24),
	MEMBER(gms_listener, granule_order, 28),
	MEMBER(gms_listener, max_spans, 32),
	MEMBER(gms_listener, max_span_pages, 40),
	MEMBER(gms_listener, begin, 48),
	MEMBER(gms_listener, end, 56),
	MEMBER(gms_listener, prepare, 64),
	MEMBER(gms_listener, abort, 72),
	MEMBER(gms_listener, revoke, 80),
	MEMBER(gms_listener, commit, 88),

	STRUCT(gms_listener_info, 40),
	MEMBER(gms_listener_info, size, 0),
	MEMBER(gms_listener_info, spans, 8),
	MEMBER(gms_listener_info, spans_max, 16),
	MEMBER(gms_listener_info, pages, 24),
	MEMBER(gms_listener_info, undo_failures, 32),

	STRUCT(gms_pin_info, 40),
	MEMBER(gms_pin_info, range, 0),
	MEMBER(gms_pin_info, id, 16),
	MEMBER(gms_pin_info, tag, 24),
	MEMBER(gms_pin_info, flags, 32),
	MEMBER(gms_pin_info, reserved, 36),

	/* lend.h */
	STRUCT(gms_lend_result, 88),
	MEMBER(gms_lend_result, size, 0),
	MEMBER(gms_lend_result, runs, 8),
	MEMBER(gms_lend_result, run_capacity, 16),
	MEMBER(gms_lend_result, nruns, 24),
	MEMBER(gms_lend_result, changed_pages, 32),
	MEMBER(gms_lend_result, hit_pages, 40),
	MEMBER(gms_lend_result, kept_pages, 48),
	MEMBER(gms_lend_result, idle_pages, 56),
	MEMBER(gms_lend_result, blocked_pages, 64),
	MEMBER(gms_lend_result, error_gfn, 72),
	MEMBER(gms_lend_result, error_reason, 80),
	MEMBER(gms_lend_result, reserved, 84),

	STRUCT(gms_loan_info, 40),
	MEMBER(gms_loan_info, gpa, 0),
	MEMBER(gms_loan_info, bytes, 8),
	MEMBER(gms_loan_info, id, 16),
	MEMBER(gms_loan_info, tag, 24),
	MEMBER(gms_loan_info, dir, 32),
	MEMBER(gms_loan_info, reserved, 36),

	/* account.h */
	STRUCT(gms_acct_event, 16),
	MEMBER(gms_acct_event, count, 0),
	MEMBER(gms_acct_event, ns, 8),

	STRUCT(gms_acct, 1416),
	MEMBER(gms_acct, size, 0),
	MEMBER(gms_acct, regions, 8),
	MEMBER(gms_acct, pages, 16),
	MEMBER(gms_acct, shared_pages, 24),
	MEMBER(gms_acct, shared_pages_max, 32),
	MEMBER(gms_acct, shared_page_ns, 40),
	MEMBER(gms_acct, shared_page_ns_high, 48),
	MEMBER(gms_acct, folios_4k, 56),
	MEMBER(gms_acct, folios_2m, 64),
	MEMBER(gms_acct, folios_1g, 72),
	MEMBER(gms_acct, pins, 80),
	MEMBER(gms_acct, pinned_pages, 88),
	MEMBER(gms_acct, metadata_bytes, 96),
	MEMBER(gms_acct, metadata_bytes_max, 104),
	MEMBER(gms_acct, metadata_used_bytes, 112),
	MEMBER(gms_acct, folios, 120),
	MEMBER(gms_acct, event, 328),
	MEMBER(gms_acct, loans, 272),
	MEMBER(gms_acct, lent_bytes, 280),
	MEMBER(gms_acct, lent_pages, 288),
	MEMBER(gms_acct, idle_pages, 296),
	MEMBER(gms_acct, slack_bytes, 304),
	MEMBER(gms_acct, idle_page_ns, 312),
	MEMBER(gms_acct, idle_page_ns_high, 320),

	STRUCT(gms_acct_tag, 1104),
	MEMBER(gms_acct_tag, size, 0),
	MEMBER(gms_acct_tag, tag, 8),
	MEMBER(gms_acct_tag, event, 16),

	STRUCT(gms_histogram, 536),
	MEMBER(gms_histogram, size, 0),
	MEMBER(gms_histogram, count, 8),
	MEMBER(gms_histogram, sum, 16),
	MEMBER(gms_histogram, bucket, 24),

	/* profile.h */
	STRUCT(gms_cost_term, 16),
	MEMBER(gms_cost_term, kind, 0),
	MEMBER(gms_cost_term, per, 4),
	MEMBER(gms_cost_term, events, 8),
	MEMBER(gms_cost_term, count, 12),

	STRUCT(gms_path_info, 32),
	MEMBER(gms_path_info, size, 0),
	MEMBER(gms_path_info, name, 8),
	MEMBER(gms_path_info, terms, 16),
	MEMBER(gms_path_info, nterms, 24),

	STRUCT(gms_profile_info, 72),
	MEMBER(gms_profile_info, size, 0),
	MEMBER(gms_profile_info, name, 8),
	MEMBER(gms_profile_info, attributes, 16),
	MEMBER(gms_profile_info, settable, 20),
	MEMBER(gms_profile_info, direct_map, 24),
	MEMBER(gms_profile_info, to_shared, 28),
	MEMBER(gms_profile_info, to_private, 32),
	MEMBER(gms_profile_info, flags, 36),
	MEMBER(gms_profile_info, held_error, 40),
	MEMBER(gms_profile_info, split, 44),
	MEMBER(gms_profile_info, unit, 48),
	MEMBER(gms_profile_info, unit_most, 52),
	MEMBER(gms_profile_info, atomicity, 56),
	MEMBER(gms_profile_info, progress, 60),
	MEMBER(gms_profile_info, convert_path, 64),
	MEMBER(gms_profile_info, populate_path, 68),

	STRUCT(gms_refusal, 32),
	MEMBER(gms_refusal, lost, 0),
	MEMBER(gms_refusal, gained, 4),
	MEMBER(gms_refusal, was, 8),
	MEMBER(gms_refusal, is, 12),
	MEMBER(gms_refusal, is_not, 16),
	MEMBER(gms_refusal, if_pinned, 20),
	MEMBER(gms_refusal, error, 24),
	MEMBER(gms_refusal, reason, 28),

	/* model.h */
	STRUCT(gms_model_opts, 24),
	MEMBER(gms_model_opts, size, 0),
	MEMBER(gms_model_opts, mem, 8),
	MEMBER(gms_model_opts, profile, 16),
	MEMBER(gms_model_opts, flags, 20),

	STRUCT(gms_model_counts, 168),
	MEMBER(gms_model_counts, size, 0),
	MEMBER(gms_model_counts, steps, 8),
	MEMBER(gms_model_counts, failures, 16),
	MEMBER(gms_model_counts, calls, 24),
	MEMBER(gms_model_counts, runs, 96),

	/* cost.h */
	STRUCT(gms_cost_model, 472),
	MEMBER(gms_cost_model, size, 0),
	MEMBER(gms_cost_model, host_page_bytes, 8),
	MEMBER(gms_cost_model, cpus, 16),
	MEMBER(gms_cost_model, threads, 24),
	MEMBER(gms_cost_model, syscall_ns, 32),
	MEMBER(gms_cost_model, ioctl_ns, 40),
	MEMBER(gms_cost_model, guest_exit_ns, 48),
	MEMBER(gms_cost_model, user_exit_ns, 56),
	MEMBER(gms_cost_model, flush_ns, 64),
	MEMBER(gms_cost_model, guard_install_page_ns, 128),
	MEMBER(gms_cost_model, guard_remove_page_ns, 136),
	MEMBER(gms_cost_model, guard_install_2m_ns, 144),
	MEMBER(gms_cost_model, guard_remove_2m_ns, 152),
	MEMBER(gms_cost_model, guard_install_vector_ns, 160),
	MEMBER(gms_cost_model, guard_remove_vector_ns, 168),
	MEMBER(gms_cost_model, mprotect_none_page_ns, 176),
	MEMBER(gms_cost_model, mprotect_rw_page_ns, 184),
	MEMBER(gms_cost_model, mprotect_none_2m_ns, 192),
	MEMBER(gms_cost_model, mprotect_rw_2m_ns, 200),
	MEMBER(gms_cost_model, punch_memfd_page_ns, 208),
	MEMBER(gms_cost_model, punch_memfd_2m_ns, 216),
	MEMBER(gms_cost_model, punch_gmem_page_ns, 224),
	MEMBER(gms_cost_model, punch_gmem_2m_ns, 232),
	MEMBER(gms_cost_model, dontneed_page_ns, 240),
	MEMBER(gms_cost_model, dontneed_2m_ns, 248),
	MEMBER(gms_cost_model, process_madvise_ns, 256),
	MEMBER(gms_cost_model, process_madvise_vector_ns, 264),
	MEMBER(gms_cost_model, refault_page_ns, 272),
	MEMBER(gms_cost_model, populate_memfd_page_ns, 280),
	MEMBER(gms_cost_model, populate_gmem_page_ns, 288),
	MEMBER(gms_cost_model, userfault_missing_ns, 296),
	MEMBER(gms_cost_model, userfault_minor_ns, 304),
	MEMBER(gms_cost_model, copy_warm_ns, 312),
	MEMBER(gms_cost_model, copy_cold_ns, 352),
	MEMBER(gms_cost_model, pwrite_ns, 392),
	MEMBER(gms_cost_model, pread_ns, 432),

	STRUCT(gms_cost_item, 16),
	MEMBER(gms_cost_item, name, 0),
	MEMBER(gms_cost_item, value, 8),

	STRUCT(gms_cost_load_result, 40),
	MEMBER(gms_cost_load_result, size, 0),
	MEMBER(gms_cost_load_result, known_keys, 8),
	MEMBER(gms_cost_load_result, unknown_keys, 16),
	MEMBER(gms_cost_load_result, line, 24),
	MEMBER(gms_cost_load_result, expected, 32),

	/* linux/backing.h */
	STRUCT(gms_backing_opts, 32),
	MEMBER(gms_backing_opts, size, 0),
	MEMBER(gms_backing_opts, bytes, 8),
	MEMBER(gms_backing_opts, kind, 16),
	MEMBER(gms_backing_opts, revoke, 20),
	MEMBER(gms_backing_opts, vm_fd, 24),
	MEMBER(gms_backing_opts, flags, 28),
	STRUCT(gms_backing_info, 104),
	MEMBER(gms_backing_info, size, 0),
	MEMBER(gms_backing_info, bytes, 8),
	MEMBER(gms_backing_info, page_bytes, 16),
	MEMBER(gms_backing_info, revoke_bytes, 24),
	MEMBER(gms_backing_info, discard_bytes, 32),
	MEMBER(gms_backing_info, allocated_bytes, 40),
	MEMBER(gms_backing_info, undiscarded_bytes, 48),
	MEMBER(gms_backing_info, abilities, 56),
	MEMBER(gms_backing_info, kind, 64),
	MEMBER(gms_backing_info, error, 68),

	/* linux/calibrate.h */
	STRUCT(gms_calibrate_opts, 40),
	MEMBER(gms_calibrate_opts, size, 0),
	MEMBER(gms_calibrate_opts, progress, 8),
	MEMBER(gms_calibrate_opts, ctx, 16),
	MEMBER(gms_calibrate_opts, budget_ms, 24),
	MEMBER(gms_calibrate_opts, threads, 28),
	MEMBER(gms_calibrate_opts, kvm_fd, 32),
	MEMBER(gms_calibrate_opts, flags, 36),

	STRUCT(gms_calibrate_result, 80),
	MEMBER(gms_calibrate_result, size, 0),
	MEMBER(gms_calibrate_result, elapsed_ns, 8),
	MEMBER(gms_calibrate_result, samples, 16),
	MEMBER(gms_calibrate_result, error, 24),

	/* linux/kvm.h */
	STRUCT(gms_kvm_slot, 64),
	MEMBER(gms_kvm_slot, size, 0),
	MEMBER(gms_kvm_slot, first, 8),
	MEMBER(gms_kvm_slot, npages, 16),
	MEMBER(gms_kvm_slot, hva, 24),
	MEMBER(gms_kvm_slot, gmem_offset_bytes, 32),
	MEMBER(gms_kvm_slot, gmem_fd, 40),
	MEMBER(gms_kvm_slot, slot, 44),
	MEMBER(gms_kvm_slot, flags, 48),
	MEMBER(gms_kvm_slot, reserved, 52),
	MEMBER(gms_kvm_slot, userfault_bitmap, 56),

	STRUCT(gms_kvm_memory_opts, 40),
	MEMBER(gms_kvm_memory_opts, size, 0),
	MEMBER(gms_kvm_memory_opts, shared, 8),
	MEMBER(gms_kvm_memory_opts, gmem_offset_bytes, 16),
	MEMBER(gms_kvm_memory_opts, vm_fd, 24),
	MEMBER(gms_kvm_memory_opts, gmem_fd, 28),
	MEMBER(gms_kvm_memory_opts, flags, 32),
	MEMBER(gms_kvm_memory_opts, reserved, 36),

	STRUCT(gms_kvm_exit, 104),
	MEMBER(gms_kvm_exit, size, 0),
	MEMBER(gms_kvm_exit, gpa, 8),
	MEMBER(gms_kvm_exit, bytes, 16),
	MEMBER(gms_kvm_exit, kind, 24),
	MEMBER(gms_kvm_exit, flags, 28),
	MEMBER(gms_kvm_exit, reason, 32),
	MEMBER(gms_kvm_exit, error, 36),
	MEMBER(gms_kvm_exit, raw_flags, 40),
	MEMBER(gms_kvm_exit, nr, 48),
	MEMBER(gms_kvm_exit, args, 56),

	/* linux/populate.h */
	STRUCT(gms_populate_opts, 16),
	MEMBER(gms_populate_opts, size, 0),
	MEMBER(gms_populate_opts, way, 8),
	MEMBER(gms_populate_opts, order, 12),

	STRUCT(gms_populate_result, 40),
	MEMBER(gms_populate_result, size, 0),
	MEMBER(gms_populate_result, next, 8),
	MEMBER(gms_populate_result, error_gfn, 16),
	MEMBER(gms_populate_result, calls, 24),
	MEMBER(gms_populate_result, way, 32),
	MEMBER(gms_populate_result, reserved, 36),

	/* linux/probe.h */
	STRUCT(gms_host, 112),
	MEMBER(gms_host, size, 0),
	MEMBER(gms_host, features, 8),
	MEMBER(gms_host, gmem_flags, 16),
	MEMBER(gms_host, page_bytes, 24),
	MEMBER(gms_host, max_map_count, 32),
	MEMBER(gms_host, error, 40),

	/* linux/seccomp.h */
	STRUCT(gms_linux_syscall, 40),
	MEMBER(gms_linux_syscall, name, 0),
	MEMBER(gms_linux_syscall, request, 8),
	MEMBER(gms_linux_syscall, when, 16),
	MEMBER(gms_linux_syscall, request_number, 24),
	MEMBER(gms_linux_syscall, number, 32),

	STRUCT(gms_linux_call, 32),
	MEMBER(gms_linux_call, name, 0),
	MEMBER(gms_linux_call, about, 8),
	MEMBER(gms_linux_call, syscalls, 16),
	MEMBER(gms_linux_call, nsyscalls, 24),

	/* linux/uffd.h */
	STRUCT(gms_uffd_opts, 24),
	MEMBER(gms_uffd_opts, size, 0),
	MEMBER(gms_uffd_opts, space, 8),
	MEMBER(gms_uffd_opts, modes, 16),
	MEMBER(gms_uffd_opts, flags, 20),

	STRUCT(gms_uffd_info, 72),
	MEMBER(gms_uffd_info, size, 0),
	MEMBER(gms_uffd_info, features, 8),
	MEMBER(gms_uffd_info, enabled, 16),
	MEMBER(gms_uffd_info, events, 24),
	MEMBER(gms_uffd_info, raised, 32),
	MEMBER(gms_uffd_info, settled, 40),
	MEMBER(gms_uffd_info, deferred, 48),
	MEMBER(gms_uffd_info, ranges, 56),
	MEMBER(gms_uffd_info, modes, 64),
	MEMBER(gms_uffd_info, flags, 68),

	STRUCT(gms_uffd_result, 48),
	MEMBER(gms_uffd_result, size, 0),
	MEMBER(gms_uffd_result, next, 8),
	MEMBER(gms_uffd_result, done_pages, 16),
	MEMBER(gms_uffd_result, present_pages, 24),
	MEMBER(gms_uffd_result, file_pages, 32),
	MEMBER(gms_uffd_result, calls, 40),

	/* jemalloc.h */
	STRUCT(gms_jemalloc_stats, 72),
	MEMBER(gms_jemalloc_stats, size, 0),
	MEMBER(gms_jemalloc_stats, asked_bytes, 8),
	MEMBER(gms_jemalloc_stats, used_bytes, 16),
	MEMBER(gms_jemalloc_stats, asked_bytes_max, 24),
	MEMBER(gms_jemalloc_stats, allocs, 32),
	MEMBER(gms_jemalloc_stats, frees, 40),
	MEMBER(gms_jemalloc_stats, refused, 48),
	MEMBER(gms_jemalloc_stats, resident_bytes, 56),
	MEMBER(gms_jemalloc_stats, arena, 64),
};

struct number {
	const char *name;
	uint64_t released;
	uint64_t found;
};

#define NUMBER(name, released) { #name, released, (uint64_t)(name) }

static const struct number numbers[] = {
	/* types.h */
	NUMBER(GMS_PAGE_SHIFT, 0xc),
	NUMBER(GMS_PAGE_SIZE, 0x1000),
	NUMBER(GMS_ORDER_4K, 0x0),
	NUMBER(GMS_ORDER_2M, 0x9),
	NUMBER(GMS_ORDER_1G, 0x12),
	NUMBER(GMS_ORDERS, 19),
	NUMBER(GMS_GFN_LIMIT, 0x10000000000),
	NUMBER(GMS_STATE_SHARED, 0x1),
	NUMBER(GMS_STATE_DIRECT_MAP, 0x2),
	NUMBER(GMS_STATE_POPULATED, 0x4),
	NUMBER(GMS_STATE_HOST_MAPPED, 0x8),
	NUMBER(GMS_STATE_ACCEPTED, 0x10),
	NUMBER(GMS_STATE_DESTROYED, 0x20),
	NUMBER(GMS_STATE_MISSING, 0x40),
	NUMBER(GMS_STATE_FROZEN, 0x80),
	NUMBER(GMS_STATE_WRITE_PROTECT, 0x100),
	NUMBER(GMS_STATE_DIRTY, 0x200),
	NUMBER(GMS_STATE_POISON, 0x400),
	NUMBER(GMS_STATE_USER0, 0x800),
	NUMBER(GMS_STATE_USER1, 0x1000),
	NUMBER(GMS_STATE_USER2, 0x2000),
	NUMBER(GMS_STATE_USER3, 0x4000),
	NUMBER(GMS_HOLE, 0x80000000),

	NUMBER(GMS_REASON_NONE, 0),
	NUMBER(GMS_REASON_HOLE, 1),
	NUMBER(GMS_REASON_POISON, 2),
	NUMBER(GMS_REASON_FROZEN, 3),
	NUMBER(GMS_REASON_MISSING, 4),
	NUMBER(GMS_REASON_PRIVATE, 5),
	NUMBER(GMS_REASON_NO_DIRECT_MAP, 6),
	NUMBER(GMS_REASON_WRITE_PROTECT, 7),
	NUMBER(GMS_REASON_PINNED, 8),
	NUMBER(GMS_REASON_SHARED, 9),
	NUMBER(GMS_REASON_PROFILE, 10),
	NUMBER(GMS_REASON_MIXED, 11),
	NUMBER(GMS_REASON_BACKEND, 12),
	NUMBER(GMS_REASON_NO_MEMORY, 13),
	NUMBER(GMS_REASON_LISTENER, 14),
	NUMBER(GMS_REASON_SPANS, 15),
	NUMBER(GMS_REASON_LENT, 16),
	NUMBER(GMS_REASON_ACCESS, 17),
	NUMBER(GMS_FOREVER, UINT64_MAX),

	/* space.h */
	NUMBER(GMS_SPACE_ACCESS, 0x1),
	NUMBER(GMS_REGION_NO_DIRECT_MAP, 0x1),
	NUMBER(GMS_PROFILE_GENERIC, 0),
	NUMBER(GMS_PROFILE_KVM_ATTRS, 1),
	NUMBER(GMS_PROFILE_GMEM_INPLACE, 2),
	NUMBER(GMS_PROFILE_GMEM_HUGETLB, 3),
	NUMBER(GMS_PROFILE_NO_DIRECT_MAP, 4),
	NUMBER(GMS_PROFILE_SECRETMEM, 5),
	NUMBER(GMS_PROFILE_SNP, 6),
	NUMBER(GMS_PROFILE_TDX, 7),
	NUMBER(GMS_PROFILE_PKVM, 8),
	NUMBER(GMS_PROFILE_CCA, 9),

	NUMBER(GMS_SPLIT_LEVELS, 0),
	NUMBER(GMS_SPLIT_HALVES, 1),
	NUMBER(GMS_SPLIT_ALL_4K, 2),
	NUMBER(GMS_SPLIT_NONE, 3),

	NUMBER(GMS_MERGE_EAGER, 0),
	NUMBER(GMS_MERGE_DEFERRED, 1),
	NUMBER(GMS_MERGE_EXPLICIT, 2),
	NUMBER(GMS_LEND_EAGER, 0),
	NUMBER(GMS_LEND_LAZY, 1),
	NUMBER(GMS_LEND_PERSISTENT, 2),
	NUMBER(GMS_LEND_TO_DEVICE, 1),
	NUMBER(GMS_LEND_FROM_DEVICE, 2),
	NUMBER(GMS_LEND_BOTH, 3),

	NUMBER(GMS_LOG_ERROR, 0),
	NUMBER(GMS_LOG_WARN, 1),
	NUMBER(GMS_LOG_INFO, 2),

	/* convert.h */
	NUMBER(GMS_CONVERT_NO_ALLOC, 0x1),
	NUMBER(GMS_CONVERT_DRY_RUN, 0x2),
	NUMBER(GMS_CONVERT_ALL_BLOCKERS, 0x4),
	NUMBER(GMS_CONVERT_NO_WAIT, 0x8),

	NUMBER(GMS_CONVERT_ATOMIC, 0),
	NUMBER(GMS_CONVERT_PROGRESS, 1),
	NUMBER(GMS_CONTENT_ANY, 0),
	NUMBER(GMS_CONTENT_PRESERVE, 1),
	NUMBER(GMS_CONTENT_ZERO, 2),
	NUMBER(GMS_CONTENT_UNDO, 3),
	NUMBER(GMS_BITMAP_SET, 0),
	NUMBER(GMS_BITMAP_CLEAR, 1),
	NUMBER(GMS_BITMAP_ASSIGN, 2),

	/* folio.h */
	NUMBER(GMS_FOLIO_MIXED, 0x1),

	/* pin.h */
	NUMBER(GMS_PIN_WRITE, 0x1),
	NUMBER(GMS_PIN_LONGTERM, 0x2),
	NUMBER(GMS_LISTEN_CAN_CUT, 0x1),
	NUMBER(GMS_LISTEN_NO_JOIN, 0x2),
	NUMBER(GMS_LISTEN_NO_DISCARD, 0x4),
	NUMBER(GMS_LISTEN_SERIAL, 0x8),
	NUMBER(GMS_LISTEN_WANTS_HVA, 0x10),
	NUMBER(GMS_LISTENERS_MOST, 16),
	NUMBER(GMS_PARKED_MOST, 4096),

	/* access.h */
	NUMBER(GMS_ACCESS_WRITE, 0x1),
	NUMBER(GMS_ACCESS_NOWAIT, 0x2),
	NUMBER(GMS_ACCESS_NESTED, 0x4),
	NUMBER(GMS_FAULT_OLDEST, 0),
	NUMBER(GMS_FAULT_MOST_WAITERS, 1),
	NUMBER(GMS_FAULTS_MOST, 65536),

	/* account.h */
	NUMBER(GMS_ACCT_CONVERTS, 0),
	NUMBER(GMS_ACCT_COMMITS, 1),
	NUMBER(GMS_ACCT_BLOCKED, 2),
	NUMBER(GMS_ACCT_ROLLBACKS, 3),
	NUMBER(GMS_ACCT_UNDO_FAILURES, 4),
	NUMBER(GMS_ACCT_PAGES_TO_SHARED, 5),
	NUMBER(GMS_ACCT_PAGES_TO_PRIVATE, 6),
	NUMBER(GMS_ACCT_PAGES_CHANGED, 7),
	NUMBER(GMS_ACCT_PAGES_UNCHANGED, 8),
	NUMBER(GMS_ACCT_HOST_RUNS, 9),
	NUMBER(GMS_ACCT_BACKEND_CALLS, 10),
	NUMBER(GMS_ACCT_BACKEND_FLUSHES, 11),
	NUMBER(GMS_ACCT_SPLITS_1G, 12),
	NUMBER(GMS_ACCT_SPLITS_2M, 13),
	NUMBER(GMS_ACCT_MERGES_2M, 14),
	NUMBER(GMS_ACCT_MERGES_1G, 15),
	NUMBER(GMS_ACCT_PINS, 16),
	NUMBER(GMS_ACCT_UNPINS, 17),
	NUMBER(GMS_ACCT_PINS_REFUSED, 18),
	NUMBER(GMS_ACCT_DRY_RUNS, 19),
	NUMBER(GMS_ACCT_DISCARD_FAILURES, 20),
	NUMBER(GMS_ACCT_PARKED, 21),
	NUMBER(GMS_ACCT_LISTENER_CALLS, 22),
	NUMBER(GMS_ACCT_LISTENER_VETOES, 23),
	NUMBER(GMS_ACCT_SPANS_MAPPED, 24),
	NUMBER(GMS_ACCT_SPANS_UNMAPPED, 25),
	NUMBER(GMS_ACCT_SPLITS_OTHER, 26),
	NUMBER(GMS_ACCT_MERGES_OTHER, 27),
	NUMBER(GMS_ACCT_LENDS, 28),
	NUMBER(GMS_ACCT_RETURNS, 29),
	NUMBER(GMS_ACCT_LEND_HITS, 30),
	NUMBER(GMS_ACCT_RECLAIMS, 31),
	NUMBER(GMS_ACCT_RECLAIMED_PAGES, 32),
	NUMBER(GMS_ACCT_ACCESSES, 33),
	NUMBER(GMS_ACCT_ACCESS_WAITS, 34),
	NUMBER(GMS_ACCT_CONVERT_WAITS, 35),
	NUMBER(GMS_ACCT_FAULTS, 36),
	NUMBER(GMS_ACCT_FAULTS_MERGED, 37),
	NUMBER(GMS_ACCT_FAULTS_FAILED, 38),
	NUMBER(GMS_ACCT_FREEZES, 39),
	NUMBER(GMS_ACCT_THAWS, 40),
	NUMBER(GMS_ACCT_GUEST_EXITS, 41),
	NUMBER(GMS_ACCT_HYPERCALLS, 42),
	NUMBER(GMS_ACCT_USER_EXITS, 43),
	NUMBER(GMS_ACCT_SYS_MADVISE, 44),
	NUMBER(GMS_ACCT_SYS_PROCESS_MADVISE, 45),
	NUMBER(GMS_ACCT_SYS_MPROTECT, 46),
	NUMBER(GMS_ACCT_SYS_FALLOCATE, 47),
	NUMBER(GMS_ACCT_SYS_IOCTL, 48),
	NUMBER(GMS_ACCT_SYS_READ, 49),
	NUMBER(GMS_ACCT_SYS_WRITE, 50),
	NUMBER(GMS_ACCT_SYS_OTHER, 51),
	NUMBER(GMS_ACCT_FLUSH_STAGE2, 52),
	NUMBER(GMS_ACCT_FLUSH_PROCESS, 53),
	NUMBER(GMS_ACCT_FLUSH_KERNEL, 54),
	NUMBER(GMS_ACCT_FLUSH_IOTLB, 55),
	NUMBER(GMS_ACCT_PTES_4K, 56),
	NUMBER(GMS_ACCT_PTES_2M, 57),
	NUMBER(GMS_ACCT_PTES_1G, 58),
	NUMBER(GMS_ACCT_PAGES_ZEROED, 59),
	NUMBER(GMS_ACCT_BYTES_COPIED, 60),
	NUMBER(GMS_ACCT_BYTES_DIRECT, 61),
	NUMBER(GMS_ACCT_REFAULTS, 62),
	NUMBER(GMS_ACCT_REQUESTS, 63),
	NUMBER(GMS_ACCT_TREE_UPDATES, 64),
	NUMBER(GMS_ACCT_ACCEPTS, 65),
	NUMBER(GMS_ACCT_RMP_UPDATES, 66),
	NUMBER(GMS_ACCT_BYTES_FLUSHED, 67),
	NUMBER(GMS_ACCT_TAGS_MAX, 4096),
	NUMBER(GMS_HISTOGRAM_BUCKETS, 64),
	NUMBER(GMS_HISTOGRAM_TO_SHARED, 0),
	NUMBER(GMS_HISTOGRAM_TO_PRIVATE, 1),
	NUMBER(GMS_HISTOGRAM_CONVERT_NS, 2),
	NUMBER(GMS_ACCT_OPENMETRICS, 0),
	NUMBER(GMS_ACCT_JSON, 1),

	/* profile.h */
	NUMBER(GMS_DIRECT_MAP_AS_TOLD, 0),
	NUMBER(GMS_DIRECT_MAP_ALWAYS, 1),
	NUMBER(GMS_DIRECT_MAP_SHARED, 2),
	NUMBER(GMS_DIRECT_MAP_NEVER, 3),
	NUMBER(GMS_FATE_ANY, 0),
	NUMBER(GMS_FATE_KEPT, 1),
	NUMBER(GMS_FATE_LOST, 2),
	NUMBER(GMS_FATE_ZEROED, 3),
	NUMBER(GMS_SPLITS_AS_TOLD, 0),
	NUMBER(GMS_SPLITS_NEVER, 1),
	NUMBER(GMS_SPLITS_MAPPING, 2),
	NUMBER(GMS_SPLITS_ONE_WAY, 3),
	NUMBER(GMS_SPLITS_ALL_4K, 4),
	NUMBER(GMS_REQUEST_NONE, 0),
	NUMBER(GMS_REQUEST_GFNS, 1),
	NUMBER(GMS_REQUEST_OFFSETS, 2),
	NUMBER(GMS_REQUEST_ENTRIES, 3),
	NUMBER(GMS_REQUEST_GRANULE, 4),
	NUMBER(GMS_ATOMIC_ALL, 0),
	NUMBER(GMS_ATOMIC_BUT_UNMAPS, 1),
	NUMBER(GMS_ATOMIC_ENTRY, 2),
	NUMBER(GMS_ATOMIC_CHUNK, 3),
	NUMBER(GMS_ATOMIC_PREFIX, 4),
	NUMBER(GMS_ATOMIC_GRANULE, 5),
	NUMBER(GMS_PROGRESS_NONE, 0),
	NUMBER(GMS_PROGRESS_ERROR_OFFSET, 1),
	NUMBER(GMS_PROGRESS_CUR_ENTRY, 2),
	NUMBER(GMS_PROGRESS_NEXT_GPA, 3),
	NUMBER(GMS_PROGRESS_TOP, 4),
	NUMBER(GMS_PATH_NONE, 0),
	NUMBER(GMS_PATH_BOUNCE, 1),
	NUMBER(GMS_PATH_KVM_ATTRS, 2),
	NUMBER(GMS_PATH_IMPLICIT, 3),
	NUMBER(GMS_PATH_GMEM, 4),
	NUMBER(GMS_PATH_IOMMU, 5),
	NUMBER(GMS_PATH_DIRECT_MAP, 6),
	NUMBER(GMS_PATH_DISCARD, 7),
	NUMBER(GMS_PATH_SNP, 8),
	NUMBER(GMS_PATH_TDX, 9),
	NUMBER(GMS_PATH_PKVM, 10),
	NUMBER(GMS_PATH_CCA, 11),
	NUMBER(GMS_PATH_USERFAULT, 12),
	NUMBER(GMS_PER_CALL, 0),
	NUMBER(GMS_PER_RUN, 1),
	NUMBER(GMS_PER_PAGE, 2),
	NUMBER(GMS_PER_PIECE, 3),
	NUMBER(GMS_PER_CHUNK, 4),
	NUMBER(GMS_PER_BUFFER, 5),
	NUMBER(GMS_PER_BUFFER_MAX, 6),
	NUMBER(GMS_PER_STRETCH, 7),
	NUMBER(GMS_PER_NEW_2M, 8),
	NUMBER(GMS_PER_NEW_1G, 9),
	NUMBER(GMS_COST_TO_SHARED, 1),
	NUMBER(GMS_COST_TO_PRIVATE, 2),
	NUMBER(GMS_COST_REFUSED, 4),
	NUMBER(GMS_COST_POPULATE, 8),
	NUMBER(GMS_COST_DISCARD, 16),
	NUMBER(GMS_COST_UNDIRECT, 32),
	NUMBER(GMS_COST_DIRECT, 64),
	NUMBER(GMS_PROFILE_ACCEPTS, 1),
	NUMBER(GMS_PROFILE_DESTROYS, 2),

	/* model.h */
	NUMBER(GMS_MODEL_UNMAP_HOST, 0),
	NUMBER(GMS_MODEL_MAP_HOST, 1),
	NUMBER(GMS_MODEL_SET_ATTRIBUTES, 2),
	NUMBER(GMS_MODEL_DIRECT_MAP, 3),
	NUMBER(GMS_MODEL_POPULATE, 4),
	NUMBER(GMS_MODEL_DISCARD, 5),
	NUMBER(GMS_MODEL_SPLIT, 6),
	NUMBER(GMS_MODEL_MERGE, 7),
	NUMBER(GMS_MODEL_FLUSH, 8),
	NUMBER(GMS_MODEL_OPS, 9),

	/* cost.h */
	NUMBER(GMS_COST_FLUSH_POINTS, 8),
	NUMBER(GMS_COST_MOST_NS, 1000000000000),
	NUMBER(GMS_COST_TEXT_BYTES, 65536),
	NUMBER(GMS_COST_SIZE_4K, 0),
	NUMBER(GMS_COST_SIZE_16K, 1),
	NUMBER(GMS_COST_SIZE_64K, 2),
	NUMBER(GMS_COST_SIZE_256K, 3),
	NUMBER(GMS_COST_SIZE_2M, 4),

	/* linux/backing.h */
	NUMBER(GMS_BACKING_MEMFD, 0),
	NUMBER(GMS_BACKING_MEMFD_THP, 1),
	NUMBER(GMS_BACKING_HUGETLB_2M, 2),
	NUMBER(GMS_BACKING_HUGETLB_1G, 3),
	NUMBER(GMS_BACKING_MEMFD_SECRET, 4),
	NUMBER(GMS_BACKING_GUEST_MEMFD, 5),
	NUMBER(GMS_BACKING_GUEST_MEMFD_PRIVATE, 6),
	NUMBER(GMS_BACKING_GUEST_MEMFD_OPAQUE, 7),
	NUMBER(GMS_BACKING_KINDS, 8),
	NUMBER(GMS_BACKING_CAN_MAP, 0),
	NUMBER(GMS_BACKING_CAN_TOUCH, 1),
	NUMBER(GMS_BACKING_CAN_REVOKE, 2),
	NUMBER(GMS_BACKING_CAN_DISCARD, 3),
	NUMBER(GMS_BACKING_CAN_POPULATE, 4),
	NUMBER(GMS_BACKING_CAN_GUP, 5),
	NUMBER(GMS_BACKING_CAN_PREAD, 6),
	NUMBER(GMS_BACKING_CAN_PWRITE, 7),
	NUMBER(GMS_BACKING_HAS_HUGE, 8),
	NUMBER(GMS_BACKING_ABILITIES, 9),

	NUMBER(GMS_REVOKE_BEST, 0),
	NUMBER(GMS_REVOKE_GUARD_VECTOR, 1),
	NUMBER(GMS_REVOKE_GUARD, 2),
	NUMBER(GMS_REVOKE_MPROTECT, 3),
	NUMBER(GMS_REVOKE_NONE, 4),

	/* linux/calibrate.h */
	NUMBER(GMS_CALIBRATE_MOST_MS, 2000),
	NUMBER(GMS_CALIBRATE_KVM_FD, 1),
	NUMBER(GMS_CALIBRATE_NO_KVM, 2),
	NUMBER(GMS_CALIBRATE_NO_BIND, 4),
	NUMBER(GMS_CALIBRATE_CALLS, 0),
	NUMBER(GMS_CALIBRATE_FLUSH, 1),
	NUMBER(GMS_CALIBRATE_GUARD, 2),
	NUMBER(GMS_CALIBRATE_GUARD_VECTOR, 3),
	NUMBER(GMS_CALIBRATE_MPROTECT, 4),
	NUMBER(GMS_CALIBRATE_DONTNEED, 5),
	NUMBER(GMS_CALIBRATE_VECTOR, 6),
	NUMBER(GMS_CALIBRATE_PUNCH, 7),
	NUMBER(GMS_CALIBRATE_COPY, 8),
	NUMBER(GMS_CALIBRATE_FILE, 9),
	NUMBER(GMS_CALIBRATE_KVM, 10),
	NUMBER(GMS_CALIBRATE_GMEM, 11),
	NUMBER(GMS_CALIBRATE_MISSING, 12),
	NUMBER(GMS_CALIBRATE_MINOR, 13),
	NUMBER(GMS_CALIBRATE_PARTS, 14),

	/* linux/kvm.h */
	NUMBER(GMS_KVM_SLOT_READONLY, 0x1),
	NUMBER(GMS_KVM_SLOT_DIRTY_LOG, 0x2),

	NUMBER(GMS_KVM_EXIT_OTHER, 0),
	NUMBER(GMS_KVM_EXIT_AGAIN, 1),
	NUMBER(GMS_KVM_EXIT_IO, 2),
	NUMBER(GMS_KVM_EXIT_MMIO, 3),
	NUMBER(GMS_KVM_EXIT_WANTS, 4),
	NUMBER(GMS_KVM_EXIT_NO_PAGE, 5),
	NUMBER(GMS_KVM_EXIT_POISON, 6),
	NUMBER(GMS_KVM_EXIT_DEAD, 7),
	NUMBER(GMS_KVM_EXIT_ERROR, 8),
	NUMBER(GMS_KVM_EXIT_MISSING, 9),
	NUMBER(GMS_KVM_EXIT_HYPERCALL, 10),
	NUMBER(GMS_KVM_MAP_GPA_RANGE, 12),
	NUMBER(GMS_KVM_SLOT_USERFAULT, 0x8),
	NUMBER(GMS_KVM_MEMORY_PUNCH, 0x1),
	NUMBER(GMS_KVM_MEMORY_IN_PLACE, 0x2),
	NUMBER(GMS_KVM_DIRTY_CLEAR, 0x1),
	NUMBER(GMS_KVM_BITMAP_BYTES(65), 16),
	NUMBER(GMS_KVM_ACCESS_WRITE, 0x1),
	NUMBER(GMS_KVM_ACCESS_PRIVATE, 0x2),

	/* linux/populate.h */
	NUMBER(GMS_POPULATE_BEST, 0),
	NUMBER(GMS_POPULATE_PWRITE, 1),
	NUMBER(GMS_POPULATE_MEMCPY, 2),
	NUMBER(GMS_POPULATE_ADVISE_MEMCPY, 3),

	/* linux/uffd.h */
	NUMBER(GMS_UFFD_MISSING, 0x1),
	NUMBER(GMS_UFFD_MINOR, 0x2),
	NUMBER(GMS_UFFD_WP, 0x4),
	NUMBER(GMS_UFFD_KERNEL_FAULTS, 0x1),
	NUMBER(GMS_UFFD_TRACK_MAPPED, 0x2),
	NUMBER(GMS_UFFD_USER_MODE_ONLY, 0x4),
	NUMBER(GMS_UFFD_PROTECTED, 0x1),
	NUMBER(GMS_UFFD_SET_DIRTY, 0x2),
	NUMBER(GMS_UFFD_CLEAR_DIRTY, 0x4),

	/* linux/probe.h */
	NUMBER(GMS_HOST_KVM, 0),
	NUMBER(GMS_HOST_KVM_MEMSLOT2, 1),
	NUMBER(GMS_HOST_KVM_MEMORY_FAULT, 2),
	NUMBER(GMS_HOST_KVM_ATTRIBUTES, 3),
	NUMBER(GMS_HOST_KVM_PRE_FAULT, 4),
	NUMBER(GMS_HOST_KVM_HYPERCALL, 5),
	NUMBER(GMS_HOST_GMEM, 6),
	NUMBER(GMS_HOST_GMEM_MMAP, 7),
	NUMBER(GMS_HOST_GMEM_INIT_SHARED, 8),
	NUMBER(GMS_HOST_MEMFD, 9),
	NUMBER(GMS_HOST_MEMFD_SECRET, 10),
	NUMBER(GMS_HOST_MEMFD_THP, 11),
	NUMBER(GMS_HOST_HUGETLB_2M, 12),
	NUMBER(GMS_HOST_HUGETLB_1G, 13),
	NUMBER(GMS_HOST_GUARD, 14),
	NUMBER(GMS_HOST_GUARD_VECTOR, 15),
	NUMBER(GMS_HOST_UFFD, 16),
	NUMBER(GMS_HOST_IO_URING, 17),
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/** Each struct and its members, which follow it. */
static int check_layouts(void)
{
	int failures = 0;

	for (size_t i = 0; i < LENGTH(layouts);) {
		const struct layout *whole = &layouts[i++];
		size_t sum = 0;

		if (whole->found != whole->released) {
			printf("struct %s has %zu bytes, and had %zu\n", whole->type,
			       whole->found, whole->released);
			failures++;
		}
		for (; i < LENGTH(layouts) && layouts[i].member; i++) {
			const struct layout *part = &layouts[i];

			if (part->found != part->released) {
				printf("%s.%s is at %zu, and was at %zu\n", part->type,
				       part->member, part->found, part->released);
				failures++;
			}
			sum += part->bytes;
		}
		if (sum != whole->found) {
			printf("struct %s has %zu bytes, its members have %zu\n", whole->type,
			       whole->found, sum);
			failures++;
		}
	}
	return failures;
}

static int check_numbers(void)
{
	int failures = 0;

	for (size_t i = 0; i < LENGTH(numbers); i++) {
		const struct number *n = &numbers[i];

		if (n->found != n->released) {
			printf("%s is %#jx, and was %#jx\n", n->name, (uintmax_t)n->found,
			       (uintmax_t)n->released);
			failures++;
		}
	}
	return failures;
}

int main(void)
{
	int failures = check_layouts() + check_numbers();

	printf("%zu sizes and offsets, %zu numbers: %d differ\n", LENGTH(layouts),
	       LENGTH(numbers), failures);
	return failures ? 1 : 0;
}
