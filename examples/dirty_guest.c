/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dirty_guest.c - a guest that writes to random pages, at a rate.
 *
 * It adds 1 to the first word of each page it draws, so the sum over all pages is
 * the number of its writes. On KVM it is twelve instructions in ring 3, which come
 * back by a port after each burst; without KVM a thread does the same. Between two
 * bursts it may be stopped.
 */
#include "dirty.h"
#include "ring3.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define LOW_BYTES	0x10000u	/* page tables and code */
#define CODE_GPA	0x8000u

/* The constants of Knuth's MMIX generator. */
#define DRAW_FACTOR	UINT64_C(6364136223846793005)
#define DRAW_ADD	UINT64_C(1442695040888963407)

struct guest {
	struct guest_opts opts;
	uint64_t burst;		/* writes at a time */
	uint64_t writes;
	uint64_t drawn;		/* the thread's generator */
	int error;

	struct ring3 cpu;
	unsigned char *low;
	struct gms_kvm_slot slot;

	pthread_t thread;
	bool running;
	pthread_mutex_t lock;	/* of stop */
	bool stop;
};

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void sleep_until_ns(uint64_t when_ns)
{
	const struct timespec when = {
		.tv_sec = (time_t)(when_ns / 1000000000), .tv_nsec = (long)(when_ns % 1000000000),
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
		;
}

/* --- on KVM --- */

#if defined(__x86_64__)

static const unsigned char code[] = {
	0x48, 0x89, 0xde,		/* 1: mov %rbx, %rsi		a burst */
	0x4d, 0x0f, 0xaf, 0xc1,		/* 2: imul %r9, %r8 */
	0x4d, 0x01, 0xd0,		/*    add %r10, %r8 */
	0x4c, 0x89, 0xc0,		/*    mov %r8, %rax */
	0x48, 0xc1, 0xe8, 0x21,		/*    shr $33, %rax */
	0x48, 0x21, 0xc8,		/*    and %rcx, %rax		a page */
	0x48, 0xc1, 0xe0, 0x0c,		/*    shl $12, %rax */
	0x48, 0xff, 0x04, 0x07,		/*    incq (%rdi, %rax) */
	0x48, 0xff, 0xce,		/*    dec %rsi */
	0x75, 0xe2,			/*    jnz 2b */
	0xe6, 0x10,			/*    out %al, $0x10 */
	0xeb, 0xdb,			/*    jmp 1b */
};

/* Memory at 1 GiB, and the first 2 MiB, mapped to themselves for ring 3. */
static void build_tables(unsigned char *low)
{
	uint64_t *table = (uint64_t *)(void *)(low + 0x1000);

	table[0] = 0x2000 | 7;
	table[512] = 0x3000 | 7;
	table[513] = 0x4000 | 7;
	table[1024] = 0x87;
	for (uint64_t i = 0; i < 512; i++)
		table[1536 + i] = UINT64_C(1) << 30 | i << 21 | 0x87;
}

static int enter(struct guest *guest)
{
	const struct kvm_regs regs = {
		.rip = CODE_GPA, .rsp = CODE_GPA, .rflags = RING3_PORTS,
		.rdi = RAM_FIRST << GMS_PAGE_SHIFT, .rcx = guest->opts.hot_pages - 1,
		.rbx = guest->burst, .r8 = 1, .r9 = DRAW_FACTOR, .r10 = DRAW_ADD,
	};

	return ring3_boot(&guest->cpu, 0x1000, &regs);
}

static int add_slots(struct guest *guest)
{
	struct gms_kvm_slot low;
	int rc;

	GMS_INIT(&low);
	low.npages = LOW_BYTES / GMS_PAGE_SIZE;
	low.hva = guest->low;
	rc = gms_kvm_slot_set(guest->cpu.vm_fd, &low);
	if (rc)
		return rc;
	GMS_INIT(&guest->slot);
	guest->slot.slot = 1;
	guest->slot.first = RAM_FIRST;
	guest->slot.npages = guest->opts.npages;
	guest->slot.hva = guest->opts.hva;
	guest->slot.flags = guest->opts.with_log ? GMS_KVM_SLOT_DIRTY_LOG : 0;
	return gms_kvm_slot_set(guest->cpu.vm_fd, &guest->slot);
}

static int boot(struct guest *guest, const char **what)
{
	void *low = mmap(NULL, LOW_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	int rc;

	*what = "memory for page tables";
	if (low == MAP_FAILED)
		return -errno;
	guest->low = low;
	rc = ring3_open(&guest->cpu);
	*what = guest->cpu.kvm_fd < 0 ? "/dev/kvm" : "making a VM";
	if (rc)
		return rc;
	build_tables(guest->low);
	memcpy(guest->low + CODE_GPA, code, sizeof(code));
	*what = "memory slots";
	rc = add_slots(guest);
	if (rc)
		return rc;
	*what = "a vCPU";
	return enter(guest);
}

#else

static int boot(struct guest *guest, const char **what)
{
	(void)guest;
	*what = "guest code is for x86-64; --thread goes without";
	return -EOPNOTSUPP;
}

#endif

static int burst_on_kvm(struct guest *guest)
{
	struct gms_kvm_exit left;
	int rc;

	do {
		GMS_INIT(&left);
		rc = gms_kvm_run(guest->cpu.vcpu_fd, guest->cpu.run, guest->cpu.run_bytes, &left);
	} while (!rc && left.kind == GMS_KVM_EXIT_AGAIN);
	if (!rc && left.kind != GMS_KVM_EXIT_IO)
		rc = left.error ? left.error : -EIO;
	return rc;
}

/* --- as a thread --- */

static void burst_here(struct guest *guest)
{
	for (uint64_t i = 0; i < guest->burst; i++) {
		volatile uint64_t *word;

		guest->drawn = guest->drawn * DRAW_FACTOR + DRAW_ADD;
		word = (volatile uint64_t *)(void *)(guest->opts.hva +
			((guest->drawn >> 33 & (guest->opts.hot_pages - 1)) << GMS_PAGE_SHIFT));
		*word += 1;
	}
}

/* --- both --- */

static bool told_to_stop(struct guest *guest)
{
	bool stop;

	pthread_mutex_lock(&guest->lock);
	stop = guest->stop;
	pthread_mutex_unlock(&guest->lock);
	return stop;
}

static void *body(void *ctx)
{
	struct guest *guest = ctx;
	const uint64_t step_ns = guest->burst * 1000000000 / guest->opts.rate;
	uint64_t next_ns = now_ns();

	while (!told_to_stop(guest)) {
		if (guest->opts.on_kvm)
			guest->error = burst_on_kvm(guest);
		else
			burst_here(guest);
		if (guest->error)
			break;
		guest->writes += guest->burst;
		next_ns += step_ns;
		sleep_until_ns(next_ns);
	}
	return NULL;
}

int guest_new(struct guest **out, const struct guest_opts *opts, const char **what)
{
	struct guest *guest = calloc(1, sizeof(*guest));
	int rc = 0;

	*what = "memory";
	if (!guest)
		return -ENOMEM;
	guest->opts = *opts;
	guest->burst = opts->rate > 1000 ? opts->rate / 1000 : 1;	/* 1 ms of them */
	guest->drawn = 1;
	ring3_init(&guest->cpu);
	pthread_mutex_init(&guest->lock, NULL);
	if (opts->on_kvm)
		rc = boot(guest, what);
	if (rc)
		guest_free(guest);
	else
		*out = guest;
	return rc;
}

void guest_free(struct guest *guest)
{
	if (!guest)
		return;
	guest_stop(guest);
	ring3_close(&guest->cpu);
	if (guest->low)
		munmap(guest->low, LOW_BYTES);
	pthread_mutex_destroy(&guest->lock);
	free(guest);
}

int guest_start(struct guest *guest)
{
	const int rc = pthread_create(&guest->thread, NULL, body, guest);

	guest->running = !rc;
	return -rc;
}

void guest_stop(struct guest *guest)
{
	if (!guest->running)
		return;
	pthread_mutex_lock(&guest->lock);
	guest->stop = true;
	pthread_mutex_unlock(&guest->lock);
	pthread_join(guest->thread, NULL);
	guest->running = false;
}

uint64_t guest_writes(const struct guest *guest)
{
	return guest->writes;
}

int guest_error(const struct guest *guest)
{
	return guest->error;
}

int guest_vm(const struct guest *guest)
{
	return guest->cpu.vm_fd;
}

const struct gms_kvm_slot *guest_slot(const struct guest *guest)
{
	return &guest->slot;
}
