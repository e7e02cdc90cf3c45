/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file linux/uffd.h
 * @brief userfaultfd(2): faults of the guest in the core's queue, and pages put in place.
 *
 * What a touch of missing memory raises in the kernel becomes a fault of the core
 * (access.h), so that a vCPU, a device thread and a gms_access_begin() that want one page
 * want it once. A handler takes it with gms_fault_next(), has the contents brought, and
 * puts them in place here:
 *
 *   pump -> gms_fault_next() -> the contents arrive -> gms_uffd_fill()
 *
 *   U1  Contents first, then the map (gms_resolve()), then the threads that wait. The map
 *       changes for what the kernel did and for nothing else; a call that ends half-way
 *       says where (gms_uffd_result::next) and is continued by calling again from there.
 *   U2  A thread that waits in the kernel is never forgotten: an event that cannot be
 *       queued wakes its thread, which faults again; an event of a page that the map does
 *       not call missing gets what the kernel alone would have given: the page of the
 *       file, or zeros.
 *   U3  The kernel's write protection and the map's agree whenever no call of this header
 *       is at work; so nobody else may change WRITE_PROTECT of these pages.
 *   U4  Pages that are private are not put into the VMM's mapping: their contents go to the
 *       file (UFFDIO_COPY would replace the guard marker that keeps the VMM out). For
 *       that the region's backing id must be the descriptor, as gms_backing_region()
 *       fills it in; a page must not turn private while a call here fills it.
 *
 * The map's MISSING decides what is missing, so it is to be set before the guest runs:
 * in the state that the region begins with, or by gms_uffd_arm().
 *
 * What has no userfaultfd (guest_memfd, memfd_secret, MINOR of anonymous memory) is found
 * by trying and answered -EOPNOTSUPP.
 *
 * fork(2): the child's mapping is not registered. A child that touches a page that is
 * missing gets zeros, and in a shared file they are the parent's page too, as if they had
 * been its contents. Use MADV_DONTFORK, or let the child touch no guest memory.
 */
#ifndef GMEMSTATE_LINUX_UFFD_H
#define GMEMSTATE_LINUX_UFFD_H

#include <gmemstate/access.h>
#include <gmemstate/space.h>
#include <gmemstate/types.h>

GMS_BEGIN_DECLS

/** @brief One userfaultfd, and the ranges that are registered with it. */
struct gms_uffd;

/** Touching a page that has no memory is an event. */
#define GMS_UFFD_MISSING	(UINT32_C(1) << 0)
/**
 * Touching a page that the file has, but the mapping has not, is an event. Of memory that may
 * have huge pages the kernel takes mappings away when it makes one (khugepaged): pages that
 * were there fault again, and somebody must pump as long as that is on.
 */
#define GMS_UFFD_MINOR		(UINT32_C(1) << 1)
/** Writing to a page that gms_uffd_protect() protected is an event. */
#define GMS_UFFD_WP		(UINT32_C(1) << 2)

/**
 * gms_uffd_new(): the kernel touches the memory on somebody's behalf too: KVM, read(2).
 * Without the privilege for that -EPERM, and not an object that does not see it.
 */
#define GMS_UFFD_KERNEL_FAULTS	(UINT32_C(1) << 0)
/** gms_uffd_new(): keep HOST_MAPPED of shared pages, at the price of a conversion a call. */
#define GMS_UFFD_TRACK_MAPPED	(UINT32_C(1) << 1)
/** gms_uffd_get(): only faults of user mode are seen; the kernel's own get EFAULT. */
#define GMS_UFFD_USER_MODE_ONLY	(UINT32_C(1) << 2)

/** gms_uffd_copy(), gms_uffd_continue(), gms_uffd_fill(): put in place write-protected. */
#define GMS_UFFD_PROTECTED	(UINT32_C(1) << 0)
/** gms_uffd_unprotect(): the pages are about to be written; set DIRTY with it. */
#define GMS_UFFD_SET_DIRTY	(UINT32_C(1) << 1)
/** gms_uffd_protect(): clear DIRTY with it. */
#define GMS_UFFD_CLEAR_DIRTY	(UINT32_C(1) << 2)

/** @brief Options of gms_uffd_new(). Clear with GMS_INIT() first. */
struct gms_uffd_opts {
	size_t	 size;		   /**< Bytes of this struct the caller knows. */
	struct gms_space *space;   /**< Must outlive the object. */
	uint32_t modes;		   /**< GMS_UFFD_MISSING, MINOR, WP: all that add will use. */
	uint32_t flags;		   /**< GMS_UFFD_KERNEL_FAULTS, TRACK_MAPPED. */
};

/** @brief What the handshake with the kernel came to, and counts. Clear with GMS_INIT(). */
struct gms_uffd_info {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	uint64_t features;	/**< UFFD_FEATURE_* bits that the kernel offers. */
	uint64_t enabled;	/**< Those that are on. */
	uint64_t events;	/**< Read. */
	uint64_t raised;	/**< Of them: queued, or counted, as faults. */
	uint64_t settled;	/**< Of them: the page was not missing (U2). */
	uint64_t deferred;	/**< Of them: woken, because the queue was full. */
	uint64_t ranges;	/**< Registered. */
	uint32_t modes;		/**< As asked. */
	uint32_t flags;		/**< GMS_UFFD_* of gms_uffd_new(), and USER_MODE_ONLY if so. */
};

/** @brief How far a call came. Clear with GMS_INIT() first. */
struct gms_uffd_result {
	size_t	 size;		/**< Bytes of this struct the caller knows. */
	gms_gfn	 next;		/**< First page that is not done; the end when all is. */
	uint64_t done_pages;	/**< Put in place by this call. */
	uint64_t present_pages;	/**< Were there already, and stayed as they were. */
	uint64_t file_pages;	/**< Of done_pages: private, written to the file (U4). */
	uint64_t calls;		/**< System calls. */
};

/**
 * @brief Open a userfaultfd and agree with the kernel on what it can do.
 *
 * Tries userfaultfd(2), then /dev/userfaultfd, then user mode only.
 *
 * @param out  Where it goes; untouched on error.
 * @param opts What for.
 * @retval 0       Made; nothing is registered.
 * @retval -EINVAL NULL; no mode or an unknown one; unknown flag.
 * @retval -E2BIG  A nonzero member this library does not know.
 * @retval -EPERM  No privilege, with #GMS_UFFD_KERNEL_FAULTS; or not even for user mode.
 * @retval -EOPNOTSUPP This kernel has no userfaultfd, or not for these modes on memory
 *                 of files.
 * @retval -ENOMEM Out of memory.
 * @retval other   What the kernel said.
 * @par Threads
 * Any.
 * @par Cost
 * A handful of system calls.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_uffd_new(struct gms_uffd **out, const struct gms_uffd_opts *opts);

/**
 * @brief Close it.
 *
 * The kernel lets every thread go that waits, with zeros for what is missing: stop who
 * touches the memory before, unless nothing is missing any more.
 *
 * @param uffd NULL is fine.
 * @par Threads
 * X.
 * @par Cost
 * A few system calls.
 * @since 0.1
 */
GMS_API void gms_uffd_free(struct gms_uffd *uffd);

/**
 * @brief The descriptor, for poll(2): readable when gms_uffd_pump() has something to do.
 * @param uffd The object. Owns the descriptor.
 * @return A descriptor, or -EINVAL for NULL.
 * @par Threads
 * Pure; async-signal-safe.
 * @par Cost
 * None.
 * @since 0.1
 */
GMS_API int gms_uffd_fd(const struct gms_uffd *uffd);

/**
 * @brief What was agreed with the kernel, and what came of it.
 *
 * @param uffd The object.
 * @param info Filled in. Cleared with GMS_INIT() before.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL, or a size smaller than its own member.
 * @retval -E2BIG  @p info is longer than this library knows and not zero there.
 * @par Threads
 * Any, not from callbacks of this library; counts of a pump beside may be half there.
 * @par Cost
 * A lock.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_uffd_get(struct gms_uffd *uffd, struct gms_uffd_info *info);

/**
 * @brief Register a range of a region: from now on touching it raises events.
 *
 * @param uffd  The object.
 * @param range Pages of one region that is mapped (hva); whole host pages, of 2 MiB or
 *              1 GiB where the memory is hugetlb.
 * @param modes GMS_UFFD_MISSING, MINOR, WP: of those that gms_uffd_new() was told.
 * @retval 0       Registered.
 * @retval -EINVAL NULL; empty or wrapping range; no mode or one not told before; not
 *                 whole pages of the host; more than one region, or one without an address.
 * @retval -ENOENT A page is a hole.
 * @retval -EEXIST A page is registered here already.
 * @retval -EBUSY  Another userfaultfd has it.
 * @retval -EOPNOTSUPP This memory does not have these modes; or its huge pages are not
 *                 covered whole.
 * @retval -ENOMEM Out of memory.
 * @retval other   What the kernel said.
 * @par On error
 * Nothing changed.
 * @par Threads
 * Any, not from callbacks of this library. Waits for calls that serve.
 * @par Cost
 * A few system calls: the size of the host's pages is found by trying.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_uffd_add(struct gms_uffd *uffd, struct gms_range range, uint32_t modes);

/**
 * @brief Take a range back from the kernel. Write protection of it ends too.
 *
 * To be called before the region is removed or its memory unmapped. WRITE_PROTECT in
 * the map is cleared.
 *
 * @param uffd  The object.
 * @param range As it was added.
 * @retval 0       Nothing raises events there; who waited has been woken.
 * @retval -EINVAL NULL; empty or wrapping range.
 * @retval -ENOENT No such range was added.
 * @retval -EBUSY  A page is MISSING: who touches it would get zeros.
 * @retval other   What the kernel or the conversion said.
 * @par On error
 * Nothing changed, but that of the kernel may leave WRITE_PROTECT cleared.
 * @par Threads
 * Any, not from callbacks of this library. Waits for calls that serve.
 * @par Cost
 * A system call, and a conversion if it was registered for WP.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_uffd_remove(struct gms_uffd *uffd, struct gms_range range);

/**
 * @brief The pages that the kernel puts in place together with this one.
 *
 * @param uffd  The object.
 * @param gfn   A page.
 * @param block Where it goes: one page, or the 512 of a 2 MiB huge page.
 * @retval 0       Filled in.
 * @retval -EINVAL NULL.
 * @retval -ENOENT It is not registered.
 * @par Threads
 * Any, not from callbacks of this library.
 * @par Cost
 * A lock, and O(log ranges).
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_uffd_block(struct gms_uffd *uffd, gms_gfn gfn, struct gms_range *block);

/**
 * @brief Make a range missing: gms_miss(), and the memory is given back.
 *
 * As gms_miss(); then the file's pages are removed, so that the next touch is an event.
 * Beside a handler only this call will do: gms_miss() alone, while a page is being
 * served, leaves a page that nobody brings in. The ranges must be registered for
 * MISSING, or the kernel gives zeros without asking.
 *
 * @param uffd       The object.
 * @param range      Registered pages; whole host pages.
 * @param timeout_ns As of gms_miss().
 * @param result     NULL, or filled in as gms_convert() does.
 * @retval 0       Every page is missing, in the map and in the kernel.
 * @retval -EINVAL NULL; empty or wrapping range; not whole host pages.
 * @retval -ENOENT A page is not registered.
 * @retval other   What gms_miss() or madvise(2) returned.
 * @par On error
 * Of gms_miss(): nothing changed. Of madvise(2): the pages are missing in the map, and
 * some still have their old contents: bring in all of them, or call again.
 * @par Threads
 * As gms_miss().
 * @par Cost
 * As gms_miss(), and one system call a range. While an access is in the way it looks
 * again ten times a millisecond: accesses that follow one on the other can keep it out.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_uffd_arm(struct gms_uffd *uffd, struct gms_range range, uint64_t timeout_ns,
	     struct gms_convert_result *result);

/**
 * @brief Read the events that are there, and raise them as faults.
 *
 * The fault's gfn is the first page of its gms_uffd_block(), its tag the thread's id as
 * gettid(2) says it, 0 where the kernel does not.
 *
 * @param uffd       The object.
 * @param timeout_ns How long to wait for the first event; 0: not at all; #GMS_FOREVER.
 * @param raised     NULL, or where the number of faults raised goes, those that only
 *                   count among them.
 * @retval 0       What was there has been dealt with.
 * @retval -EINVAL NULL @p uffd.
 * @retval -EAGAIN Nothing was there, and the caller does not wait.
 * @retval -ETIMEDOUT Nothing came in time.
 * @retval -EINTR  A signal came first.
 * @retval other   What the kernel said; it cannot happen to an object in order.
 * @par On error
 * No event was read.
 * @par Threads
 * Any number, not from callbacks of this library: one reads at a time.
 * @par Cost
 * One read(2) for up to 64 events, and gms_fault_raise() of each.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_uffd_pump(struct gms_uffd *uffd, uint64_t timeout_ns, uint64_t *raised);

/**
 * @brief Put contents in place, in the way that the range's modes want: what handlers use.
 *
 * Where MISSING is registered and MINOR is not, gms_uffd_copy(). Else the contents are
 * written to the file and mapped with gms_uffd_continue(), all pages in one call.
 *
 * @param uffd   The object.
 * @param range  Registered pages; whole host pages.
 * @param src    The contents, a page after the other.
 * @param flags  #GMS_UFFD_PROTECTED, or 0.
 * @param result NULL, or filled in, also on error.
 * @retval 0       All pages are there, and not missing.
 * @retval other   As gms_uffd_copy().
 * @par On error
 * As gms_uffd_copy().
 * @par Threads
 * As gms_uffd_copy().
 * @par Cost
 * As gms_uffd_copy(); with MINOR a write to the file more.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_uffd_fill(struct gms_uffd *uffd, struct gms_range range, const void *src, uint32_t flags,
	      struct gms_uffd_result *result);

/**
 * @brief UFFDIO_COPY: give pages memory with these contents.
 *
 * A page that is there already stays as it is and is counted: whoever was first has
 * won. Then MISSING is cleared and POPULATED set, and who waits goes on.
 *
 * @param uffd   The object.
 * @param range  Registered pages; whole host pages.
 * @param src    The contents, a page after the other.
 * @param flags  #GMS_UFFD_PROTECTED, or 0: WRITE_PROTECT is set, or cleared.
 * @param result NULL, or filled in, also on error.
 * @retval 0       All pages are there, and not missing.
 * @retval -EINVAL NULL; empty or wrapping range; unknown flag; not whole host pages.
 * @retval -E2BIG  @p result is longer than this library knows and not zero there.
 * @retval -ENOENT A page is not registered, or no longer mapped.
 * @retval -EAGAIN The address space kept changing.
 * @retval -EFAULT @p src cannot be read.
 * @retval -EBADF  A page is private and the region's backing id is no descriptor (U4).
 * @retval -ESRCH  The process is going away; -ENOSPC likewise.
 * @retval -ENOMEM Out of memory, of the kernel or for the conversion.
 * @retval other   What a listener returned.
 * @par On error
 * -EINVAL, -E2BIG, and a page that was never registered: nothing changed. Else the
 * pages below gms_uffd_result::next are done, those from there on are as they were in
 * the map; call again from there, what is in place already counts as present.
 * @par Threads
 * W, any number at once, on any pages. Not from callbacks of this library.
 * @par Cost
 * One system call for all pages and one to wake, more where pages are there already.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_uffd_copy(struct gms_uffd *uffd, struct gms_range range, const void *src, uint32_t flags,
	      struct gms_uffd_result *result);

/**
 * @brief UFFDIO_ZEROPAGE: give pages memory with zeros in it.
 *
 * As gms_uffd_copy(). Huge pages, which have no zero page, get zeros by UFFDIO_COPY.
 *
 * @param uffd   The object.
 * @param range  Registered pages; whole host pages.
 * @param result NULL, or filled in, also on error.
 * @retval 0       All pages are there, and not missing.
 * @retval other   As gms_uffd_copy().
 * @par On error
 * As gms_uffd_copy().
 * @par Threads
 * As gms_uffd_copy().
 * @par Cost
 * As gms_uffd_copy().
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_uffd_zero(struct gms_uffd *uffd, struct gms_range range, struct gms_uffd_result *result);

/**
 * @brief UFFDIO_CONTINUE: map pages whose contents are in the file, asked for or not.
 *
 * As gms_uffd_copy(). Eager, for whole ranges, it saves the guest a fault a page.
 *
 * @param uffd   The object.
 * @param range  Registered pages (MINOR); whole host pages.
 * @param flags  #GMS_UFFD_PROTECTED, or 0.
 * @param result NULL, or filled in, also on error.
 * @retval 0       All pages are mapped, and not missing.
 * @retval -EFAULT The file has no page there.
 * @retval other   As gms_uffd_copy().
 * @par On error
 * As gms_uffd_copy().
 * @par Threads
 * As gms_uffd_copy().
 * @par Cost
 * As gms_uffd_copy(): one system call for 2 MiB as for 4 KiB.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_uffd_continue(struct gms_uffd *uffd, struct gms_range range, uint32_t flags,
		  struct gms_uffd_result *result);

/**
 * @brief UFFDIO_POISON: there are no contents, and who touches the pages gets SIGBUS.
 *
 * POISON is set in the map and MISSING cleared: an access gets -EHWPOISON.
 *
 * @param uffd   The object.
 * @param range  Registered pages; whole host pages.
 * @param result NULL, or filled in, also on error.
 * @retval 0       All pages are poisoned.
 * @retval -EEXIST A page is there: its contents are good, and it is not poisoned.
 * @retval -EOPNOTSUPP This kernel has no UFFDIO_POISON.
 * @retval other   As gms_uffd_copy().
 * @par On error
 * As gms_uffd_copy().
 * @par Threads
 * As gms_uffd_copy().
 * @par Cost
 * As gms_uffd_copy().
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_uffd_poison(struct gms_uffd *uffd, struct gms_range range, struct gms_uffd_result *result);

/**
 * @brief Trap writes to pages: the kernel's protection, then WRITE_PROTECT.
 *
 * Accesses that write and have begun may write on until they end.
 *
 * @param uffd   The object.
 * @param range  Registered pages (WP); whole host pages.
 * @param flags  #GMS_UFFD_CLEAR_DIRTY, or 0.
 * @param result NULL, or filled in, also on error.
 * @retval 0       Writes trap.
 * @retval -EINVAL NULL; empty or wrapping range; unknown flag; not whole host pages.
 * @retval -E2BIG  @p result is longer than this library knows and not zero there.
 * @retval -ENOENT A page is not registered for WP, or no longer mapped.
 * @retval -EAGAIN The address space kept changing.
 * @retval other   What the kernel or the conversion said.
 * @par On error
 * The pages below gms_uffd_result::next trap, the rest is as it was.
 * @par Threads
 * W, one at a time for each object. Not from callbacks of this library.
 * @par Cost
 * A system call, which flushes, and a conversion, for each range that was added.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_uffd_protect(struct gms_uffd *uffd, struct gms_range range, uint32_t flags,
		 struct gms_uffd_result *result);

/**
 * @brief Let pages be written again: the answer to a fault of #GMS_REASON_WRITE_PROTECT.
 *
 * DIRTY is set in the conversion that clears WRITE_PROTECT, after the kernel was told
 * and before a later gms_uffd_protect() can begin: a write is never left out.
 *
 * @param uffd   The object.
 * @param range  Registered pages (WP); whole host pages.
 * @param flags  #GMS_UFFD_SET_DIRTY, or 0.
 * @param result NULL, or filled in, also on error.
 * @retval 0       Writes go on; who waited has been woken.
 * @retval other   As gms_uffd_protect().
 * @par On error
 * The pages below gms_uffd_result::next may be written, the rest is as it was.
 * @par Threads
 * As gms_uffd_protect().
 * @par Cost
 * As gms_uffd_protect(), and a system call to wake.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int
gms_uffd_unprotect(struct gms_uffd *uffd, struct gms_range range, uint32_t flags,
		   struct gms_uffd_result *result);

/**
 * @brief Let the threads that wait for pages try again; after gms_populate_write().
 *
 * @param uffd  The object.
 * @param range Registered pages; whole host pages.
 * @retval 0       Woken.
 * @retval -EINVAL NULL; empty or wrapping range; not whole host pages.
 * @retval -ENOENT A page is not registered.
 * @retval other   What the kernel said.
 * @par Threads
 * As gms_uffd_copy().
 * @par Cost
 * One system call a range.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_uffd_wake(struct gms_uffd *uffd, struct gms_range range);

/**
 * @brief An eventfd that is readable when the space's queue of faults is no longer empty.
 *
 * For an event loop: when it is readable, read(2) 8 bytes and then gms_fault_next() until
 * -EAGAIN. Takes the place of the space's gms_fault_notify().
 *
 * @param space The space.
 * @param fd    Where the descriptor goes; closed by gms_fault_eventfd_close() only.
 * @retval 0       Made: nonblocking, closed on exec.
 * @retval -EINVAL NULL.
 * @retval -ENOMEM Out of memory.
 * @retval other   What the kernel said.
 * @par Threads
 * Any, not from callbacks of this library.
 * @par Cost
 * A system call; one more whenever the queue is no longer empty.
 * @since 0.1
 */
GMS_API GMS_MUST_CHECK int gms_fault_eventfd(struct gms_space *space, int *fd);

/**
 * @brief Nobody is told any more; close the eventfd.
 *
 * @param space The space.
 * @param fd    What gms_fault_eventfd() gave. Negative does nothing.
 * @par Threads
 * Any, not from callbacks of this library.
 * @par Cost
 * A system call.
 * @since 0.1
 */
GMS_API void gms_fault_eventfd_close(struct gms_space *space, int fd);

GMS_END_DECLS
#endif
