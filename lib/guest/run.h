/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.h - carry out a request, or lend its next pages to a commit of many.
 *
 * Locking: see request.h. Nothing here is called with a lock held.
 */
#ifndef GMS_GUEST_RUN_H
#define GMS_GUEST_RUN_H

#include "guest/request.h"

/*
 * Pages that the next window asks something of; 0: there is nothing to convert. What is
 * not admitted, and holes that are passed over, count too.
 */
uint64_t gms__request_ahead(const struct gms_request *request);
/*
 * Add the next pages' changes to a batch: 0, or an error of gms_batch_add() with some of
 * them added and the request as it was.
 */
int  gms__request_window(struct gms_request *request, struct gms_batch *batch,
			 struct gms__window *window);
/* The window's changes were committed, with those of others if joint. */
void gms__request_advance(struct gms_request *request, const struct gms__window *window);
/* Go on from where it is, as far as it goes. */
void gms__request_carry_on(struct gms_request *request);
/* Is the request to stop here, or can it go no further? */
bool gms__request_over(const struct gms_request *request);
/* It is over: charge for it, and let it be answered. */
void gms__request_finish(struct gms_request *request);

#endif
