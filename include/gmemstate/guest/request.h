/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file guest/request.h
 * @brief What one vCPU asked for: taken in, carried out, answered.
 *
 * Guests ask for conversions in the words of their platform: guest/kvm.h, snp.h,
 * tdx.h, pkvm.h and cca.h. Each of them has three steps for a request, and one call
 * that makes all three:
 *
 *   begin  Reads the guest's registers or buffer, each byte once, and checks the copy.
 *   run    gms_request_run(), the same for all protocols: converts.
 *   end    Says what goes back: registers, and which bytes of the buffer.
 *
 * What a guest sends is hostile. It costs it no more than an answer: the answer is an
 * error of its protocol, and the calls here fail only for what the embedder got wrong.
 * Nothing outside of the pages that a request names is touched.
 *
 * A request is made of parts, in the order of the guest. It is tried as one
 * conversion first, so that it has one flush; only if that is refused its parts are
 * carried out one by one, up to the one that fails. Either way the pages come to the
 * same state, which is that of the parts done in order; but what a page was in
 * between, where parts of one request contradict each other, is not seen by backends
 * and listeners, so that a shared page that turns twice stays #GMS_STATE_HOST_MAPPED.
 *
 * A vCPU keeps one struct gms_request and uses it again: no call but the first
 * allocates once memory is reserved (gms_space_reserve()).
 */
#ifndef GMEMSTATE_GUEST_REQUEST_H
#define GMEMSTATE_GUEST_REQUEST_H

#include <gmemstate/convert.h>
#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief One vCPU's request. */
struct gms_request;

/** @brief Gathers requests of many vCPUs into one commit; see guest/collect.h. */
struct gms_collector;

/** @brief In whose words a request came. Grows at the end only. */
enum gms_protocol {
	GMS_PROTOCOL_NONE = 0,	/**< No request was taken in. */
	GMS_PROTOCOL_KVM_CALL,	/**< KVM_HC_MAP_GPA_RANGE. */
	GMS_PROTOCOL_KVM_FAULT,	/**< KVM_EXIT_MEMORY_FAULT. */
	GMS_PROTOCOL_SNP_PSC,	/**< The page-state-change buffer. */
	GMS_PROTOCOL_SNP_MSR,	/**< The page-state change of one page, through the MSR. */
	GMS_PROTOCOL_TDX_MAP,	/**< MapGPA. */
	GMS_PROTOCOL_TDX_ACCEPT, /**< TDG.MEM.PAGE.ACCEPT. */
	GMS_PROTOCOL_PKVM,	/**< Share, unshare, relinquish. */
	GMS_PROTOCOL_CCA,	/**< RSI_IPA_STATE_SET. */
	GMS_PROTOCOL_COUNT	/**< Number of protocols of this version. */
};

/**
 * Pages that no region holds are passed over, as done: KVM takes attributes for them
 * too. Without it a request that names one is refused there.
 */
#define GMS_REQUEST_HOLES	(UINT32_C(1) << 0)
/** Do not wait for accesses (access.h) that are in the way. */
#define GMS_REQUEST_NO_WAIT	(UINT32_C(1) << 1)
/**
 * Charge nothing to the ledger: the embedder counts exits himself, or the backend of a
 * model does (gms_model_new()), whose paths begin with the guest's exit. Without it a request
 * is one #GMS_ACCT_GUEST_EXITS and one #GMS_ACCT_USER_EXITS, and, but for a memory
 * fault, one #GMS_ACCT_HYPERCALLS, of its tag; TDX's acceptance, an instruction, is one
 * #GMS_ACCT_ACCEPTS.
 */
#define GMS_REQUEST_NO_CHARGE	(UINT32_C(1) << 2)

/**
 * What is held (-EAGAIN, -EBUSY) is put off, where the protocol could say so and its host
 * does not: SNP's buffer is answered without an error, and the guest sends the rest
 * again, at once and as often as it takes. Without it the guest hears of an error, as it
 * does from KVM, and Linux as a guest does not live on after that. TDX, pKVM and CCA put
 * off anyway; a hypercall of KVM and SNP's MSR have no word for it.
 */
#define GMS_REQUEST_PUT_OFF	(UINT32_C(1) << 3)

/** As gms_request_opts::chunk_pages: all at once, whatever the protocol's host does. */
#define GMS_REQUEST_WHOLE	UINT64_MAX

/** @brief Options of gms_request_new(). Clear with GMS_INIT() first. */
struct gms_request_opts {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	uint32_t flags;		/**< GMS_REQUEST_* bits. */
	/**
	 * enum gms_content, handed to backends with what turns; 0: #GMS_CONTENT_ANY. Where
	 * a backend fails that was asked for zeros, any page of the request may have them,
	 * or of the commit with others: see gms_convert().
	 */
	uint32_t content;
	gms_tag	 tag;		/**< Who asks, for the ledger; 0: nobody. */
	/**
	 * Most pages that a call looks after; 0: no limit. A protocol that can say how far
	 * it came says so, and the guest asks again; one that cannot (KVM's hypercall)
	 * refuses a longer request.
	 */
	uint64_t most_pages;
	/**
	 * Pages that are converted at a time, all or nothing, and after which @c stop is
	 * asked; 0: what the protocol's host does, 512 for TDX MapGPA and no limit else;
	 * #GMS_REQUEST_WHOLE. Counted from the request's start.
	 */
	uint64_t chunk_pages;
	/**
	 * Asked between two chunks: true ends the call there, as most_pages does. An
	 * interrupt is pending, say. NULL: never. Holds no lock; may call what is R.
	 */
	bool   (*stop)(void *ctx);
	void	*ctx;		/**< Handed to stop. */
	/**
	 * How long a conversion waits for accesses; 0: as the space says. A request of many
	 * parts that have to wait is many conversions.
	 */
	uint64_t wait_ns;
	/**
	 * NULL, or whose commits the request joins: gms_request_run() then waits for
	 * others as guest/collect.h says. Must outlive the request.
	 */
	struct gms_collector *collector;
	/**
	 * Bits of a guest-physical address, 32 to 52; 0: 52. With TDX and CCA the highest
	 * of them is the one that says shared (unprotected): set it to the guest's GPAW, 48 or
	 * 52, or to the realm's IPA width. Addresses beyond are refused.
	 */
	uint32_t gpa_bits;
	uint32_t reserved;	/**< 0. */
};

/** @brief How far a request is. */
enum gms_request_step {
	GMS_REQUEST_IDLE = 0,	/**< Nothing was taken in, or it was answered. */
	GMS_REQUEST_READY,	/**< Taken in: may be looked at, run, or refused. */
	GMS_REQUEST_DONE	/**< Carried out, or refused: to be answered. */
};

/** @brief A part of a request: pages that are to become one thing. */
struct gms_request_part {
	struct gms_change change;	/**< The pages, and what is set and cleared; both 0: nothing. */
	uint32_t entry;		/**< The first entry of the buffer that it is made of. */
	uint32_t nentries;	/**< How many; 0: the protocol has no entries. */
	uint32_t order;		/**< How large the guest wants it mapped: 0, 9 or 18. A hint. */
	uint32_t reserved;	/**< 0. */
};

/** @brief What a request came to. Clear with GMS_INIT() first. */
struct gms_request_result {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	uint32_t protocol;	/**< enum gms_protocol. */
	uint32_t step;		/**< enum gms_request_step. */
	uint32_t nparts;	/**< Parts. */
	uint32_t parts_done;	/**< Those that are done whole. */
	uint64_t pages;		/**< Pages of all parts. */
	uint64_t pages_done;	/**< Those done, from the start in order. */
	uint64_t part_pages_done; /**< Pages done of the part after those done whole. */
	/** Conversions made of it: 1 if it went through at once, or in a collector's. */
	uint64_t commits;
	/** Of its own conversions; 0 for what went through in a collector's. */
	uint64_t changed_pages;
	uint64_t splits;	/**< Folios cut by its own conversions: TDX's demotions. */
	uint64_t flushes;	/**< TLB-flushing calls of its own conversions. */
	gms_gfn	 error_gfn;	/**< On an error that names a page: that. */
	uint32_t error_reason;	/**< On error: enum gms_reason. */
	/**
	 * Why it stopped: what gms_convert() says of the part that failed, or what the
	 * protocol has against the request; 0: it is done, or stopped and may go on.
	 * -EPROTO: the words make no request. -EBADMSG: an entry, or an address, is not what
	 * it must be. -EMSGSIZE: too large in one piece. -EALREADY: accepted before.
	 * -EILSEQ: DESTROYED, and the guest does not know.
	 */
	int32_t	 error;
};

/**
 * @brief Make a request, for one vCPU to use again and again.
 *
 * @param out   Where it goes; untouched on error.
 * @param space The guest's memory; must outlive it.
 * @param opts  NULL for defaults. Copied.
 * @retval 0       Made; it is #GMS_REQUEST_IDLE.
 * @retval -EINVAL NULL; unknown flag or content; @c gpa_bits out of its bounds; a
 *                 collector of another space; a size smaller than its own member.
 * @retval -E2BIG  @p opts has a nonzero member this library does not know.
 * @retval -ENOMEM Out of memory.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W. A request belongs to one thread at a time.
 * @par Cost
 * Some 100 KiB, which the conversions of the largest buffer need.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_request_new(struct gms_request **out, struct gms_space *space,
		const struct gms_request_opts *opts);

/**
 * @brief Free a request. What it converted stays; it is not answered.
 *
 * @param request NULL is fine.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * A few calls of the allocator.
 * @since 0.1
 */
GMS_API void gms_request_free(struct gms_request *request);

/**
 * @brief Carry out what was taken in, as far as it goes.
 *
 * @param request A request that is #GMS_REQUEST_READY; it will be #GMS_REQUEST_DONE.
 * @retval 0       Carried out, or not: gms_request_result() knows, and the answer says
 *                 so to the guest.
 * @retval -EINVAL NULL, or not #GMS_REQUEST_READY.
 * @par On error
 * Nothing changed.
 * @par Threads
 * W; as gms_convert(). With a collector it also waits for other vCPUs.
 * @par Cost
 * One conversion, as gms_batch_commit(). If that is refused, one for each part up to
 * the one that fails; with chunks one for each chunk.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_request_run(struct gms_request *request);

/**
 * @brief Do not carry it out: the embedder has something against it.
 *
 * @param request A request that is #GMS_REQUEST_READY; it will be #GMS_REQUEST_DONE.
 * @param error   Why: a negative errno. -EAGAIN asks the guest to try again, where its
 *                protocol has words for that.
 * @retval 0       Refused: the answer will say so.
 * @retval -EINVAL NULL; not #GMS_REQUEST_READY; @p error is not below 0.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_request_refuse(struct gms_request *request, int error);

/**
 * @brief Look at a part of a request: what it asks for.
 *
 * @param request Taken in; it may be done.
 * @param index   0, 1, 2 .. in the order of the guest.
 * @param part    Where it goes; untouched on error.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL.
 * @retval -ENOENT There are no more.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_request_part_at(const struct gms_request *request, uint32_t index,
		    struct gms_request_part *part);

/**
 * @brief What came of it.
 *
 * @param request The request. After its end, the result is that of what was answered.
 * @param result  Where it goes. Cleared with GMS_INIT() before.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL, or a size smaller than its own member.
 * @retval -E2BIG  @p result is longer than this library knows and not zero there.
 * @par Threads
 * W; see gms_request_new().
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_request_result(const struct gms_request *request, struct gms_request_result *result);

/**
 * @brief The name of a protocol, for messages: "snp-psc", "tdx-map".
 *
 * @param protocol An enum gms_protocol value.
 * @return A constant string, never NULL; "unknown" for a value of a later version.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * A table look-up.
 * @since 0.1
 */
GMS_API const char *gms_protocol_name(uint32_t protocol);

GMS_END_DECLS
#endif
