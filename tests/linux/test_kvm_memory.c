/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Black-box tests of linux/kvm.h where there is no private memory: what is refused
 * and how, pre-faulting, and answers to exits. What works where there is some is
 * tested in a kernel of its own, by make check-nested.
 */
#define _GNU_SOURCE
#include "machine.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define GUEST_GFN	UINT64_C(0x200)

static void memory_opts(struct gms_kvm_memory_opts *opts, int vm_fd)
{
	GMS_INIT(opts);
	opts->vm_fd = vm_fd;
	opts->gmem_fd = -1;
}

START_TEST(memory_with_bad_options_is_refused)
{
	LX_LONGER(struct gms_kvm_memory_opts) longer;
	LX_LONGER(struct gms_backend) backend;
	struct gms_kvm_memory *memory = NULL;
	struct gms_kvm_memory_opts opts;

	memory_opts(&opts, -1);
	ck_assert_int_eq(gms_kvm_memory_new(NULL, &opts), -EINVAL);
	ck_assert_int_eq(gms_kvm_memory_new(&memory, NULL), -EINVAL);
	for (int bit = 2; bit < 32; bit++) {
		opts.flags = UINT32_C(1) << bit;
		ck_assert_int_eq(gms_kvm_memory_new(&memory, &opts), -EINVAL);
	}
	opts.flags = GMS_KVM_MEMORY_PUNCH | GMS_KVM_MEMORY_IN_PLACE;
	ck_assert_int_eq(gms_kvm_memory_new(&memory, &opts), -EINVAL);
	memory_opts(&opts, -1);
	opts.reserved = 1;
	ck_assert_int_eq(gms_kvm_memory_new(&memory, &opts), -EINVAL);
	memory_opts(&opts, -1);
	opts.gmem_offset_bytes = 4095;
	ck_assert_int_eq(gms_kvm_memory_new(&memory, &opts), -EINVAL);
	memory_opts(&opts, -1);
	opts.size = 7;
	ck_assert_int_eq(gms_kvm_memory_new(&memory, &opts), -EINVAL);
	GMS_INIT(&longer);
	longer.tail[0] = 1;
	ck_assert_int_eq(gms_kvm_memory_new(&memory, &longer.known), -E2BIG);

	memory_opts(&opts, -1);
	ck_assert_int_eq(gms_kvm_memory_new(&memory, &opts), -EBADF);
	opts.vm_fd = 0;
	opts.flags = GMS_KVM_MEMORY_PUNCH;	/* of no file */
	ck_assert_int_eq(gms_kvm_memory_new(&memory, &opts), -EBADF);
	opts.flags = GMS_KVM_MEMORY_IN_PLACE;
	ck_assert_int_eq(gms_kvm_memory_new(&memory, &opts), -EBADF);
	memory_opts(&opts, 0);
	GMS_INIT(&backend);
	opts.shared = &backend.known;
	backend.tail[0] = 1;
	ck_assert_int_eq(gms_kvm_memory_new(&memory, &opts), -E2BIG);
	backend.known.size = 0;
	ck_assert_int_eq(gms_kvm_memory_new(&memory, &opts), -EINVAL);
	ck_assert_ptr_eq(memory, NULL);
	gms_kvm_memory_free(NULL);
	ck_assert_uint_eq(gms_kvm_memory_failures(NULL), 0);
}
END_TEST

START_TEST(memory_of_what_is_no_vm_is_refused)
{
	struct gms_kvm_memory *memory = NULL;
	struct gms_kvm_memory_opts opts;
	struct gms_region_opts region;
	int fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	memory_opts(&opts, fd[0]);
	errno = EXDEV;
	ck_assert_int_eq(gms_kvm_memory_new(&memory, &opts), -EBADF);
	opts.flags = GMS_KVM_MEMORY_IN_PLACE;
	opts.gmem_fd = fd[0];
	ck_assert_int_eq(gms_kvm_memory_new(&memory, &opts), -EOPNOTSUPP);
	ck_assert_int_eq(errno, EXDEV);
	ck_assert_ptr_eq(memory, NULL);
	GMS_INIT(&region);
	ck_assert_int_eq(gms_kvm_memory_region(NULL, &region), -EINVAL);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

/* A VM of the type that has no private memory says so, wherever it is made. */
START_TEST(memory_of_an_ordinary_vm_is_not_supported)
{
	const int vm = lx_vm(), kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	struct gms_kvm_memory *memory = NULL;
	struct gms_kvm_memory_opts opts;
	int rc;

	memory_opts(&opts, vm);
	ck_assert_int_eq(gms_kvm_memory_new(&memory, &opts), -EOPNOTSUPP);
	memory_opts(&opts, kvm);
	rc = gms_kvm_memory_new(&memory, &opts);
	ck_assert_int_eq(rc, -EBADF);
	ck_assert_ptr_eq(memory, NULL);
	close(vm);
	close(kvm);
}
END_TEST

START_TEST(pre_fault_with_bad_arguments_is_refused)
{
	gms_gfn next = 77;
	int fd[2];

	ck_assert_int_eq(gms_kvm_pre_fault(-1, LX_RANGE(0, 0), &next), -EINVAL);
	ck_assert_int_eq(gms_kvm_pre_fault(-1, LX_RANGE(GMS_GFN_LIMIT, 1), &next), -EINVAL);
	ck_assert_int_eq(gms_kvm_pre_fault(-1, LX_RANGE(1, GMS_GFN_LIMIT), &next), -EINVAL);
	ck_assert_int_eq(gms_kvm_pre_fault(-1, LX_RANGE(1, UINT64_MAX), NULL), -EINVAL);
	ck_assert_uint_eq(next, 77);
	ck_assert_int_eq(gms_kvm_pre_fault(-1, LX_RANGE(5, 1), &next), -EBADF);
	ck_assert_uint_eq(next, 5);
	ck_assert_int_eq(pipe(fd), 0);
	ck_assert_int_eq(gms_kvm_pre_fault(fd[0], LX_RANGE(5, 1), NULL), -EOPNOTSUPP);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

START_TEST(hypercall_is_answered_only_if_there_was_one)
{
	struct kvm_run *run = lx_anonymous(LX_RAM_BYTES);

	ck_assert_int_eq(gms_kvm_hypercall_return(NULL, LX_RAM_BYTES, 0), -EINVAL);
	ck_assert_int_eq(gms_kvm_hypercall_return(run, sizeof(*run) - 1, 0), -EINVAL);
	run->exit_reason = KVM_EXIT_MMIO;
	ck_assert_int_eq(gms_kvm_hypercall_return(run, LX_RAM_BYTES, -1), -ENOENT);
	ck_assert_uint_eq(run->hypercall.ret, 0);
	run->exit_reason = KVM_EXIT_HYPERCALL;
	run->hypercall.nr = 12;
	ck_assert_int_eq(gms_kvm_hypercall_return(run, LX_RAM_BYTES, -22), 0);
	ck_assert_uint_eq(run->hypercall.ret, (uint64_t)-22);
	ck_assert_uint_eq(run->hypercall.nr, 12);
	munmap(run, LX_RAM_BYTES);
}
END_TEST

static struct gms_space *space_of(gms_gfn first, uint64_t npages)
{
	struct gms_space *space = NULL;
	struct gms_region_opts region;

	ck_assert_int_eq(gms_space_new(&space, NULL), 0);
	GMS_INIT(&region);
	region.first = first;
	region.npages = npages;
	ck_assert_int_eq(gms_region_add(space, &region, NULL), 0);
	return space;
}

START_TEST(exit_to_a_device_inside_ram_is_told)
{
	struct gms_space *space = space_of(GUEST_GFN, 16);
	struct gms_kvm_exit exit;

	GMS_INIT(&exit);
	exit.kind = GMS_KVM_EXIT_MMIO;
	exit.gpa = (GUEST_GFN << GMS_PAGE_SHIFT) + 16 * LX_PAGE - 1;
	ck_assert(gms_kvm_exit_is_ram(space, &exit));
	ck_assert(!gms_kvm_exit_is_ram(NULL, &exit));
	ck_assert(!gms_kvm_exit_is_ram(space, NULL));
	exit.gpa++;
	ck_assert(!gms_kvm_exit_is_ram(space, &exit));
	exit.gpa = (GUEST_GFN << GMS_PAGE_SHIFT) - 1;
	ck_assert(!gms_kvm_exit_is_ram(space, &exit));
	exit.gpa++;
	ck_assert(gms_kvm_exit_is_ram(space, &exit));
	exit.kind = GMS_KVM_EXIT_WANTS;
	ck_assert(!gms_kvm_exit_is_ram(space, &exit));
	exit.kind = GMS_KVM_EXIT_MMIO;
	exit.size = 0;
	ck_assert(!gms_kvm_exit_is_ram(space, &exit));
	gms_space_free(space);
}
END_TEST

#if defined(__x86_64__)

static const unsigned char store_code[] = {
	0x88, 0x07,	/* mov %al, (%rdi) */
	0xe6, 0x11,	/* out %al, $0x11 */
};

static struct lx_machine machine;
static unsigned char *mem;
static struct gms_kvm_slot slot;
static struct gms_space *space;

static void setup(void)
{
	lx_machine_new(&machine);
	mem = lx_anonymous(16 * LX_PAGE);
	GMS_INIT(&slot);
	slot.first = GUEST_GFN;
	slot.npages = 16;
	slot.hva = mem;
	slot.slot = 1;
	ck_assert_int_eq(gms_kvm_slot_set(machine.vm, &slot), 0);
	space = space_of(GUEST_GFN, 16);
}

static void teardown(void)
{
	lx_machine_free(&machine);
	munmap(mem, 16 * LX_PAGE);
	gms_space_free(space);
}

START_TEST(write_to_a_read_only_slot_is_ram)
{
	struct gms_kvm_slot none = slot;
	struct gms_kvm_exit exit;

	none.npages = 0;	/* the flag is of a slot's making */
	ck_assert_int_eq(gms_kvm_slot_set(machine.vm, &none), 0);
	slot.flags = GMS_KVM_SLOT_READONLY;
	ck_assert_int_eq(gms_kvm_slot_set(machine.vm, &slot), 0);
	lx_put_code(&machine, store_code, sizeof(store_code),
		    (GUEST_GFN << GMS_PAGE_SHIFT) + 0x3008, 0);
	exit = lx_run_machine(&machine);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_MMIO);
	ck_assert_uint_eq(exit.gpa, (GUEST_GFN << GMS_PAGE_SHIFT) + 0x3008);
	ck_assert(gms_kvm_exit_is_ram(space, &exit));
	ck_assert_uint_eq(mem[0x3008], 0);
	lx_finish(&machine);

	lx_put_code(&machine, store_code, sizeof(store_code), 0x10000000, 0);
	exit = lx_run_machine(&machine);
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_MMIO);
	ck_assert(!gms_kvm_exit_is_ram(space, &exit));
}
END_TEST

/* The host's page is gone: an error without an address, or, emulated, a device that is RAM. */
START_TEST(a_page_that_is_gone_is_found_in_either_ring)	/* _i: the ring */
{
	const uint64_t gpa = (GUEST_GFN << GMS_PAGE_SHIFT) + 0x5010;
	struct gms_kvm_exit exit;
	struct kvm_regs regs;
	uint64_t found = 0;

	if (!_i)
		lx_machine_ring0(&machine);
	ck_assert_int_eq(mprotect(mem + 0x5000, LX_PAGE, PROT_NONE), 0);
	lx_put_code(&machine, store_code, sizeof(store_code), gpa, 0);
	exit = lx_run_machine(&machine);
	if (exit.kind == GMS_KVM_EXIT_NO_PAGE) {
		ck_assert_int_eq(exit.error, -EFAULT);
		ck_assert_uint_eq(exit.bytes, 0);
		ck_assert_int_eq(ioctl(machine.vcpu, KVM_GET_REGS, &regs), 0);
		ck_assert_int_eq(gms_kvm_translate(machine.vcpu, regs.rdi, &found), 0);
		ck_assert_uint_eq(found, gpa);
		ck_assert_int_eq(mprotect(mem + 0x5000, LX_PAGE, PROT_READ | PROT_WRITE), 0);
		exit = lx_run_machine(&machine);	/* it has waited */
	} else {
		ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_MMIO);
		ck_assert_uint_eq(exit.gpa, gpa);
		ck_assert_uint_eq(exit.bytes, 1);
		ck_assert_uint_eq(exit.flags, GMS_KVM_ACCESS_WRITE);
		ck_assert(gms_kvm_exit_is_ram(space, &exit));
		ck_assert_int_eq(mprotect(mem + 0x5000, LX_PAGE, PROT_READ | PROT_WRITE), 0);
		mem[0x5010] = machine.run->mmio.data[0];	/* as a device would */
		exit = lx_run_machine(&machine);
	}
	ck_assert_uint_eq(exit.kind, GMS_KVM_EXIT_IO);
	ck_assert_uint_eq(mem[0x5010], 0x42);
}
END_TEST

START_TEST(translation_is_of_the_guests_own_tables)
{
	uint64_t gpa = 77;

	ck_assert_int_eq(gms_kvm_translate(machine.vcpu, 0x201234, NULL), -EINVAL);
	ck_assert_int_eq(gms_kvm_translate(machine.vcpu, 0x201234, &gpa), 0);
	ck_assert_uint_eq(gpa, 0x201234);
	ck_assert_int_eq(gms_kvm_translate(machine.vcpu, UINT64_C(1) << 30, &gpa), -ENOENT);
	ck_assert_uint_eq(gpa, 0x201234);
	ck_assert_int_eq(gms_kvm_translate(-1, 0, &gpa), -EBADF);
}
END_TEST

START_TEST(pre_fault_does_it_all_or_says_why_not)
{
	gms_gfn next = 0;
	const int rc = gms_kvm_pre_fault(machine.vcpu, LX_RANGE(GUEST_GFN, 16), &next);

	if (gms_host_has(lx_host(), GMS_HOST_KVM_PRE_FAULT)) {
		ck_assert_int_eq(rc, 0);
		ck_assert_uint_eq(next, GUEST_GFN + 16);
	} else {
		ck_assert_int_eq(rc, -EOPNOTSUPP);
		ck_assert_uint_eq(next, GUEST_GFN);
	}
}
END_TEST

/* Linux has no such flag yet; where it has, the slot is made. */
START_TEST(userfault_slot_is_made_or_refused)
{
	uint64_t bitmap = 0;
	int rc;

	slot.slot = 2;
	slot.first += 64;
	slot.flags = GMS_KVM_SLOT_USERFAULT;
	slot.userfault_bitmap = &bitmap;
	rc = gms_kvm_slot_set(machine.vm, &slot);
	ck_assert(rc == 0 || rc == -EINVAL || rc == -EOPNOTSUPP);
}
END_TEST

#endif

static void add_kvm_tests(TCase *refused, TCase *exits)
{
	tcase_add_test(refused, memory_of_an_ordinary_vm_is_not_supported);
#if defined(__x86_64__)
	tcase_add_checked_fixture(exits, setup, teardown);
	tcase_add_test(exits, write_to_a_read_only_slot_is_ram);
	tcase_add_loop_test(exits, a_page_that_is_gone_is_found_in_either_ring, 0, 2);
	tcase_add_test(exits, translation_is_of_the_guests_own_tables);
	tcase_add_test(exits, pre_fault_does_it_all_or_says_why_not);
	tcase_add_test(exits, userfault_slot_is_made_or_refused);
#else
	(void)exits;
	lx_leave_out("running a guest", "there is guest code for x86_64 only");
#endif
}

int main(void)
{
	Suite *suite = suite_create("kvm_memory");
	TCase *refused = lx_case(suite, "refused"), *answers = lx_case(suite, "answers");
	TCase *exits = lx_case(suite, "exits");

	tcase_add_test(refused, memory_with_bad_options_is_refused);
	tcase_add_test(refused, memory_of_what_is_no_vm_is_refused);
	tcase_add_test(refused, pre_fault_with_bad_arguments_is_refused);
	tcase_add_test(answers, hypercall_is_answered_only_if_there_was_one);
	tcase_add_test(answers, exit_to_a_device_inside_ram_is_told);
	if (gms_host_has(lx_host(), GMS_HOST_KVM))
		add_kvm_tests(refused, exits);
	else
		lx_leave_out("VMs and their exits", "there is no KVM here");
	return lx_run(suite);
}
