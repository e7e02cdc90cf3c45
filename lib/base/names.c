/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * names.c - errors, reasons and attributes in words.
 */
#include <errno.h>

#include <gmemstate/types.h>
#include <gmemstate/version.h>

#define TEXT_(x)	#x
#define TEXT(x)		TEXT_(x)

uint32_t gms_version(void)
{
	return GMS_VERSION;
}

const char *gms_version_string(void)
{
	return TEXT(GMS_VERSION_MAJOR) "." TEXT(GMS_VERSION_MINOR) "." TEXT(GMS_VERSION_PATCH);
}

const char *gms_strerror(int error)
{
	switch (error) {
	case 0:			return "success";
	case -EINVAL:		return "invalid argument";
	case -E2BIG:		return "struct of a later version, or too many changes";
	case -ENOENT:		return "no such page, region, pin or loan";
	case -EEXIST:		return "already there";
	case -ENOMEM:		return "out of memory";
	case -ENOSPC:		return "no room left";
	case -EAGAIN:		return "pinned, lent or in use";
	case -EBUSY:		return "frozen or mixed";
	case -EFAULT:		return "page may not be pinned or touched";
	case -EPERM:		return "state not allowed";
	case -EHWPOISON:	return "hardware error in the page";
	case -EOPNOTSUPP:	return "not supported here";
	case -EALREADY:		return "that way already";
	case -ETIMEDOUT:	return "time is over";
	case -ECANCELED:	return "cancelled";
	case -EOVERFLOW:	return "too often to count";
	case -EBADMSG:		return "damaged";
	case -EPROTO:		return "no such request";
	case -EMSGSIZE:		return "too large in one piece";
	case -EILSEQ:		return "destroyed, and not asked back";
	case -EBADF:		return "bad file descriptor";
	case -ESTALE:		return "too long ago, or of another space: begin anew";
	case -EIO:		return "input or output error";
	default:		return error > 0 ? "not an error of this library" : "unknown error";
	}
}

const char *gms_reason_name(uint32_t reason)
{
	static const char *const name[GMS_REASON_COUNT] = {
		[GMS_REASON_NONE] = "none",
		[GMS_REASON_HOLE] = "hole",
		[GMS_REASON_POISON] = "poisoned",
		[GMS_REASON_FROZEN] = "frozen",
		[GMS_REASON_MISSING] = "missing",
		[GMS_REASON_PRIVATE] = "private",
		[GMS_REASON_NO_DIRECT_MAP] = "not in the direct map",
		[GMS_REASON_WRITE_PROTECT] = "write-protected",
		[GMS_REASON_PINNED] = "pinned",
		[GMS_REASON_SHARED] = "shared",
		[GMS_REASON_PROFILE] = "not in the profile",
		[GMS_REASON_MIXED] = "mixed",
		[GMS_REASON_BACKEND] = "backend failed",
		[GMS_REASON_NO_MEMORY] = "out of memory",
		[GMS_REASON_LISTENER] = "listener objected",
		[GMS_REASON_SPANS] = "too many spans",
		[GMS_REASON_LENT] = "lent",
		[GMS_REASON_ACCESS] = "in use",
		[GMS_REASON_DESTROYED] = "destroyed",
	};

	return reason < GMS_REASON_COUNT ? name[reason] : "unknown";
}

const char *gms_state_name(gms_state bit)
{
	static const char *const name[] = {
		"shared", "direct-map", "populated", "host-mapped", "accepted", "destroyed",
		"missing", "frozen", "write-protect", "dirty", "poison", "user0", "user1",
		"user2", "user3",
	};

	if (!bit || (bit & (bit - 1)) || (bit & ~GMS_STATE_ALL))
		return NULL;
	return name[__builtin_ctz(bit)];
}
