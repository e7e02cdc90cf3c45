/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.h - which system's rules a space follows, and what a change brings along.
 */
#ifndef GMS_ENGINE_PROFILE_H
#define GMS_ENGINE_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/profile.h>

/* profiles.c: the tables. NULL for a number that is no profile. */
const struct gms_profile_info *gms__profile_get(uint32_t profile);

#define GMS__REFUSALS	6u
extern const struct gms_refusal gms__refusals[GMS__REFUSALS];

/* May a change name these attributes? */
bool gms__profile_may_change(const struct gms_profile_info *p, gms_state bits);

/* The state a region begins with: DIRECT_MAP as the profile has it. */
gms_state gms__profile_first(const struct gms_profile_info *p, gms_state state);

/* Add to a net change what it brings along. */
void gms__profile_complete(const struct gms_profile_info *p, gms_state *set, gms_state *clear);

/*
 * May a page go from old to new? 0, or the error and the reason. With check, pins
 * are the caller's to look at: gms__rule_blocked_by_pins() says whether it must.
 */
int  gms__rule_find(gms_state old, gms_state new, bool pinned, uint32_t *reason);
int  gms__rule_check(gms_state old, gms_state new, uint32_t *reason);

/* Without these attributes, before and after, gms__rule_check() has nothing to say. */
#define GMS__RULED	(GMS_STATE_POISON | GMS_STATE_FROZEN | GMS_STATE_HOST_MAPPED | \
			 GMS_STATE_ACCEPTED)

/* What a pinned page must not lose, and must not get: the table has them too. */
#define GMS__PIN_KEEPS	(GMS_STATE_SHARED | GMS_STATE_POPULATED | GMS_STATE_DIRECT_MAP)
#define GMS__PIN_BARS	GMS_STATE_MISSING

static inline bool gms__rule_blocked_by_pins(gms_state old, gms_state new)
{
	return (old & ~new & GMS__PIN_KEEPS) || (new & ~old & GMS__PIN_BARS);
}

/* A lent page keeps its contents, where the borrower is to find or leave them. */
static inline bool gms__rule_blocked_by_loans(gms_state old, gms_state new)
{
	return old & ~new & (GMS_STATE_SHARED | GMS_STATE_POPULATED);
}

/* What an access may rely on while it runs (A1), and one that writes. */
static inline bool gms__rule_blocked_by_access(gms_state old, gms_state new, bool writes)
{
	return gms__rule_blocked_by_loans(old, new) ||
	       (new & ~old & (GMS_STATE_FROZEN | GMS_STATE_MISSING)) ||
	       (writes && (new & ~old & GMS_STATE_WRITE_PROTECT));
}

/* Why an access may not begin at a page in this state; GMS_REASON_NONE: it may (A2). */
uint32_t gms__rule_access(gms_state state, bool writes);

/* May a region begin so? 0 or -EINVAL. */
int  gms__rule_first(gms_state state);

/* Why a page in this state may not be pinned; GMS_REASON_NONE: it may. */
uint32_t gms__rule_gup(gms_state state, uint32_t pin_flags);
/* The attributes that answer depends on. */
gms_state gms__rule_gup_mask(uint32_t pin_flags);

#endif
