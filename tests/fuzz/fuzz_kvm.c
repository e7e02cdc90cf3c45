/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_kvm.c - hypercalls and memory faults as KVM hands them on, or as it never would.
 */
#include "oracle_kvm.h"

const char fuzz_name[] = "kvm";

static const uint32_t profiles[] = {
	GMS_PROFILE_KVM_ATTRS, GMS_PROFILE_GENERIC, GMS_PROFILE_GMEM_INPLACE, GMS_PROFILE_SNP,
};

static struct kvm_rules rules_draw(struct fuzz_in *in)
{
	static const uint8_t bits[] = { 52, 48, 40, 32 };
	static const uint64_t most[] = { 1, 8, 512, 513 };
	const uint8_t kind = fuzz_u8(in);

	return (struct kvm_rules){
		.gpa_bits = bits[kind % 4], .holes = kind & 4,
		.most_pages = kind < 192 ? UINT64_MAX : most[kind >> 3 & 3],
	};
}

static struct gms_request *request_of(const struct kvm_rules *rules, struct world *w)
{
	struct gms_request *request = NULL;
	struct gms_request_opts opts;

	GMS_INIT(&opts);
	opts.gpa_bits = rules->gpa_bits;
	opts.flags = rules->holes ? GMS_REQUEST_HOLES : 0;
	opts.chunk_pages = 7;	/* which means nothing here */
	if (rules->most_pages != UINT64_MAX)
		opts.most_pages = rules->most_pages;
	fuzz_same("gms_request_new()", gms_request_new(&request, w->space, &opts), 0);
	return request;
}

/* Mostly as it is, else a few bits more or a bit up. */
static uint64_t spoil(struct fuzz_in *in, uint64_t word)
{
	const uint8_t kind = fuzz_u8(in);

	if (kind < 224)
		return word;
	return kind < 240 ? word + kind - 231 : word ^ UINT64_C(1) << fuzz_u8(in) % 64;
}

static void compare(const struct gms_request *request, const struct kvm_answer *must)
{
	struct gms_request_result result;

	GMS_INIT(&result);
	fuzz_same("gms_request_result()", gms_request_result(request, &result), 0);
	fuzz_same("pages done", result.pages_done, must->pages);
	fuzz_same("changed pages", result.changed_pages, must->changed);
	if (result.commits > 1)
		fuzz_fail("%u commits", (unsigned)result.commits);
}

static void call(struct world *w, const struct kvm_rules *rules, struct gms_request *request,
		 struct fuzz_in *in)
{
	const uint64_t nr = spoil(in, GMS_KVM_MAP_GPA_RANGE);
	const uint64_t args[6] = {
		spoil(in, fuzz_gfn(in) << GMS_PAGE_SHIFT), spoil(in, fuzz_pages(in)),
		spoil(in, fuzz_u8(in) & 31), fuzz_u8(in),
	};
	const uint32_t style = args[3] & 1;
	struct kvm_answer must;
	int64_t ret = -1;

	fuzz_same("gms_kvm_call()", gms_kvm_call(request, nr, args, style, &ret), 0);
	must = oracle_kvm_call(w, rules, nr, args);
	fuzz_same("hypercall.ret", ret, style ? must.platform : must.guest);
	compare(request, &must);
}

static void fault(struct world *w, const struct kvm_rules *rules, struct gms_request *request,
		  struct fuzz_in *in)
{
	const uint64_t flags = spoil(in, fuzz_u8(in) & 24);
	const uint64_t gpa = spoil(in, fuzz_gfn(in) << GMS_PAGE_SHIFT);
	const uint64_t bytes = spoil(in, fuzz_pages(in) << GMS_PAGE_SHIFT);
	struct kvm_answer must;
	uint32_t action = UINT32_MAX;

	fuzz_same("gms_kvm_fault()", gms_kvm_fault(request, flags, gpa, bytes, &action), 0);
	must = oracle_kvm_fault(w, rules, flags, gpa, bytes);
	fuzz_same("action", action, must.action);
	/* The part of a userfault is gone through before anybody looks for its page. */
	if (!(flags & GMS_KVM_FAULT_USERFAULT))
		compare(request, &must);
}

/* Pages go, or come back. */
static void miss(struct world *w, struct fuzz_in *in)
{
	const unsigned index = fuzz_below(in, WORLD_PAGES);
	const struct gms_range range = { world_gfn(index), 1 + fuzz_u8(in) % 8u };

	if (fuzz_u8(in) & 1)
		(void)world_convert_both(w, range, GMS_STATE_MISSING, GMS_STATE_POPULATED);
	else
		(void)world_convert_both(w, range, GMS_STATE_POPULATED, GMS_STATE_MISSING);
}

int fuzz_one(const uint8_t *data, size_t bytes)
{
	struct fuzz_in in = fuzz_in(data, bytes);
	struct world *w = world_get(profiles[fuzz_below(&in, 4)]);
	const struct kvm_rules rules = rules_draw(&in);
	struct gms_request *request = request_of(&rules, w);

	world_setup(w, &in);
	for (unsigned n = 0; n < 24 && in.left; n++) {
		const uint8_t what = fuzz_u8(&in);

		if (what < 128)
			call(w, &rules, request, &in);
		else if (what < 216)
			fault(w, &rules, request, &in);
		else if (what < 240)
			miss(w, &in);
		else if (what < 248)
			world_release(w);
		else
			world_thaw(w);
	}
	world_compare(w);
	gms_request_free(request);
	return 0;
}
