/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vcpu.c - a space and a vCPU's request; see vcpu.h.
 */
#include "vcpu.h"

struct fx_mem mem;
struct fx_host *host;
struct gms_space *space;
struct gms_request *request;

static struct gms_range all;

void vcpu_setup(uint32_t profile, uint32_t merge, uint64_t npages, gms_state state)
{
	all = FX_RANGE(0, 2 * npages);
	fx_mem_init(&mem);
	space = fx_space(&mem, profile, GMS_SPLIT_LEVELS, merge);
	host = fx_host_new(0, all.npages);
	fx_region(space, FX_RANGE(0, npages), GMS_ORDER_2M, state, host);
	fx_region(space, FX_RANGE(npages, npages), GMS_ORDER_2M, state, host);
	request = NULL;
}

void vcpu_teardown(void)
{
	gms_request_free(request);
	request = NULL;
	fx_check(space);
	fx_host_check(host, space, all);
	fx_space_done(space, &mem);
	fx_host_free(host);
}

void vcpu_make(const struct gms_request_opts *opts)
{
	gms_request_free(request);
	ck_assert_int_eq(gms_request_new(&request, space, opts), 0);
}

struct gms_request_result result_of(void)
{
	struct gms_request_result result;

	GMS_INIT(&result);
	ck_assert_int_eq(gms_request_result(request, &result), 0);
	return result;
}

uint64_t count(gms_state mask, gms_state value)
{
	uint64_t npages;

	ck_assert_int_eq(gms_count(space, all, mask, value, &npages), 0);
	return npages;
}
