/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.c - an io_uring with one fixed buffer, by raw system calls.
 */
#define _GNU_SOURCE
#include "ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void *map(const struct lx_ring *ring, uint64_t offset, size_t bytes)
{
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, (off_t)offset);

	return mem == MAP_FAILED ? NULL : mem;
}

int lx_ring_new(struct lx_ring *ring)
{
	struct io_uring_params p;
	char *sq, *cq;

	memset(ring, 0, sizeof(*ring));
	memset(&p, 0, sizeof(p));
	ring->fd = (int)syscall(SYS_io_uring_setup, 2, &p);
	if (ring->fd < 0)
		return -errno;
	ring->sq_bytes = p.sq_off.array + p.sq_entries * sizeof(unsigned int);
	ring->cq_bytes = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	ring->sqes_bytes = p.sq_entries * sizeof(struct io_uring_sqe);
	ring->sq = map(ring, IORING_OFF_SQ_RING, ring->sq_bytes);
	ring->cq = map(ring, IORING_OFF_CQ_RING, ring->cq_bytes);
	ring->sqes = map(ring, IORING_OFF_SQES, ring->sqes_bytes);
	if (!ring->sq || !ring->cq || !ring->sqes) {
		lx_ring_free(ring);
		return -ENOMEM;
	}
	sq = ring->sq;
	cq = ring->cq;
	ring->sq_tail = (unsigned int *)(void *)(sq + p.sq_off.tail);
	ring->sq_mask = *(unsigned int *)(void *)(sq + p.sq_off.ring_mask);
	ring->sq_array = (unsigned int *)(void *)(sq + p.sq_off.array);
	ring->cq_head = (unsigned int *)(void *)(cq + p.cq_off.head);
	ring->cq_tail = (unsigned int *)(void *)(cq + p.cq_off.tail);
	ring->cq_mask = *(unsigned int *)(void *)(cq + p.cq_off.ring_mask);
	ring->cqes = (struct io_uring_cqe *)(void *)(cq + p.cq_off.cqes);
	return 0;
}

void lx_ring_free(struct lx_ring *ring)
{
	if (ring->sq)
		munmap(ring->sq, ring->sq_bytes);
	if (ring->cq)
		munmap(ring->cq, ring->cq_bytes);
	if (ring->sqes)
		munmap(ring->sqes, ring->sqes_bytes);
	close(ring->fd);
}

int lx_ring_hold(struct lx_ring *ring, void *mem, size_t bytes)
{
	const struct iovec iov = { mem, bytes };

	return syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_BUFFERS, &iov, 1) < 0
	       ? -errno : 0;
}

int lx_ring_let_go(struct lx_ring *ring)
{
	return syscall(SYS_io_uring_register, ring->fd, IORING_UNREGISTER_BUFFERS, NULL, 0) < 0
	       ? -errno : 0;
}

long lx_ring_read(struct lx_ring *ring, int file, uint64_t offset, void *mem, size_t bytes)
{
	const unsigned int tail = *ring->sq_tail, slot = tail & ring->sq_mask;
	struct io_uring_sqe *sqe = &ring->sqes[slot];
	unsigned int head = *ring->cq_head;
	long rc;

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_READ_FIXED;
	sqe->fd = file;
	sqe->off = offset;
	sqe->addr = (uintptr_t)mem;
	sqe->len = (unsigned int)bytes;
	ring->sq_array[slot] = slot;
	__atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
	do {
		rc = syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return -errno;
	if (__atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) == head)
		return -EIO;
	rc = ring->cqes[head & ring->cq_mask].res;
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return rc;
}
