/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * impl_absl.cc - runs in an absl::btree_map.
 */
#include <absl/container/btree_map.h>

#include "interval_map.hpp"

using map = bench::interval_map<absl::btree_map<std::uint64_t, bench::run>>;

extern "C" const peer peer_absl = bench::adapter<map>::make("absl");
