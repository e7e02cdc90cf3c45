/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rogue.c - a device bug: the VMM reads past a request, into private memory.
 *
 * The host stops it with SIGSEGV (or SIGBUS, where guest_memfd itself refuses).
 * The handler asks the library what was touched and why that is refused. It may:
 * every call it makes takes no lock and is async-signal-safe. It writes the report
 * with write(2) from a buffer of its own, and jumps out of the access.
 */
#include "minivmm.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct mv_rogue mv_rogue;

static const struct gms_space *asked;
static sigjmp_buf out_of_it;
static volatile sig_atomic_t armed;

/* Text without stdio, which a signal handler must not use. */
struct text {
	char   buf[1024];
	size_t length;
};

static void put(struct text *text, const char *s)
{
	while (*s && text->length < sizeof(text->buf))
		text->buf[text->length++] = *s++;
}

static void put_number(struct text *text, uint64_t value, unsigned int base)
{
	char digits[24];
	unsigned int n = sizeof(digits);

	digits[--n] = '\0';
	do {
		digits[--n] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (base == 16)
		put(text, "0x");
	put(text, &digits[n]);
}

static void put_state(struct text *text, gms_state state)
{
	put(text, state & GMS_STATE_SHARED ? "" : "private");
	for (gms_state bit = 1; bit & GMS_STATE_ALL; bit <<= 1) {
		if (!(state & bit))
			continue;
		put(text, bit == GMS_STATE_SHARED ? "" : " ");
		put(text, gms_state_name(bit));
	}
}

static void report(int number, const void *address)
{
	struct text text = { .length = 0 };
	struct gms_region region;
	struct gms_folio folio;
	struct gms_gup_answer gup;
	struct gms_range page = { .npages = 1 };

	GMS_INIT(&region);
	GMS_INIT(&gup);
	put(&text, number == SIGBUS ? "rogue: SIGBUS" : "rogue: SIGSEGV");
	put(&text, " at address ");
	put_number(&text, (uintptr_t)address, 16);
	if (gms_gfn_of(asked, address, &page.first) ||
	    gms_region_get(asked, page.first, &region) ||
	    gms_folio_at(asked, page.first, &folio) || gms_gup_query(asked, page, 0, &gup)) {
		put(&text, ", which is no guest memory\n");
	} else {
		mv_rogue.region = region.id;
		mv_rogue.reason = gup.reason;
		mv_rogue.caught = page.first == mv_rogue.gfn && gup.refused_pages == 1;
		put(&text, "\nrogue:   gfn ");
		put_number(&text, page.first, 16);
		put(&text, " of region ");
		put_number(&text, region.id, 10);
		put(&text, ", page ");
		put_number(&text, page.first % MV_FOLIO_PAGES, 10);
		put(&text, " of its 2 MiB folio (now ");
		put(&text, folio.order ? "whole" : "split into 4 KiB");
		put(&text, ")\nrogue:   its state is: ");
		put_state(&text, gms_state_at(asked, page.first));
		put(&text, "\nrogue:   refused because the page is ");
		put(&text, gms_reason_name(gup.reason));
		put(&text, "; the device got nothing, and goes on\n");
	}
	for (size_t done = 0; done < text.length;) {
		const ssize_t n = write(STDOUT_FILENO, text.buf + done, text.length - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
}

static void handler(int number, siginfo_t *info, void *context)
{
	const int saved = errno;

	(void)context;
	if (!armed) {	/* a bug of this program: let it fail as usual */
		signal(number, SIG_DFL);
		return;
	}
	armed = 0;
	report(number, info->si_addr);
	errno = saved;
	siglongjmp(out_of_it, 1);
}

int mv_rogue_setup(const struct mv_memory *memory)
{
	struct sigaction action;

	asked = memory->space;
	memset(&action, 0, sizeof(action));
	action.sa_sigaction = handler;
	action.sa_flags = SA_SIGINFO;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGSEGV, &action, NULL) || sigaction(SIGBUS, &action, NULL))
		return -errno;
	return 0;
}

int mv_rogue_touch(const struct mv_memory *memory, gms_gfn after)
{
	const gms_gfn first = MV_RAM_GPA / MV_PAGE_BYTES;
	const gms_gfn end = first + MV_RAM_BYTES / MV_PAGE_BYTES;
	struct gms_range rest = { after, end - after };
	const volatile char *page;
	int rc;

	if (after >= end)
		rest = (struct gms_range){ first, end - first };
	rc = gms_find(memory->space, rest, GMS_STATE_SHARED, 0, &mv_rogue.gfn);
	if (rc)
		return rc;
	page = memory->ram_hva + (mv_rogue.gfn - first) * MV_PAGE_BYTES;
	mv_rogue.happened = true;
	printf("rogue: a device bug: it reads past its request, into gfn 0x%llx\n",
	       (unsigned long long)mv_rogue.gfn);
	fflush(stdout);		/* the handler writes past stdio */
	if (!sigsetjmp(out_of_it, 1)) {
		armed = 1;
		(void)*page;
		armed = 0;
		fprintf(stderr, "minivmm: private gfn 0x%llx was read and nobody stopped it\n",
			(unsigned long long)mv_rogue.gfn);
	}
	return mv_rogue.caught ? 0 : -EPERM;
}
