/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.c - what turns private and what turns shared, on the host.
 *
 * System calls, for a seccomp filter: those of revoke.c and discard.c.
 */
#include "linux/backing.h"

#include <errno.h>

int gms__linux_unmap_host(void *ctx, const struct gms_host_run *runs, size_t nruns,
			  size_t *ndone, struct gms_charge *charge)
{
	struct gms_backing *backing = ctx;
	int rc = gms__linux_runs_check(&backing->revoker, runs, nruns);

	if (rc || backing->error[GMS_BACKING_CAN_TOUCH])
		return rc;
	/* Also where a call says yes, and the trial has seen that it does nothing. */
	if (backing->error[GMS_BACKING_CAN_REVOKE] &&
	    backing->revoker.wanted != GMS_REVOKE_NONE)
		return backing->error[GMS_BACKING_CAN_REVOKE];
	return gms__linux_revoke(&backing->revoker, runs, nruns, ndone, charge);
}

int gms__linux_map_host(void *ctx, const struct gms_host_run *runs, size_t nruns,
			size_t *ndone, struct gms_charge *charge)
{
	struct gms_backing *backing = ctx;
	int rc = gms__linux_runs_check(&backing->revoker, runs, nruns);

	if (!rc && backing->error[GMS_BACKING_CAN_TOUCH])
		rc = -EOPNOTSUPP;
	if (!rc)
		rc = gms__linux_restore(&backing->revoker, runs, nruns, ndone, charge);
	return rc;
}

/* Memory that the kernel keeps out of its direct map does not come into it. */
int gms__linux_no_direct_map(void *ctx, const struct gms_host_run *runs, size_t nruns,
			     size_t *ndone, struct gms_charge *charge)
{
	(void)ctx;
	(void)charge;
	for (size_t i = 0; i < nruns; i++)
		if (runs[i].to) {
			*ndone = i;
			return -EOPNOTSUPP;
		}
	*ndone = nruns;
	return 0;
}
