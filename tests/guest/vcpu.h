/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vcpu.h - what a test of one protocol stands on: a space of two regions, one behind the
 * other, on a host that records, and one vCPU's request.
 */
#ifndef VCPU_H
#define VCPU_H

#include "fixture.h"

extern struct fx_mem mem;
extern struct fx_host *host;
extern struct gms_space *space;
extern struct gms_request *request;

/* Two regions of so many pages each, of 2M folios in this state; no request yet. */
void vcpu_setup(uint32_t profile, uint32_t merge, uint64_t npages, gms_state state);
/* Frees all, and fails the test if the space is not sound or the host not as it is. */
void vcpu_teardown(void);
/* A request with these options, NULL for none, in place of the one that there is. */
void vcpu_make(const struct gms_request_opts *opts);
/* What the request came to. */
struct gms_request_result result_of(void);
/* How many pages of both regions match. */
uint64_t count(gms_state mask, gms_state value);

#endif
