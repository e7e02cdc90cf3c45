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

static uint32_t bucket_of(const struct match *match, uint32_t device, uint64_t address,
			  uint64_t bytes)
{
	uint64_t hash = address ^ (uint64_t)device << 52;

	hash = (hash + bytes * UINT64_C(0xff51afd7ed558ccd)) * UINT64_C(0x9e3779b97f4a7c15);
	hash ^= hash >> 32;
	return (uint32_t)hash & (match->nbuckets - 1);
}

/* Who knows the device's address knows the length, too. */
static uint32_t *bucket_for(const struct match *match, uint32_t *index,
			    const struct match_mapping *mapping)
{
	if (index == match->by_gpa)
		return &index[bucket_of(match, mapping->device, mapping->gpa, 0)];
	return &index[bucket_of(match, mapping->device, mapping->dma, mapping->bytes)];
}

static struct match_link *link_of(const struct match *match, const uint32_t *index, uint32_t slot)
{
	struct match_mapping *mapping = &match->mapping[slot];

	return index == match->by_gpa ? &mapping->gpa_link : &mapping->dma_link;
}

static void add(struct match *match, uint32_t *index, uint32_t slot)
{
	uint32_t *bucket = bucket_for(match, index, &match->mapping[slot]);

	*link_of(match, index, slot) = (struct match_link){ *bucket, MATCH_NONE };
	if (*bucket != MATCH_NONE)
		link_of(match, index, *bucket)->prev = slot;
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
	const struct match_link link = *link_of(match, index, slot);

	if (link.prev == MATCH_NONE)
		*bucket_for(match, index, &match->mapping[slot]) = link.next;
	else
		link_of(match, index, link.prev)->next = link.next;
	if (link.next != MATCH_NONE)
		link_of(match, index, link.next)->prev = link.prev;
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
	match->free = match->mapping[slot].dma_link.next;
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
	uint32_t slot, looks = 0;
	uint32_t *index;

	if (!match->n || (by_gpa && event->gpa == TRACE_NO_ADDRESS))
		return -ENOENT;
	if (by_gpa && !match->by_gpa && index_by_gpa(match))
		return -ENOMEM;
	index = by_gpa ? match->by_gpa : match->by_dma;
	slot = index[by_gpa ? bucket_of(match, event->device, event->gpa, 0) :
			      bucket_of(match, event->device, event->dma, event->bytes)];
	while (slot != MATCH_NONE && !is_it(&match->mapping[slot], event)) {
		if (++looks == MATCH_LOOKS)
			return -ENOENT;
		slot = link_of(match, index, slot)->next;
	}
	if (slot == MATCH_NONE)
		return -ENOENT;
	take(match, match->by_dma, slot);
	if (match->by_gpa)
		take(match, match->by_gpa, slot);
	*was = match->mapping[slot];
	match->mapping[slot].bytes = 0;
	match->mapping[slot].dma_link.next = match->free;
	match->free = slot;
	match->n--;
	return slot;
}
