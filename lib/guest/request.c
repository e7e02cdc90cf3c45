/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * request.c - one vCPU's request: made, taken in, looked at, refused, answered.
 */
#include "guest/request.h"

#include <errno.h>
#include <string.h>

#include "base/sized.h"
#include "base/wait.h"
#include "guest/collect.h"
#include "guest/run.h"

#define GPA_BITS	52u
#define GPA_BITS_LEAST	32u
#define GO_WITH_MEMORY	(GMS_STATE_ACCEPTED | GMS_STATE_HOST_MAPPED | GMS_STATE_DIRTY)
#define FLAGS		(GMS_REQUEST_HOLES | GMS_REQUEST_NO_WAIT | GMS_REQUEST_NO_CHARGE | \
			 GMS_REQUEST_PUT_OFF)

static int check_opts(struct gms_request_opts *opts, const struct gms_space *space)
{
	if (!opts->gpa_bits)
		opts->gpa_bits = GPA_BITS;
	if ((opts->flags & ~FLAGS) || opts->content > GMS_CONTENT_ZERO || opts->reserved ||
	    opts->gpa_bits < GPA_BITS_LEAST || opts->gpa_bits > GPA_BITS)
		return -EINVAL;
	if (opts->collector && gms__collector_space(opts->collector) != space)
		return -EINVAL;
	return 0;
}

int gms_request_new(struct gms_request **out, struct gms_space *space,
		    const struct gms_request_opts *theirs)
{
	struct gms_request_opts opts;
	struct gms_request *request;
	int err = 0;

	if (!out || !space)
		return -EINVAL;
	GMS_INIT(&opts);
	if (theirs)
		err = gms__sized_in(&opts, sizeof(opts), theirs);
	if (!err)
		err = check_opts(&opts, space);
	if (err)
		return err;
	request = gms__mem_alloc(&space->map.mem, sizeof(*request));
	if (!request)
		return -ENOMEM;
	memset(request, 0, sizeof(*request));
	request->space = space;
	request->opts = opts;
	if (!gms__cond_init(&request->told)) {
		gms__mem_free(&space->map.mem, request, sizeof(*request));
		return -ENOMEM;
	}
	err = gms_batch_new(&request->batch, space, GMS__REQUEST_PARTS);
	if (err) {
		gms_request_free(request);
		return err;
	}
	*out = request;
	return 0;
}

void gms_request_free(struct gms_request *request)
{
	if (!request)
		return;
	gms_batch_free(request->batch);
	gms__cond_fini(&request->told);
	gms__mem_free(&request->space->map.mem, request, sizeof(*request));
}

int gms__request_begin(struct gms_request *request, uint32_t protocol, uint64_t chunk_pages)
{
	if (!request)
		return -EINVAL;
	request->protocol = protocol;
	request->step = GMS_REQUEST_IDLE;
	request->nparts = 0;
	request->chunk_pages = request->opts.chunk_pages ? request->opts.chunk_pages : chunk_pages;
	request->admit = NULL;
	request->granular = false;
	request->stop_error = 0;
	request->place = (struct gms__reached){ 0, 0 };
	request->error = 0;
	request->error_gfn = 0;
	request->error_reason = GMS_REASON_NONE;
	request->pages_done = 0;
	request->commits = 0;
	request->changed_pages = 0;
	request->splits = 0;
	request->flushes = 0;
	request->joint = false;
	return 0;
}

struct gms_request_part *gms__request_add(struct gms_request *request, struct gms_range range,
					  gms_state set, gms_state clear)
{
	const gms_state known = request->space->profile->settable;
	struct gms_request_part *part = &request->part[request->nparts++];

	/*
	 * Sharing gives up acceptance, and discarding more than that (convert.h). Here they say
	 * so: in one conversion with parts before and after it, what a change brings along
	 * is that of what all come to.
	 */
	if (set & GMS_STATE_SHARED)
		clear |= GMS_STATE_ACCEPTED & ~set;
	if (clear & GMS_STATE_POPULATED)
		clear |= GO_WITH_MEMORY & ~set;
	*part = (struct gms_request_part){ .change = { range, set & known, clear & known } };
	return part;
}

void gms__request_ready(struct gms_request *request, int stop_error)
{
	request->stop_error = stop_error;
	request->step = GMS_REQUEST_READY;
}

int gms__request_end(struct gms_request *request, uint32_t protocol)
{
	if (!request || request->protocol != protocol || request->step != GMS_REQUEST_DONE)
		return -EINVAL;
	request->step = GMS_REQUEST_IDLE;
	return 0;
}

bool gms__pages_of(const struct gms_request *request, uint64_t gpa, uint64_t bytes,
		   struct gms_range *range)
{
	const uint64_t limit = UINT64_C(1) << request->opts.gpa_bits;

	if ((gpa | bytes) % GMS_PAGE_SIZE || !bytes || bytes > limit || gpa > limit - bytes)
		return false;
	*range = (struct gms_range){ gpa >> GMS_PAGE_SHIFT, bytes >> GMS_PAGE_SHIFT };
	return true;
}

int gms_request_refuse(struct gms_request *request, int error)
{
	if (!request || request->step != GMS_REQUEST_READY || error >= 0)
		return -EINVAL;
	request->error = error;
	gms__request_finish(request);
	return 0;
}

int gms_request_part_at(const struct gms_request *request, uint32_t index,
			struct gms_request_part *part)
{
	if (!request || !part)
		return -EINVAL;
	if (index >= request->nparts)
		return -ENOENT;
	*part = request->part[index];
	return 0;
}

int gms_request_result(const struct gms_request *request, struct gms_request_result *result)
{
	struct gms_request_result ours;
	int err;

	if (!request)
		return -EINVAL;
	err = gms__sized_check(result, sizeof(ours));
	if (err)
		return err;
	GMS_INIT(&ours);
	ours.protocol = request->protocol;
	ours.step = request->step;
	ours.nparts = request->nparts;
	ours.parts_done = request->place.part;
	for (uint32_t i = 0; i < request->nparts; i++)
		ours.pages += request->part[i].change.range.npages;
	ours.pages_done = request->pages_done;
	ours.part_pages_done = request->place.pages;
	ours.commits = request->commits;
	ours.changed_pages = request->changed_pages;
	ours.splits = request->splits;
	ours.flushes = request->flushes;
	ours.error_gfn = request->error_gfn;
	ours.error_reason = request->error_reason;
	ours.error = request->error;
	gms__sized_out(result, &ours, sizeof(ours));
	return 0;
}

static const char *const names[GMS_PROTOCOL_COUNT] = {
	[GMS_PROTOCOL_NONE] = "none",
	[GMS_PROTOCOL_KVM_CALL] = "kvm-call",
	[GMS_PROTOCOL_KVM_FAULT] = "kvm-fault",
	[GMS_PROTOCOL_SNP_PSC] = "snp-psc",
	[GMS_PROTOCOL_SNP_MSR] = "snp-msr",
	[GMS_PROTOCOL_TDX_MAP] = "tdx-map",
	[GMS_PROTOCOL_TDX_ACCEPT] = "tdx-accept",
	[GMS_PROTOCOL_PKVM] = "pkvm",
	[GMS_PROTOCOL_CCA] = "cca",
};

const char *gms_protocol_name(uint32_t protocol)
{
	return protocol < GMS_PROTOCOL_COUNT ? names[protocol] : "unknown";
}
