/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file snapshot.h
 * @brief Write what a space is into a file, make a space of it again, and ask what
 * changed since.
 *
 * In a file: the space's policies (profile, split, merge, lend, access_wait_ns), and
 * of each region its frames, orders, flags and backing, the state of each page, the folios,
 * and how often pages are frozen.
 *
 * Not in it: pins, loans, accesses, listeners, backends, addresses of the VMM, ids,
 * the ledger, tags, parked conversions, faults that wait, and how long ago blocks turned.
 * So a page that loans turned shared is shared in the new space, and no loan holds it;
 * regions have new ids, in the order of their frames; and the ledger begins with
 * what is shared, as if the regions had been added so.
 *
 * The format is of bytes, little-endian, the same on every host:
 *
 *	header		89 47 4d 53 0d 0a 1a 0a, u16 major, u16 minor, u32 sum
 *	section		u16 type, u16 flags, u32 length, the payload, u32 sum
 *	..
 *	section		type 0xffff: the end
 *
 * Each sum is the CRC-32C of all headers and payloads of the file up to there, so that
 * a section that is missing, there twice or in another place is found as well as a
 * byte that changed. The first section is the space's, then come the regions in
 * order, each followed by its states, folios and freeze counts; gms_save(3) has
 * the payloads.
 *
 * Versions:
 * - A file of a higher major version is refused (-EOPNOTSUPP). All versions have the
 *   16 bytes of the header.
 * - A minor version may add sections of new types, and new values to the numbers of
 *   old ones. It never changes what an old section holds.
 * - A section of a type that the reader does not know is skipped if its flags have
 *   #GMS_SNAPSHOT_SKIP; if not, the file is refused (-EOPNOTSUPP).
 * - A number that this library does not know (a profile, a flag, an attribute) is -EOPNOTSUPP
 *   in a file of a higher minor version, and damage in one of this.
 */
#ifndef GMEMSTATE_SNAPSHOT_H
#define GMEMSTATE_SNAPSHOT_H

#include <gmemstate/space.h>
#include <gmemstate/state.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** The major version that gms_save() writes and gms_load() reads. */
#define GMS_SNAPSHOT_MAJOR	1
/** The minor version that gms_save() writes. */
#define GMS_SNAPSHOT_MINOR	0

/** A flag of a section: who does not know its type may pass over it. */
#define GMS_SNAPSHOT_SKIP	(UINT32_C(1) << 0)

/**
 * @brief Gives up to @p bytes bytes of a file.
 * @return How many bytes were put into @p buf, 0 at the end of the file, or a negative errno,
 *	   which stops.
 */
typedef int64_t gms_read_fn(void *ctx, void *buf, size_t bytes);

/** @brief Options of gms_load(): what a file cannot hold. Clear with GMS_INIT() first. */
struct gms_load_opts {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	const struct gms_mem_ops *mem;	/**< As in struct gms_space_opts. */
	uint64_t (*now_ns)(void *ctx);	/**< As in struct gms_space_opts. */
	/** As in struct gms_space_opts. */
	void	 (*log)(void *ctx, uint32_t level, const char *text);
	void	*ctx;		/**< Handed to now_ns, log and region. */
	/**
	 * Called for each region, before its pages are read: fill in hva, and backend, which is
	 * copied when it returns. What else it writes there is ignored, and
	 * state says nothing. Anything but 0 stops. NULL: regions have neither. No
	 * backend is called while loading. That a region is asked for
	 * does not say that the rest of the file is sound.
	 */
	int	 (*region)(void *ctx, struct gms_region_opts *opts);
	/**
	 * Most bytes of metadata that the new space may have; 0: any. For files that somebody
	 * else wrote. Looked at before each region and each record, so that it may be passed by what
	 * one record takes, at most some 100 KiB.
	 */
	uint64_t most_bytes;
	uint32_t flags;		/**< GMS_SPACE_* bits. */
	uint32_t reserved;	/**< 0. */
};

/** @brief What gms_load() saw. Clear with GMS_INIT() first. */
struct gms_load_result {
	size_t	    size;	  /**< Bytes of this struct the caller knows. */
	uint64_t    offset_bytes; /**< Bytes read; where it is wrong, if expected is set. */
	/** On -EBADMSG and -EOPNOTSUPP: what was expected there; else NULL. */
	const char *expected;
	uint64_t    skipped_sections; /**< Sections of a later version that were passed over. */
	uint32_t    format_major; /**< Version of the file, once its header was read. */
	uint32_t    format_minor; /**< The same. */
};

/**
 * @brief Write a space into a file.
 *
 * All of it is of one moment: conversions wait until the call is done, readers do not.
 * Whoever cannot let them wait for a disk writes to memory first: what is uniform takes a
 * few bytes, and what alternates about a bit a page.
 *
 * @param space The space.
 * @param write Called with at most a few KiB, in order. It must not call what is not
 *              class R on this space.
 * @param ctx   Handed to @p write.
 * @retval 0       Written.
 * @retval -EINVAL @p space or @p write is NULL.
 * @return Or what @p write returned; what it was given is no whole file then, and
 *         gms_load() will say so.
 * @par Threads
 * W, serialised with every other W call.
 * @par Cost
 * Linear in runs, in folios that are cut, in blocks of 1 GiB, and in 2 MiB blocks of those
 * GiB where something is cut. Allocates nothing.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_save(struct gms_space *space, gms_write_fn *write, void *ctx);

/**
 * @brief Make a space of what gms_save() wrote.
 *
 * Reads up to the last byte that was written and not further, so a file may be
 * part of a larger one. The file may be hostile: whatever it holds, the new space is sound
 * (gms_check()). Its memory is at most 17 bytes a GiB of regions, under
 * #GMS_MERGE_DEFERRED and with #GMS_SPACE_TRACK_CHANGES 5 KiB a GiB each, and a few thousand times the bytes that were read: no
 * more than the same states and folios take in any space, but a small file can say
 * much. most_bytes bounds it.
 *
 * @param out    Where the new space goes; untouched on error.
 * @param opts   NULL for defaults. Read during the call; what mem points to is copied.
 * @param read   Called with at most a few KiB.
 * @param ctx    Handed to @p read.
 * @param result NULL, or what was seen, also on errors but -EINVAL and -E2BIG of the
 *               arguments. Cleared with GMS_INIT() before.
 * @retval 0       *out is the space.
 * @retval -EINVAL @p out or @p read is NULL; a mem without alloc or free; unknown flag; a size
 *                 smaller than its own member; region gave an hva or a backend
 *                 that gms_region_add() would refuse; @p read gave more than it was asked for.
 * @retval -E2BIG  A struct is longer than this library knows and not zero there.
 * @retval -EBADMSG The file is damaged, or ends too soon; result says where.
 * @retval -EOPNOTSUPP The file is of a later version that this one cannot read.
 * @retval -EMSGSIZE The space would have more metadata than most_bytes.
 * @retval -EEXIST region gave an hva that overlaps another region's.
 * @retval -ENOSPC More than 64 different backends.
 * @retval -ENOMEM Out of memory.
 * @return Or what @p read or region returned.
 * @par On error
 * Nothing is left of the new space. The file has been read up to somewhere.
 * @par Threads
 * X, but touches no other space.
 * @par Cost
 * Linear in the file and in the GiB of its regions, and in the square of their number.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_load(struct gms_space **out, const struct gms_load_opts *opts, gms_read_fn *read, void *ctx,
	 struct gms_load_result *result);

/**
 * @brief Which generation of its pages, folios and freeze counts a space has come to.
 *
 * It grows with each change and each region that comes or goes, by one or more, and
 * may grow without one. Only two of the same space can be compared. All changes whose
 * call returned before this one began are in it, unless something else is being changed
 * at the same time that began earlier: then it may be that of a moment before that began,
 * and gms_diff() since it says more than is new.
 *
 * @param space      The space.
 * @param generation Where it goes: never 0.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL.
 * @retval -EOPNOTSUPP The space was made without #GMS_SPACE_TRACK_CHANGES.
 * @par Threads
 * R; async-signal-safe.
 * @par Cost
 * Some 70 loads.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_generation(const struct gms_space *space, uint64_t *generation);

/**
 * @brief Begin a walk over what changed since a generation, in order.
 *
 * To keep a copy up to date: read the generation first, then walk since the one that was
 * read the time before, write each run over the copy, and keep the new generation for
 * the next time. All that was committed up to the new one is then in the copy, and maybe
 * some that came later, which the next walk tells again.
 *
 * gms_iter_next() gives the runs, under a mask of all attributes, as they are when
 * it comes to them. They are of whole blocks of 2 MiB, clipped to their region, of which
 * a page, a folio or a freeze count changed: at least of those. A region that was added
 * is there whole. So is what changed and changed back, and what a call undid that failed.
 * What is exact is that nothing is missing.
 *
 * @param space The space; must outlive the walk.
 * @param since From gms_generation() of this space; 0: before everything, for a new copy.
 * @param it    Set up for gms_iter_next(); nothing to free.
 * @retval 0       Ready.
 * @retval -EINVAL NULL. The walk is empty.
 * @retval -EOPNOTSUPP The space was made without #GMS_SPACE_TRACK_CHANGES. The walk is empty.
 * @retval -ESTALE A region has been removed since, or its addition failed half-way; or the
 *                 generation is none of this space. Empty the copy, and begin with 0.
 *                 That it is another space's is told from numbers that begin
 *                 where the space lies in memory: likely, not surely. The walk is empty.
 * @par Threads
 * R; async-signal-safe. A walk belongs to one thread at a time.
 * @par Cost
 * Of this call: none. Of the walk: a load a GiB, 512 for a GiB of which some blocks
 * changed, and the runs. After 2^32 changes since then all blocks count as changed, and
 * one that did not change for longer may do so.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_diff(const struct gms_space *space, uint64_t since, struct gms_iter *it);

GMS_END_DECLS
#endif
