/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file linux/calibrate.h
 * @brief Measure what the steps of a conversion cost on this host.
 */
#ifndef GMEMSTATE_LINUX_CALIBRATE_H
#define GMEMSTATE_LINUX_CALIBRATE_H

#include <gmemstate/cost.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** Use gms_calibrate_opts::kvm_fd, and do not open /dev/kvm. */
#define GMS_CALIBRATE_KVM_FD	(UINT32_C(1) << 0)
/** Leave out what needs KVM. */
#define GMS_CALIBRATE_NO_KVM	(UINT32_C(1) << 1)
/** Do not bind threads to CPUs while they measure. */
#define GMS_CALIBRATE_NO_BIND	(UINT32_C(1) << 2)

/** Longest time that can be asked for, in ms. */
#define GMS_CALIBRATE_MOST_MS	2000u

/** @brief What is measured one after the other. Grows at the end only. */
enum gms_calibrate_part {
	GMS_CALIBRATE_CALLS = 0,   /**< System calls that do nothing. */
	GMS_CALIBRATE_FLUSH,	   /**< Flushes of translations. */
	GMS_CALIBRATE_GUARD,	   /**< Guard markers. */
	GMS_CALIBRATE_GUARD_VECTOR,/**< Guard markers, vectored. */
	GMS_CALIBRATE_MPROTECT,	   /**< mprotect(2). */
	GMS_CALIBRATE_DONTNEED,	   /**< MADV_DONTNEED, and what maps a page again. */
	GMS_CALIBRATE_VECTOR,	   /**< process_madvise(2). */
	GMS_CALIBRATE_PUNCH,	   /**< Holes in a memfd, and new pages of one. */
	GMS_CALIBRATE_COPY,	   /**< memcpy(3). */
	GMS_CALIBRATE_FILE,	   /**< pwrite(2), pread(2). */
	GMS_CALIBRATE_KVM,	   /**< Exits of a guest. */
	GMS_CALIBRATE_GMEM,	   /**< Holes in a guest_memfd, new pages of one, and faults. */
	GMS_CALIBRATE_MISSING,	   /**< userfaultfd(2), pages that are not there. */
	GMS_CALIBRATE_MINOR,	   /**< userfaultfd(2), pages that are not mapped. */
	GMS_CALIBRATE_PARTS	   /**< Number of parts of this version. */
};

/**
 * @brief Called before each part, and once at the end with @p part == @p nparts.
 * @return 0 to go on; anything else stops and is returned by gms_calibrate().
 */
typedef int gms_calibrate_fn(void *ctx, uint32_t part, uint32_t nparts);

/** @brief Options of gms_calibrate(). Clear with GMS_INIT() first. */
struct gms_calibrate_opts {
	size_t	 size;			/**< Bytes of this struct the caller knows. */
	gms_calibrate_fn *progress;	/**< NULL, or called on the calling thread. */
	void	*ctx;			/**< Handed to @c progress. */
	uint32_t budget_ms;		/**< How long to take, if that is enough; 0: 1500. */
	uint32_t threads;		/**< Most threads to run beside; 0: one a CPU, 64 at most. */
	int32_t	 kvm_fd;		/**< /dev/kvm, with #GMS_CALIBRATE_KVM_FD. */
	uint32_t flags;			/**< GMS_CALIBRATE_* bits. */
};

/** @brief What became of it. Clear with GMS_INIT() first. */
struct gms_calibrate_result {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	uint64_t elapsed_ns;	/**< How long it took. */
	uint64_t samples;	/**< Samples that medians were taken of, in all. */
	int32_t	 error[GMS_CALIBRATE_PARTS]; /**< 0, or why a part is not known: a negative errno. */
};

/**
 * @brief Measure this host.
 *
 * Each number is the median of batches. One that is not counted goes before them,
 * since a virtual host may have to fetch the memory they touch.
 * The only call of this library that starts threads: they run beside while flushes
 * are measured and serve the userfaults, and are joined before it returns. The
 * calling thread is bound to the CPU that it runs on, and unbound at the end.
 *
 * @param model  Filled in; what could not be measured is 0. Cleared with GMS_INIT() before.
 * @param opts   NULL for defaults.
 * @param result NULL, or filled in. Cleared with GMS_INIT() before.
 * @retval 0       Filled in; a part that this host does not have is no error.
 * @retval -EINVAL NULL @p model; a size smaller than its own member; a budget above
 *                 #GMS_CALIBRATE_MOST_MS; more than 64 threads; unknown flag.
 * @retval -E2BIG  A struct is longer than this library knows and not zero there.
 * @retval -ENOMEM Out of memory for what is measured on, some 80 MiB.
 * @retval other   What the progress callback returned, or the kernel to a memfd.
 * @par On error
 * @p model and @p result are untouched. No thread, descriptor or mapping is left.
 * @par Threads
 * One at a time in a process, or they measure each other. Not async-signal-safe.
 * @par Cost
 * The budget, where the CPUs are free. Two batches of each number are taken in any case:
 * on a host that is busy with other things that takes longer, up to seconds, and the
 * numbers are those of a busy host.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_calibrate(struct gms_cost_model *model, const struct gms_calibrate_opts *opts,
	      struct gms_calibrate_result *result);

/**
 * @brief The name of a part: "guard markers".
 * @param part enum gms_calibrate_part.
 * @return A constant string, or NULL for an unknown part.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API const char *gms_calibrate_part_name(uint32_t part);

GMS_END_DECLS
#endif
