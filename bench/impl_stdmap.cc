/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * impl_stdmap.cc - runs in a std::map: a red-black tree.
 */
#include <map>

#include "interval_map.hpp"

using map = bench::interval_map<std::map<std::uint64_t, bench::run>>;

extern "C" const peer peer_stdmap = bench::adapter<map>::make("std::map");
