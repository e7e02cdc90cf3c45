/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.h - what the parts of the probe share.
 */
#ifndef GMS_LINUX_PROBE_PRIV_H
#define GMS_LINUX_PROBE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gmemstate/linux/probe.h>

/* A probe under way. */
struct gms__linux_probe {
	struct gms_host host;
	int pipe[2];	/* for gms__linux_touch() */
};

/* Note that a feature is there (0) or why it is not (a negative errno). */
void gms__linux_probe_set(struct gms__linux_probe *probe, enum gms_host_feature feature, int err);

/* Everything that begins with /dev/kvm. */
void gms__linux_probe_kvm(struct gms__linux_probe *probe);

#endif
