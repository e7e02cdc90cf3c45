/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - the results for people.
 */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdbool.h>

#include "report.h"

/* A line a row: the yardstick, ours, the best of the others, the target. */
void table_print(const struct report *report, bool all);

#endif
