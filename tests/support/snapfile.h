/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapfile.h - a snapshot in memory: written by gms_save(), or made by hand.
 *
 * The sum is computed here once more, bit by bit, so that it and the library's must agree.
 */
#ifndef FX_SNAPFILE_H
#define FX_SNAPFILE_H

#include <stddef.h>
#include <stdint.h>

#include <gmemstate/snapshot.h>

#include "mem.h"

#define SNAPFILE_HEADER	16
#define SNAPFILE_END	0xffff

struct snapfile {
	unsigned char buf[1 << 18];
	size_t	 len;
	size_t	 at;		/* where it is read */
	size_t	 piece;		/* most bytes that a read gives; 0: any */
	unsigned calls;		/* since it was cleared, or loaded */
	unsigned fail_at;	/* this call, from 1, says -EIO */
	uint32_t sum;		/* of what was made by hand */
	unsigned sections;
};

struct snapfile *snapfile_new(void);
void snapfile_free(struct snapfile *file);
void snapfile_clear(struct snapfile *file);

/* For gms_save() and gms_load(). */
int snapfile_write(void *ctx, const char *text, size_t bytes);
int64_t snapfile_read(void *ctx, void *buf, size_t bytes);
/* From its start, with this allocator; result may be NULL. */
int snapfile_load(struct gms_space **out, struct snapfile *file, struct fx_mem *mem,
		  struct gms_load_result *result);

/* Bytes [from, to) of another one. */
void snapfile_add(struct snapfile *file, const struct snapfile *other, size_t from, size_t to);
/* Of the section that is there, all in all. */
size_t snapfile_section_bytes(const struct snapfile *file, size_t at);

/* By hand: a header; a section, whose payload is numbers as the format has them; the end. */
void snapfile_header(struct snapfile *file, unsigned major, unsigned minor);
void snapfile_section(struct snapfile *file, unsigned type, unsigned flags,
		      const uint64_t *numbers, unsigned n);
void snapfile_section_raw(struct snapfile *file, unsigned type, unsigned flags,
			  const unsigned char *payload, size_t bytes);
void snapfile_end(struct snapfile *file);

#endif
