/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.c - guest memory of any kind, and what it must be, page by page.
 */
#define _GNU_SOURCE
#include "world.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define S	GMS_STATE_SHARED
#define P	GMS_STATE_POPULATED
#define D	GMS_STATE_DIRECT_MAP
#define F	GMS_STATE_FROZEN

#define CHANGES_MAX	40u
#define LOOK_MAX	512u

static bool is_whole(const struct lx_world *world, uint64_t n)
{
	return world->nrevoked[n / world->unit_pages] == world->unit_pages;
}

/* What the books say of a page: may the VMM touch it? */
static bool may_touch(gms_state state)
{
	return (state & (S | F)) == S;
}

bool lx_world_reach(const struct lx_world *world, uint64_t n)
{
	if (!lx_world_can(world, GMS_BACKING_CAN_TOUCH))
		return false;
	return may_touch(world->state[n]) || !is_whole(world, n);
}

static void set_state(struct lx_world *world, uint64_t n, gms_state state)
{
	world->nrevoked[n / world->unit_pages] -= !may_touch(world->state[n]);
	world->nrevoked[n / world->unit_pages] += !may_touch(state);
	world->state[n] = state;
}

void lx_world_new(struct lx_world *world, uint32_t kind, uint32_t revoke, uint64_t seed)
{
	const bool touchable = kind < GMS_BACKING_GUEST_MEMFD_PRIVATE;
	const uint64_t npages = lx_length(kind, 8 * LX_2M);
	const gms_state state = (touchable ? S : 0) | D |
				(kind == GMS_BACKING_MEMFD_SECRET ? P : 0);
	struct gms_change all = { LX_RANGE(LX_READER_FIRST, npages), P, 0 };

	memset(world, 0, sizeof(*world));
	fx_rand_init(&world->rand, seed, kind);
	lx_guest_new(&world->guest, kind, revoke, npages, 9, state);
	GMS_INIT(&world->info);
	ck_assert_int_eq(gms_backing_get(world->guest.backing, &world->info), 0);
	world->unit_pages = world->info.revoke_bytes > LX_PAGE ? world->info.revoke_bytes / LX_PAGE
							      : 1;
	world->state = calloc(npages, sizeof(*world->state));
	world->nfrozen = calloc(npages, 1);
	world->word = calloc(npages, sizeof(*world->word));
	world->nrevoked = calloc(npages / world->unit_pages, sizeof(*world->nrevoked));
	world->page = mmap(NULL, LX_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	ck_assert(world->state && world->nfrozen && world->word && world->nrevoked &&
		  world->page != MAP_FAILED);
	for (uint64_t n = 0; n < npages; n++) {
		world->state[n] = S;
		set_state(world, n, state & (S | P));
	}
	if (lx_world_can(world, GMS_BACKING_CAN_POPULATE))
		lx_world_convert(world, &all, 1, GMS_CONTENT_ANY);

	world->disk = lx_disk_file(1);
	world->has_ring = !lx_ring_new(&world->ring);
#if defined(__x86_64__)
	world->has_machine = gms_host_has(lx_host(), GMS_HOST_KVM) && npages <= LX_1G;
	if (world->has_machine && world->guest.vm < 0)
		world->guest.vm = lx_vm();
	if (world->has_machine) {
		lx_machine_in(&world->machine, world->guest.vm);
		lx_reader_attach(&world->machine, world->guest.backing);
	}
#endif
}

void lx_world_free(struct lx_world *world)
{
#if defined(__x86_64__)
	if (world->has_machine)
		lx_machine_free(&world->machine);
#endif
	if (world->has_ring)
		lx_ring_free(&world->ring);
	if (world->disk >= 0)
		close(world->disk);
	lx_guest_free(&world->guest);
	munmap(world->page, LX_PAGE);
	free(world->state);
	free(world->nfrozen);
	free(world->word);
	free(world->nrevoked);
}

/*
 * What the library must answer: 0, -EBUSY if a page that turns private is frozen, or
 * -EOPNOTSUPP if one turns as it cannot.
 */
static int expect(const struct lx_world *world, const gms_state *after, uint64_t low, uint64_t high)
{
	for (uint64_t n = low; n < high; n++)
		if (world->state[n] & F && world->state[n] & ~after[n - low] & S)
			return -EBUSY;
	for (uint64_t n = low; n < high; n++) {
		const gms_state on = after[n - low] & ~world->state[n];

		if ((on & S && !lx_world_can(world, GMS_BACKING_CAN_TOUCH)) ||
		    (on & P && !lx_world_can(world, GMS_BACKING_CAN_POPULATE)))
			return -EOPNOTSUPP;
	}
	return 0;
}

void lx_world_convert(struct lx_world *world, const struct gms_change *changes, size_t n,
		      uint32_t content)
{
	uint64_t low = world->guest.npages, high = 0;
	struct gms_convert_opts opts;
	gms_state *after;
	int want;

	for (size_t i = 0; i < n; i++) {
		const uint64_t at = changes[i].range.first - world->guest.first;

		low = at < low ? at : low;
		high = at + changes[i].range.npages > high ? at + changes[i].range.npages : high;
	}
	after = malloc((high - low) * sizeof(*after));
	ck_assert_ptr_nonnull(after);
	memcpy(after, world->state + low, (high - low) * sizeof(*after));
	for (size_t i = 0; i < n; i++)
		for (uint64_t k = 0; k < changes[i].range.npages; k++) {
			gms_state *s = &after[changes[i].range.first - world->guest.first - low + k];

			*s = (*s | changes[i].set) & ~changes[i].clear;
		}
	want = expect(world, after, low, high);

	GMS_INIT(&opts);
	opts.content = content;
	ck_assert_int_eq(gms_convert(world->guest.space, changes, n, &opts, NULL), want);
	for (uint64_t k = low; !want && k < high; k++) {
		const gms_state turned = after[k - low] ^ world->state[k];

		if ((turned & P && !(after[k - low] & P)) ||
		    (turned & S && content == GMS_CONTENT_ZERO))
			world->word[k] = 0;
		set_state(world, k, after[k - low]);
	}
	free(after);
}

/* Words lie at both ends of a page when the host writes them. */
static void put(char *page, uint64_t word)
{
	memcpy(page, &word, sizeof(word));
	memcpy(page + LX_PAGE - sizeof(word), &word, sizeof(word));
}

static uint64_t get(const char *page)
{
	uint64_t word;

	memcpy(&word, page, sizeof(word));
	return word;
}

static uint64_t get_last(const char *page)
{
	return get(page + LX_PAGE - sizeof(uint64_t));
}

/* Have the guest touch pages; false if there is none. */
static bool touch_as_guest(struct lx_world *world, struct lx_touch *touch, size_t n, bool write)
{
#if defined(__x86_64__)
	if (world->has_machine)
		lx_reader_touch(&world->machine, touch, n, write);
#else
	(void)touch;
	(void)n;
	(void)write;
#endif
	return world->has_machine;
}

/* The host may touch none of it: the guest writes. */
static void write_as_guest(struct lx_world *world, uint64_t first, uint64_t npages)
{
	struct lx_touch touch[LOOK_MAX];
	size_t n = 0;

	for (uint64_t k = first; k < first + npages && n < LOOK_MAX; k++)
		if (world->state[k] & P)
			touch[n++] = (struct lx_touch){ .gfn = world->guest.first + k,
							.word = ++world->next_word };
	if (!n || !touch_as_guest(world, touch, n, true))
		return;
	for (size_t i = 0; i < n; i++)
		if (!touch[i].missing)
			world->word[touch[i].gfn - world->guest.first] = touch[i].word;
}

void lx_world_write(struct lx_world *world, uint64_t first, uint64_t npages)
{
	if (!lx_world_can(world, GMS_BACKING_CAN_TOUCH)) {
		write_as_guest(world, first, npages);
		return;
	}
	for (uint64_t n = first; n < first + npages; n++) {
		/* What the books say has no memory is not written to. */
		if (!may_touch(world->state[n]) || (!(world->state[n] & P) &&
		    lx_world_can(world, GMS_BACKING_CAN_POPULATE)))
			continue;
		put(lx_page(&world->guest, n), ++world->next_word);
		world->word[n] = world->next_word;
	}
}

static struct gms_range draw_range(struct lx_world *world)
{
	const uint64_t npages = world->guest.npages;
	uint64_t first, n;

	/* A page of 1 GiB would hardly ever be private whole. */
	if (world->unit_pages == npages && fx_rand_odds(&world->rand, 1, 4))
		return LX_RANGE(world->guest.first, npages);
	switch (fx_rand_below(&world->rand, 8)) {
	case 0:
		return LX_RANGE(world->guest.first, npages);
	case 1:
		first = fx_rand_below(&world->rand, npages / LX_2M);
		n = 1 + fx_rand_below(&world->rand, npages / LX_2M - first);
		return LX_RANGE(world->guest.first + first * LX_2M, (n > 4 ? 4 : n) * LX_2M);
	default:
		first = fx_rand_below(&world->rand, npages);
		n = 1 + fx_rand_below(&world->rand, 64);
		n = n < npages - first ? n : npages - first;
		return LX_RANGE(world->guest.first + first, n);
	}
}

static void note_edge(struct lx_world *world, uint64_t n)
{
	if (n < world->guest.npages)
		world->edge[world->nedges++ % LX_WORLD_EDGES] = n;
}

static struct gms_range any_range(struct lx_world *world)
{
	const struct gms_range range = draw_range(world);
	const uint64_t first = range.first - world->guest.first;

	note_edge(world, first - 1);
	note_edge(world, first);
	note_edge(world, first + range.npages - 1);
	note_edge(world, first + range.npages);
	return range;
}

static void any_batch(struct lx_world *world)
{
	static const struct { gms_state set, clear; } how[] = {
		{ S, 0 }, { 0, S }, { S, 0 }, { 0, S }, { P, 0 }, { 0, P },
	};
	const size_t n = fx_rand_odds(&world->rand, 1, 2)
			 ? 1 : 1 + fx_rand_below(&world->rand, CHANGES_MAX);
	const bool mixed = fx_rand_odds(&world->rand, 1, 3);
	uint32_t content = (uint32_t)fx_rand_below(&world->rand, 3);
	struct gms_change change[CHANGES_MAX];
	uint64_t which = fx_rand_below(&world->rand, 6);

	for (size_t i = 0; i < n; i++) {
		if (mixed)
			which = fx_rand_below(&world->rand, 6);
		change[i].range = any_range(world);
		change[i].set = how[which].set;
		change[i].clear = how[which].clear;
	}
	/* Where a conversion may fail behind its zeros, contents may be gone. */
	if (mixed && content == GMS_CONTENT_ZERO &&
	    (!lx_world_can(world, GMS_BACKING_CAN_TOUCH) ||
	     !lx_world_can(world, GMS_BACKING_CAN_POPULATE)))
		content = GMS_CONTENT_PRESERVE;
	lx_world_convert(world, change, n, content);
}

/* A pin anywhere in the way, and nothing of a batch comes to pass. */
static void pinned_batch(struct lx_world *world)
{
	const struct gms_range range = any_range(world);
	const gms_gfn held = range.first + fx_rand_below(&world->rand, range.npages);
	const bool discard = fx_rand_odds(&world->rand, 1, 2);
	const struct gms_change change = { range, 0, discard ? P : S };
	const uint64_t n = held - world->guest.first;
	struct gms_convert_result result;
	unsigned int frozen = 0;
	gms_pin_id pin;
	int rc;

	rc = gms_pin(world->guest.space, LX_RANGE(held, 1), GMS_PIN_LONGTERM, 1, &pin, NULL);
	ck_assert_int_eq(rc, may_touch(world->state[n]) &&
			     lx_world_can(world, GMS_BACKING_CAN_GUP) ? 0 : -EFAULT);
	if (rc)
		return;
	for (uint64_t k = 0; k < range.npages && !discard; k++)
		frozen |= world->nfrozen[range.first - world->guest.first + k];
	/* What is frozen stands in the way too, maybe at a lower page. */
	if (world->state[n] & (discard ? P : S) && !frozen) {
		GMS_INIT(&result);
		ck_assert_int_eq(gms_convert(world->guest.space, &change, 1, NULL, &result),
				 -EAGAIN);
		ck_assert_uint_eq(result.error_gfn, held);
		ck_assert_uint_eq(result.error_reason, GMS_REASON_PINNED);
	}
	ck_assert_int_eq(gms_unpin(world->guest.space, pin), 0);
}

/*
 * Freeze a range, or thaw it if all of it is frozen. Where the host stays out anyway
 * there is nothing to see.
 */
static void freeze_or_thaw(struct lx_world *world, struct gms_range range)
{
	const bool thaw = fx_rand_odds(&world->rand, 3, 5);
	const uint64_t first = range.first - world->guest.first;
	int want = 0;

	if (!lx_world_can(world, GMS_BACKING_CAN_TOUCH))
		return;
	if (!thaw && range.npages > 4 * LX_2M)
		range.npages = 4 * LX_2M;
	for (uint64_t n = first; n < first + range.npages; n++) {
		if (thaw && !world->nfrozen[n])
			want = -EALREADY;
		if (!thaw && world->nfrozen[n] == UINT8_MAX)
			return;
	}
	ck_assert_int_eq(thaw ? gms_thaw(world->guest.space, range, NULL)
			      : gms_freeze(world->guest.space, range, 0, NULL), want);
	for (uint64_t n = first; !want && n < first + range.npages; n++) {
		world->nfrozen[n] += thaw ? -1 : 1;
		set_state(world, n, (world->state[n] & ~F) | (world->nfrozen[n] ? F : 0));
	}
}

/* Thaw all that is frozen, run by run and as often as it is. */
static void thaw_all(struct lx_world *world)
{
	for (uint64_t n = 0, end; n < world->guest.npages; n = end) {
		for (end = n + 1; end < world->guest.npages &&
		     world->nfrozen[end] == world->nfrozen[n]; end++)
			;
		for (; world->nfrozen[n]; world->nfrozen[n]--)
			ck_assert_int_eq(gms_thaw(world->guest.space,
						  LX_RANGE(world->guest.first + n, end - n), NULL),
					 0);
		for (uint64_t k = n; k < end; k++) {
			world->nfrozen[k] = 0;
			set_state(world, k, world->state[k] & ~F);
		}
	}
}

void lx_world_step(struct lx_world *world)
{
	const struct gms_range range = any_range(world);
	uint64_t npages = range.npages;

	if (fx_rand_odds(&world->rand, 1, 12))
		thaw_all(world);
	switch (fx_rand_below(&world->rand, 8)) {
	case 6:
		freeze_or_thaw(world, range);
		break;
	case 0:
		pinned_batch(world);
		break;
	case 1:
	case 2:
		if (npages > 4 * LX_2M)
			npages = 4 * LX_2M;
		lx_world_write(world, range.first - world->guest.first, npages);
		break;
	default:
		any_batch(world);
		break;
	}
}

static sigjmp_buf faulted;

static void on_fault(int sig)
{
	siglongjmp(faulted, sig);
}

/* Load a word or store it again, with an instruction: 0, or the signal that came. */
static int touch(volatile uint64_t *mem, bool store)
{
	struct sigaction act = { .sa_handler = on_fault }, segv, bus;
	int sig;

	sigaction(SIGSEGV, &act, &segv);
	sigaction(SIGBUS, &act, &bus);
	sig = sigsetjmp(faulted, 1);
	if (!sig) {
		if (store)
			__atomic_fetch_or(mem, 0, __ATOMIC_RELAXED);
		else
			(void)*mem;
	}
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGBUS, &bus, NULL);
	return sig;
}

static long direct(const struct lx_world *world, void *mem, bool into)
{
	const ssize_t rc = into ? pread(world->disk, mem, LX_PAGE, 0)
				: pwrite(world->disk, mem, LX_PAGE, 0);

	return rc < 0 ? -errno : rc == (ssize_t)LX_PAGE ? 0 : -EIO;
}

static long hold(struct lx_world *world, void *mem)
{
	const int rc = lx_ring_hold(&world->ring, mem, LX_PAGE);

	if (!rc)
		ck_assert_int_eq(lx_ring_let_go(&world->ring), 0);
	return rc;
}

static long vm_read(void *to, void *mem)
{
	const struct iovec local = { to, LX_PAGE }, remote = { mem, LX_PAGE };
	const ssize_t rc = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

	return rc < 0 ? -errno : rc == (ssize_t)LX_PAGE ? 0 : -EIO;
}

long lx_world_pin(struct lx_world *world, uint64_t n, uint32_t flags)
{
	char *mem = lx_page(&world->guest, n);

	if (!lx_world_can(world, GMS_BACKING_CAN_MAP))
		return -EFAULT;
	if (flags & GMS_PIN_LONGTERM || world->disk < 0)
		return world->has_ring ? hold(world, mem) : vm_read(world->page, mem);
	return direct(world, mem, flags & GMS_PIN_WRITE);
}

#define ck_page(cond, ...) do { \
	if (!(cond)) { \
		snprintf(why, sizeof(why), __VA_ARGS__); \
		goto wrong; \
	} \
} while (0)

/* What gms_gup_query() says, for all flags. */
static bool is_eligible(const struct lx_world *world, uint64_t n, uint32_t flags)
{
	struct gms_gup_answer answer;

	GMS_INIT(&answer);
	if (gms_gup_query(world->guest.space, LX_RANGE(world->guest.first + n, 1), flags, &answer))
		return false;
	return answer.eligible_pages;
}

static void look_at(struct lx_world *world, uint64_t n)
{
	const bool reach = lx_world_reach(world, n), shared = may_touch(world->state[n]);
	const bool gup = reach && lx_world_can(world, GMS_BACKING_CAN_GUP);
	const gms_state state = gms_state_at(world->guest.space, world->guest.first + n);
	const bool mapped = lx_world_can(world, GMS_BACKING_CAN_MAP);
	const bool by_host = lx_world_can(world, GMS_BACKING_CAN_TOUCH);
	char *mem = mapped ? lx_page(&world->guest, n) : NULL;
	const int fd = gms_backing_fd(world->guest.backing);
	const int signal = by_host ? SIGSEGV : SIGBUS;
	const uint64_t word = world->word[n];
	uint64_t exposed = 9;
	char why[160];
	long rc;

	ck_page((state & (S | P | F)) == world->state[n], "the books say 0x%x", state);
	rc = gms_backing_exposed(world->guest.backing, n * LX_PAGE, 1, &exposed);
	ck_page(!rc && exposed == (by_host && !shared && !is_whole(world, n)),
		"exposed: %ld, %" PRIu64, rc, exposed);
	for (uint32_t flags = 0; flags < 4; flags++)
		ck_page(is_eligible(world, n, flags) ==
			(shared && lx_world_can(world, GMS_BACKING_CAN_GUP)),
			"gms_gup_query with flags %u", flags);
	if (mapped) {
		rc = touch((uint64_t *)(void *)mem, false);
		ck_page(rc == (reach ? 0 : signal), "a load: signal %ld", rc);
		rc = touch((uint64_t *)(void *)mem, true);
		ck_page(rc == (reach ? 0 : signal), "a store: signal %ld", rc);
		rc = vm_read(world->page, mem);
		ck_page(rc == (gup ? 0 : -EFAULT), "process_vm_readv: %ld", rc);
	}
	if (reach)
		ck_page(get(mem) == word && get_last(mem) == word,
			"the host finds 0x%" PRIx64 " and 0x%" PRIx64 ", not 0x%" PRIx64,
			get(mem), get_last(mem), word);
	if (mapped && world->has_ring) {
		rc = hold(world, mem);
		ck_page(rc == (gup ? 0 : -EFAULT), "a fixed buffer: %ld", rc);
	}
	if (mapped && world->disk >= 0) {
		rc = direct(world, mem, false);
		ck_page(rc == (gup ? 0 : -EFAULT), "a disk that reads it: %ld", rc);
		if (!rc)
			ck_page(!direct(world, world->page, true) && get(world->page) == word &&
				get_last(world->page) == word, "the disk got something else");
		rc = direct(world, mem, true);
		ck_page(rc == (gup ? 0 : -EFAULT), "a disk that writes it: %ld", rc);
	}
	if (lx_world_can(world, GMS_BACKING_CAN_PREAD))
		ck_page(pread(fd, world->page, LX_PAGE, (off_t)(n * LX_PAGE)) == (ssize_t)LX_PAGE &&
			get(world->page) == word && get_last(world->page) == word,
			"pread of the file finds 0x%" PRIx64 ", not 0x%" PRIx64, get(world->page),
			word);
	if (lx_world_can(world, GMS_BACKING_CAN_PWRITE))
		ck_page(pwrite(fd, &word, sizeof(word), (off_t)(n * LX_PAGE)) == sizeof(word),
			"pwrite of the file");
	if (reach)
		world->nreached++;
	else
		world->nrefused++;
	return;
wrong:
	ck_abort_msg("%s: page %" PRIu64 ", %s, %spopulated: %s",
		     gms_backing_kind_name(world->info.kind), n,
		     world->state[n] & F ? "frozen" : shared ? "shared" : "private",
		     world->state[n] & P ? "" : "not ", why);
}

/*
 * A guest on guest_memfd reaches its pages through the file, whatever the VMM
 * lost; of other memory it finds what can be pinned at the VMM's address.
 */
static bool guest_finds(const struct lx_world *world, uint64_t n)
{
	if (world->info.kind == GMS_BACKING_GUEST_MEMFD_OPAQUE)
		return false;	/* not without attributes, which this KVM need not have */
	if (world->info.kind >= GMS_BACKING_GUEST_MEMFD)
		return true;
	return lx_world_reach(world, n) && lx_world_can(world, GMS_BACKING_CAN_GUP);
}

void lx_world_look(struct lx_world *world, unsigned int n)
{
	const unsigned int known = world->nedges, most = LX_WORLD_EDGES;
	const unsigned int nedges = known < most ? known : most;
	struct lx_touch list[LOOK_MAX];

	ck_assert_uint_le(n, LOOK_MAX);
	for (unsigned int i = 0; i < n; i++) {
		const uint64_t at = i & 1 && nedges
				    ? world->edge[fx_rand_below(&world->rand, nedges)]
				    : fx_rand_below(&world->rand, world->guest.npages);

		look_at(world, at);
		list[i] = (struct lx_touch){ .gfn = world->guest.first + at };
	}
	if (!touch_as_guest(world, list, n, false))
		return;
	for (unsigned int i = 0; i < n; i++) {
		const uint64_t at = list[i].gfn - world->guest.first;

		ck_assert_msg(list[i].missing != guest_finds(world, at),
			      "page %" PRIu64 ": the guest %s it", at,
			      list[i].missing ? "does not reach" : "reaches");
		ck_assert_msg(list[i].missing || list[i].word == world->word[at],
			      "page %" PRIu64 ": the guest finds 0x%" PRIx64 ", not 0x%" PRIx64, at,
			      list[i].word, world->word[at]);
		world->nguest++;
		world->nguest_missing += list[i].missing;
	}
}
