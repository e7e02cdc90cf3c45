/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file guest/collect.h
 * @brief Requests of many vCPUs, in one commit.
 *
 * A request that is made with a collector (gms_request_opts::collector) does not
 * convert by itself: gms_request_run() waits until enough have gathered, or long
 * enough, and one of the threads that wait commits for all. Each vCPU then answers
 * its own request in its own protocol. Nobody waits for a thread of the library:
 * there is none.
 *
 *   - The first to come waits no longer than @c wait_ns for others. With 0 it waits for
 *     nobody, but while one commit runs the next one gathers.
 *   - What cannot be done at once, in one commit with the others, is not done with
 *     them: a request that is refused, that would have to wait for an access, that is
 *     too large, that wants another content (gms_request_opts::content), or that has
 *     further chunks, goes on by itself on its own thread, as without a collector.
 *   - A backend that takes long takes it from all that are in the commit, and from the
 *     next one.
 *   - Requests in one commit leave pages as if carried out in the order in which they
 *     came; what a page was in between is not seen by backends and listeners.
 *   - A request that asks for nothing, or is wrong as a whole, waits for nobody.
 *
 * Who has an event loop instead of threads gathers by himself, and hands all to
 * gms_collector_run_all().
 */
#ifndef GMEMSTATE_GUEST_COLLECT_H
#define GMEMSTATE_GUEST_COLLECT_H

#include <gmemstate/guest/request.h>

GMS_BEGIN_DECLS

/** @brief Options of gms_collector_new(). Clear with GMS_INIT() first. */
struct gms_collector_opts {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	/**
	 * Requests after which a commit waits for no more; 0: 64. At most 4096. More may
	 * have gathered while the commit before it ran: they go with it.
	 */
	uint32_t most_requests;
	uint32_t reserved;	/**< 0. */
	uint64_t wait_ns;	/**< Longest that the first waits for others; at most a second. */
	/**
	 * What would convert more pages at a time does not join (one chunk of a request
	 * that has chunks); 0: 131,072, which is 512 MiB.
	 */
	uint64_t most_pages;
	/**
	 * Whose the joint commits are in the ledger; 0: nobody's. Exits, and what a
	 * request does by itself, are of the request's own tag.
	 */
	gms_tag	 tag;
};

/** @brief What a collector did so far. Clear with GMS_INIT() first. */
struct gms_collector_stats {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	uint64_t requests;	/**< Requests that came. */
	uint64_t joined;	/**< Those that a commit of a group was all of, if only of one. */
	uint64_t alone;		/**< All others: they went, or went on, by themselves. */
	uint64_t commits;	/**< Commits of groups, refused ones included. */
	uint64_t refused;	/**< Commits of groups that were refused. */
	uint64_t largest;	/**< Most requests that one commit was tried with. */
};

/**
 * @brief Make a collector.
 *
 * @param out   Where it goes; untouched on error.
 * @param space The guest's memory; must outlive it.
 * @param opts  NULL for defaults. Copied.
 * @retval 0       Made.
 * @retval -EINVAL NULL; @c most_requests or @c wait_ns out of its bounds; @c reserved is
 *                 not 0.
 * @retval -E2BIG  @p opts has a nonzero member this library does not know.
 * @retval -ENOMEM Out of memory.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W.
 * @par Cost
 * Some 300 bytes for each of 16 changes a request of @c most_requests. A commit of more
 * takes more memory, which is kept; if there is none, its requests go by themselves.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_collector_new(struct gms_collector **out, struct gms_space *space,
		  const struct gms_collector_opts *opts);

/**
 * @brief Free a collector.
 *
 * @param collector NULL is fine. No request is there that was made with it.
 * @par Threads
 * X.
 * @par Cost
 * A few calls of the allocator.
 * @since 0.1
 */
GMS_API void gms_collector_free(struct gms_collector *collector);

/**
 * @brief A request is over: to be answered. Called with no lock held.
 *
 * It may end the request, begin and run it anew, and so any that is of no call that still
 * runs. Those of the same call that are not over are not to be touched.
 *
 * @param ctx     As it was given.
 * @param request It is #GMS_REQUEST_DONE.
 */
typedef void gms_request_done_fn(void *ctx, struct gms_request *request);

/**
 * @brief Carry out requests that were gathered already, as one commit.
 *
 * Waits for no others, only for commits that were ready before it. What does not go
 * through with the others is carried out after them, one by one in the order given; that
 * may wait for accesses, as the options of the request say.
 *
 * @param collector Whose options count, but for wait_ns and most_requests. The requests
 *                  need not have been made with it.
 * @param requests  @p nrequests different requests of its space, each
 *                  #GMS_REQUEST_READY.
 * @param nrequests 0 succeeds and does nothing.
 * @param done      NULL, or called for each as soon as it is over.
 * @param ctx       Handed to @p done.
 * @retval 0       All are #GMS_REQUEST_DONE.
 * @retval -EINVAL NULL; a request of another space, one that is not ready, or one twice.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; as gms_convert().
 * @par Cost
 * As gms_batch_commit() of all parts; up to three times that, and each by itself, where
 * guests ask for what is refused.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_collector_run_all(struct gms_collector *collector, struct gms_request *const *requests,
		      size_t nrequests, gms_request_done_fn *done, void *ctx);

/**
 * @brief What a collector did so far.
 *
 * @param collector The collector.
 * @param stats     Where it goes. Cleared with GMS_INIT() before.
 * @retval 0       Filled in; the numbers are of one moment.
 * @retval -EINVAL NULL, or a size smaller than its own member.
 * @retval -E2BIG  @p stats is longer than this library knows and not zero there.
 * @par Threads
 * W; takes the collector's lock for a moment.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_collector_stats(struct gms_collector *collector, struct gms_collector_stats *stats);

GMS_END_DECLS
#endif
