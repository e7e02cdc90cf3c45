/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of linux/kvm.h: the dirty log of a guest that really writes, and
 * the userfault bitmap, each bit against a model.
 */
#define _GNU_SOURCE
#include "machine.h"

#include <sys/ioctl.h>
#include <sys/mman.h>

#define FIRST		UINT64_C(0x200)		/* of the region: at 2 MiB */
#define PAGES		UINT64_C(2048)
#define SLOT_AT		UINT64_C(37)		/* of the slot in the region, on purpose odd */
#define SLOT_PAGES	UINT64_C(1000)
#define WORDS		(SLOT_PAGES / 64 + 1)

static struct gms_space *space;
static struct gms_kvm_slot slot;
static uint64_t bitmap[WORDS + 1], model[WORDS + 1];
static uint64_t seed;

static uint64_t draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static struct gms_space *space_of(gms_gfn first, uint64_t npages)
{
	struct gms_space *out = NULL;
	struct gms_region_opts region;

	ck_assert_int_eq(gms_space_new(&out, NULL), 0);
	GMS_INIT(&region);
	region.first = first;
	region.npages = npages;
	region.state = GMS_STATE_SHARED | GMS_STATE_POPULATED;
	ck_assert_int_eq(gms_region_add(out, &region, NULL), 0);
	return out;
}

static void setup(void)
{
	seed = 0x9e3779b97f4a7c15;
	space = space_of(FIRST, PAGES);
	GMS_INIT(&slot);
	slot.first = FIRST + SLOT_AT;
	slot.npages = SLOT_PAGES;
	slot.slot = 1;
	slot.userfault_bitmap = bitmap;
	memset(bitmap, 0xff, sizeof(bitmap));
	memset(model, 0, sizeof(model));
	model[WORDS] = UINT64_MAX;	/* behind the end, which nobody may touch */
}

static void teardown(void)
{
	gms_space_free(space);
}

static void model_set(uint64_t page)
{
	((unsigned char *)model)[page / 8] |= (unsigned char)(1 << page % 8);
}

static void model_clear(uint64_t page)
{
	((unsigned char *)model)[page / 8] &= (unsigned char)~(1 << page % 8);
}

/* The space's pages with an attribute, in the layout of the slot's bitmap. */
static void space_is_model(gms_state attribute)
{
	const struct gms_range range = { slot.first, slot.npages };
	uint64_t words[WORDS + 1] = { 0 };

	words[WORDS] = UINT64_MAX;
	ck_assert_int_eq(gms_bitmap_export(space, range, attribute, attribute, 0, words), 0);
	ck_assert_mem_eq(words, model, sizeof(model));
}

/* Arguments are refused before the descriptor is looked at, so -1 will do. */
START_TEST(dirty_log_with_bad_arguments_is_refused)
{
	LX_LONGER(struct gms_convert_result) result;
	LX_LONGER(struct gms_kvm_slot) longer;
	const size_t bytes = GMS_KVM_BITMAP_BYTES(SLOT_PAGES);
	struct gms_kvm_slot bad = slot;

	ck_assert_uint_eq(bytes, 128);
	ck_assert_int_eq(gms_kvm_dirty_log(-1, NULL, space, bitmap, bytes, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_kvm_dirty_log(-1, &slot, NULL, bitmap, bytes, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_kvm_dirty_log(-1, &slot, space, NULL, bytes, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_kvm_dirty_log(-1, &slot, space, bitmap, bytes - 1, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_kvm_dirty_log(-1, &slot, space, bitmap, bytes, 2, NULL), -EINVAL);
	bad.npages = 0;
	ck_assert_int_eq(gms_kvm_dirty_log(-1, &bad, space, bitmap, bytes, 0, NULL), -EINVAL);
	bad = slot;
	bad.first = GMS_GFN_LIMIT - 1;
	ck_assert_int_eq(gms_kvm_dirty_log(-1, &bad, space, bitmap, bytes, 0, NULL), -EINVAL);
	bad = slot;
	bad.size = 7;
	ck_assert_int_eq(gms_kvm_dirty_log(-1, &bad, space, bitmap, bytes, 0, NULL), -EINVAL);
	GMS_INIT(&longer);
	longer.tail[0] = 1;
	ck_assert_int_eq(gms_kvm_dirty_log(-1, &longer.known, space, bitmap, bytes, 0, NULL),
			 -E2BIG);
	GMS_INIT(&result);
	result.tail[0] = 1;
	ck_assert_int_eq(gms_kvm_dirty_log(-1, &slot, space, bitmap, bytes, 0, &result.known),
			 -E2BIG);
	ck_assert_int_eq(gms_kvm_dirty_log(-1, &slot, space, bitmap, bytes, 0, NULL), -EBADF);
}
END_TEST

START_TEST(userfault_with_bad_arguments_is_refused)
{
	const size_t bytes = GMS_KVM_BITMAP_BYTES(SLOT_PAGES);
	struct gms_kvm_slot bad = slot;

	ck_assert_int_eq(gms_kvm_userfault_fill(NULL, &slot, bytes), -EINVAL);
	ck_assert_int_eq(gms_kvm_userfault_fill(space, NULL, bytes), -EINVAL);
	ck_assert_int_eq(gms_kvm_userfault_fill(space, &slot, bytes - 1), -EINVAL);
	ck_assert_int_eq(gms_kvm_userfault_clear(NULL, LX_RANGE(slot.first, 1)), -EINVAL);
	ck_assert_int_eq(gms_kvm_userfault_clear(&slot, LX_RANGE(slot.first, 0)), -EINVAL);
	ck_assert_int_eq(gms_kvm_userfault_clear(&slot, LX_RANGE(slot.first - 1, 1)), -EINVAL);
	ck_assert_int_eq(gms_kvm_userfault_clear(&slot, LX_RANGE(slot.first, SLOT_PAGES + 1)),
			 -EINVAL);
	ck_assert_int_eq(gms_kvm_userfault_clear(&slot, LX_RANGE(slot.first + SLOT_PAGES, 1)),
			 -EINVAL);
	ck_assert_int_eq(gms_kvm_userfault_clear(&slot, LX_RANGE(slot.first + 1, UINT64_MAX)),
			 -EINVAL);
	bad.userfault_bitmap = NULL;
	ck_assert_int_eq(gms_kvm_userfault_fill(space, &bad, bytes), -EINVAL);
	ck_assert_int_eq(gms_kvm_userfault_clear(&bad, LX_RANGE(slot.first, 1)), -EINVAL);
	bad = slot;
	bad.npages = 0;
	ck_assert_int_eq(gms_kvm_userfault_fill(space, &bad, bytes), -EINVAL);
	ck_assert_int_eq(gms_kvm_userfault_clear(&bad, LX_RANGE(slot.first, 1)), -EINVAL);
	bad.flags = GMS_KVM_SLOT_USERFAULT;	/* which wants its bitmap */
	bad.userfault_bitmap = NULL;
	ck_assert_int_eq(gms_kvm_slot_set(-1, &bad), -EINVAL);
}
END_TEST

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

/* Unsigned longs of the host: on these hosts bit n % 8 of byte n / 8 too. */
START_TEST(userfault_bitmap_is_what_is_missing)
{
	for (unsigned int i = 0; i < 200; i++) {
		const struct gms_change change = {
			.range = { FIRST + draw(PAGES - 20), 1 + draw(20) },
			.set = GMS_STATE_MISSING,
		};

		ck_assert_int_eq(gms_convert(space, &change, 1, NULL, NULL), 0);
	}
	for (uint64_t n = 0; n < SLOT_PAGES; n++)
		if (gms_state_at(space, slot.first + n) & GMS_STATE_MISSING)
			model_set(n);
	ck_assert_int_eq(gms_kvm_userfault_fill(space, &slot, sizeof(bitmap)), 0);
	ck_assert_mem_eq(bitmap, model, sizeof(model));

	for (unsigned int i = 0; i < 300; i++) {
		const uint64_t at = draw(SLOT_PAGES), n = 1 + draw(SLOT_PAGES - at);
		const struct gms_range range = { slot.first + at, n < 70 ? n : 1 + n % 70 };

		for (uint64_t p = 0; p < range.npages; p++)
			model_clear(at + p);
		ck_assert_int_eq(gms_kvm_userfault_clear(&slot, range), 0);
		ck_assert_mem_eq(bitmap, model, sizeof(model));
	}
	ck_assert_int_eq(gms_kvm_userfault_clear(&slot, LX_RANGE(slot.first, SLOT_PAGES)), 0);
	memset(model, 0, WORDS * 8);
	ck_assert_mem_eq(bitmap, model, sizeof(model));
}
END_TEST

#endif

#if defined(__x86_64__)

static struct lx_machine machine;
static unsigned char *mem;

static void setup_guest(void)
{
	setup();
	lx_machine_new(&machine);
	mem = lx_anonymous(SLOT_PAGES * LX_PAGE);
	slot.hva = mem;
	slot.flags = GMS_KVM_SLOT_DIRTY_LOG;
	ck_assert_int_eq(gms_kvm_slot_set(machine.vm, &slot), 0);
}

static void teardown_guest(void)
{
	lx_machine_free(&machine);
	munmap(mem, SLOT_PAGES * LX_PAGE);
	teardown();
}

/* The guest writes to some pages; the model has them. */
static void write_pages(uint64_t n)
{
	static gms_gfn gfn[SLOT_PAGES];

	for (uint64_t i = 0; i < n; i++) {
		const uint64_t page = draw(SLOT_PAGES);

		gfn[i] = slot.first + page;
		model_set(page);
	}
	lx_touch_pages(&machine, gfn, n);
}

static void take_log(uint32_t flags)
{
	ck_assert_int_eq(gms_kvm_dirty_log(machine.vm, &slot, space, bitmap, WORDS * 8, flags,
					   NULL), 0);
}

START_TEST(dirty_log_becomes_dirty_pages_bit_for_bit)	/* _i: pages written a round */
{
	uint64_t all[WORDS + 1];

	for (unsigned int round = 0; round < 5; round++) {
		write_pages((uint64_t)_i);
		take_log(0);
		ck_assert_mem_eq(bitmap, model, sizeof(model));
		space_is_model(GMS_STATE_DIRTY);
		/* What was sent is clean again: the next round begins with none. */
		ck_assert_int_eq(gms_bitmap_import(space, LX_RANGE(slot.first, SLOT_PAGES),
						   GMS_STATE_DIRTY, GMS_STATE_DIRTY, 0, bitmap,
						   GMS_BITMAP_CLEAR, NULL), 0);
		memset(model, 0, WORDS * 8);
		space_is_model(GMS_STATE_DIRTY);
	}
	take_log(0);	/* the kernel's log has been cleared too */
	ck_assert_mem_eq(bitmap, model, sizeof(model));

	/* DIRTY adds up until somebody clears it. */
	write_pages(50);
	take_log(0);
	memcpy(all, model, sizeof(all));
	memset(model, 0, WORDS * 8);
	write_pages(50);
	take_log(0);
	ck_assert_mem_eq(bitmap, model, sizeof(model));
	for (size_t w = 0; w < WORDS; w++)
		model[w] |= all[w];
	space_is_model(GMS_STATE_DIRTY);
}
END_TEST

START_TEST(dirty_log_is_cleared_last_when_that_is_manual)
{
	struct kvm_enable_cap manual = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		.args = { KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE },
	};

	ck_assert_int_eq(ioctl(machine.vm, KVM_ENABLE_CAP, &manual), 0);
	write_pages(300);
	for (int turn = 0; turn < 2; turn++) {	/* reading alone leaves it as it is */
		take_log(0);
		ck_assert_mem_eq(bitmap, model, sizeof(model));
	}
	take_log(GMS_KVM_DIRTY_CLEAR);
	ck_assert_mem_eq(bitmap, model, sizeof(model));
	space_is_model(GMS_STATE_DIRTY);
	memset(model, 0, WORDS * 8);
	take_log(GMS_KVM_DIRTY_CLEAR);
	ck_assert_mem_eq(bitmap, model, sizeof(model));
	write_pages(20);	/* it has been protected again */
	take_log(GMS_KVM_DIRTY_CLEAR);
	ck_assert_mem_eq(bitmap, model, sizeof(model));
}
END_TEST

START_TEST(dirty_log_of_pages_that_are_holes_is_kept)
{
	struct gms_space *half = space_of(FIRST, SLOT_AT + SLOT_PAGES / 2);
	struct gms_convert_result result;
	const gms_gfn gfn[] = { slot.first + 3, slot.first + SLOT_PAGES / 2 + 5 };

	GMS_INIT(&result);
	lx_touch_pages(&machine, gfn, 2);
	model_set(3);
	model_set(SLOT_PAGES / 2 + 5);
	ck_assert_int_eq(gms_kvm_dirty_log(machine.vm, &slot, half, bitmap, sizeof(bitmap), 0,
					   &result), -ENOENT);
	ck_assert_uint_eq(result.error_gfn, gfn[1]);
	ck_assert_uint_eq(gms_state_at(half, gfn[0]) & GMS_STATE_DIRTY, 0);
	ck_assert_mem_eq(bitmap, model, sizeof(model));	/* for another import */
	ck_assert_int_eq(gms_bitmap_import(space, LX_RANGE(slot.first, SLOT_PAGES),
					   GMS_STATE_DIRTY, GMS_STATE_DIRTY, 0, bitmap,
					   GMS_BITMAP_SET, NULL), 0);
	space_is_model(GMS_STATE_DIRTY);
	gms_space_free(half);
}
END_TEST

START_TEST(dirty_log_of_a_slot_without_one_is_refused)
{
	slot.flags = 0;
	ck_assert_int_eq(gms_kvm_slot_set(machine.vm, &slot), 0);
	errno = ENOTTY;
	ck_assert_int_eq(gms_kvm_dirty_log(machine.vm, &slot, space, bitmap, sizeof(bitmap), 0,
					   NULL), -ENOENT);
	ck_assert_int_eq(errno, ENOTTY);
	ck_assert_int_eq(gms_kvm_dirty_log(machine.vcpu, &slot, space, bitmap, sizeof(bitmap), 0,
					   NULL), -EINVAL);	/* a vCPU keeps none */
}
END_TEST

#endif

int main(void)
{
	Suite *suite = suite_create("kvm_bitmap");
	TCase *arguments = lx_case(suite, "arguments"), *guest = lx_case(suite, "guest");

	tcase_add_checked_fixture(arguments, setup, teardown);
	tcase_add_test(arguments, dirty_log_with_bad_arguments_is_refused);
	tcase_add_test(arguments, userfault_with_bad_arguments_is_refused);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	tcase_add_test(arguments, userfault_bitmap_is_what_is_missing);
#endif
#if defined(__x86_64__)
	if (gms_host_has(lx_host(), GMS_HOST_KVM)) {
		tcase_add_checked_fixture(guest, setup_guest, teardown_guest);
		tcase_add_loop_test(guest, dirty_log_becomes_dirty_pages_bit_for_bit, 0, 2);
		tcase_add_loop_test(guest, dirty_log_becomes_dirty_pages_bit_for_bit, 100, 102);
		tcase_add_loop_test(guest, dirty_log_becomes_dirty_pages_bit_for_bit, 999, 1000);
		tcase_add_test(guest, dirty_log_is_cleared_last_when_that_is_manual);
		tcase_add_test(guest, dirty_log_of_pages_that_are_holes_is_kept);
		tcase_add_test(guest, dirty_log_of_a_slot_without_one_is_refused);
	} else {
		lx_leave_out("the dirty log of a guest", "there is no KVM here");
	}
#else
	(void)guest;
	lx_leave_out("the dirty log of a guest", "there is guest code for x86_64 only");
#endif
	return lx_run(suite);
}
