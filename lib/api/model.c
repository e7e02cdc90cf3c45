/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.c - a backend that only counts; the calls of model.h.
 *
 * Which blocks have left the direct map before is a hash set that grows: a large
 * entry of the direct map is split once. It is looked after under the model's
 * lock (rank MODEL); all else is atomic.
 */
#include <errno.h>
#include <string.h>

#include <gmemstate/model.h>

#include "base/atomic.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/sized.h"
#include "engine/cost.h"
#include "engine/profile.h"

/* A set of numbers but 0. The table is a power of two, at most half full. */
struct set {
	uint64_t *slot;
	uint64_t  nslots;
	uint64_t  n;
};

struct gms_model {
	struct gms__mem	mem;
	const struct gms_profile_info *profile;
	uint64_t steps;
	uint64_t fail_at;	/* that step fails; UINT64_MAX: none */
	int	 error;
	uint64_t failures;
	uint64_t calls[GMS_MODEL_OPS];
	uint64_t runs[GMS_MODEL_OPS];
	struct gms__lock lock;
	struct set cut;		/* guarded by it: blocks, and whole GiB */
};

/* The slot that has the key, or where it would go. */
static uint64_t *set_at(const struct set *set, uint64_t key)
{
	uint64_t i = key * UINT64_C(0x9e3779b97f4a7c15) >> 20;

	while (set->slot[i & (set->nslots - 1)] && set->slot[i & (set->nslots - 1)] != key)
		i++;
	return &set->slot[i & (set->nslots - 1)];
}

static int set_room(struct gms__mem *mem, struct set *set, uint64_t more)
{
	struct set larger = { NULL, 64, set->n };

	while (larger.nslots / 2 < set->n + more)
		larger.nslots *= 2;
	if (larger.nslots <= set->nslots)
		return 0;
	larger.slot = gms__mem_alloc(mem, larger.nslots * sizeof(*larger.slot));
	if (!larger.slot)
		return -ENOMEM;
	memset(larger.slot, 0, larger.nslots * sizeof(*larger.slot));
	for (uint64_t i = 0; i < set->nslots; i++) {
		if (set->slot[i])
			*set_at(&larger, set->slot[i]) = set->slot[i];
	}
	gms__mem_free(mem, set->slot, set->nslots * sizeof(*set->slot));
	*set = larger;
	return 0;
}

/* How many of the blocks of an order are new; they are no longer. */
static uint64_t set_blocks(struct set *set, gms_gfn first, gms_gfn last, unsigned order)
{
	uint64_t n = 0;

	for (gms_gfn block = first >> order; block <= last >> order; block++) {
		const uint64_t key = (block << 1 | (order == GMS_ORDER_1G)) + 1;
		uint64_t *slot = set_at(set, key);

		n += !*slot;
		*slot = key;
	}
	set->n += n;
	return n;
}

/* The blocks of a run that leave the direct map for the first time. */
static int count_new(struct gms_model *model, const struct gms_host_run *run,
		     struct gms__units *units)
{
	const gms_gfn first = run->first, last = run->first + run->npages - 1;
	const uint64_t most = (last >> GMS_ORDER_2M) - (first >> GMS_ORDER_2M) +
			      (last >> GMS_ORDER_1G) - (first >> GMS_ORDER_1G) + 2;
	int err;

	gms__lock(&model->lock);
	err = set_room(&model->mem, &model->cut, most);
	if (!err) {
		units->n[GMS_PER_NEW_2M] += set_blocks(&model->cut, first, last, GMS_ORDER_2M);
		units->n[GMS_PER_NEW_1G] += set_blocks(&model->cut, first, last, GMS_ORDER_1G);
	}
	gms__unlock(&model->lock);
	return err;
}

/* The next step: 0, or the error that it is to fail with. */
static int step(struct gms_model *model)
{
	const uint64_t n = gms__add(&model->steps, 1) - 1;

	if (n != gms__load(&model->fail_at))
		return 0;
	gms__add(&model->failures, 1);
	return gms__load_relaxed(&model->error);
}

static void charge_one(void *to, uint32_t kind, uint64_t count)
{
	gms_charge_add(to, kind, count);
}

static uint32_t event_of(enum gms_model_op op, const struct gms_host_run *run)
{
	switch (op) {
	case GMS_MODEL_SET_ATTRIBUTES:
		return run->to & GMS_STATE_SHARED ? GMS_COST_TO_SHARED : GMS_COST_TO_PRIVATE;
	case GMS_MODEL_DIRECT_MAP:
		return run->to & GMS_STATE_DIRECT_MAP ? GMS_COST_DIRECT : GMS_COST_UNDIRECT;
	case GMS_MODEL_POPULATE:
		return GMS_COST_POPULATE;
	default:
		return GMS_COST_DISCARD;
	}
}

static uint32_t path_of(const struct gms_model *model, enum gms_model_op op)
{
	switch (op) {
	case GMS_MODEL_SET_ATTRIBUTES:
		return model->profile->convert_path;
	case GMS_MODEL_DIRECT_MAP:
	case GMS_MODEL_POPULATE:
		return model->profile->populate_path;
	case GMS_MODEL_DISCARD:
		return model->profile->unit_most || model->profile->populate_path ?
		       GMS_PATH_DISCARD : GMS_PATH_NONE;
	default:
		return GMS_PATH_NONE;
	}
}

/* What the host does not do for the contents, the VMM does. */
static void charge_content(const struct gms_model *model, const struct gms_host_run *run,
			   struct gms_charge *charge)
{
	const uint32_t fate = run->to & GMS_STATE_SHARED ? model->profile->to_shared :
							   model->profile->to_private;

	if (fate == GMS_FATE_ANY)
		return;
	if (run->content == GMS_CONTENT_PRESERVE && fate != GMS_FATE_KEPT)
		gms_charge_add(charge, GMS_ACCT_BYTES_COPIED, run->npages << GMS_PAGE_SHIFT);
	if (run->content == GMS_CONTENT_ZERO && fate != GMS_FATE_ZEROED)
		gms_charge_add(charge, GMS_ACCT_PAGES_ZEROED, run->npages);
}

static void charge_refusal(uint32_t path, const struct gms_host_run *run,
			   struct gms_charge *charge)
{
	struct gms__units units = { { 0 }, 0, 0 };

	gms__units_add(&units, run->first, run->npages);
	gms__units_end(&units);
	gms__path_cost(path, GMS_COST_REFUSED, &units, charge_one, charge);
}

/* The runs of a call all go the same way. */
static int operate(struct gms_model *model, enum gms_model_op op, const struct gms_host_run *runs,
		   size_t nruns, size_t *ndone, struct gms_charge *charge)
{
	const uint32_t path = path_of(model, op), event = event_of(op, &runs[0]);
	const bool leaves = path == GMS_PATH_DIRECT_MAP && event != GMS_COST_DIRECT;
	struct gms__units units = { { 0 }, 0, 0 };
	int err = 0;

	gms__add(&model->calls[op], 1);
	gms__add(&model->runs[op], nruns);
	for (*ndone = 0; *ndone < nruns; ++*ndone) {
		const struct gms_host_run *run = &runs[*ndone];

		err = step(model);
		if (err == -EAGAIN && event == GMS_COST_TO_PRIVATE)
			charge_refusal(path, run, charge);
		if (!err && leaves)
			err = count_new(model, run, &units);
		if (err)
			break;
		gms__units_add(&units, run->first, run->npages);
		if (op == GMS_MODEL_SET_ATTRIBUTES)
			charge_content(model, run, charge);
	}
	gms__units_end(&units);
	gms__path_cost(path, event, &units, charge_one, charge);
	return err;
}

#define OPERATION(name, op) \
	static int name(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone, \
			struct gms_charge *charge) \
	{ \
		return operate(ctx, op, runs, nruns, ndone, charge); \
	}

OPERATION(unmap_host, GMS_MODEL_UNMAP_HOST)
OPERATION(map_host, GMS_MODEL_MAP_HOST)
OPERATION(set_attributes, GMS_MODEL_SET_ATTRIBUTES)
OPERATION(direct_map, GMS_MODEL_DIRECT_MAP)
OPERATION(populate, GMS_MODEL_POPULATE)
OPERATION(discard, GMS_MODEL_DISCARD)

static void note(struct gms_model *model, enum gms_model_op op)
{
	gms__add(&model->calls[op], 1);
	gms__add(&model->runs[op], 1);
}

static int split(void *ctx, const struct gms_host_folio *folio, struct gms_charge *charge)
{
	(void)folio;
	(void)charge;
	note(ctx, GMS_MODEL_SPLIT);
	return step(ctx);
}

static void merge(void *ctx, const struct gms_host_folio *folio, struct gms_charge *charge)
{
	(void)folio;
	(void)charge;
	note(ctx, GMS_MODEL_MERGE);
}

static void flush(void *ctx, struct gms_charge *charge)
{
	(void)charge;
	note(ctx, GMS_MODEL_FLUSH);
}

int gms_model_new(struct gms_model **out, const struct gms_model_opts *theirs)
{
	struct gms_model_opts opts;
	struct gms_model *model;
	struct gms_mem_ops mem;
	int err = 0;

	if (!out)
		return -EINVAL;
	GMS_INIT(&opts);
	if (theirs)
		err = gms__sized_in(&opts, sizeof(opts), theirs);
	if (!err)
		err = gms__mem_ops_in(&mem, opts.mem);
	if (err)
		return err;
	if (!gms__profile_get(opts.profile) || opts.flags)
		return -EINVAL;
	model = mem.alloc(mem.ctx, sizeof(*model), GMS__CACHE_LINE);
	if (!model)
		return -ENOMEM;
	memset(model, 0, sizeof(*model));
	gms__mem_init(&model->mem, &mem);
	model->profile = gms__profile_get(opts.profile);
	model->fail_at = UINT64_MAX;
	err = gms__lock_init(&model->lock, GMS__RANK_MODEL, 0);
	if (err) {
		mem.free(mem.ctx, model, sizeof(*model), GMS__CACHE_LINE);
		return err;
	}
	*out = model;
	return 0;
}

void gms_model_free(struct gms_model *model)
{
	struct gms_mem_ops mem;

	if (!model)
		return;
	mem = model->mem.ops;
	gms__mem_free(&model->mem, model->cut.slot,
		      model->cut.nslots * sizeof(*model->cut.slot));
	gms__lock_fini(&model->lock);
	mem.free(mem.ctx, model, sizeof(*model), GMS__CACHE_LINE);
}

int gms_model_backend(struct gms_model *model, struct gms_backend *backend)
{
	struct gms_backend ours;
	int err;

	if (!model)
		return -EINVAL;
	err = gms__sized_check(backend, sizeof(*backend));
	if (err)
		return err;
	GMS_INIT(&ours);
	ours.ctx = model;
	ours.unmap_host = unmap_host;
	ours.map_host = map_host;
	ours.flush = flush;
	ours.set_attributes = set_attributes;
	ours.direct_map = direct_map;
	ours.populate = populate;
	ours.discard = discard;
	ours.split = split;
	ours.merge = merge;
	gms__sized_out(backend, &ours, sizeof(ours));
	return 0;
}

int gms_model_fail(struct gms_model *model, uint64_t pass, int error)
{
	const uint64_t steps = model ? gms__load(&model->steps) : 0;

	if (!model || error >= 0)
		return -EINVAL;
	__atomic_store_n(&model->error, error, __ATOMIC_RELAXED);
	gms__store(&model->fail_at, pass < UINT64_MAX - steps ? steps + pass : UINT64_MAX);
	return 0;
}

int gms_model_read(const struct gms_model *model, struct gms_model_counts *counts)
{
	struct gms_model_counts ours;
	int err;

	if (!model)
		return -EINVAL;
	err = gms__sized_check(counts, sizeof(*counts));
	if (err)
		return err;
	GMS_INIT(&ours);
	ours.steps = gms__load(&model->steps);
	ours.failures = gms__load(&model->failures);
	for (unsigned op = 0; op < GMS_MODEL_OPS; op++) {
		ours.calls[op] = gms__load(&model->calls[op]);
		ours.runs[op] = gms__load(&model->runs[op]);
	}
	gms__sized_out(counts, &ours, sizeof(ours));
	return 0;
}
