/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hear.c - listeners of the model's space, and the pages that they must have.
 */
#include "hear.h"

void hear_begin(struct hear *hear, struct gms_space *space)
{
	static const struct {
		gms_state mask, value;
		uint32_t flags, granule_order;
		uint64_t most;
	} kind[HEAR_DEVICES] = {
		{ GMS_STATE_SHARED, GMS_STATE_SHARED, GMS_LISTEN_SERIAL, 0, 0 },
		{ GMS_STATE_SHARED | GMS_STATE_POPULATED, GMS_STATE_SHARED, GMS_LISTEN_CAN_CUT, 2, 0 },
		{ GMS_STATE_DIRTY, GMS_STATE_DIRTY, GMS_LISTEN_NO_JOIN, 0, 128 },
	};

	memset(hear, 0, sizeof(*hear));
	hear->space = space;
	for (int i = 0; i < HEAR_DEVICES; i++) {
		struct fx_device *device = fx_device_new(space, kind[i].mask, kind[i].value);

		hear->device[i] = device;
		device->ops.flags = kind[i].flags;
		device->ops.granule_order = kind[i].granule_order;
		device->ops.max_span_pages = kind[i].most;
		AGREE(!gms_listener_add(space, &device->ops, &hear->id[i]), "listener add");
	}
}

void hear_end(struct hear *hear)
{
	for (int i = 0; i < HEAR_DEVICES; i++) {
		AGREE(!gms_listener_remove(hear->space, hear->id[i]), "listener remove");
		AGREE(!hear->device[i]->nspans, "listener %d has spans left", i);
		fx_device_free(hear->device[i]);
	}
}

/* Must the device have the granule that begins here? */
static bool is_for(const struct oracle *o, const struct gms_listener *ops, gms_gfn first)
{
	const gms_state unheard = GMS_STATE_MISSING | GMS_STATE_FROZEN;
	const uint64_t granule = UINT64_C(1) << ops->granule_order;
	const struct oracle_region *region = NULL;

	if (first + granule > o->npages)
		return false;
	for (gms_gfn gfn = first; gfn < first + granule; gfn++) {
		if (o->state[gfn] & GMS_HOLE ||
		    (o->state[gfn] & (ops->mask | unheard)) != ops->value)
			return false;
		if (granule > 1 && gfn > first && !oracle_meet(region->range, FX_RANGE(gfn, 1)))
			return false;
		if (granule > 1 && gfn == first)
			region = oracle_region_of(o, gfn);
	}
	return true;
}

void hear_verify(struct hear *hear, const struct oracle *o, struct gms_range range)
{
	for (int i = 0; i < HEAR_DEVICES; i++) {
		const struct fx_device *device = hear->device[i];
		const uint64_t granule = UINT64_C(1) << device->ops.granule_order;
		struct gms_listener_info info;

		AGREE(!device->broken[0], "listener %d, contract: %s", i, device->broken);
		GMS_INIT(&info);
		AGREE(!gms_listener_get(hear->space, hear->id[i], &info) &&
		      info.spans == device->nspans, "listener %d has %zu spans", i, device->nspans);
		for (gms_gfn gfn = range.first & ~(granule - 1); gfn < range.first + range.npages;
		     gfn += granule) {
			const bool should = is_for(o, &device->ops, gfn);

			for (gms_gfn at = gfn; at < gfn + granule; at++)
				AGREE(should == !!fx_device_span(device, at),
				      "listener %d: page 0x%" PRIx64 " is %smapped", i, at,
				      should ? "not " : "");
		}
	}
}

void hear_count(const struct hear *hear, struct oracle *o)
{
	o->event[GMS_ACCT_LISTENER_CALLS] = 0;
	o->event[GMS_ACCT_SPANS_MAPPED] = o->event[GMS_ACCT_SPANS_UNMAPPED] = 0;
	for (int i = 0; i < HEAR_DEVICES; i++) {
		const struct fx_device *device = hear->device[i];

		o->event[GMS_ACCT_LISTENER_CALLS] += device->prepares + device->revokes +
						     device->commits;
		o->event[GMS_ACCT_SPANS_MAPPED] += device->spans_committed;
		o->event[GMS_ACCT_SPANS_UNMAPPED] += device->spans_revoked;
	}
}

uint64_t hear_flushes(const struct hear *hear)
{
	uint64_t n = 0;

	for (int i = 0; i < HEAR_DEVICES; i++)
		n += hear->device[i]->revokes;
	return n;
}

struct fx_device *hear_arm(struct hear *hear, struct fx_rand *rand, int error)
{
	struct fx_device *device = hear->device[fx_rand_below(rand, HEAR_DEVICES)];

	device->failures = device->vetoes = 0;
	fx_device_fail_after(device, fx_rand_below(rand, 4), error);
	return device;
}

bool hear_disarm(struct fx_device *device)
{
	return device && !fx_device_heal(device) && device->failures;
}
