/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * freeze_guest.c - a guest that counts up each page of its memory, round and round.
 *
 * A touch of a frozen page ends KVM_RUN with EFAULT, before the instruction did
 * anything. Which page it was KVM does not say, but the guest's registers do. The
 * vCPU's thread then waits as any thread of the VMM would, with
 * gms_access_begin(), and runs the instruction again.
 */
#define _GNU_SOURCE
#include "freeze_guest.h"
#include "ring3.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#define LOW_BYTES	0x5000u	/* page tables, and a page of code */

struct guest {
	struct gms_space *space;
	char *ram;		/* as the VMM has it */
	uint64_t npages;
	bool on_kvm;
	pthread_t thread;
	bool started;

	/* Guarded by lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int pauses;	/* asked for */
	bool paused;

	atomic_bool stop;
	atomic_int error;
	_Atomic uint64_t waits;	/* begun */
	_Atomic uint64_t wait_ns;
	_Atomic uint64_t mmio;

	/* A thread's: its sweeps, and the page that is next. */
	uint64_t sweeps, next;

	struct ring3 cpu;
	char *low;		/* page tables and code */
	double tsc_ns;		/* of one tick */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The page may be touched when this returns; who froze it may have it again at once. */
static int wait_for(struct guest *guest, gms_gfn gfn)
{
	const struct gms_range page = { gfn, 1 };
	const uint64_t start = now_ns();
	struct gms_access access;
	int err;

	atomic_fetch_add(&guest->waits, 1);
	err = gms_access_begin(guest->space, page, GMS_ACCESS_WRITE, GMS_FOREVER, &access);
	if (err)
		return err;
	gms_access_end(guest->space, &access);
	atomic_store(&guest->wait_ns, now_ns() - start);
	return 0;
}

/* Out, until nobody wants it to be. */
static void rest(struct guest *guest)
{
	pthread_mutex_lock(&guest->lock);
	while (guest->pauses && !atomic_load(&guest->stop)) {
		guest->paused = true;
		pthread_cond_broadcast(&guest->changed);
		pthread_cond_wait(&guest->changed, &guest->lock);
	}
	guest->paused = false;
	pthread_mutex_unlock(&guest->lock);
}

/* Whoever waits for it to pause waits no more. */
static void over(struct guest *guest, int err)
{
	pthread_mutex_lock(&guest->lock);
	atomic_store(&guest->error, err);
	pthread_cond_broadcast(&guest->changed);
	pthread_mutex_unlock(&guest->lock);
}

/* --- a vCPU --------------------------------------------------------------------------- */

#if defined(__x86_64__)

#define CODE_GPA	0x4000u
#define RAM_GPA		(GUEST_GFN << GMS_PAGE_SHIFT)
#define PTE_TABLE	7u		/* present, writable, for ring 3 */
#define PTE_2M		0x87u

#define AT_FIRST	0x06u		/* mov done, the first incq to come */
#define AT_COUNTED	0x09u		/* the page at %rbx is counted */
#define AT_ADD		0x28u		/* still */
#define AT_SWEPT	0x37u		/* and %r8 is, too */

/* %rdi memory, %rsi its pages, %rbx the page, %r8 sweeps, %r10 longest gap, %r9 last tick. */
static const unsigned char code[] = {
	0x48, 0x89, 0xfb,		/* sweep: mov %rdi,%rbx */
	0x48, 0x89, 0xf1,		/* mov %rsi,%rcx */
	0x48, 0xff, 0x03,		/* page: incq (%rbx) */
	0x0f, 0x31,			/* rdtsc */
	0x48, 0xc1, 0xe2, 0x20,		/* shl $32,%rdx */
	0x48, 0x09, 0xd0,		/* or %rdx,%rax */
	0x48, 0x89, 0xc2,		/* mov %rax,%rdx */
	0x4c, 0x29, 0xca,		/* sub %r9,%rdx */
	0x4d, 0x85, 0xc9,		/* test %r9,%r9 */
	0x49, 0x89, 0xc1,		/* mov %rax,%r9 */
	0x74, 0x08,			/* jz 1f */
	0x4c, 0x39, 0xd2,		/* cmp %r10,%rdx */
	0x76, 0x03,			/* jbe 1f */
	0x49, 0x89, 0xd2,		/* mov %rdx,%r10 */
	0x48, 0x81, 0xc3, 0, 0x10, 0, 0, /* 1: add $4096,%rbx */
	0x48, 0xff, 0xc9,		/* dec %rcx */
	0x75, 0xd2,			/* jnz page */
	0x49, 0xff, 0xc0,		/* inc %r8 */
	0xeb, 0xc7,			/* jmp sweep */
};

static double ns_of_a_tick(void)
{
	const uint64_t start = now_ns(), ticks = __builtin_ia32_rdtsc();

	while (now_ns() - start < 10000000)
		;
	return (double)(now_ns() - start) / (double)(__builtin_ia32_rdtsc() - ticks);
}

static void build_low(struct guest *guest)
{
	uint64_t *table = (uint64_t *)(void *)guest->low;

	table[0] = 0x1000 | PTE_TABLE;
	table[512] = 0x2000 | PTE_TABLE;		/* the first GiB: the code */
	table[512 + (RAM_GPA >> 30)] = 0x3000 | PTE_TABLE;
	table[1024] = PTE_2M;
	for (uint64_t i = 0; i < guest->npages / 512; i++)
		table[1536 + i] = (RAM_GPA + (i << 21)) | PTE_2M;
	memcpy(guest->low + CODE_GPA, code, sizeof(code));
}

static int enter(struct guest *guest)
{
	const struct kvm_regs regs = {
		.rip = CODE_GPA, .rflags = 2, .rdi = RAM_GPA, .rsi = guest->npages,
	};

	return ring3_boot(&guest->cpu, 0, &regs);
}

int guest_slot(struct guest *guest, bool there)
{
	struct gms_kvm_slot slot;

	if (!guest->on_kvm)
		return -EOPNOTSUPP;
	GMS_INIT(&slot);
	slot.slot = 1;
	slot.first = GUEST_GFN;
	slot.npages = there ? guest->npages : 0;
	slot.hva = guest->ram;
	return gms_kvm_slot_set(guest->cpu.vm_fd, &slot);
}

static int make_vcpu(struct guest *guest)
{
	struct gms_kvm_slot slot;
	void *mem;
	int rc;

	rc = ring3_open(&guest->cpu);
	if (rc)
		return rc;
	mem = mmap(NULL, LOW_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return -errno;
	guest->low = mem;
	build_low(guest);
	GMS_INIT(&slot);
	slot.npages = LOW_BYTES / GMS_PAGE_SIZE;
	slot.hva = guest->low;
	rc = gms_kvm_slot_set(guest->cpu.vm_fd, &slot);
	if (rc)
		return rc;
	guest->tsc_ns = ns_of_a_tick();
	return enter(guest);
}

/* The page that %rbx points to is not there: wait until it may be touched. */
static int wait_for_page(struct guest *guest)
{
	struct kvm_regs regs;
	uint64_t gpa;
	int rc;

	if (ioctl(guest->cpu.vcpu_fd, KVM_GET_REGS, &regs))
		return -errno;
	rc = gms_kvm_translate(guest->cpu.vcpu_fd, regs.rbx, &gpa);
	return rc ? rc : wait_for(guest, gpa >> GMS_PAGE_SHIFT);
}

static void *run_vcpu(void *arg)
{
	struct guest *guest = arg;
	struct gms_kvm_exit left;
	int rc = 0;

	while (!rc && !atomic_load(&guest->stop)) {
		rest(guest);
		if (atomic_load(&guest->stop))
			break;
		GMS_INIT(&left);
		rc = gms_kvm_run(guest->cpu.vcpu_fd, guest->cpu.run, guest->cpu.run_bytes, &left);
		if (rc)
			break;
		switch (left.kind) {
		case GMS_KVM_EXIT_AGAIN:
			break;
		case GMS_KVM_EXIT_NO_PAGE:
			rc = wait_for_page(guest);
			break;
		case GMS_KVM_EXIT_MMIO:
			atomic_fetch_add(&guest->mmio, 1);
			break;
		default:
			fprintf(stderr, "freeze: the guest stopped: exit %u, kind %u\n",
				left.reason, left.kind);
			rc = left.error ? left.error : -EIO;
		}
	}
	over(guest, rc);
	return NULL;
}

/* A touch that no slot held is under way until KVM_RUN is entered again. */
static void finish(struct guest *guest)
{
	guest->cpu.run->immediate_exit = 1;
	(void)ioctl(guest->cpu.vcpu_fd, KVM_RUN, 0);
	guest->cpu.run->immediate_exit = 0;
}

/* Where in the sweep it is: pages below it have one count more than sweeps. */
static int look_at_vcpu(struct guest *guest, struct guest_report *report, uint64_t *done)
{
	struct kvm_regs regs;
	uint64_t at;

	finish(guest);
	if (ioctl(guest->cpu.vcpu_fd, KVM_GET_REGS, &regs))
		return -errno;
	at = regs.rip - CODE_GPA;
	*done = (regs.rbx - RAM_GPA) >> GMS_PAGE_SHIFT;
	if (at >= AT_COUNTED && at <= AT_ADD)
		++*done;
	if (at < AT_FIRST || at >= AT_SWEPT)
		*done = 0;
	report->sweeps = regs.r8;
	return 0;
}

static int gap_of_vcpu(struct guest *guest, uint64_t *gap_ns)
{
	struct kvm_regs regs;

	finish(guest);
	if (ioctl(guest->cpu.vcpu_fd, KVM_GET_REGS, &regs))
		return -errno;
	*gap_ns = (uint64_t)((double)regs.r10 * guest->tsc_ns);
	regs.r9 = regs.r10 = 0;
	return ioctl(guest->cpu.vcpu_fd, KVM_SET_REGS, &regs) ? -errno : 0;
}

#else

int guest_slot(struct guest *guest, bool there)
{
	(void)guest;
	(void)there;
	return -EOPNOTSUPP;
}

static int make_vcpu(struct guest *guest)
{
	(void)guest;
	return -EOPNOTSUPP;
}

static void *run_vcpu(void *arg)
{
	return arg;
}

static int look_at_vcpu(struct guest *guest, struct guest_report *report, uint64_t *done)
{
	(void)guest;
	(void)report;
	(void)done;
	return -EOPNOTSUPP;
}

static int gap_of_vcpu(struct guest *guest, uint64_t *gap_ns)
{
	(void)guest;
	(void)gap_ns;
	return -EOPNOTSUPP;
}

#endif

/* --- a thread --------------------------------------------------------------------------- */

static int touch(struct guest *guest)
{
	const struct gms_range page = { GUEST_GFN + guest->next, 1 };
	struct gms_access access;
	int err = gms_access_begin(guest->space, page, GMS_ACCESS_WRITE, 0, &access);

	if (err == -EBUSY || err == -EAGAIN)
		return wait_for(guest, page.first);	/* and try again */
	if (err)
		return err;
	++*(volatile uint64_t *)(void *)(guest->ram + guest->next * GMS_PAGE_SIZE);
	gms_access_end(guest->space, &access);
	if (++guest->next == guest->npages) {
		guest->next = 0;
		guest->sweeps++;
	}
	return 0;
}

static void *run_thread(void *arg)
{
	struct guest *guest = arg;
	int err = 0;

	for (uint64_t n = 0; !err && !atomic_load(&guest->stop); n++) {
		if (n % 64 == 0)
			rest(guest);
		err = touch(guest);
	}
	over(guest, err);
	return NULL;
}

/* --- both --------------------------------------------------------------------------------- */

static void on_signal(int sig)
{
	(void)sig;	/* it only has to end KVM_RUN */
}

int guest_new(struct guest **out, struct gms_space *space, struct gms_backing *ram, bool *kvm)
{
	struct guest *guest = calloc(1, sizeof(*guest));
	int err = 0;

	if (!guest)
		return -ENOMEM;
	ring3_init(&guest->cpu);
	guest->space = space;
	guest->ram = gms_backing_hva(ram);
	guest->npages = gms_backing_bytes(ram) / GMS_PAGE_SIZE;
	pthread_mutex_init(&guest->lock, NULL);
	pthread_cond_init(&guest->changed, NULL);
	guest->on_kvm = *kvm && !make_vcpu(guest);
	if (guest->on_kvm)
		err = guest_slot(guest, true);
	if (err) {
		guest_free(guest);
		return err;
	}
	*kvm = guest->on_kvm;
	*out = guest;
	return 0;
}

int guest_start(struct guest *guest)
{
	const struct sigaction act = { .sa_handler = on_signal };
	int err;

	sigaction(SIGUSR1, &act, NULL);
	err = pthread_create(&guest->thread, NULL, guest->on_kvm ? run_vcpu : run_thread, guest);
	guest->started = !err;
	return -err;
}

/* A signal that comes just before KVM_RUN would be lost without immediate_exit. */
static void kick(struct guest *guest)
{
	if (!guest->on_kvm)
		return;
	guest->cpu.run->immediate_exit = 1;
	pthread_kill(guest->thread, SIGUSR1);
}

void guest_pause(struct guest *guest)
{
	pthread_mutex_lock(&guest->lock);
	guest->pauses++;
	kick(guest);
	while (!guest->paused && !atomic_load(&guest->error))
		pthread_cond_wait(&guest->changed, &guest->lock);
	if (guest->on_kvm)
		guest->cpu.run->immediate_exit = 0;
	pthread_mutex_unlock(&guest->lock);
}

void guest_resume(struct guest *guest)
{
	pthread_mutex_lock(&guest->lock);
	guest->pauses--;
	pthread_cond_broadcast(&guest->changed);
	pthread_mutex_unlock(&guest->lock);
}

void guest_free(struct guest *guest)
{
	if (!guest)
		return;
	if (guest->started) {
		guest_pause(guest);
		atomic_store(&guest->stop, true);
		guest_resume(guest);
		pthread_join(guest->thread, NULL);
	}
	ring3_close(&guest->cpu);
	if (guest->low)
		munmap(guest->low, LOW_BYTES);
	pthread_cond_destroy(&guest->changed);
	pthread_mutex_destroy(&guest->lock);
	free(guest);
}

int guest_look(struct guest *guest, struct guest_report *report)
{
	uint64_t done = guest->next;
	int err = 0;

	memset(report, 0, sizeof(*report));
	report->sweeps = guest->sweeps;
	if (guest->on_kvm)
		err = look_at_vcpu(guest, report, &done);
	if (err)
		return err;
	report->waits = atomic_load(&guest->waits);
	report->mmio = atomic_load(&guest->mmio);
	for (uint64_t i = 0; i < guest->npages; i++) {
		const uint64_t *count = (const uint64_t *)(void *)(guest->ram + i * GMS_PAGE_SIZE);
		const uint64_t want = report->sweeps + (i < done);

		report->lost += *count < want ? want - *count : *count - want;
	}
	return 0;
}

int guest_gap(struct guest *guest, uint64_t *gap_ns)
{
	int err;

	if (!guest->on_kvm) {
		*gap_ns = atomic_exchange(&guest->wait_ns, 0);
		return 0;
	}
	guest_pause(guest);
	err = gap_of_vcpu(guest, gap_ns);
	guest_resume(guest);
	return err;
}

uint64_t guest_waits(const struct guest *guest)
{
	return atomic_load(&guest->waits);
}

int guest_error(const struct guest *guest)
{
	return atomic_load(&guest->error);
}
