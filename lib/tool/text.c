/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.c - numbers as people read them; see text.h.
 */
#include "tool/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *text_count(char *text, uint64_t n)
{
	char digits[TEXT_BYTES];
	const int length = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	char *to = text;

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return text;
}

/* Three digits that say something, whatever the unit. */
static void with_unit(char *text, double value, const char *unit)
{
	const int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

	snprintf(text, TEXT_BYTES, "%.*f %s", digits, value, unit);
}

const char *text_bytes(char *text, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes / 1024;
	unsigned int unit = 0;

	if (bytes < 1024) {
		snprintf(text, TEXT_BYTES, "%" PRIu64 " B", bytes);
		return text;
	}
	for (; value >= 1023.5 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		value /= 1024;
	with_unit(text, value, units[unit]);
	return text;
}

const char *text_ns(char *text, double ns)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	unsigned int unit = 0;

	for (; ns >= 999.5 && unit < 3; unit++)
		ns /= 1000;
	if (unit == 3 && ns >= 999.5)
		snprintf(text, TEXT_BYTES, "%.0f s", ns);
	else if (!unit)
		snprintf(text, TEXT_BYTES, "%.0f ns", ns);
	else
		with_unit(text, ns, units[unit]);
	return text;
}

const char *text_real(char *text, double value)
{
	if (value >= 999.5 && value < 1e18)
		return text_count(text, (uint64_t)(value + 0.5));
	snprintf(text, TEXT_BYTES, "%.3g", value);
	return text;
}
