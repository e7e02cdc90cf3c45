/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * impl_icl.cc - Boost.ICL's interval_map, which joins and cuts runs itself.
 */
#include <algorithm>

#include <boost/icl/interval_map.hpp>

#include "interval_map.hpp"

namespace {

class map {
	using domain = std::uint64_t;
	using interval = boost::icl::right_open_interval<domain>;
	using icl = boost::icl::interval_map<domain, unsigned, boost::icl::partial_absorber,
					     std::less, boost::icl::inplace_plus,
					     boost::icl::inter_section, interval>;

public:
	unsigned get(domain page) const
	{
		auto it = icl_.find(page);

		return it == icl_.end() ? 0 : it->second;
	}

	void assign(domain first, domain end, unsigned value)
	{
		if (value)
			icl_.set(std::make_pair(interval(first, end), value));
		else
			icl_.erase(interval(first, end));
	}

	template <class Fn>
	void each(domain first, domain end, Fn fn) const
	{
		auto it = icl_.lower_bound(interval(first, first + 1));

		while (it != icl_.end() && it->first.lower() < end) {
			if (!(it->second & 1)) {
				++it;
				continue;
			}
			const domain lo = std::max(first, it->first.lower());
			domain hi = it->first.upper();

			for (++it; it != icl_.end() && it->first.lower() == hi &&
				   it->second & 1; ++it)
				hi = it->first.upper();
			if (!fn(lo, std::min(hi, end)))
				return;
		}
	}

private:
	icl icl_;
};

}

extern "C" const peer peer_icl = bench::adapter<map>::make("icl");
