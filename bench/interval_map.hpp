/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interval_map.hpp - runs of pages in any ordered map of C++.
 *
 * The map holds the runs whose value is not 0: first page -> (end, value).
 * Neighbours with equal values are one run. A page that no run holds is 0.
 */
#ifndef BENCH_INTERVAL_MAP_HPP
#define BENCH_INTERVAL_MAP_HPP

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "peer.h"

namespace bench {

struct run {
	std::uint64_t end;
	unsigned value;
};

template <class Map>	/* from std::uint64_t to run */
class interval_map {
public:
	unsigned get(std::uint64_t page) const
	{
		auto it = map_.upper_bound(page);

		if (it == map_.begin())
			return 0;
		--it;
		return page < it->second.end ? it->second.value : 0;
	}

	void assign(std::uint64_t first, std::uint64_t end, unsigned value)
	{
		auto it = map_.upper_bound(first);

		if (it != map_.begin()) {	/* the run that begins at or before first */
			auto left = std::prev(it);
			const run old = left->second;

			if (value && old.value == value && old.end >= first) {
				if (old.end >= end)
					return;
				first = left->first;
				it = map_.erase(left);
			} else if (old.end > first) {
				if (left->first < first) {
					left->second.end = first;
				} else {
					it = map_.erase(left);
				}
				if (old.end > end) {
					it = map_.emplace_hint(it, end, old);
					if (value)
						map_.emplace_hint(it, first, run{end, value});
					return;
				}
			}
		}
		while (it != map_.end() && it->first <= end) {
			const run old = it->second;

			if (it->first == end && (!value || old.value != value))
				break;
			it = map_.erase(it);
			if (old.end <= end)
				continue;
			if (value && old.value == value)
				end = old.end;
			else
				it = map_.emplace_hint(it, end, old);
			break;
		}
		if (value)
			map_.emplace_hint(it, first, run{end, value});
	}

	/* Calls fn(first, end) for each shared run; fn says whether to go on. */
	template <class Fn>
	void each(std::uint64_t first, std::uint64_t end, Fn fn) const
	{
		auto it = map_.upper_bound(first);

		if (it != map_.begin() && std::prev(it)->second.end > first)
			--it;
		while (it != map_.end() && it->first < end) {
			if (!(it->second.value & 1)) {
				++it;
				continue;
			}
			const std::uint64_t lo = std::max(first, it->first);
			std::uint64_t hi = it->second.end;

			/* Two runs that differ in another attribute are one here. */
			for (++it; it != map_.end() && it->first == hi &&
				   it->second.value & 1; ++it)
				hi = it->second.end;
			if (!fn(lo, std::min(hi, end)))
				return;
		}
	}

private:
	Map map_;
};

/* The interface of peer.h over any class with get, assign and each. */
template <class M>
struct adapter {
	static M &of(void *map) { return *static_cast<M *>(map); }

	static void *create(std::uint64_t) { return new M; }
	static void destroy(void *map) { delete static_cast<M *>(map); }
	static unsigned get(void *map, std::uint64_t page) { return of(map).get(page); }

	static void assign(void *map, std::uint64_t first, std::uint64_t end, unsigned value)
	{
		of(map).assign(first, end, value);
	}

	static int uniform(void *map, std::uint64_t first, std::uint64_t end)
	{
		int result = 0;

		of(map).each(first, end, [&](std::uint64_t lo, std::uint64_t hi) {
			result = lo == first && hi == end ? 1 : -1;
			return false;
		});
		return result;
	}

	static std::uint64_t next(void *map, std::uint64_t first, std::uint64_t end)
	{
		std::uint64_t page = end;

		of(map).each(first, end, [&](std::uint64_t lo, std::uint64_t) {
			page = lo;
			return false;
		});
		return page;
	}

	static void runs(void *map, std::uint64_t first, std::uint64_t end, run_fn *fn, void *arg)
	{
		of(map).each(first, end, [&](std::uint64_t lo, std::uint64_t hi) {
			fn(arg, lo, hi);
			return true;
		});
	}

	static std::uint64_t count(void *map, std::uint64_t first, std::uint64_t end)
	{
		std::uint64_t n = 0;

		of(map).each(first, end, [&](std::uint64_t lo, std::uint64_t hi) {
			n += hi - lo;
			return true;
		});
		return n;
	}

	static peer make(const char *name)
	{
		peer p = {};

		p.name = name;
		p.attrs = PEER_FOUR_ATTRS;
		p.flags = PEER_NO_TOUCH;
		p.create = create;
		p.destroy = destroy;
		p.get = get;
		p.set = assign;
		p.uniform = uniform;
		p.next = next;
		p.runs = runs;
		p.count = count;
		return p;
	}
};

}

#endif
