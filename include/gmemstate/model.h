/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file model.h
 * @brief A backend without a host: it counts what a host would do, and fails on demand.
 *
 * It touches no memory and makes no system call. What it is told it charges to
 * the ledger as the profile's path says (profile.h), so that one sequence of
 * conversions shows what it would cost under each system; and it can be told to
 * fail, so that an embedder sees what his program does then.
 *
 * What is charged, and when. set_attributes: the profile's convert_path, for
 * sharing or taking back; contents that the conversion wants kept and the
 * profile loses are charged as bytes copied, zeros that it wants and the profile
 * does not provide as pages zeroed. direct_map and populate: its populate_path.
 * discard: #GMS_PATH_DISCARD. map_host, unmap_host, split, merge and flush are
 * counted and charge nothing: the hosts flush by themselves, request by request,
 * and the paths have that.
 */
#ifndef GMEMSTATE_MODEL_H
#define GMEMSTATE_MODEL_H

#include <gmemstate/backend.h>
#include <gmemstate/profile.h>
#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief A model of a host. */
struct gms_model;

/** @brief The operations of a backend. Grows at the end only. */
enum gms_model_op {
	GMS_MODEL_UNMAP_HOST = 0,
	GMS_MODEL_MAP_HOST,
	GMS_MODEL_SET_ATTRIBUTES,
	GMS_MODEL_DIRECT_MAP,
	GMS_MODEL_POPULATE,
	GMS_MODEL_DISCARD,
	GMS_MODEL_SPLIT,
	GMS_MODEL_MERGE,
	GMS_MODEL_FLUSH,
	GMS_MODEL_OPS		/**< Number of operations of this version. */
};

/** @brief Options of gms_model_new(). Clear with GMS_INIT() first. */
struct gms_model_opts {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	const struct gms_mem_ops *mem;	/**< NULL: the C library's. */
	uint32_t profile;	/**< enum gms_profile: whose paths are charged. */
	uint32_t flags;		/**< None yet: 0. */
};

/** @brief What a model was asked. Clear with GMS_INIT() first. */
struct gms_model_counts {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	uint64_t steps;		/**< Runs and folios that operations which may fail were given. */
	uint64_t failures;	/**< Steps that were made to fail. */
	uint64_t calls[GMS_MODEL_OPS]; /**< By enum gms_model_op. */
	uint64_t runs[GMS_MODEL_OPS];  /**< Runs of those calls, or folios. */
};

/**
 * @brief Make a model of a host.
 *
 * @param out  Where it goes; untouched on error.
 * @param opts NULL for defaults: #GMS_PROFILE_GENERIC, which charges nothing.
 * @retval 0       Made.
 * @retval -EINVAL NULL @p out; unknown profile or flag; a mem without alloc or free; a
 *                 size smaller than its own member.
 * @retval -E2BIG  @p opts or its mem has a nonzero member this library does not know.
 * @retval -ENOMEM Out of memory.
 * @par Threads
 * X, but touches nothing else.
 * @par Cost
 * One allocation.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_model_new(struct gms_model **out, const struct gms_model_opts *opts);

/**
 * @brief Free a model. Regions that have its backend must be gone.
 *
 * @param model NULL is fine.
 * @par Threads
 * X.
 * @par Cost
 * Constant.
 * @since 0.1
 */
GMS_API void gms_model_free(struct gms_model *model);

/**
 * @brief The backend to give to regions.
 *
 * @param model   The model.
 * @param backend Where it goes. Cleared with GMS_INIT() before.
 * @retval 0       Filled in: valid as long as the model.
 * @retval -EINVAL NULL, or a size smaller than its own member.
 * @retval -E2BIG  @p backend is longer than this library knows and not zero there.
 * @par Threads
 * Pure. The operations may run in several threads at once.
 * @par Cost
 * Constant.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_model_backend(struct gms_model *model, struct gms_backend *backend);

/**
 * @brief Let one step fail.
 *
 * A step is a run, or a folio, that an operation is given; merge and flush, which
 * cannot fail, have none. The steps of undoing count as others do. In an operation
 * on several runs those before the one that fails take effect and are charged. A
 * run that set_attributes refuses to take back, with -EAGAIN, is charged for what
 * the host does before it looks: #GMS_COST_REFUSED.
 *
 * @param model The model.
 * @param pass  Steps from now on that still succeed; UINT64_MAX: none fails.
 * @param error The negative errno that the step after them returns.
 * @retval 0       So it will be.
 * @retval -EINVAL NULL, or @p error not below 0.
 * @par Threads
 * W, but takes no lock. Beside operations it is open which step fails.
 * @par Cost
 * Constant.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_model_fail(struct gms_model *model, uint64_t pass, int error);

/**
 * @brief What the model was asked so far.
 *
 * @param model  The model.
 * @param counts Where it goes. Cleared with GMS_INIT() before.
 * @retval 0       Filled in. Each number is exact; beside operations they may be of
 *                 different moments.
 * @retval -EINVAL NULL, or a size smaller than its own member.
 * @retval -E2BIG  @p counts is longer than this library knows and not zero there.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * A load a number.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_model_read(const struct gms_model *model, struct gms_model_counts *counts);

GMS_END_DECLS
#endif
