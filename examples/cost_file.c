/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cost_file.c - a cost model that was kept as a file; see cost_file.h.
 */
#include "cost_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int cost_file_load(const char *program, const char *path, struct gms_cost_model *model)
{
	static char text[GMS_COST_TEXT_BYTES + 1];
	struct gms_cost_load_result seen;
	FILE *file = fopen(path, "r");
	size_t bytes;
	int err;

	if (!file) {
		err = -errno;
		fprintf(stderr, "%s: %s: %s\n", program, path, strerror(-err));
		return err;
	}
	bytes = fread(text, 1, sizeof(text), file);
	fclose(file);
	GMS_INIT(model);
	GMS_INIT(&seen);
	err = gms_cost_load(model, text, bytes, &seen);
	if (err)
		fprintf(stderr, "%s: %s:%" PRIu64 ": %s; expected %s\n", program, path, seen.line,
			gms_strerror(err), seen.expected ? seen.expected : "a cost model");
	else if (seen.unknown_keys)
		fprintf(stderr, "%s: %s: %" PRIu64 " lines of a later version passed over\n",
			program, path, seen.unknown_keys);
	return err;
}
