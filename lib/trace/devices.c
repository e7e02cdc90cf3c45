/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devices.c - names of devices, numbered as they come; see devices.h.
 *
 * Invariants:
 *   D1  known[0, n) are different names, each in one slot.
 *   D2  Half of the slots are free, so a search ends.
 */
#include "trace/devices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash_of(const char *name, size_t bytes)
{
	uint32_t hash = 2166136261u;	/* FNV-1a */

	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	return hash;
}

static int add(struct trace_devices *devices, const char *name, size_t bytes, uint32_t hash,
	       uint16_t *slot)
{
	struct trace_device *device = &devices->known[devices->n];

	device->name = malloc(bytes + 1);
	if (!device->name)
		return -ENOMEM;
	memcpy(device->name, name, bytes);
	device->name[bytes] = '\0';
	device->bytes = (uint32_t)bytes;
	device->hash = hash;
	*slot = (uint16_t)++devices->n;
	return 0;
}

/* All that come from now on. */
static int find_others(struct trace_devices *devices)
{
	static const char name[] = "(all others)";
	uint16_t slot;

	return devices->n == TRACE_DEVICES ? 0 : add(devices, name, sizeof(name) - 1, 0, &slot);
}

int trace_devices_find(struct trace_devices *devices, const char *name, size_t bytes,
		       uint32_t *number)
{
	const struct trace_device *device = &devices->known[devices->latest];
	uint32_t hash, i;
	int err = 0;

	*number = devices->latest;
	if (device->bytes == bytes && !memcmp(device->name, name, bytes))
		return 0;
	hash = hash_of(name, bytes);
	for (i = hash % TRACE_DEVICE_SLOTS; devices->slots[i]; i = (i + 1) % TRACE_DEVICE_SLOTS) {
		device = &devices->known[devices->slots[i] - 1];
		if (device->hash == hash && device->bytes == bytes &&
		    !memcmp(device->name, name, bytes)) {
			*number = devices->latest = devices->slots[i] - 1u;
			return 0;
		}
	}
	*number = devices->n < TRACE_DEVICES - 1 ? devices->n : TRACE_DEVICES - 1;
	if (*number < TRACE_DEVICES - 1)
		err = add(devices, name, bytes, hash, &devices->slots[i]);
	else
		err = find_others(devices);
	return err;
}

void trace_devices_clear(struct trace_devices *devices)
{
	while (devices->n)
		free(devices->known[--devices->n].name);
}
