/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * atomic.h - the few memory orders this library uses, with short names.
 *
 * Everything a lock-free reader may look at is read with gms__load() and
 * written with gms__store(): acquire and release. A reader that re-checks a
 * word after acquire loads of what lies behind it needs no fence, and
 * ThreadSanitizer understands it.
 */
#ifndef GMS_BASE_ATOMIC_H
#define GMS_BASE_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

_Static_assert(__atomic_always_lock_free(sizeof(uint64_t), 0),
	       "readers in signal handlers need lock-free 64-bit atomics");

/* ThreadSanitizer follows atomics, but neither fences nor vector loads. */
#if defined(__SANITIZE_THREAD__)
#define GMS__TSAN	1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GMS__TSAN	1
#endif
#endif

#define gms__load(p)		__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define gms__store(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define gms__load_relaxed(p)	__atomic_load_n((p), __ATOMIC_RELAXED)
#define gms__add(p, v)		__atomic_add_fetch((p), (v), __ATOMIC_RELAXED)
#define gms__sub(p, v)		__atomic_sub_fetch((p), (v), __ATOMIC_RELAXED)

#define gms__likely(x)		__builtin_expect(!!(x), 1)
#define gms__unlikely(x)	__builtin_expect(!!(x), 0)

/** Raise *max to at least value. */
static inline void gms__raise(uint64_t *max, uint64_t value)
{
	uint64_t old = gms__load_relaxed(max);

	while (old < value &&
	       !__atomic_compare_exchange_n(max, &old, value, true, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED))
		;
}

#endif
