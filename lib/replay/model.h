/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.h - the unit costs that replays are priced with, and the prices.
 */
#ifndef GMS_REPLAY_MODEL_H
#define GMS_REPLAY_MODEL_H

#include <stdbool.h>

#include "replay/report.h"

/*
 * source: "host", "example", "none" or a file. Fills in run's model and its name, NULL
 * with "none". 0, or a negative errno with a line for people in why.
 */
int  model_get(struct report_run *run, const char *source, bool quiet, char *why,
	       size_t why_bytes);
int  model_save(const struct report_run *run, const char *path, char *why, size_t why_bytes);
/* What the counted steps of each replay cost by it. */
void model_price(struct report_run *run);

#endif
