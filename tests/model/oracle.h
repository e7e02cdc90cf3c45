/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle.h - what a space must be, kept the plainest way there is.
 *
 * A word a page for its state, a byte a page for the order of its folio, a list
 * of pins. It is written from the headers, not from lib/, and has no clever
 * part: each answer is found by looking at every page.
 *
 * Where the headers leave two outcomes open, an operation's answer is a set of
 * errors that are all right, and what no header decides is "unclear": the
 * driver does not carry it out.
 */
#ifndef MODEL_ORACLE_H
#define MODEL_ORACLE_H

#include "fixture.h"

#define ORACLE_REGIONS	8
#define ORACLE_PINS	64
#define ORACLE_CHANGES	8

/* What the ledger counts folios as, when they are cut or merged. */
enum { ORACLE_1G, ORACLE_2M, ORACLE_OTHER };

struct touch;

enum oracle_direct_map { ORACLE_TOLD, ORACLE_ALWAYS, ORACLE_FOLLOWS, ORACLE_NEVER };

struct oracle_region {
	struct gms_range range;
	uint32_t base_order;
	uint32_t fault_order;
	uint32_t id;		/* 0: not there now */
	bool	 hosted;	/* has the host as its backend */
};

struct oracle_pin {
	struct gms_range range;
	gms_pin_id id;		/* 0: a free place */
	gms_tag	 tag;
	uint32_t flags;
	uint64_t age;
};

/* Errors that an operation may answer with, and the page it must name. */
struct oracle_verdict {
	int	 errors[5];	/* the first nerrors; none: it succeeds */
	uint32_t reasons[5];
	unsigned nerrors;
	gms_gfn	 gfn;		/* lowest refused page */
	bool	 also_fine;	/* success, changing nothing, is right too */
	bool	 unclear;	/* the headers do not say */
};

/* What a conversion that succeeds must report. */
struct oracle_did {
	uint64_t changed, unchanged, to_shared, to_private;
	uint64_t host_runs;	/* of hosted regions */
	uint64_t seen_runs;	/* of those that map or unmap: all that the model's host does */
	uint64_t splits[3], merges[3];	/* by the kind of folio: ORACLE_1G, ... */
};

struct oracle {
	gms_state known;		/* attributes of the profile */
	enum oracle_direct_map direct_map;
	uint32_t split, merge;
	uint64_t merge_after;		/* commits, under DEFERRED */
	uint64_t npages;		/* frames [0, npages) */
	gms_state *state;		/* GMS_HOLE outside regions */
	gms_state *next;		/* states after the batch in hand */
	uint8_t	*order;			/* of the page's folio */
	uint64_t *turned_at;		/* with which commit the page turned last */
	uint32_t *frozen;		/* how often */
	const struct touch *touch;	/* who touches (touch.h) */
	struct oracle_region region[ORACLE_REGIONS];
	struct oracle_pin pin[ORACLE_PINS];
	uint64_t age;
	uint64_t shared_max;
	uint64_t event[GMS_ACCT_KINDS];
};

void oracle_init(struct oracle *o, uint32_t profile, uint32_t split, uint32_t merge,
		 uint64_t npages);
void oracle_free(struct oracle *o);

/* The region that holds a frame, or NULL. */
const struct oracle_region *oracle_region_of(const struct oracle *o, gms_gfn gfn);
void oracle_region_add(struct oracle *o, struct oracle_region *region, gms_state state);
void oracle_region_remove(struct oracle *o, struct oracle_region *region);

/* Order of the folio that holds a page of a region. */
unsigned oracle_order(const struct oracle *o, gms_gfn gfn);
uint64_t oracle_shared(const struct oracle *o, struct gms_range range);
bool oracle_pinned(const struct oracle *o, struct gms_range range);
uint32_t oracle_gup(gms_state state, uint32_t flags);

/* Judge a batch; oracle_commit() then carries it out. */
void oracle_judge(struct oracle *o, const struct gms_change *changes, size_t n,
		  struct oracle_verdict *verdict, struct oracle_did *did);
void oracle_commit(struct oracle *o, const struct gms_change *changes, size_t n,
		   struct oracle_did *did);

void oracle_judge_pin(const struct oracle *o, struct gms_range range, uint32_t flags,
		      struct oracle_verdict *verdict);
void oracle_pin(struct oracle *o, struct gms_range range, uint32_t flags, gms_tag tag,
		gms_pin_id id);
void oracle_unpin(struct oracle *o, struct oracle_pin *pin);

void oracle_judge_split(const struct oracle *o, gms_gfn gfn, unsigned order,
			struct oracle_verdict *verdict);
void oracle_split(struct oracle *o, gms_gfn gfn, unsigned order);
void oracle_judge_merge(const struct oracle *o, gms_gfn gfn, unsigned order,
			struct oracle_verdict *verdict);
void oracle_merge(struct oracle *o, gms_gfn gfn, unsigned order);
/* Everything that gms_merge_scan() may merge in a pass. */
void oracle_scan(struct oracle *o, struct oracle_did *did);
uint64_t oracle_sum(const uint64_t *by_kind);

/* Do they share a page? */
bool oracle_meet(struct gms_range a, struct gms_range b);

/*
 * Compare all that can be read of a space with the oracle; @around is looked at
 * page by page, and so is everything if @whole. Stops in disagree().
 */
void verify(struct oracle *o, struct gms_space *space, struct fx_host *host, struct fx_mem *mem,
	    struct fx_rand *rand, struct gms_range around, bool whole);

/* Fail the test, printing the last operations. In test_model.c. */
__attribute__((__format__(__printf__, 1, 2), __noreturn__))
void disagree(const char *form, ...);

/* Test, and tell the story if it does not hold. */
#define AGREE(condition, ...) \
	do { \
		if (!(condition)) \
			disagree(__VA_ARGS__); \
	} while (0)

#endif
