/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * postcopy.h - what the files of the example share.
 */
#ifndef POSTCOPY_H
#define POSTCOPY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <gmemstate/gmemstate-linux.h>

#define PC_PAGE		((size_t)GMS_PAGE_SIZE)
#define PC_WORDS	(PC_PAGE / 8)
#define PC_VCPUS	16u
#define PC_FIRST_GFN	UINT64_C(0x40000)	/* the guest's RAM begins at 1 GiB */
#define PC_BACKGROUND	16u			/* small pages streamed at a time */

/* Exit statuses. */
enum { PC_FINE = 0, PC_FAILED = 1, PC_USAGE = 2, PC_SOURCE_DIED = 3, PC_SKIPPED = 77 };

enum pc_order { PC_RANDOM, PC_SEQUENTIAL, PC_MIXED };

struct pc_options {
	uint64_t npages;
	uint32_t vcpus;
	enum pc_order order;
	bool kvm;
	bool device;
	bool minor;
	bool huge;
	uint32_t window;	/* blocks fetched behind one that was asked for */
	uint32_t kill_percent;	/* 0: the source lives */
	uint64_t seed;
	bool quiet;		/* no progress bar */
};

/* Why a page came. */
enum pc_why { PC_NOT_YET, PC_ASKED, PC_PREFETCHED, PC_STREAMED, PC_WHYS };

/* What the destination asks for, and the head of what it gets: then come the contents. */
struct pc_request {
	uint64_t page;
	uint32_t npages;
	uint32_t why;		/* enum pc_why */
};

/* What the source tells at the end: what it sent. */
struct pc_sent {
	uint64_t pages;
	uint64_t twice;		/* pages that it was asked for once more */
};

/* Times in ns, sorted before they are looked at. */
struct pc_times {
	uint32_t *ns;
	uint64_t n, room;
};

struct pc_source {
	pid_t pid;
	int fd;			/* the destination's end */
};

/* What the guest threads and the handler share. */
struct pc_guest {
	const struct pc_options *options;
	struct gms_space *space;
	struct gms_backing *backing;
	struct gms_uffd *uffd;
	char *ram;
	struct gms_range range;
	uint32_t block;			/* pages that come together: 1 or 512 */
	_Atomic uint8_t *why;		/* of each page: enum pc_why; NOT_YET: not asked for */
	_Atomic uint8_t *touched;	/* of each page: by how many vCPUs */
	_Atomic uint64_t prefetched_used;
	_Atomic uint64_t arrived;	/* pages */
	_Atomic uint32_t ready;		/* vCPUs that can begin */
	_Atomic bool complete;		/* all have arrived */
	_Atomic bool stop;
	_Atomic uint64_t wrong_pages;	/* seen by the guest */
	_Atomic uint32_t frozen_vcpus;	/* that met frozen memory and stopped */
	_Atomic uint32_t refused;	/* accesses of the device that were given up */
};

struct pc_vcpu {
	struct pc_guest *guest;
	uint32_t number;
	pthread_t thread;
	struct pc_times faults;
	struct pc_times others;
	uint64_t touches;
	int err;
};

struct pc_handler {
	struct pc_guest *guest;
	struct pc_source *source;
	pthread_t thread;
	int wake_fd;			/* the space's faults */
	char *buffer;
	uint64_t stream_at;		/* page to stream next */
	uint32_t in_flight[PC_WHYS];	/* blocks asked for and not here */
	uint64_t pages[PC_WHYS];	/* that came */
	_Atomic uint64_t faults;	/* handed out */
	uint64_t waiters;		/* that they had */
	uint64_t requests;
	_Atomic uint64_t started_ns;
	uint64_t ended_ns;
	/* The library's own time to raise and hand out a fault, ... */
	struct pc_times taking;
	struct pc_times filling;	/* ... and to put its page in place */
	_Atomic int err;		/* -EPIPE: the source is gone */
};

/* What belongs in a word: a function of seed, page and place. */
static inline uint64_t pc_word(uint64_t seed, uint64_t page, uint64_t word)
{
	uint64_t x = seed + (page * PC_WORDS + word) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* The last word of a page counts the vCPUs that were there. */
#define PC_COUNTER	(PC_WORDS - 1)

/* options.c: 0, or an exit status + 1 when the program is to end */
int  pc_options(struct pc_options *options, int argc, char **argv);

/* clock.c */
uint64_t pc_now_ns(void);
void pc_clock_measure(void);
uint64_t pc_clock_ns(void);	/* what pc_now_ns() takes */
uint64_t pc_kernel_ns(void);	/* this thread's, in read, ioctl and pwrite */
int  pc_times_make(struct pc_times *times, uint64_t room);
void pc_times_add(struct pc_times *times, uint64_t ns);
int  pc_times_join(struct pc_times *into, const struct pc_times *from);
void pc_times_sort(struct pc_times *times);
uint64_t pc_times_at(const struct pc_times *times, double part);

/* source.c: a process of its own */
int  pc_source_start(struct pc_source *source, const struct pc_options *options);
/* Ask it to end, and what it sent; -EPIPE if it is gone. */
int  pc_source_end(struct pc_source *source, struct pc_sent *sent);
int  pc_send(int fd, const void *from, size_t bytes);
int  pc_receive(int fd, void *to, size_t bytes);

/*
 * baseline.c: a fault that the kernel and nothing but poll, read and UFFDIO_COPY serve, by
 * a thread on another CPU where there is one; and memory that is warm.
 */
int  pc_baseline(bool huge, uint64_t *median_ns);
void pc_warm(uint64_t npages);

/* handler.c */
void *pc_handler_run(void *arg);

/* vcpu.c: threads that touch memory as a guest does, or a device */
int  pc_vcpus_prepare(void);
void *pc_vcpu_run(void *arg);
void *pc_device_run(void *arg);
/* A vCPU is ready: it begins when all are, or the program ends. */
void pc_ready(struct pc_guest *guest);
uint64_t pc_page_at(const struct pc_guest *guest, uint32_t vcpu, uint64_t i);

/* kvm.c: the guest on a vCPU of KVM */
void *pc_kvm_run(void *arg);

/* report.c */
void pc_progress(const struct pc_guest *guest, const struct pc_handler *handler, bool last);
void pc_report(const struct pc_guest *guest, const struct pc_handler *handler,
	       const struct pc_vcpu *vcpus, const struct pc_vcpu *device,
	       const struct pc_sent *sent, uint64_t baseline_ns);
/* Look at every byte that has come: pages that are wrong, pages looked at. */
int  pc_verify(const struct pc_guest *guest, bool all, uint64_t *wrong, uint64_t *looked_at);

#endif
