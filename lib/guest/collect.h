/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * collect.h - requests of many vCPUs, in one commit: what a request needs of it.
 *
 * Locking: see collect.c. Nothing here is called with a lock held.
 */
#ifndef GMS_GUEST_COLLECT_H
#define GMS_GUEST_COLLECT_H

#include <gmemstate/guest/collect.h>

const struct gms_space *gms__collector_space(const struct gms_collector *collector);
/* Carry out the request's next window with others, if that is possible. */
void gms__collect(struct gms_collector *collector, struct gms_request *request);

#endif
