/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kvm_bitmap.c - what KVM and a space tell each other by a bit a page.
 *
 * Both bitmaps are of one slot: bit 0 is its first page. The dirty log has the
 * layout of gms_bitmap_import() on every host. KVM's userfault bitmap is an array
 * of unsigned longs, so on a host whose first byte is the high one the words of
 * gms_bitmap_export() are turned round.
 *
 * System calls, for a seccomp filter:
 *   gms_kvm_dirty_log        ioctl (KVM_GET_DIRTY_LOG, KVM_CLEAR_DIRTY_LOG)
 *   gms_kvm_userfault_fill   none
 *   gms_kvm_userfault_clear  none
 */
#include <gmemstate/linux/kvm.h>

#include <errno.h>

#include <gmemstate/state.h>

#include "linux/sized.h"
#include "linux/sys.h"
#include "linux/uapi.h"

/* The caller's slot, and whether its pages are some. */
static int get_slot(struct gms_kvm_slot *slot, const struct gms_kvm_slot *given)
{
	int rc;

	rc = gms__linux_sized_in(slot, sizeof(*slot), given);
	if (rc)
		return rc;
	if (!slot->npages || slot->first >= GMS_GFN_LIMIT ||
	    slot->npages > GMS_GFN_LIMIT - slot->first)
		return -EINVAL;
	return 0;
}

static int clear_log(int vm_fd, const struct gms_kvm_slot *slot, uint64_t *le_bitmap)
{
	/* The count is 32 bits wide, and a multiple of 64 but for the slot's end. */
	const uint64_t most = UINT64_C(1) << 31;
	int rc = 0;

	for (uint64_t first = 0; first < slot->npages && !rc; first += most) {
		const uint64_t left = slot->npages - first;
		struct kvm_clear_dirty_log clear = {
			.slot = slot->slot,
			.num_pages = (uint32_t)(left < most ? left : most),
			.first_page = first,
		};

		clear.dirty_bitmap = le_bitmap + first / 64;
		rc = gms__linux_ioctl(vm_fd, KVM_CLEAR_DIRTY_LOG, &clear);
	}
	return rc;
}

int gms_kvm_dirty_log(int vm_fd, const struct gms_kvm_slot *slot, struct gms_space *space,
		      uint64_t *le_bitmap, size_t bitmap_bytes, uint32_t flags,
		      struct gms_convert_result *result)
{
	struct kvm_dirty_log log = { 0 };
	struct gms_kvm_slot given;
	struct gms_range range;
	int rc = get_slot(&given, slot);

	if (rc)
		return rc;
	if (!space || !le_bitmap || flags & ~GMS_KVM_DIRTY_CLEAR ||
	    bitmap_bytes < GMS_KVM_BITMAP_BYTES(given.npages))
		return -EINVAL;
	if (result) {	/* what the import would refuse after the log was read */
		rc = gms__linux_sized_check(result, sizeof(*result));
		if (rc)
			return rc;
	}

	log.slot = given.slot;
	log.dirty_bitmap = le_bitmap;
	rc = gms__linux_ioctl(vm_fd, KVM_GET_DIRTY_LOG, &log);
	if (rc)
		return rc;
	range = (struct gms_range){ given.first, given.npages };
	rc = gms_bitmap_import(space, range, GMS_STATE_DIRTY, GMS_STATE_DIRTY, 0, le_bitmap,
			       GMS_BITMAP_SET, result);
	if (!rc && flags & GMS_KVM_DIRTY_CLEAR)
		rc = clear_log(vm_fd, &given, le_bitmap);
	return rc;
}

int gms_kvm_userfault_fill(const struct gms_space *space, const struct gms_kvm_slot *slot,
			   size_t bitmap_bytes)
{
	struct gms_kvm_slot given;
	struct gms_range range;
	int rc = get_slot(&given, slot);

	if (rc)
		return rc;
	if (!space || !given.userfault_bitmap ||
	    bitmap_bytes < GMS_KVM_BITMAP_BYTES(given.npages))
		return -EINVAL;
	range = (struct gms_range){ given.first, given.npages };
	rc = gms_bitmap_export(space, range, GMS_STATE_MISSING, GMS_STATE_MISSING, 0,
			       given.userfault_bitmap);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	for (uint64_t w = 0; !rc && w < GMS_KVM_BITMAP_BYTES(given.npages) / 8; w++)
		given.userfault_bitmap[w] = __builtin_bswap64(given.userfault_bitmap[w]);
#endif
	return rc;
}

int gms_kvm_userfault_clear(const struct gms_kvm_slot *slot, struct gms_range range)
{
	struct gms_kvm_slot given;
	uint64_t bit, end;
	int rc = get_slot(&given, slot);

	if (rc)
		return rc;
	bit = range.first - given.first;
	if (!given.userfault_bitmap || !range.npages || range.first < given.first ||
	    bit >= given.npages || range.npages > given.npages - bit)
		return -EINVAL;
	for (end = bit + range.npages; bit < end; bit = (bit | 63) + 1) {
		uint64_t mask = ~UINT64_C(0) << bit % 64;

		if (end - (bit & ~UINT64_C(63)) < 64)
			mask &= ~(~UINT64_C(0) << end % 64);
		__atomic_fetch_and(&given.userfault_bitmap[bit / 64], ~mask, __ATOMIC_RELEASE);
	}
	return 0;
}
