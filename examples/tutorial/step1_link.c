/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Step 1 of doc/tutorial.md: link it.
 *
 *   cc -o step1 step1_link.c $(pkg-config --cflags --libs gmemstate)
 */
#include <stdio.h>

#include <gmemstate/gmemstate.h>

int main(void)
{
	struct gms_space *space;
	int err = gms_space_new(&space, NULL);

	if (err) {
		fprintf(stderr, "gms_space_new: %s\n", gms_strerror(err));
		return 1;
	}
	printf("libgmemstate %s\n", gms_version_string());
	gms_space_free(space);
	return 0;
}
