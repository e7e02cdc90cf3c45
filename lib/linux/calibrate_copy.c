/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calibrate_copy.c - what it costs to copy, by size: memcpy(3) warm and cold, and
 * the same through the file.
 *
 * Cold means that neither end is in a cache: the copies walk through a buffer that
 * is twice the last cache, in an order that no prefetcher follows from one copy to
 * the next. Only the first copy of a place in a round is measured, and a round is
 * longer than the cache.
 */
#define _GNU_SOURCE	/* pread, pwrite with 64 bits */
#include "linux/calibrate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "linux/sys.h"

#define CACHE_SIZE	"/sys/devices/system/cpu/cpu0/cache/index3/size"

/* The buffer of cold copies, whatever the cache. */
#define COLD_LEAST	(UINT64_C(32) << 20)
#define COLD_MOST	(UINT64_C(128) << 20)

/* What a batch copies: enough to drown the clock. */
#define BATCH_BYTES	(UINT64_C(256) << 10)

static const uint64_t size_bytes[GMS_COST_SIZE_COUNT] = {
	[GMS_COST_SIZE_4K] = 4096,
	[GMS_COST_SIZE_16K] = 16384,
	[GMS_COST_SIZE_64K] = 65536,
	[GMS_COST_SIZE_256K] = 262144,
	[GMS_COST_SIZE_2M] = 2097152,
};

struct copies {
	char *buffer;
	uint64_t buffer_bytes;
	uint64_t bytes;		/* of one copy */
	uint64_t next;		/* how many cold ones there were */
	int fd;
};

static uint64_t batch_of(const struct copies *copies)
{
	return copies->bytes < BATCH_BYTES ? BATCH_BYTES / copies->bytes : 1;
}

static void copy(char *to, const char *from, uint64_t bytes)
{
	memcpy(to, from, bytes);
	__asm__ volatile("" : : "r"(to) : "memory");	/* it counts, though nobody reads it */
}

static int warm_batch(struct gms__calib *calib, void *arg, uint64_t ns[GMS__CALIB_NUMBERS])
{
	const struct copies *copies = arg;
	const uint64_t n = batch_of(copies);
	uint64_t start;

	copy(calib->mem + GMS__CALIB_2M, calib->mem, copies->bytes);
	start = gms__calib_now();
	for (uint64_t i = 0; i < n; i++)
		copy(calib->mem + GMS__CALIB_2M, calib->mem, copies->bytes);
	ns[0] = gms__calib_each(start, n);
	return 0;
}

/*
 * From the first half to the second. Places are a power of two, so an odd stride
 * visits each once a round; this one jumps far.
 */
static int cold_batch(struct gms__calib *calib, void *arg, uint64_t ns[GMS__CALIB_NUMBERS])
{
	struct copies *copies = arg;
	const uint64_t half = copies->buffer_bytes / 2, places = half / copies->bytes;
	const uint64_t n = batch_of(copies), stride = (places / 2 + places / 8) | 1;
	const uint64_t start = gms__calib_now();

	(void)calib;
	for (uint64_t i = 0; i < n; i++) {
		const uint64_t at = (copies->next++ * stride & (places - 1)) * copies->bytes;

		copy(copies->buffer + half + at, copies->buffer + at, copies->bytes);
	}
	ns[0] = gms__calib_each(start, n);
	return 0;
}

/* "32768K"; 0 where the host does not say. */
static uint64_t cache_bytes(void)
{
	const int fd = gms__linux_open(CACHE_SIZE, O_RDONLY);
	const int saved = errno;
	uint64_t kib = 0;
	char text[16];
	long n;

	if (fd < 0)
		return 0;
	n = gms__linux_result(read(fd, text, sizeof(text)), saved);
	gms__linux_close(fd);
	for (long i = 0; i < n && text[i] >= '0' && text[i] <= '9' && kib < COLD_MOST; i++)
		kib = kib * 10 + (uint64_t)(text[i] - '0');
	return kib << 10;
}

/* Twice the cache, a power of two. */
static uint64_t cold_bytes(void)
{
	const uint64_t cache = cache_bytes();
	uint64_t bytes = COLD_LEAST;

	while (bytes < COLD_MOST && bytes < 2 * cache)
		bytes *= 2;
	return bytes;
}

static int measure_copies(struct gms__calib *calib, struct copies *copies)
{
	for (size_t i = 0; i < GMS_COST_SIZE_COUNT; i++) {
		uint64_t *const warm[GMS__CALIB_NUMBERS] = { &calib->model.copy_warm_ns[i] };
		uint64_t *const cold[GMS__CALIB_NUMBERS] = { &calib->model.copy_cold_ns[i] };
		int rc;

		copies->bytes = size_bytes[i];
		rc = gms__calib_measure(calib, warm_batch, copies, warm);
		if (!rc)
			rc = gms__calib_measure(calib, cold_batch, copies, cold);
		if (rc)
			return rc;
	}
	return 0;
}

int gms__calib_copy(struct gms__calib *calib)
{
	struct copies copies = { .buffer_bytes = cold_bytes() };
	void *mem;
	int rc = gms__linux_mmap(&mem, NULL, copies.buffer_bytes, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	if (rc)
		return rc;
	copies.buffer = mem;
	(void)gms__linux_madvise(mem, copies.buffer_bytes, MADV_HUGEPAGE);
	gms__calib_touch(calib, mem, copies.buffer_bytes);
	rc = measure_copies(calib, &copies);
	gms__linux_munmap(mem, copies.buffer_bytes);
	return rc;
}

/* --- through the file ---------------------------------------------------------------- */

static long move(int fd, bool in, char *mem, uint64_t bytes, uint64_t at)
{
	const int saved = errno;

	return gms__linux_result(in ? pwrite(fd, mem, bytes, (off_t)at)
				    : pread(fd, mem, bytes, (off_t)at), saved);
}

/* Between the second block of memory and the first one's file, which is there. */
static int file_batch(struct gms__calib *calib, void *arg, uint64_t ns[GMS__CALIB_NUMBERS])
{
	const struct copies *copies = arg;
	const uint64_t n = batch_of(copies);

	for (int in = 0; in < 2; in++) {
		const uint64_t start = gms__calib_now();

		for (uint64_t i = 0; i < n; i++) {
			const long rc = move(copies->fd, in, copies->buffer, copies->bytes, 0);

			if (rc != (long)copies->bytes)
				return rc < 0 ? (int)rc : -EIO;
		}
		ns[in] = gms__calib_each(start, n);
	}
	(void)calib;
	return 0;
}

int gms__calib_file(struct gms__calib *calib)
{
	struct copies copies = {
		.buffer = calib->mem + GMS__CALIB_2M,
		.fd = gms_backing_fd(calib->memfd),
	};
	int rc = 0;

	for (size_t i = 0; !rc && i < GMS_COST_SIZE_COUNT; i++) {
		uint64_t *const numbers[GMS__CALIB_NUMBERS] = {
			&calib->model.pread_ns[i], &calib->model.pwrite_ns[i],
		};

		copies.bytes = size_bytes[i];
		rc = gms__calib_measure(calib, file_batch, &copies, numbers);
	}
	return rc;
}
