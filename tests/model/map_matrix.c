/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_matrix.c - which representation became which, counted.
 *
 * A block counts where one edit changed a page of it. A GiB is one word or a
 * chunk; what made it go from one to the other is counted by its cause. What no
 * single edit can do has its reason in the table: such a cell must stay 0, and
 * every other one must not.
 */
#include "map_model.h"

enum { UNIFORM, PLAIN, RUN, RUNS, PLANE, LIST16, LIST32, BYTES, WIDE, KINDS };

static const char *const name[KINDS] = {
	"UNIFORM", "PLAIN", "1 RUN", "2 RUNS", "PLANE", "LIST16", "LIST32", "BYTES", "WIDE"
};

#define THREE_RUNS	"an edit of a uniform block leaves three runs of two states at most"
#define NO_PLACE	"its state has no place, and never will"
#define FIVE_RUNS	"a run's block has three runs, so an edit leaves five at most"
#define SEVEN_RUNS	"a block of two runs has five, so an edit leaves seven at most"
#define TWO_MORE	"an edit adds two runs at most: 16 become 18, which a list of 32 holds"

#define IN_PLACE	"bytes change in place until they are equal or have a state without place"

static const char *const never[KINDS][KINDS] = {
	[UNIFORM] = {
		[RUNS] = THREE_RUNS, [PLANE] = THREE_RUNS, [LIST16] = THREE_RUNS,
		[LIST32] = THREE_RUNS, [BYTES] = THREE_RUNS,
	},
	[PLAIN] = {
		[RUN] = NO_PLACE, [RUNS] = NO_PLACE, [PLANE] = NO_PLACE, [LIST16] = NO_PLACE,
		[LIST32] = NO_PLACE, [BYTES] = NO_PLACE,
	},
	[RUN] = {
		[PLANE] = FIVE_RUNS, [LIST32] = FIVE_RUNS, [BYTES] = FIVE_RUNS,
	},
	[RUNS] = {
		[LIST32] = SEVEN_RUNS, [BYTES] = SEVEN_RUNS,
	},
	[LIST16] = {
		[BYTES] = TWO_MORE,
	},
	[BYTES] = {
		[RUN] = IN_PLACE, [RUNS] = IN_PLACE, [PLANE] = IN_PLACE, [LIST16] = IN_PLACE,
		[LIST32] = IN_PLACE,
	},
};

/* What becomes of GiB, by cause. */
enum {
	TURNED,		/* one word to another */
	OPENED,		/* a chunk for an edit of a part */
	OPENED_CUT,	/* a chunk for a folio that is cut */
	CLOSED_WHOLE,	/* an edit of all of it, seen to be uniform before */
	CLOSED_AFTER,	/* the same where lists or cuts are: seen afterwards */
	CLOSED_IDLE,	/* another GiB of its stripe became the idle one */
	CLOSED_GROWN,	/* folios of it grew together */
	KEPT,		/* uniform again by an edit of a part: an idle chunk */
	REUSED,		/* an idle chunk, edited in part */
	EVENTS
};

static const char *const event_name[EVENTS] = {
	"uniform to uniform", "uniform to chunk: edit", "uniform to chunk: cut",
	"chunk to uniform: whole edit", "chunk to uniform: whole edit, lists or cuts",
	"chunk to uniform: idle", "chunk to uniform: folios grow", "chunk kept idle",
	"idle chunk reused"
};

struct gib {
	struct mm_region *region;
	gms_gfn	 lo, hi;
	uint64_t word;
	bool	 mixed, special;	/* special: has lists or cuts */
};

static uint64_t matrix[KINDS][KINDS], event[EVENTS], ways[MM_WAYS], refused;
static uint8_t kind_before[MM_GIBS * GMS__CHUNK_BLOCKS];
static uint16_t *page_before;
static struct gib gib_before[2 * MM_REGIONS + MM_GIBS];
static unsigned ngibs;

/* The representation of the block that holds a page. */
static unsigned kind_at(const struct mm_region *r, gms_gfn gfn)
{
	static const uint8_t kind[GMS__KINDS] = {
		[GMS__UNIFORM] = UNIFORM, [GMS__PLAIN] = PLAIN, [GMS__PLANE] = PLANE,
		[GMS__RUNS] = RUNS, [GMS__LIST16] = LIST16, [GMS__LIST32] = LIST32,
		[GMS__BYTES] = BYTES, [GMS__WIDE] = WIDE
	};
	uint64_t word;

	/* A GiB's word says the same for each of its blocks, and needs no place. */
	if (!mm_word(r, gfn, &word))
		return mm_has_place(gms__word_state(*gms__gib_at(&r->row, gfn))) ? UNIFORM : PLAIN;
	if (gms__block_kind(word) == GMS__RUNS && gms__block_two_runs(word).s2 == FX_2M)
		return RUN;
	return kind[gms__block_kind(word)];
}

static struct gib look(struct mm_region *r, gms_gfn at)
{
	const struct gms__chunk *chunk = gms__chunk_of(&r->row, at);

	return (struct gib){
		.region = r, .lo = at, .hi = gms__clip_hi(&r->row, at, FX_1G),
		.word = *gms__gib_at(&r->row, at),
		.mixed = chunk && (chunk->nmixed || chunk->nsplit),
		.special = chunk && (chunk->nlists || chunk->nsplit),
	};
}

void mm_matrix_before(const struct mm_op *op)
{
	if (!page_before) {
		page_before = calloc(MM_FRAMES, sizeof(*page_before));
		ck_assert_ptr_nonnull(page_before);
	}
	for (gms_gfn at = op->first & ~(FX_2M - 1); at < op->end; at += FX_2M) {
		const gms_gfn gfn = gms__max(at, op->first);

		kind_before[at / FX_2M] = (uint8_t)kind_at(op->region, gfn);
	}
	memcpy(&page_before[op->first], &mm.page[op->first],
	       (op->end - op->first) * sizeof(*page_before));
	ngibs = 0;
	for (struct mm_region *r = mm.region; r < mm.region + mm.nregions; r++) {
		for (gms_gfn at = r->row.first; at < r->end; at = (at | (FX_1G - 1)) + 1)
			gib_before[ngibs++] = look(r, at);
	}
}

static bool all_equal(const struct gib *gib)
{
	for (gms_gfn gfn = gib->lo + 1; gfn < gib->hi; gfn++) {
		if (mm.page[gfn] != mm.page[gib->lo])
			return false;
	}
	return true;
}

static void count_gib(const struct mm_op *op, const struct gib *old)
{
	const struct gib new = look(old->region, old->lo);
	const bool was_word = gms__word_is_uniform(old->word);
	const bool is_word = gms__word_is_uniform(new.word);
	const bool meant = op->region == old->region && op->first < old->hi && op->end > old->lo;
	const bool whole = meant && op->first <= old->lo && op->end >= old->hi;

	if (was_word && is_word) {
		event[TURNED] += gms__word_state(old->word) != gms__word_state(new.word);
	} else if (was_word) {
		event[op->way == MM_CUT ? OPENED_CUT : OPENED]++;
	} else if (is_word) {
		if (!meant)
			event[CLOSED_IDLE]++;
		else if (op->way == MM_GROWN || !whole)
			event[CLOSED_GROWN]++;
		else
			event[old->special ? CLOSED_AFTER : CLOSED_WHOLE]++;
	} else if (meant && old->mixed && !new.mixed) {
		event[KEPT] += all_equal(&new);
	} else if (meant && !old->mixed && new.mixed) {
		event[REUSED]++;
	}
}

void mm_matrix_after(const struct mm_op *op)
{
	ways[op->way]++;
	refused += op->err != 0;
	for (unsigned i = 0; i < ngibs; i++)
		count_gib(op, &gib_before[i]);
	if (op->way == MM_CUT || op->way == MM_GROWN)
		return;
	for (gms_gfn at = op->first & ~(FX_2M - 1); at < op->end; at += FX_2M) {
		const gms_gfn lo = gms__max(at, op->first), hi = gms__min(at + FX_2M, op->end);

		if (memcmp(&page_before[lo], &mm.page[lo], (hi - lo) * sizeof(*page_before)))
			matrix[kind_before[at / FX_2M]][kind_at(op->region, lo)]++;
	}
}

void mm_matrix_print(void)
{
	printf("%-9s", "from, to");
	for (unsigned to = 0; to < KINDS; to++)
		printf("%10s", name[to]);
	printf("\n");
	for (unsigned from = 0; from < KINDS; from++) {
		printf("%-9s", name[from]);
		for (unsigned to = 0; to < KINDS; to++) {
			if (never[from][to] && !matrix[from][to])
				printf("%10s", "never");
			else
				printf("%10" PRIu64, matrix[from][to]);
		}
		printf("\n");
	}
	for (unsigned i = 0; i < EVENTS; i++)
		printf("GiB, %-44s %10" PRIu64 "\n", event_name[i], event[i]);
	printf("edits: %" PRIu64 " planned, %" PRIu64 " tried, %" PRIu64 " converted (%" PRIu64
	       " refused); folios: %" PRIu64 " cut, %" PRIu64 " grown\n", ways[MM_PLANNED],
	       ways[MM_TRIED], ways[MM_CONVERTED], refused, ways[MM_CUT], ways[MM_GROWN]);
	fflush(stdout);
}

void mm_matrix_check(bool enough)
{
	free(page_before);
	page_before = NULL;
	if (!enough)
		printf("too few steps to expect each of these\n");
	for (unsigned from = 0; from < KINDS; from++) {
		for (unsigned to = 0; to < KINDS; to++) {
			if (never[from][to])
				ck_assert_msg(!matrix[from][to], "%s became %s, but %s", name[from],
					      name[to], never[from][to]);
			else if (enough)
				ck_assert_msg(matrix[from][to], "no %s became %s", name[from],
					      name[to]);
		}
	}
	for (unsigned i = 0; enough && i < EVENTS; i++)
		ck_assert_msg(event[i], "never happened to a GiB: %s", event_name[i]);
}
