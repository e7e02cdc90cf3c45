/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.c - what turns private and what turns shared, on the host.
 *
 * Zeros, where a conversion asks for them, are put into pages while nobody in the
 * VMM reaches them: after revoking, and before restoring. So no thread of it sees
 * what was in a private page, and none writes behind the zeros of a shared one.
 *
 * System calls, for a seccomp filter: those of revoke.c and discard.c.
 */
#include "linux/backing.h"

#include <errno.h>

/* Zero the runs that ask for it; how many leading runs are as asked goes to *ndone. */
static int zero_runs(struct gms_backing *backing, const struct gms_host_run *runs, size_t nruns,
		     size_t *ndone, struct gms_charge *charge)
{
	for (size_t i = 0; i < nruns; i++) {
		const int rc = runs[i].content == GMS_CONTENT_ZERO
			       ? gms__linux_zero(backing, &runs[i], charge) : 0;

		if (rc) {
			*ndone = i;
			return rc;
		}
	}
	*ndone = nruns;
	return 0;
}

int gms__linux_unmap_host(void *ctx, const struct gms_host_run *runs, size_t nruns,
			  size_t *ndone, struct gms_charge *charge)
{
	struct gms_backing *backing = ctx;
	size_t restored = 0;
	int rc = gms__linux_runs_check(&backing->revoker, runs, nruns);

	if (!rc && !backing->error[GMS_BACKING_CAN_TOUCH])
		rc = gms__linux_revoke(&backing->revoker, runs, nruns, ndone, charge);
	if (rc)
		return rc;
	rc = zero_runs(backing, runs, nruns, ndone, charge);
	if (rc && !backing->error[GMS_BACKING_CAN_TOUCH])
		(void)gms__linux_restore(&backing->revoker, runs + *ndone, nruns - *ndone,
					 &restored, charge);
	return rc;
}

int gms__linux_map_host(void *ctx, const struct gms_host_run *runs, size_t nruns,
			size_t *ndone, struct gms_charge *charge)
{
	struct gms_backing *backing = ctx;
	size_t nzeroed = 0;
	int rc = gms__linux_runs_check(&backing->revoker, runs, nruns);

	if (!rc && backing->error[GMS_BACKING_CAN_TOUCH])
		rc = -EOPNOTSUPP;
	if (!rc)
		rc = zero_runs(backing, runs, nruns, &nzeroed, charge);
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
