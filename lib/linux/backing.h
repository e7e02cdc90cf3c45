/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backing.h - guest memory, and what its operations share.
 */
#ifndef GMS_LINUX_BACKING_PRIV_H
#define GMS_LINUX_BACKING_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/linux/backing.h>

#include "linux/revoke.h"

struct gms_backing {
	struct gms__linux_revoker revoker;	/* also holds where it is mapped, or NULL */
	struct gms_backend backend;
	int	 fd;
	uint32_t kind;
	uint64_t page_bytes;	/* least that the file can be long */
	uint64_t got_bytes;	/* of the pages that the trial got */
	uint64_t revoke_bytes;	/* 0: no revocation */
	uint64_t discard_bytes;	/* 0: holes cannot be punched */
	bool	 counts_blocks;	/* fstat(2) tells how much memory the file has */
	int32_t	 error[GMS_BACKING_ABILITIES];
	_Atomic uint64_t undiscarded_bytes;
};

/* Make the file of a kind. A descriptor, or a negative errno. */
int gms__linux_file_new(uint32_t kind, uint64_t bytes, int vm_fd);

/* The pages that a kind is made of: 0 for the host's. */
uint64_t gms__linux_file_page_bytes(uint32_t kind);

/* Memory that the file has, or GMS_BACKING_UNKNOWN. */
uint64_t gms__linux_file_allocated(const struct gms_backing *backing);

/* Find out what the memory can do, with its first page. 0 or a negative errno. */
int gms__linux_try(struct gms_backing *backing);

/*
 * fallocate(2) of a range, charged and tried again when a signal comes: 0 or a negative
 * errno. @page_bytes are of the file's pages, the least that a call is made for.
 */
int gms__linux_fallocate_all(int fd, int mode, uint64_t offset, uint64_t bytes,
			     uint64_t page_bytes, struct gms_charge *charge);

/* The same of a run. */
int gms__linux_fallocate_run(const struct gms_backing *backing, const struct gms_host_run *run,
			     int mode, struct gms_charge *charge);

/* Zeros in a run, whoever can reach it; what cannot be punched is written. 0 or an errno. */
int gms__linux_zero(struct gms_backing *backing, const struct gms_host_run *run,
		    struct gms_charge *charge);

/* gms_host_fn, with a backing as ctx. */
gms_host_fn gms__linux_unmap_host;
gms_host_fn gms__linux_map_host;
gms_host_fn gms__linux_populate;
gms_host_fn gms__linux_discard;
gms_host_fn gms__linux_zero_runs;
gms_host_fn gms__linux_no_direct_map;

#endif
