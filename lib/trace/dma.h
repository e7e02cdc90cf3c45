/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dma.h - what the kernel's dma:* events say, whoever prints them.
 *
 *	dma_map_page, _phys	a map: both addresses
 *	dma_map_sg		maps, one a segment. Where an IOMMU made fewer segments
 *				of them, the buffers' lengths are not said: then each
 *				has its address for the device only
 *	dma_unmap_page, _phys	an unmap: the device's address
 *	dma_unmap_sg		unmaps, one a buffer: its address, no length
 *	dma_alloc, _pages, _sgt	coherent memory: the device's address, of a list of one
 *				the memory's too
 *	dma_free, _pages, _sgt	its end
 *	dma_sync_single_for_*, dma_sync_sg_for_*
 *				syncs: the device's address
 *	dma_*_err, *_resource	none: a failure, or no memory (that of another device)
 */
#ifndef GMS_TRACE_DMA_H
#define GMS_TRACE_DMA_H

#include "trace/head.h"
#include "trace/parse.h"

/* The event behind a head. OTHER: it is none of memory. */
enum trace_line trace_parse_dma(struct trace_parse *parse, const struct trace_head *head);

#endif
