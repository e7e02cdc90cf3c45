/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.h - what a file says about a guest's memory, and a walk through it.
 *
 * A file is a snapshot of gms_save(), or the text of gms_dump(). Of a text the regions are
 * what has no hole in it, made of the largest folios that it names and that fit; and it
 * tells the order of a folio only where a run begins: a block of 2 MiB in which none
 * begins is taken to be whole.
 */
#ifndef GMS_PICTURE_MEMORY_H
#define GMS_PICTURE_MEMORY_H

#include <stdio.h>

#include <gmemstate/gmemstate.h>

struct picture_run {
	gms_gfn	  first;
	uint64_t  npages;
	gms_state state;
	uint32_t  order;	/* of the folio at its start */
};

struct picture_region {
	gms_gfn	 first;
	uint64_t npages;
	uint32_t base_order;
};

/* Folios of one order, from where those before end, or their region begins. */
struct picture_folios {
	gms_gfn	 end;
	uint32_t order;
};

struct picture_memory {
	struct gms_space *space;	/* NULL: of a text */
	struct picture_folios *folios;	/* of a space, of all its regions in order */
	size_t	 nfolios;
	struct picture_run *run;	/* of a text */
	size_t	 nruns;
	struct picture_region *region;	/* in the order of their frames */
	size_t	 nregions;
};

/* Bytes of a file that is read once, some of which may have been looked at before. */
struct picture_input {
	FILE	*file;
	unsigned char head[8];
	size_t	 nhead, taken;
};

/*
 * Read a file, "-" is the standard input. 0 or a negative errno, with what is wrong in why.
 * most_bytes: the most memory that it may take; 0: any.
 */
int  picture_load(struct picture_memory *memory, const char *path, uint64_t most_bytes,
		  char *why, size_t room);
/* The same of a file that is open. */
int  picture_read(struct picture_memory *memory, FILE *file, uint64_t most_bytes, char *why,
		  size_t room);
/* The part of it that reads the text of gms_dump(). Fills in run and nruns. */
int  picture_parse(struct picture_memory *memory, struct picture_input *in, uint64_t most_bytes,
		   char *why, size_t room);
/* The part of it that lists a space's folios. Fills in folios and nfolios. */
int  picture_list_folios(struct picture_memory *memory, uint64_t most_bytes);
void picture_unload(struct picture_memory *memory);
/* The next byte, or EOF. */
int  picture_input_byte(struct picture_input *in);
/* Has any page this attribute? */
bool picture_has(const struct picture_memory *memory, gms_state bit);

/* Pages in a row that are alike, in a folio or in several of one order. */
struct picture_piece {
	gms_gfn	  first;
	uint64_t  npages;
	gms_state state;	/* the attributes that were asked for */
	uint32_t  order;	/* of their folios */
	uint32_t  base_order;	/* of their region */
	bool	  mixed;	/* in a folio that holds shared and private pages */
};

struct picture_walk {
	const struct picture_memory *memory;
	struct gms_iter it;
	gms_gfn	  at, end;
	gms_state mask;
	bool	  exact;
	struct gms_run run;		/* the one at is in, or before it */
	size_t	  next_run;		/* of a text */
	size_t	  region;
	size_t	  folios;		/* of a space: those that at is in, or before it */
	gms_gfn	  folio_end;		/* pages before it are of this order */
	uint32_t  order;
	bool	  mixed;
};

/*
 * Of a range, under a mask. exact: the order of each folio, and whether it is mixed,
 * if the mask has SHARED; if not exact, a block of 2 MiB that is cut has the order of its
 * first folio all over, which is quicker.
 */
void picture_walk_begin(struct picture_walk *walk, const struct picture_memory *memory,
			struct gms_range range, gms_state mask, bool exact);
bool picture_walk_next(struct picture_walk *walk, struct picture_piece *piece);

#endif
