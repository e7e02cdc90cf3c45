/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * match.c - which unmap ends which map; see match.h.
 *
 * Drivers unmap by the address that the device was given. Only the kernel's text of an
 * unmapped scatter list lacks it and has the buffer's instead: the second index is not
 * made before the first of these.
 */
#include "replay/match.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SLOTS	1024u

static uint32_t bucket_of(const struct match *match, uint32_t device, uint64_t address)
{
	uint64_t hash = (address ^ (uint64_t)device << 52) * UINT64_C(0x9e3779b97f4a7c15);

	hash ^= hash >> 32;
	return (uint32_t)hash & (match->nbuckets - 1);
}

static void add(struct match *match, uint32_t *index, uint32_t slot)
{
	struct match_mapping *mapping = &match->mapping[slot];
	const bool by_gpa = index == match->by_gpa;
	uint32_t *bucket = &index[bucket_of(match, mapping->device,
					    by_gpa ? mapping->gpa : mapping->dma)];

	*(by_gpa ? &mapping->next_gpa : &mapping->next_dma) = *bucket;
	*bucket = slot;
}

/* Slots on the free list have no length: a mapping has. */
static void add_all(struct match *match, uint32_t *index)
{
	for (uint32_t i = 0; i < match->nbuckets; i++)
		index[i] = MATCH_NONE;
	for (uint32_t slot = 0; slot < match->nslots; slot++) {
		if (match->mapping[slot].bytes)
			add(match, index, slot);
	}
}

static void take(struct match *match, uint32_t *index, uint32_t slot)
{
	struct match_mapping *mapping = &match->mapping[slot];
	const bool by_gpa = index == match->by_gpa;
	uint32_t *at = &index[bucket_of(match, mapping->device,
					by_gpa ? mapping->gpa : mapping->dma)];

	while (*at != slot)
		at = by_gpa ? &match->mapping[*at].next_gpa : &match->mapping[*at].next_dma;
	*at = by_gpa ? mapping->next_gpa : mapping->next_dma;
}

void match_init(struct match *match, uint32_t most)
{
	*match = (struct match){ .free = MATCH_NONE, .most = most };
}

void match_drop(struct match *match)
{
	free(match->mapping);
	free(match->by_dma);
	free(match->by_gpa);
	*match = (struct match){ .free = MATCH_NONE };
}

/* Twice the room; all or nothing. */
static int grow(struct match *match)
{
	const uint32_t n = match->nbuckets ? match->nbuckets * 2 : FIRST_SLOTS;
	struct match_mapping *mapping = realloc(match->mapping, n * sizeof(*mapping));
	uint32_t *by_dma, *by_gpa = NULL;

	if (!mapping)
		return -ENOMEM;
	match->mapping = mapping;
	by_dma = malloc(n * sizeof(*by_dma));
	if (match->by_gpa)
		by_gpa = malloc(n * sizeof(*by_gpa));
	if (!by_dma || (match->by_gpa && !by_gpa)) {
		free(by_dma);
		free(by_gpa);
		return -ENOMEM;
	}
	free(match->by_dma);
	free(match->by_gpa);
	match->by_dma = by_dma;
	match->by_gpa = by_gpa;
	match->nbuckets = n;
	add_all(match, match->by_dma);
	if (match->by_gpa)
		add_all(match, match->by_gpa);
	return 0;
}

static uint32_t slot_of(struct match *match)
{
	const uint32_t slot = match->free;

	if (slot == MATCH_NONE)
		return match->nslots++;
	match->free = match->mapping[slot].next_dma;
	return slot;
}

int64_t match_begin(struct match *match, const struct trace_event *event, uint64_t address)
{
	uint32_t slot;
	int err = 0;

	if (match->n == match->most)
		return -ENOSPC;
	if (match->n == match->nbuckets)
		err = grow(match);
	if (err)
		return err;
	slot = slot_of(match);
	match->mapping[slot] = (struct match_mapping){
		.dma = event->dma, .gpa = event->gpa, .bytes = event->bytes, .address = address,
		.time_ns = event->time_ns, .device = event->device,
		.op = event->op, .dir = event->dir,
	};
	add(match, match->by_dma, slot);
	if (match->by_gpa)
		add(match, match->by_gpa, slot);
	if (++match->n > match->n_max)
		match->n_max = match->n;
	return slot;
}

/* What the text does not say is no difference. */
static bool is_it(const struct match_mapping *mapping, const struct trace_event *event)
{
	const uint8_t op = event->op == TRACE_FREE ? TRACE_COHERENT : TRACE_MAP;

	return mapping->op == op && mapping->device == event->device &&
	       (event->dma == TRACE_NO_ADDRESS || mapping->dma == event->dma) &&
	       (event->gpa == TRACE_NO_ADDRESS || mapping->gpa == event->gpa ||
		mapping->gpa == TRACE_NO_ADDRESS) &&
	       (!event->bytes || mapping->bytes == event->bytes);
}

static int index_by_gpa(struct match *match)
{
	match->by_gpa = malloc(match->nbuckets * sizeof(*match->by_gpa));
	if (!match->by_gpa)
		return -ENOMEM;
	add_all(match, match->by_gpa);
	return 0;
}

int64_t match_end(struct match *match, const struct trace_event *event,
		  struct match_mapping *was)
{
	const bool by_gpa = event->dma == TRACE_NO_ADDRESS;
	uint32_t slot;

	if (!match->n || (by_gpa && event->gpa == TRACE_NO_ADDRESS))
		return -ENOENT;
	if (by_gpa && !match->by_gpa && index_by_gpa(match))
		return -ENOMEM;
	if (by_gpa)
		slot = match->by_gpa[bucket_of(match, event->device, event->gpa)];
	else
		slot = match->by_dma[bucket_of(match, event->device, event->dma)];
	while (slot != MATCH_NONE && !is_it(&match->mapping[slot], event))
		slot = by_gpa ? match->mapping[slot].next_gpa : match->mapping[slot].next_dma;
	if (slot == MATCH_NONE)
		return -ENOENT;
	take(match, match->by_dma, slot);
	if (match->by_gpa)
		take(match, match->by_gpa, slot);
	*was = match->mapping[slot];
	match->mapping[slot].bytes = 0;
	match->mapping[slot].next_dma = match->free;
	match->free = slot;
	match->n--;
	return slot;
}
