/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seccomp_runs.c - one run of each public call of the Linux library, and its usual
 * failure; of those that depend on the memory, one run for each kind.
 *
 * These run where an assertion of Check would write to a pipe, which no filter
 * allows: a run says at which line it failed.
 */
#define _GNU_SOURCE
#include "seccomp_runs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "support.h"

#define BYTES	(UINT64_C(2) << 20)
#define PAGES	(BYTES / GMS_PAGE_SIZE)

/* Go on, or say where not. */
#define MUST(cond) do { \
	if (!(cond)) \
		return __LINE__; \
} while (0)

void sc_world_init(struct sc_world *world, uint32_t kind)
{
	world->kind = kind;
	world->vm = world->vcpu = -1;
	world->first = PAGES;
}

/* --- what goes before ------------------------------------------------------------------ */

static int make_vm(struct sc_world *w)
{
	w->vm = lx_vm();
	w->ram = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(w->ram != MAP_FAILED);
	return 0;
}

static int make_vcpu(struct sc_world *w)
{
	const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	MUST(!make_vm(w));
	w->vcpu_vm = w->vm;
	w->run_bytes = (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	close(kvm);
	w->vcpu = ioctl(w->vm, KVM_CREATE_VCPU, 0);
	MUST(w->vcpu >= 0);
	w->run = mmap(NULL, w->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, w->vcpu, 0);
	MUST(w->run != MAP_FAILED);
	((struct kvm_run *)w->run)->immediate_exit = 1;
	return 0;
}

static void backing_opts(const struct sc_world *w, struct gms_backing_opts *opts)
{
	GMS_INIT(opts);
	opts->bytes = BYTES;
	opts->kind = w->kind;
	opts->revoke = w->revoke;
	opts->vm_fd = w->vm;
}

static int make_backing(struct sc_world *w)
{
	struct gms_backing_opts opts;

	w->vm = lx_vm();
	backing_opts(w, &opts);
	MUST(!gms_backing_new(&w->backing, &opts));
	return 0;
}

static int make_space(struct sc_world *w)
{
	struct gms_region_opts region;
	struct gms_space_opts opts;
	gms_state state = 0;

	MUST(!make_backing(w));
	if (!gms_backing_can(w->backing, GMS_BACKING_CAN_TOUCH, NULL))
		state = GMS_STATE_SHARED;
	GMS_INIT(&region);
	GMS_INIT(&opts);
	MUST(!gms_backing_region(w->backing, w->first, 0, state, &region));
	MUST(!gms_space_new(&w->space, &opts));
	MUST(!gms_region_add(w->space, &region, NULL));
	return 0;
}

static int make_space_mprotect(struct sc_world *w)
{
	w->revoke = GMS_REVOKE_MPROTECT;
	return make_space(w);
}

static int make_space_guard(struct sc_world *w)
{
	w->revoke = GMS_REVOKE_GUARD;
	return make_space(w);
}

/* What this host has must be known before a filter, by the process that asks. */
static const char *lacks_kind(uint32_t kind)
{
	static const char *const lacking = "this host does not have such memory";
	struct sc_world w = { 0 };
	struct gms_backing_info info;
	bool there;

	sc_world_init(&w, kind);
	there = !make_backing(&w);
	GMS_INIT(&info);
	there = there && !gms_backing_get(w.backing, &info);
	gms_backing_free(w.backing);
	if (w.vm >= 0)
		close(w.vm);
	return there ? NULL : lacking;
}

static const char *lacks_kvm(uint32_t kind)
{
	(void)kind;
	return gms_host_has(lx_host(), GMS_HOST_KVM) ? NULL : "this host has no KVM";
}

static const char *lacks_guard(uint32_t kind)
{
	return gms_host_has(lx_host(), GMS_HOST_GUARD) ? lacks_kind(kind)
						       : "this host has no guard markers";
}

/* --- backings --------------------------------------------------------------------------- */

static int run_backing_new(struct sc_world *w)
{
	struct gms_backing_opts opts;

	backing_opts(w, &opts);
	MUST(!gms_backing_new(&w->backing, &opts));
	opts.bytes = 1;
	MUST(gms_backing_new(&w->backing, &opts) == -EINVAL);
	return 0;
}

static int open_vm(struct sc_world *w)
{
	w->vm = lx_vm();
	return 0;
}

/* A length that no file has: all that was made goes away again. */
static int run_backing_new_fails(struct sc_world *w)
{
	struct gms_backing_opts opts;

	backing_opts(w, &opts);
	opts.bytes = UINT64_C(1) << 62;
	MUST(gms_backing_new(&w->backing, &opts) < 0);
	return 0;
}

static int run_backing_free(struct sc_world *w)
{
	gms_backing_free(w->backing);
	gms_backing_free(NULL);
	return 0;
}

static int run_backing_numbers(struct sc_world *w)
{
	uint64_t exposed = 1;
	const char *why;

	MUST(gms_backing_bytes(w->backing) == BYTES);
	MUST(gms_backing_fd(w->backing) >= 0);
	MUST(gms_backing_hva(w->backing));
	MUST(gms_backing_revoke(w->backing) <= GMS_REVOKE_NONE);
	MUST(gms_backing_can(w->backing, GMS_BACKING_HAS_HUGE, &why) == -EOPNOTSUPP);
	MUST(!gms_backing_exposed(w->backing, 0, 1, &exposed) && !exposed);
	MUST(gms_backing_ability_name(0) && gms_backing_kind_name(0) && gms_revoke_name(0));
	return 0;
}

static int run_backing_get(struct sc_world *w)
{
	struct gms_backing_info info;

	GMS_INIT(&info);
	MUST(!gms_backing_get(w->backing, &info));
	MUST(info.bytes == BYTES);
	return 0;
}

static int run_backing_region(struct sc_world *w)
{
	struct gms_region_opts region;

	GMS_INIT(&region);
	MUST(!gms_backing_region(w->backing, w->first, 0, 0, &region));
	if (!gms_backing_can(w->backing, GMS_BACKING_CAN_TOUCH, NULL))
		MUST(!gms_backing_region(w->backing, w->first, 0, GMS_STATE_SHARED, &region));
	return 0;
}

static int make_backing_mprotect(struct sc_world *w)
{
	w->revoke = GMS_REVOKE_MPROTECT;
	return make_backing(w);
}

static int make_backing_guard(struct sc_world *w)
{
	w->revoke = GMS_REVOKE_GUARD;
	return make_backing(w);
}

/* Scattered pages private and shared, zeroed, discarded, allocated: all that there is. */
static int run_conversion(struct sc_world *w)
{
	struct gms_change changes[8];
	struct gms_convert_opts opts;
	int err;

	for (unsigned int i = 0; i < 8; i++)
		changes[i] = (struct gms_change){
			.range = { w->first + 2 * i, 1 }, .clear = GMS_STATE_SHARED,
		};
	MUST(!gms_convert(w->space, changes, 8, NULL, NULL));
	for (unsigned int i = 0; i < 8; i++) {
		changes[i].set = GMS_STATE_POPULATED;
		changes[i].clear = 0;
	}
	err = gms_convert(w->space, changes, 8, NULL, NULL);
	MUST(!err || err == -EOPNOTSUPP);
	for (unsigned int i = 0; i < 8; i++) {
		changes[i].set = 0;
		changes[i].clear = GMS_STATE_POPULATED;
	}
	err = gms_convert(w->space, changes, 8, NULL, NULL);
	MUST(!err || err == -EOPNOTSUPP);
	for (unsigned int i = 0; i < 8; i++) {
		changes[i].set = GMS_STATE_SHARED;
		changes[i].clear = 0;
	}
	GMS_INIT(&opts);
	opts.content = GMS_CONTENT_ZERO;
	err = gms_convert(w->space, changes, 8, &opts, NULL);
	MUST(!err || gms_backing_can(w->backing, GMS_BACKING_CAN_TOUCH, NULL));
	return 0;
}

/* --- calibration, probe, KVM, this table ------------------------------------------------ */

static int calibrate(uint32_t flags)
{
	struct gms_calibrate_opts opts;
	struct gms_cost_model model;

	GMS_INIT(&opts);
	GMS_INIT(&model);
	opts.budget_ms = 1;
	opts.flags = flags;
	MUST(!gms_calibrate(&model, &opts, NULL));
	MUST(model.syscall_ns && model.mprotect_none_2m_ns && model.pread_ns[0]);
	MUST(gms_calibrate_part_name(0));
	opts.flags = ~UINT32_C(0);
	MUST(gms_calibrate(&model, &opts, NULL) == -EINVAL);
	return 0;
}

static int run_calibrate(struct sc_world *w)
{
	(void)w;
	return calibrate(0);
}

static int run_calibrate_alone(struct sc_world *w)
{
	(void)w;
	return calibrate(GMS_CALIBRATE_NO_KVM | GMS_CALIBRATE_NO_BIND);
}

static int run_host_probe(struct sc_world *w)
{
	struct gms_host host;

	(void)w;
	GMS_INIT(&host);
	MUST(!gms_host_probe(&host));
	MUST(host.features == lx_host()->features);
	return 0;
}

static int look_at_host(struct sc_world *w)
{
	(void)w;
	(void)lx_host();
	return 0;
}

static int drop(void *ctx, const char *text, size_t bytes)
{
	(void)text;
	*(size_t *)ctx += bytes;
	return 0;
}

static int run_host_words(struct sc_world *w)
{
	size_t bytes = 0;

	(void)w;
	MUST(gms_host_feature_name(0));
	MUST(gms_host_has(lx_host(), GMS_HOST_MEMFD));
	MUST(!gms_host_report(lx_host(), drop, &bytes) && bytes);
	MUST(gms_calibrate_part_name(0));
	bytes = 0;
	MUST(gms_linux_calls(NULL));
	MUST(!gms_linux_calls_write(drop, &bytes) && bytes);
	return 0;
}

static int run_kvm_run(struct sc_world *w)
{
	struct gms_kvm_exit left;

	GMS_INIT(&left);
	MUST(!gms_kvm_run(w->vcpu, w->run, w->run_bytes, &left));
	MUST(left.kind == GMS_KVM_EXIT_AGAIN);
	MUST(!gms_kvm_run(-1, w->run, w->run_bytes, &left));
	MUST(left.kind == GMS_KVM_EXIT_ERROR && left.error == -EBADF);
	return 0;
}

static int run_kvm_slot(struct sc_world *w)
{
	struct gms_kvm_slot slot;

	GMS_INIT(&slot);
	slot.first = w->first;
	slot.npages = PAGES;
	slot.hva = w->ram;
	MUST(!gms_kvm_slot_set(w->vm, &slot));
	slot.npages = 0;
	MUST(!gms_kvm_slot_set(w->vm, &slot));
	slot.npages = PAGES;
	slot.flags = GMS_KVM_SLOT_GMEM;
	slot.gmem_fd = w->vm;		/* a file, and no guest_memfd */
	MUST(gms_kvm_slot_set(w->vm, &slot) < 0);
	MUST(gms_kvm_slot_set(w->vcpu, &slot) < 0);
	return 0;
}

/* A slot with a log, of the space's frames. */
static int make_log(struct sc_world *w)
{
	struct gms_kvm_slot slot;

	MUST(!make_vcpu(w));
	MUST(!make_space(w));		/* which has another VM, for guest_memfd */
	w->vm = w->vcpu_vm;
	GMS_INIT(&slot);
	slot.first = w->first;
	slot.npages = PAGES;
	slot.hva = w->ram;
	slot.flags = GMS_KVM_SLOT_DIRTY_LOG;
	MUST(!gms_kvm_slot_set(w->vm, &slot));
	return 0;
}

static int run_kvm_bitmaps(struct sc_world *w)
{
	static uint64_t bitmap[PAGES / 64];
	const struct gms_range one = { w->first, 1 };
	struct gms_kvm_slot slot;
	int err;

	GMS_INIT(&slot);
	slot.first = w->first;
	slot.npages = PAGES;
	slot.userfault_bitmap = bitmap;
	MUST(!gms_kvm_userfault_fill(w->space, &slot, sizeof(bitmap)));
	MUST(!gms_kvm_userfault_clear(&slot, one));
	if (!w->wants_log)
		return 0;
	MUST(!gms_kvm_dirty_log(w->vm, &slot, w->space, bitmap, sizeof(bitmap), 0, NULL));
	err = gms_kvm_dirty_log(w->vm, &slot, w->space, bitmap, sizeof(bitmap),
				GMS_KVM_DIRTY_CLEAR, NULL);
	MUST(!err || err == -EINVAL);	/* without KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 */
	MUST(gms_kvm_dirty_log(-1, &slot, w->space, bitmap, sizeof(bitmap), 0, NULL) == -EBADF);
	return 0;
}

static int run_kvm_log(struct sc_world *w)
{
	w->wants_log = true;
	return run_kvm_bitmaps(w);
}

/* A host without private memory says so; with it a VM of another type is needed. */
static int run_kvm_memory(struct sc_world *w)
{
	struct gms_kvm_memory *memory = NULL;
	struct gms_kvm_memory_opts opts;

	GMS_INIT(&opts);
	opts.vm_fd = w->vm;
	opts.gmem_fd = -1;
	MUST(gms_kvm_memory_new(&memory, &opts) == -EOPNOTSUPP);
	MUST(gms_kvm_memory_new(&memory, NULL) == -EINVAL);
	return 0;
}

static int run_kvm_memory_none(struct sc_world *w)
{
	struct gms_region_opts region;

	(void)w;
	GMS_INIT(&region);
	MUST(gms_kvm_memory_region(NULL, &region) == -EINVAL);
	MUST(!gms_kvm_memory_failures(NULL));
	gms_kvm_memory_free(NULL);
	return 0;
}

static int run_kvm_pre_fault(struct sc_world *w)
{
	const struct gms_range range = { w->first, 1 };
	gms_gfn next = 0;

	MUST(gms_kvm_pre_fault(w->vcpu, range, &next) < 0);	/* no slot, or no such call */
	return 0;
}

static int run_kvm_translate(struct sc_world *w)
{
	uint64_t gpa;

	(void)!gms_kvm_translate(w->vcpu, 0, &gpa);	/* as the architecture has it */
	MUST(gms_kvm_translate(-1, 0, &gpa) == -EBADF);
	return 0;
}

static int run_kvm_look(struct sc_world *w)
{
	struct gms_kvm_exit left;

	GMS_INIT(&left);
	left.kind = GMS_KVM_EXIT_MMIO;
	left.gpa = w->first << GMS_PAGE_SHIFT;
	MUST(gms_kvm_exit_is_ram(w->space, &left));
	MUST(gms_kvm_hypercall_return(NULL, 0, 0) == -EINVAL);
	return 0;
}

/* --- all of them -------------------------------------------------------------------------- */

/* A run for each kind of memory; hugetlb makes the calls of memfd, if there are pages. */
#define KINDS(call, prepare, run) \
	{ call, "memfd", prepare, run, NULL, GMS_BACKING_MEMFD }, \
	{ call, "memfd, huge pages", prepare, run, lacks_kind, GMS_BACKING_MEMFD_THP }, \
	{ call, "hugetlb", prepare, run, lacks_kind, GMS_BACKING_HUGETLB_2M }, \
	{ call, "memfd_secret", prepare, run, lacks_kind, GMS_BACKING_MEMFD_SECRET }, \
	{ call, "guest_memfd", prepare, run, lacks_kind, GMS_BACKING_GUEST_MEMFD }, \
	{ call, "guest_memfd, private", prepare, run, lacks_kind, \
	  GMS_BACKING_GUEST_MEMFD_PRIVATE }, \
	{ call, "guest_memfd, not mapped", prepare, run, lacks_kind, \
	  GMS_BACKING_GUEST_MEMFD_OPAQUE }

/* A call that looks at something, and makes no call of its own. */
#define LOOK(call, prepare, run)	{ call, "as it is", prepare, run, NULL, GMS_BACKING_MEMFD }

static const char *lacks_uffd(uint32_t kind)
{
	(void)kind;
	return gms_host_has(lx_host(), GMS_HOST_UFFD) ? NULL : "this host has no userfaultfd";
}

#define UFFD(call, prepare, run)	{ call, #prepare, prepare, run, lacks_uffd, \
					  GMS_BACKING_MEMFD }

const struct sc_run sc_runs[] = {
	LOOK("gms_backing_ability_name", make_backing, run_backing_numbers),
	LOOK("gms_backing_bytes", make_backing, run_backing_numbers),
	LOOK("gms_backing_can", make_backing, run_backing_numbers),
	LOOK("gms_backing_exposed", make_backing, run_backing_numbers),
	LOOK("gms_backing_fd", make_backing, run_backing_numbers),
	KINDS("gms_backing_free", make_backing, run_backing_free),
	KINDS("gms_backing_get", make_backing, run_backing_get),
	LOOK("gms_backing_hva", make_backing, run_backing_numbers),
	LOOK("gms_backing_kind_name", make_backing, run_backing_numbers),
	KINDS("gms_backing_new", open_vm, run_backing_new),
	KINDS("gms_backing_new", open_vm, run_backing_new_fails),
	{ "gms_backing_new", "mprotect", make_backing_mprotect, run_backing_new, NULL,
	  GMS_BACKING_MEMFD },
	{ "gms_backing_new", "madvise", make_backing_guard, run_backing_new, lacks_guard,
	  GMS_BACKING_MEMFD },
	KINDS("gms_backing_region", make_backing, run_backing_region),
	{ "gms_backing_region", "mprotect", make_backing_mprotect, run_backing_region, NULL,
	  GMS_BACKING_MEMFD },
	{ "gms_backing_region", "madvise", make_backing_guard, run_backing_region, lacks_guard,
	  GMS_BACKING_MEMFD },
	LOOK("gms_backing_revoke", make_backing, run_backing_numbers),
	LOOK("gms_calibrate", NULL, run_calibrate),
	{ "gms_calibrate", "without KVM, unbound", NULL, run_calibrate_alone, NULL, 0 },
	LOOK("gms_calibrate_part_name", look_at_host, run_host_words),
	LOOK("gms_host_feature_name", look_at_host, run_host_words),
	LOOK("gms_host_has", look_at_host, run_host_words),
	LOOK("gms_host_probe", look_at_host, run_host_probe),
	LOOK("gms_host_report", look_at_host, run_host_words),
	{ "gms_kvm_run", "no guest code", make_vcpu, run_kvm_run, lacks_kvm, 0 },
	{ "gms_kvm_slot_set", "memory, and a file", make_vcpu, run_kvm_slot, lacks_kvm, 0 },
	{ "gms_kvm_dirty_log", "read, and clear", make_log, run_kvm_log, lacks_kvm, 0 },
	LOOK("gms_kvm_exit_is_ram", make_space, run_kvm_look),
	LOOK("gms_kvm_hypercall_return", make_space, run_kvm_look),
	LOOK("gms_kvm_memory_failures", NULL, run_kvm_memory_none),
	LOOK("gms_kvm_memory_free", NULL, run_kvm_memory_none),
	{ "gms_kvm_memory_new", "a VM without private memory", make_vm, run_kvm_memory, lacks_kvm,
	  0 },
	LOOK("gms_kvm_memory_region", NULL, run_kvm_memory_none),
	{ "gms_kvm_pre_fault", "a page without a slot", make_vcpu, run_kvm_pre_fault, lacks_kvm, 0 },
	{ "gms_kvm_translate", "no page tables", make_vcpu, run_kvm_translate, lacks_kvm, 0 },
	LOOK("gms_kvm_userfault_clear", make_space, run_kvm_bitmaps),
	LOOK("gms_kvm_userfault_fill", make_space, run_kvm_bitmaps),
	LOOK("gms_linux_calls", look_at_host, run_host_words),
	LOOK("gms_linux_calls_write", look_at_host, run_host_words),
	LOOK("gms_revoke_name", make_backing, run_backing_numbers),
	LOOK("gms_fault_eventfd", sc_make_unpopulated, sc_run_fault_eventfd),
	LOOK("gms_fault_eventfd_close", sc_make_eventfd, sc_run_fault_eventfd_close),
	LOOK("gms_populate_name", look_at_host, run_host_words),
	LOOK("gms_populate_write", sc_make_unpopulated, sc_run_populate),
	UFFD("gms_uffd_add", sc_make_unregistered, sc_run_uffd_add),
	UFFD("gms_uffd_arm", sc_make_filled, sc_run_uffd_arm),
	UFFD("gms_uffd_block", sc_make_uffd, sc_run_uffd_look),
	UFFD("gms_uffd_continue", sc_make_written, sc_run_uffd_continue),
	UFFD("gms_uffd_copy", sc_make_uffd, sc_run_uffd_copy),
	UFFD("gms_uffd_copy", sc_make_uffd_private, sc_run_uffd_copy),
	UFFD("gms_uffd_fd", sc_make_uffd, sc_run_uffd_look),
	UFFD("gms_uffd_fill", sc_make_uffd, sc_run_uffd_fill),
	UFFD("gms_uffd_fill", sc_make_uffd_minor, sc_run_uffd_fill),
	UFFD("gms_uffd_free", sc_make_uffd, sc_run_uffd_free),
	UFFD("gms_uffd_get", sc_make_uffd, sc_run_uffd_look),
	UFFD("gms_uffd_new", sc_make_unpopulated, sc_run_uffd_new),
	UFFD("gms_uffd_poison", sc_make_uffd, sc_run_uffd_poison),
	UFFD("gms_uffd_protect", sc_make_filled, sc_run_uffd_protect),
	UFFD("gms_uffd_pump", sc_make_event, sc_run_uffd_pump),
	UFFD("gms_uffd_remove", sc_make_filled, sc_run_uffd_remove),
	UFFD("gms_uffd_unprotect", sc_make_filled, sc_run_uffd_unprotect),
	UFFD("gms_uffd_wake", sc_make_uffd, sc_run_uffd_wake),
	UFFD("gms_uffd_zero", sc_make_uffd, sc_run_uffd_zero),
	KINDS("conversion", make_space, run_conversion),
	{ "conversion", "mprotect", make_space_mprotect, run_conversion, NULL, GMS_BACKING_MEMFD },
	{ "conversion", "madvise", make_space_guard, run_conversion, lacks_guard,
	  GMS_BACKING_MEMFD },
};

const size_t sc_nruns = sizeof(sc_runs) / sizeof(sc_runs[0]);
