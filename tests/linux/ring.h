/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.h - an io_uring with one fixed buffer, by raw system calls.
 *
 * A fixed buffer is the longest of pins: the kernel holds its pages until it is
 * unregistered, whatever happens to the mapping.
 */
#ifndef LINUX_RING_H
#define LINUX_RING_H

#include <stddef.h>
#include <stdint.h>

#include <linux/io_uring.h>

struct lx_ring {
	int	 fd;
	unsigned int *sq_tail, *sq_array, *cq_head, *cq_tail;
	unsigned int sq_mask, cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	void	*sq, *cq;
	size_t	 sq_bytes, cq_bytes, sqes_bytes;
};

/* 0 or a negative errno. */
int lx_ring_new(struct lx_ring *ring);
void lx_ring_free(struct lx_ring *ring);

/* Hold memory as the fixed buffer, or let it go. 0 or a negative errno. */
int lx_ring_hold(struct lx_ring *ring, void *mem, size_t bytes);
int lx_ring_let_go(struct lx_ring *ring);

/* Read from a file into the fixed buffer: bytes, or a negative errno. */
long lx_ring_read(struct lx_ring *ring, int file, uint64_t offset, void *mem, size_t bytes);

#endif
