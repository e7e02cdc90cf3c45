/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file check.h
 * @brief Is the space sound, and what does it hold: for tests and for people.
 */
#ifndef GMEMSTATE_CHECK_H
#define GMEMSTATE_CHECK_H

#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/**
 * @brief Recount everything and compare.
 *
 * @param space The space.
 * @param why   NULL, or where the reason goes: the label of the invariant that
 *              broke (I1.. of gmemstate(7)) and what was seen; "" if none did.
 * @param bytes Room in @p why, with the final NUL; a longer reason is cut.
 * @retval 0       Sound.
 * @retval -EINVAL @p space is NULL.
 * @retval -EBADMSG Something is broken; @p why says what. A bug of this library,
 *                 or memory overwritten.
 * @par Threads
 * W, and serialised with every other W call.
 * @par Cost
 * Linear in pages of mixed blocks and in blocks of 1 GiB. Allocates nothing.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_check(struct gms_space *space, char *why, size_t bytes);

/**
 * @brief Write the runs of a range, one a line, for people.
 *
 * Each line: first and last frame in hexadecimal, pages, order of the folio at
 * its start, attributes by name; e.g.
 * "0x40000-0x401ff 512 2m private direct-map". The form may change.
 *
 * @param space The space.
 * @param range The pages; holes are left out.
 * @param write Called once a line, the end of line included.
 * @param ctx   Handed to @p write.
 * @retval 0       Written.
 * @retval -EINVAL NULL @p space or @p write; empty or wrapping range.
 * @retval other   What @p write returned.
 * @par Threads
 * R; async-signal-safe if @p write is.
 * @par Cost
 * Linear in the runs.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_dump(const struct gms_space *space, struct gms_range range, gms_write_fn *write, void *ctx);

GMS_END_DECLS
#endif
