/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peers.c - which implementations take part, and which are missing and why.
 */
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "verify.h"

#if HAVE_CONFIG_H
#include "config.h"
#endif

/* A peer that was not compiled in: what it needs. */
struct entry {
	const struct peer *peer;
	const char	  *name;
	const char	  *package;
};

#define PRESENT(p)		{ &(p), NULL, NULL }
#define ABSENT(name, package)	{ NULL, name, package }

static const struct entry entries[] = {
	PRESENT(peer_flat),
	PRESENT(peer_gmemstate),
	PRESENT(peer_gmemstate_map),
	PRESENT(peer_flat4),
	PRESENT(peer_bytes),
#if HAVE_BENCH_CXX
	PRESENT(peer_stdmap),
#else
	ABSENT("std::map", "a C++ compiler"),
#endif
#if HAVE_BENCH_ABSL
	PRESENT(peer_absl),
#else
	ABSENT("absl", "libabsl-dev"),
#endif
#if HAVE_BENCH_ICL
	PRESENT(peer_icl),
#else
	ABSENT("icl", "libboost-dev"),
#endif
#if HAVE_BENCH_ROARING
	PRESENT(peer_roaring),
#else
	ABSENT("croaring", "libroaring-dev"),
#endif
#if HAVE_BENCH_JUDY
	PRESENT(peer_judy1),
	PRESENT(peer_judyl),
#else
	ABSENT("judy1", "libjudy-dev"),
	ABSENT("judyl", "libjudy-dev"),
#endif
};

static const struct entry variants[] = {
	PRESENT(peer_gmemstate_2m),
	PRESENT(peer_gmemstate_1g),
	PRESENT(peer_gmemstate_pins),
	PRESENT(peer_gmemstate_backend),
	PRESENT(peer_gmemstate_listener),
	PRESENT(peer_gmemstate_both),
	PRESENT(peer_qemu),
};

static void add(struct bench *bench, const struct peer *peer, bool verify)
{
	char why[256];

	if (!listed(bench->options.impls, peer->name) || bench->n == MAX_PEERS)
		return;
	if (verify && !verify_operations(peer, why, sizeof(why))) {
		report_missing(&bench->report, "%s: differs from the byte array, not timed: %s",
			       peer->name, why);
		return;
	}
	bench->contender[bench->n++] = (struct contender){ .peer = peer };
}

static void add_entries(struct bench *bench, const struct entry *entry, size_t n,
			bool verify)
{
	for (size_t i = 0; i < n; i++) {
		if (entry[i].peer)
			add(bench, entry[i].peer, verify);
		else if (listed(bench->options.impls, entry[i].name))
			report_missing(&bench->report, "%s: not built, needs %s", entry[i].name,
				       entry[i].package);
	}
}

static void add_kernel_peers(struct bench *bench, bool verify)
{
	const char *const file = bench->options.kernel_peers;
	const struct peer *const *peer = NULL;
	void *object = NULL;

	if (bench->options.impls && !listed(bench->options.impls, "maple") &&
	    !listed(bench->options.impls, "xarray") && !listed(bench->options.impls, "rbtree"))
		return;
	if (file)
		object = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (object)
		peer = dlsym(object, PEER_KERNEL_SYMBOL);
	if (!peer) {
		if (file && !access(file, F_OK))
			report_missing(&bench->report, "maple, xarray, rbtree: %s", dlerror());
		else
			report_missing(&bench->report, "maple, xarray, rbtree: not built, need "
				       "linux-source-6.12 and liburcu-dev (bench/kernel/build)");
		return;
	}
	peer[0]->thread_begin();	/* once for this thread; they share it */
	for (; *peer; peer++)
		add(bench, *peer, verify);
}

void peers_find(struct bench *bench, bool verify)
{
	add_entries(bench, entries, sizeof(entries) / sizeof(entries[0]), verify);
	add_kernel_peers(bench, verify);
	add_entries(bench, variants, sizeof(variants) / sizeof(variants[0]), verify);
}
