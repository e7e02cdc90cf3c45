/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_loans.c - the loans that are out, by what their unmap will say; see
 * trace_loans.h.
 */
#include "trace_loans.h"

#include <errno.h>
#include <stdlib.h>

struct trace_out {
	struct trace_out *next;
	struct trace_line map;
	gms_loan_id id;
};

#define BUCKETS	(sizeof(((struct trace_loans *)NULL)->bucket) / sizeof(struct trace_out *))

static struct trace_out **bucket_of(struct trace_loans *loans, const struct trace_line *line)
{
	return &loans->bucket[(line->dma >> 4 ^ line->dma >> 14) % BUCKETS];
}

static int remember(struct trace_loans *loans, const struct trace_line *line, gms_loan_id id)
{
	struct trace_out *out = malloc(sizeof(*out)), **first = bucket_of(loans, line);

	if (!out)
		return -ENOMEM;
	*out = (struct trace_out){ *first, *line, id };
	*first = out;
	return 0;
}

/* The loan of this unmap; 0: there is none. Equal maps are as good as each other. */
static gms_loan_id recall(struct trace_loans *loans, const struct trace_line *line)
{
	gms_loan_id id = 0;

	for (struct trace_out **at = bucket_of(loans, line); *at; at = &(*at)->next) {
		struct trace_out *out = *at;

		if (out->map.dma != line->dma || out->map.gpa != line->gpa ||
		    out->map.bytes != line->bytes || out->map.device != line->device)
			continue;
		id = out->id;
		*at = out->next;
		free(out);
		break;
	}
	return id;
}

static uint32_t direction(char dir)
{
	return dir == 'T' ? GMS_LEND_TO_DEVICE : dir == 'F' ? GMS_LEND_FROM_DEVICE : GMS_LEND_BOTH;
}

int trace_loan(struct trace_loans *loans, struct gms_space *space, const struct trace_line *line,
	       uint64_t from)
{
	gms_loan_id id;
	int err;

	if (line->op == TRACE_UNMAP) {
		id = recall(loans, line);
		return id ? gms_return(space, id, NULL) : -ENOENT;
	}
	err = gms_lend(space, from, line->bytes, direction(line->dir), line->device, &id, NULL);
	if (!err && line->op == TRACE_MAP)
		err = remember(loans, line, id);
	return err;
}

void trace_loans_forget(struct trace_loans *loans)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		while (loans->bucket[i]) {
			struct trace_out *next = loans->bucket[i]->next;

			free(loans->bucket[i]);
			loans->bucket[i] = next;
		}
	}
}
