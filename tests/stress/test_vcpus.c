/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_vcpus.c - 64 vCPUs share and unshare the same folios of 1G, while pins come
 * and go and devices are plugged and unplugged. Each thread counts what it did; in
 * the end the ledger must say the same, and the backend and the listeners must have
 * exactly what is shared. Meant for ThreadSanitizer; GMS_STRESS_SECONDS sets how long.
 */
#include "crew.h"
#include "device.h"

#include <time.h>

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define GIBS	3
#define RAM	FX_RANGE(0, GIBS * FX_1G)
#define BUSY	(4 * FX_2M)	/* of each GiB, and as much before the next */
#define VCPUS	64

enum { CALLS, COMMITS, BLOCKED, TO_SHARED, TO_PRIVATE, PINS, UNPINS, PINS_REFUSED };

static struct crew crew;
static struct fx_device *serial, *parallel;
static uint32_t serial_id, parallel_id;

static struct fx_device *plug(uint32_t flags, uint32_t granule_order, uint32_t *id)
{
	struct fx_device *device = fx_device_new(NULL, S, S);

	device->ops.flags = flags;
	device->ops.granule_order = granule_order;
	device->threads = !(flags & GMS_LISTEN_SERIAL);
	if (gms_listener_add(crew.space, &device->ops, id))
		crew_fail(&crew, "a listener cannot be added");
	return device;
}

static void setup(void)
{
	memset(&crew, 0, sizeof(crew));
	fx_mem_init(&crew.mem);
	crew.space = fx_plain_space(&crew.mem);
	crew.host = fx_host_new(0, GIBS * FX_1G);
	fx_host_do_all(crew.host);
	fx_region(crew.space, RAM, GMS_ORDER_1G, D, crew.host);
	fx_host_mend(crew.host, crew.space, RAM);
	serial = plug(GMS_LISTEN_SERIAL, 0, &serial_id);
	parallel = plug(GMS_LISTEN_CAN_CUT, 2, &parallel_id);
}

static struct gms_range draw(struct crew_member *me)
{
	const gms_gfn gib = fx_rand_below(&me->rand, GIBS) * FX_1G;
	const uint64_t what = fx_rand_below(&me->rand, 1000);
	gms_gfn first = gib + fx_rand_below(&me->rand, BUSY);

	if (what == 0)		/* the whole folio, as it once was */
		return FX_RANGE(gib, FX_1G);
	if (what < 100)
		return FX_RANGE(first & ~(FX_2M - 1), FX_2M);
	if (what < 200 && gib)	/* of two GiB */
		return FX_RANGE(gib - 1 - fx_rand_below(&me->rand, 64),
				65 + fx_rand_below(&me->rand, 64));
	return FX_RANGE(first, 1 + fx_rand_below(&me->rand, 32));
}

static void vcpu(struct crew_member *me)
{
	const bool share = fx_rand_odds(&me->rand, 1, 2);
	const struct gms_range range = draw(me);
	struct gms_convert_result result;
	int err;

	GMS_INIT(&result);
	err = share ? gms_share(crew.space, range, &result) :
		      gms_unshare(crew.space, range, &result);
	me->tally[CALLS]++;
	if (!err) {
		me->tally[share ? TO_SHARED : TO_PRIVATE] += result.changed_pages;
		me->tally[COMMITS] += result.changed_pages > 0;
		if (result.changed_pages + result.unchanged_pages != range.npages)
			crew_fail(&crew, "a result that does not add up");
	} else if (err == -EAGAIN && !share) {
		me->tally[BLOCKED]++;
		if (result.error_gfn - range.first >= range.npages ||
		    result.error_reason != GMS_REASON_PINNED)
			crew_fail(&crew, "page 0x%" PRIx64 " is blamed", result.error_gfn);
	} else {
		crew_fail(&crew, "%s: %s", share ? "share" : "unshare", gms_strerror(err));
	}
}

static void driver(struct crew_member *me)
{
	const struct timespec io = { 0, 500 * 1000 };
	struct gms_range range = draw(me);
	gms_pin_id id;
	int err;

	range.npages = 1 + range.npages % 4;
	err = gms_pin(crew.space, range, 0, me->number, &id, NULL);
	if (err == -EFAULT) {
		me->tally[PINS_REFUSED]++;
		return;
	}
	me->tally[PINS]++;
	nanosleep(&io, NULL);
	if (err || fx_shared(crew.space, range) != range.npages)
		crew_fail(&crew, "pin: %s", gms_strerror(err));
	else if (gms_unpin(crew.space, id))
		crew_fail(&crew, "unpin");
	else
		me->tally[UNPINS]++;
}

static void plugger(struct crew_member *me)
{
	static const uint32_t flags[] = { 0, GMS_LISTEN_CAN_CUT, GMS_LISTEN_NO_JOIN,
					  GMS_LISTEN_SERIAL };
	const struct timespec pause = { 0, 5 * 1000 * 1000 };
	uint32_t id = 0;
	struct fx_device *device = plug(flags[me->rounds % 4], me->rounds % 3, &id);

	nanosleep(&pause, NULL);
	if (id && gms_listener_remove(crew.space, id))
		crew_fail(&crew, "a listener cannot be removed");
	if (device->nspans || device->broken[0])
		crew_fail(&crew, "%zu spans after removal; %s", device->nspans, device->broken);
	fx_device_free(device);
}

static void event_is(uint32_t kind, unsigned tally)
{
	ck_assert_msg(fx_event(crew.space, kind) == crew_tally(&crew, tally),
		      "%s is %" PRIu64 ", and the threads did %" PRIu64, gms_acct_name(kind),
		      fx_event(crew.space, kind), crew_tally(&crew, tally));
}

START_TEST(what_64_vcpus_did_is_what_the_ledger_says)
{
	uint64_t shared;

	setup();
	crew_add(&crew, VCPUS, vcpu);
	crew_add(&crew, 4, driver);
	crew_add(&crew, 2, plugger);
	crew_run(&crew);

	fx_check(crew.space);
	event_is(GMS_ACCT_CONVERTS, CALLS);
	event_is(GMS_ACCT_COMMITS, COMMITS);
	event_is(GMS_ACCT_BLOCKED, BLOCKED);
	event_is(GMS_ACCT_PAGES_TO_SHARED, TO_SHARED);
	event_is(GMS_ACCT_PAGES_TO_PRIVATE, TO_PRIVATE);
	event_is(GMS_ACCT_PINS, PINS);
	event_is(GMS_ACCT_UNPINS, UNPINS);
	event_is(GMS_ACCT_PINS_REFUSED, PINS_REFUSED);
	shared = crew_tally(&crew, TO_SHARED) - crew_tally(&crew, TO_PRIVATE);
	ck_assert_uint_eq(fx_shared(crew.space, RAM), shared);
	ck_assert_uint_eq(fx_event(crew.space, GMS_ACCT_ROLLBACKS), 0);
	ck_assert_uint_eq(serial->begins, serial->ends);
	for (unsigned gib = 0; gib < GIBS; gib++) {
		const struct gms_range begin = FX_RANGE(gib * FX_1G, BUSY);
		const struct gms_range end = FX_RANGE((gib + 1) * FX_1G - 512, 512);

		fx_device_check(serial, crew.space, begin);
		fx_device_check(parallel, crew.space, begin);
		fx_device_check(serial, crew.space, end);
		fx_device_check(parallel, crew.space, end);
		fx_host_check(crew.host, crew.space, begin);
		fx_host_check(crew.host, crew.space, end);
	}
	printf("%" PRIu64 " conversions, %" PRIu64 " blocked, %" PRIu64 " pages shared, %" PRIu64
	       " pins, %" PRIu64 " spans mapped\n", crew_tally(&crew, CALLS),
	       crew_tally(&crew, BLOCKED), crew_tally(&crew, TO_SHARED), crew_tally(&crew, PINS),
	       fx_event(crew.space, GMS_ACCT_SPANS_MAPPED));
	fflush(stdout);

	ck_assert_int_eq(gms_listener_remove(crew.space, serial_id), 0);
	ck_assert_int_eq(gms_listener_remove(crew.space, parallel_id), 0);
	ck_assert_uint_eq(serial->nspans, 0);
	ck_assert_uint_eq(parallel->nspans, 0);
	fx_space_done(crew.space, &crew.mem);
	fx_host_free(crew.host);
	fx_device_free(serial);
	fx_device_free(parallel);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vcpus");
	TCase *t = fx_case(s, "64");

	fx_seed();
	tcase_add_test(t, what_64_vcpus_did_is_what_the_ledger_says);
	return fx_run(s);
}
