/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random.c - random conversions, beside a model of both halves of every page.
 *
 * After each step the guest reads every page: it must see the half that
 * gms_state_at() names, with the contents that the model has for it.
 */
#define _GNU_SOURCE
#include "nested.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STEPS		300
#define CHANGES_MAX	24

struct model {
	bool shared[VM_PAGES];
	uint64_t half[2][VM_PAGES];	/* first 8 bytes: private, shared */
	bool punch;
	uint64_t state;			/* of the random numbers */
	uint64_t value;			/* never written before */
};

static uint64_t draw(struct model *model, uint64_t below)
{
	uint64_t x = model->state;	/* xorshift64 */

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	model->state = x;
	return x % below;
}

static struct gms_range draw_range(struct model *model, uint64_t longest)
{
	const uint64_t npages = 1 + draw(model, longest);

	return (struct gms_range){ VM_FIRST + draw(model, VM_PAGES - npages + 1), npages };
}

/* One page turns. */
static void turn(struct model *model, uint64_t page, bool shared, uint32_t content)
{
	if (model->shared[page] == shared)
		return;
	model->shared[page] = shared;
	if (content == GMS_CONTENT_ZERO)
		model->half[shared][page] = 0;
	if (model->punch)
		model->half[!shared][page] = 0;
}

static void turn_range(struct model *model, struct gms_range range, bool shared)
{
	for (uint64_t n = 0; n < range.npages; n++)
		turn(model, range.first - VM_FIRST + n, shared, GMS_CONTENT_ANY);
}

/* Later changes win, and only what differs at the end has turned. */
static int step_batch(struct world *world, struct model *model)
{
	struct gms_change changes[CHANGES_MAX];
	const uint64_t n = 1 + draw(model, CHANGES_MAX);
	struct gms_convert_opts opts;
	bool shared[VM_PAGES];

	GMS_INIT(&opts);
	opts.content = draw(model, 2) ? GMS_CONTENT_ZERO : GMS_CONTENT_ANY;
	memcpy(shared, model->shared, sizeof(shared));
	for (uint64_t i = 0; i < n; i++) {
		const bool to = draw(model, 2);

		changes[i] = (struct gms_change){
			draw_range(model, 64), to ? GMS_STATE_SHARED : 0, to ? 0 : GMS_STATE_SHARED
		};
		for (uint64_t p = 0; p < changes[i].range.npages; p++)
			shared[changes[i].range.first - VM_FIRST + p] = to;
	}
	for (uint64_t p = 0; p < VM_PAGES; p++)
		turn(model, p, shared[p], opts.content);
	return gms_convert(world->space, changes, n, &opts, NULL);
}

static int step_request(struct world *world, struct model *model)
{
	const struct gms_range range = draw_range(model, 100);
	const bool to_private = draw(model, 2);
	const uint64_t hint = draw(model, GMS_KVM_MAP_PAGE_SIZE + 1);
	struct vm_left left = vm_ask(&world->vm, range.first << GMS_PAGE_SHIFT, range.npages,
				     hint | (to_private ? GMS_KVM_MAP_PRIVATE : 0));
	int64_t ret;
	int rc;

	if (left.exit.kind != GMS_KVM_EXIT_HYPERCALL)
		return -EPROTO;
	rc = gms_kvm_call(world->request, left.exit.nr, left.exit.args, GMS_KVM_FOR_GUEST, &ret);
	turn_range(model, range, !to_private);
	if (!rc)
		rc = gms_kvm_hypercall_return(world->vm.run, world->vm.run_bytes, ret);
	left = vm_go_on(&world->vm);
	return rc || (left.done && !left.rax) ? rc : -EPROTO;
}

static int step_write(struct world *world, struct model *model, bool by_guest)
{
	const struct gms_range range = draw_range(model, 300);
	const uint64_t value = model->value;

	for (uint64_t n = 0; n < range.npages; n++) {
		const uint64_t page = range.first - VM_FIRST + n;

		if (by_guest || model->shared[page])
			model->half[model->shared[page]][page] = value + n;
		if (!by_guest && gms_state_at(world->space, range.first + n) & GMS_STATE_SHARED)
			world->hva[512 * page] = value + n;
	}
	model->value += range.npages;
	return !by_guest || vm_write(&world->vm, range.first, range.npages, value).done ? 0
											: -EPROTO;
}

static int step(struct world *world, struct model *model)
{
	struct gms_range range;

	switch (draw(model, 8)) {
	case 0:
		range = draw_range(model, 200);
		turn_range(model, range, false);
		return gms_unshare(world->space, range, NULL);
	case 1:
		range = draw_range(model, 200);
		turn_range(model, range, true);
		return gms_share(world->space, range, NULL);
	case 2:
	case 3:
		return step_batch(world, model);
	case 4:
		return step_request(world, model);
	case 5:
		return step_write(world, model, false);
	case 6:
		return gms_kvm_pre_fault(world->vm.vcpu_fd, draw_range(model, 600), NULL);
	default:
		return step_write(world, model, true);
	}
}

/* Pages that are not as the model has them; *at is the first. */
static unsigned int differences(struct world *world, const struct model *model, uint64_t *at)
{
	static uint64_t seen[VM_PAGES];
	unsigned int wrong = 0;

	if (!vm_read(&world->vm, VM_FIRST, VM_PAGES, seen).done)
		return UINT32_MAX;
	for (uint64_t page = 0; page < VM_PAGES; page++) {
		const bool shared = gms_state_at(world->space, VM_FIRST + page) & GMS_STATE_SHARED;
		bool bad = shared != model->shared[page] || seen[page] != model->half[shared][page];

		/* Only what is shared can be looked at from here. */
		if (shared && !bad)
			bad = world->hva[512 * page] != seen[page];
		if (bad && !wrong++)
			*at = page;
	}
	return wrong;
}

void test_random(uint32_t flags, uint64_t seed)
{
	static struct model model;
	struct world world;
	char why[128] = "";
	unsigned int n, wrong = 0;
	uint64_t at = 0;
	int rc = 0;

	memset(&model, 0, sizeof(model));
	model.punch = flags & GMS_KVM_MEMORY_PUNCH;
	model.state = seed;
	model.value = 1 << 20;
	world_new(&world, flags);
	for (uint64_t page = 0; page < VM_PAGES; page++) {
		model.shared[page] = true;
		model.half[true][page] = page + 1;
	}
	for (n = 0; n < STEPS && !rc && !wrong; n++) {
		rc = step(&world, &model);
		if (!rc)
			wrong = differences(&world, &model, &at);
	}
	tap_ok(!rc && !wrong, "random, %s, seed %llu: %u steps, error %d, %u pages wrong, first %llu",
	       model.punch ? "punching" : "not punching", (unsigned long long)seed, n, rc, wrong,
	       (unsigned long long)at);
	rc = gms_check(world.space, why, sizeof(why));
	tap_is(rc, 0, "random: the space is sound%s%s", rc ? ": " : "", rc ? why : "");
	tap_is((int64_t)gms_kvm_memory_failures(world.memory), 0, "random: no hole was refused");
	printf("# %llu pages turned private, %llu shared, %llu ioctls\n",
	       (unsigned long long)world_charged(&world, GMS_ACCT_PAGES_TO_PRIVATE),
	       (unsigned long long)world_charged(&world, GMS_ACCT_PAGES_TO_SHARED),
	       (unsigned long long)world_charged(&world, GMS_ACCT_SYS_IOCTL));
	world_free(&world);
}
