/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * minivmm.h - what the parts of the VMM know of each other.
 *
 * One thread, the VMM's, does everything here but run the guest's logic where
 * that is a thread: there the two take turns.
 */
#ifndef MINIVMM_H
#define MINIVMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <gmemstate/gmemstate-linux.h>

#include "protocol.h"

#define MV_FOLIOS		((unsigned int)(MV_RAM_BYTES >> 21))
#define MV_FOLIO_PAGES		512u
#define MV_STRATEGIES_MAX	16
#define MV_SIZES_MAX		16

/* --- options.c: what the user wants ------------------------------------------ */

struct mv_strategy {
	char	 name[24];
	uint32_t mode;		/* enum mv_mode: what the guest does */
	uint32_t batch;		/* requests a kick */
	bool	 blind;		/* the VMM asks nothing and stages every request */
	bool	 lazy;		/* conversions are loans; `batch` idle buffers go at once */
	bool	 by_file;	/* the VMM reads and writes the memory's file */
};

enum mv_color { MV_COLOR_AUTO, MV_COLOR_ALWAYS, MV_COLOR_NEVER };

struct mv_options {
	struct mv_strategy strategy[MV_STRATEGIES_MAX];
	unsigned int nstrategies;
	uint32_t size_bytes[MV_SIZES_MAX];
	unsigned int nsizes;
	uint32_t nblocks;	/* 0: what fits the size */
	uint32_t nbuffers;	/* most that a run takes turns in */
	uint32_t ops;		/* bits MV_OP_* */
	const char *json_path;	/* NULL: none */
	const char *save_path;	/* NULL: none */
	const char *disk_path;	/* NULL: a temporary file */
	enum mv_color color;
	bool no_kvm;
	bool memfd;
	bool warm_up;
	bool no_direct_map;
	bool rogue;
	bool hostile;
	bool probe;
	bool quiet;
};

/* 0: go on; 1: done (--help); a negative errno: said what is wrong. */
int mv_options_parse(struct mv_options *options, int argc, char **argv);
/* Blocks of a run, and the most bytes of buffers that any run uses in one area. */
uint32_t mv_options_blocks(const struct mv_options *options, uint32_t size_bytes);
uint32_t mv_options_buffers(const struct mv_options *options, const struct mv_strategy *strategy,
			    uint32_t size_bytes);
uint64_t mv_options_area_bytes(const struct mv_options *options);
/* "4 KiB" */
const char *mv_size_text(char *buf, size_t room, uint64_t bytes);

/* --- memory.c: the guest's memory and the space that describes it ------------- */

struct mv_memory {
	struct gms_space *space;
	struct gms_jemalloc *arena;	/* the space's metadata; NULL: from libc */
	struct gms_backing *firmware, *ram;
	char *firmware_hva;
	char *ram_hva;			/* the VMM's: revoked where private */
	char *guest_ram;		/* the guest's own view, or NULL: through the file */
	struct mv_control *control;
	uint64_t clock_ns;		/* the last time that the ledger was told */
};

/* vm_fd: for guest_memfd; -1: memfd. */
int mv_memory_new(struct mv_memory *memory, int vm_fd, bool direct_map);
void mv_memory_free(struct mv_memory *memory);
/* Fill the areas' first bytes while RAM is shared, so that no run pays for new pages. */
void mv_memory_load(struct mv_memory *memory, uint64_t area_bytes);
/* Every page of RAM private: how the guest finds it at the start of each job. */
int mv_memory_all_private(struct mv_memory *memory);
void mv_charge(struct mv_memory *memory, uint32_t kind, uint64_t count, uint64_t ns);
uint64_t mv_now_ns(void);
/* CPU time of the process, the guest's included: what others do meanwhile is not in it. */
uint64_t mv_cpu_ns(void);

/* --- vm.c, thread_guest.c: two ways to run a guest ----------------------------- */

extern const char mv_guest_image[], mv_guest_image_end[];

struct mv_vm;

/* -ENOENT and the like where there is no KVM; *why says what is missing. */
int mv_vm_new(struct mv_vm **out, const char **why);
int mv_vm_fd(const struct mv_vm *vm);
int mv_vm_boot(struct mv_vm *vm, struct mv_memory *memory);
/* Run the guest up to its next doorbell. */
int mv_vm_next(struct mv_vm *vm, uint32_t *port);
void mv_vm_free(struct mv_vm *vm);

struct mv_thread;

int mv_thread_new(struct mv_thread **out, struct mv_memory *memory);
int mv_thread_next(struct mv_thread *thread, uint32_t *port);
void mv_thread_free(struct mv_thread *thread);

/* --- disk.c: the file behind the device ---------------------------------------- */

struct mv_disk {
	const char *path;		/* for messages */
	int	 direct_fd;		/* O_DIRECT, or -1 */
	int	 buffered_fd;
	uint32_t direct_granule_bytes;	/* O_DIRECT wants multiples of this */
	uint64_t nsectors;
	char	*staging;		/* MV_LENGTH_MAX bytes, aligned to a page */
	bool	 temporary;
};

int mv_disk_open(struct mv_disk *disk, const char *path, uint64_t bytes);
void mv_disk_close(struct mv_disk *disk);
/* One request's transfer, charged to the ledger. 0 or a negative errno. */
int mv_disk_io(struct mv_disk *disk, struct mv_memory *memory, uint32_t op, void *mem,
	       uint32_t length_bytes, uint64_t offset_bytes);
/* Write what a guest expects there that only reads. */
int mv_disk_fill(struct mv_disk *disk, uint64_t seed, uint64_t bytes);
/* Read the first bytes of the file again and count those that are wrong. */
int mv_disk_verify(struct mv_disk *disk, uint64_t seed, uint64_t bytes, uint64_t *wrong_bytes);

/* --- picture.c: page states for the eye ---------------------------------------- */

#define MV_OPENED_MAX	4	/* mixed folios that are shown page by page */
#define MV_CELLS	64	/* of 8 pages each */

struct mv_snapshot {
	uint64_t shared_pages;
	uint16_t shared_of[MV_FOLIOS];		/* 0 to 512 */
	uint32_t opened[MV_OPENED_MAX];		/* numbers of folios */
	uint8_t	 cell[MV_OPENED_MAX][MV_CELLS];	/* shared pages of 8 */
	bool	 split[MV_OPENED_MAX];
	unsigned int nopened, nmixed;
	char	 title[96];
	const char *save_path;	/* NULL, or where gms_save() goes when it is taken */
};

int mv_snapshot_take(struct mv_snapshot *snapshot, struct gms_space *space);
void mv_picture_setup(enum mv_color color);
void mv_picture_print(const struct mv_snapshot *snapshot, FILE *out);
/* Escape sequences where the terminal has them, else "". */
const char *mv_bold(void);
const char *mv_dim(void);
const char *mv_plain(void);

/* --- device.c: what the guest asks for ------------------------------------------ */

struct mv_device {
	struct mv_memory *memory;
	struct mv_disk *disk;
	const struct mv_strategy *strategy;
	struct gms_range pool;		/* what a blind device may touch */
	uint64_t firmware_pages;	/* shared all the time: not the guest's doing */
	uint64_t shared_max;		/* most pages of RAM shared after a conversion */
	struct mv_snapshot *watch;	/* NULL, or keeps the moment most is shared */
	bool	 rogue;			/* touch a private page at the next kick */
	bool	 rogue_failed;
};

int mv_device_convert(struct mv_device *device);
/* How many requests it carried out, or refused. */
uint32_t mv_device_kick(struct mv_device *device);

/* --- rogue.c: a device that goes where it must not ------------------------------ */

struct mv_rogue {
	bool	 happened;
	bool	 caught;		/* the handler named exactly the page that was touched */
	gms_gfn	 gfn;
	uint32_t region;
	uint32_t reason;
};

extern struct mv_rogue mv_rogue;

int mv_rogue_setup(const struct mv_memory *memory);
/* Read one byte of the first private page after the range. */
int mv_rogue_touch(const struct mv_memory *memory, gms_gfn after);

/* --- table.c, json.c: what it cost ----------------------------------------------- */

struct mv_run {
	const struct mv_strategy *strategy;
	uint32_t size_bytes;
	uint32_t nblocks;
	uint32_t nbuffers;
	uint32_t ops;
	uint64_t skipped_ios;		/* of the warm-up: not in what follows */
	uint64_t cpu_ns;
	struct gms_acct cost;		/* events: of this job alone */
	uint64_t shared_max;		/* most pages of RAM shared at once */
	uint64_t shared_page_ns;	/* page-time of RAM, without the firmware */
	uint64_t checked_bytes, wrong_bytes, wrong_disk_bytes, refusals;
	char	 check[128];		/* "", or what gms_check() found */
};

struct mv_report {
	const struct mv_options *options;
	const char *mode;		/* "kvm" or "thread" */
	const char *memory;		/* "guest_memfd" or "memfd" */
	const char *disk;
	bool	 direct_io;
	struct mv_run *run;		/* sizes outside, strategies inside */
	unsigned int nruns;
	struct gms_acct launch;		/* the ledger when the guest began */
	struct gms_acct total;		/* the ledger at the end */
	uint32_t revoke;
	uint64_t hostile_sent, hostile_refused;
	uint64_t arena_bytes, arena_bytes_max;	/* 0 without jemalloc */
	bool	 passed;
};

uint64_t mv_ios(const struct mv_run *run);
/* I/Os of a block. */
uint32_t mv_ops(uint32_t ops);
uint64_t mv_conversion_calls(const struct gms_acct *cost);
uint64_t mv_flushes(const struct gms_acct *cost);
bool mv_run_passed(const struct mv_run *run);

void mv_table_group(const struct mv_options *options, uint32_t size_bytes, FILE *out);
void mv_table_row(const struct mv_run *run, FILE *out);
void mv_table_lessons(const struct mv_report *report, FILE *out);
int mv_json_write(const struct mv_report *report, const char *path);

#endif
