/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fill.h - contents into a file, by a way that is asked for or found.
 */
#ifndef GMS_LINUX_FILL_H
#define GMS_LINUX_FILL_H

#include <stdint.h>

#include <gmemstate/linux/populate.h>

/* A piece of a file that is to get contents. */
struct gms__linux_fill {
	int fd;
	uint32_t order;		/* of the host's pages */
	uint64_t offset_bytes;	/* where in the file */
	uint64_t bytes;		/* whole pages */
	const char *src;
	uint32_t way;		/* in: enum gms_populate_way; out: the one that was taken */
	uint64_t done_bytes;	/* out */
	uint64_t calls;		/* out, added to */
};

/* 0, or a negative errno with what is done in done_bytes: whole pages. */
int gms__linux_fill(struct gms__linux_fill *fill);

#endif
