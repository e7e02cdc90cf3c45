/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.c - the program of a target without libFuzzer.
 *
 * replay [FILE | FOLDER]...: runs each file, and each file of a folder; without any, those
 * of the target's corpus. All are run in order of their names, and then in the other
 * order: what an input comes to must not depend on the inputs before it.
 *
 * Built by afl-clang-fast and called without arguments it asks AFL++ for inputs instead.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#ifdef __AFL_HAVE_MANUAL_CONTROL
#include <unistd.h>
__AFL_FUZZ_INIT();
#endif

#define PATH_BYTES	4096
#define INPUTS		4096
#define INPUT_BYTES	(64 << 10)

struct input {
	char	*path;
	uint8_t *data;
	size_t	 bytes;
};

static struct input inputs[INPUTS];
static size_t ninputs;

static void *must(void *mem)
{
	if (!mem)
		fuzz_fail("out of memory");
	return mem;
}

static void add_file(const char *path, FILE *file)
{
	struct input *input = &inputs[ninputs++];

	if (ninputs == INPUTS)
		fuzz_fail("more than %d inputs", INPUTS - 1);
	input->path = must(strdup(path));
	input->data = must(malloc(INPUT_BYTES));
	input->bytes = fread(input->data, 1, INPUT_BYTES, file);
	if (ferror(file))
		fuzz_fail("%s: %s", path, strerror(errno));
	/* As long as it is: so AddressSanitizer sees who reads past its end. */
	input->data = must(realloc(input->data, input->bytes ? input->bytes : 1));
}

static void add_folder(const char *path, DIR *folder)
{
	const struct dirent *entry;

	while ((entry = readdir(folder))) {
		char inside[PATH_BYTES];
		FILE *file;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
		file = fopen(inside, "rb");
		if (!file)
			fuzz_fail("%s: %s", inside, strerror(errno));
		add_file(inside, file);
		fclose(file);
	}
}

static void add(const char *path)
{
	DIR *folder = opendir(path);
	FILE *file;

	if (folder) {
		add_folder(path, folder);
		closedir(folder);
		return;
	}
	file = fopen(path, "rb");
	if (!file)
		fuzz_fail("%s: %s", path, strerror(errno));
	add_file(path, file);
	fclose(file);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct input *)a)->path, ((const struct input *)b)->path);
}

static void run(const struct input *input)
{
	fprintf(stderr, "%s\n", input->path);
	(void)fuzz_one(input->data, input->bytes);
}

#ifdef __AFL_HAVE_MANUAL_CONTROL
static void serve_afl(void)
{
	const uint8_t *data;

	__AFL_INIT();
	data = __AFL_FUZZ_TESTCASE_BUF;
	while (__AFL_LOOP(10000))
		(void)fuzz_one(data, (size_t)__AFL_FUZZ_TESTCASE_LEN);
}
#endif

int main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char corpus[PATH_BYTES];

#ifdef __AFL_HAVE_MANUAL_CONTROL
	if (argc == 1) {
		serve_afl();
		return 0;
	}
#endif
	for (int i = 1; i < argc; i++)
		add(argv[i]);
	if (argc == 1) {
		snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/%s", top ? top : ".",
			 fuzz_name);
		add(corpus);
	}
	qsort(inputs, ninputs, sizeof(*inputs), by_path);
	for (size_t i = 0; i < ninputs; i++)
		run(&inputs[i]);
	for (size_t i = ninputs; i--; ) {
		run(&inputs[i]);
		free(inputs[i].path);
		free(inputs[i].data);
	}
	printf("fuzz_%s: %zu inputs, twice\n", fuzz_name, ninputs);
	return ninputs ? 0 : 1;
}
