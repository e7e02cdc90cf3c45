/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cost_file.h - a cost model that was kept as a file.
 */
#ifndef EXAMPLES_COST_FILE_H
#define EXAMPLES_COST_FILE_H

#include <gmemstate/gmemstate.h>

/* 0, or a negative errno: a message was printed that begins with the program's name. */
int cost_file_load(const char *program, const char *path, struct gms_cost_model *model);

#endif
