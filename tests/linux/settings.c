/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settings.c - settings of the machine that a test needs, and that are put back.
 *
 * The lock is a file in /run that is also the journal: a line "path value" for
 * every setting, written with the former value before the setting is changed.
 * Whoever takes the lock and finds lines has followed one who was killed.
 */
#define _GNU_SOURCE
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOURNAL		"/run/gmemstate-tests"
#define THP		"/sys/kernel/mm/transparent_hugepage/"
#define TEXT_MAX	256
#define JOURNAL_MAX	16384

static int journal = -1;

/* A setting as it would be written: of "always [never] deny" the word that is chosen. */
static int read_setting(const char *path, char *value)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *from, *to;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, value, TEXT_MAX - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	value[n] = '\0';
	value[strcspn(value, "\n")] = '\0';
	from = strchr(value, '[');
	to = from ? strchr(from, ']') : NULL;
	if (to) {
		*to = '\0';
		memmove(value, from + 1, (size_t)(to - from));
	}
	return 0;
}

static int write_setting(const char *path, const char *value)
{
	const int fd = open(path, O_WRONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

/* Undo the journal, the last line first, and empty it. */
static void put_back(int fd)
{
	static char text[JOURNAL_MAX];
	const ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	char *line, *value;

	if (n <= 0)
		return;
	text[n] = '\0';
	while ((line = strrchr(text, '\n'))) {
		*line = '\0';
		line = strrchr(text, '\n');
		line = line ? line + 1 : text;
		value = strchr(line, ' ');
		if (value) {
			*value++ = '\0';
			if (write_setting(line, value))
				fprintf(stderr, "%s: could not be put back to %s\n", line, value);
		}
		line[0] = '\0';
		if (line == text)
			break;
	}
	if (ftruncate(fd, 0))
		fprintf(stderr, "%s: %s\n", JOURNAL, strerror(errno));
}

static pid_t child;

static void pass_on(int sig)
{
	kill(child, sig);
}

static void wait_for_child(void)
{
	static const int fatal[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction act = { .sa_handler = pass_on };
	int status = 0;

	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigaction(fatal[i], &act, NULL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	put_back(journal);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

void lx_settings_begin(void)
{
	const int fd = open(JOURNAL, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd < 0)
		return;
	/* What is in it is written to /sys: it must be root's. */
	if (fstat(fd, &st) || st.st_uid || (st.st_mode & 077) || geteuid()) {
		close(fd);
		return;
	}
	while (flock(fd, LOCK_EX)) {
		if (errno == EINTR)
			continue;
		close(fd);
		return;
	}
	put_back(fd);
	journal = fd;
	fflush(NULL);
	child = fork();
	if (child > 0)
		wait_for_child();
	if (child < 0) {
		close(fd);
		journal = -1;
		return;
	}
	/* A test whose keeper was killed must not go on with settings that nobody minds. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

int lx_setting(const char *path, const char *value)
{
	char was[TEXT_MAX], line[2 * TEXT_MAX];
	struct stat st;
	int n, rc;

	if (journal < 0)
		return -EACCES;
	rc = read_setting(path, was);
	if (rc || !strcmp(was, value))
		return rc;
	n = snprintf(line, sizeof(line), "%s %s\n", path, was);
	if (n >= (int)sizeof(line) || fstat(journal, &st) || st.st_size + n >= JOURNAL_MAX)
		return -ENOSPC;
	if (write(journal, line, (size_t)n) != n)
		return -EIO;
	return write_setting(path, value);
}

static int read_number(const char *path, uint64_t *number)
{
	char text[TEXT_MAX];
	const int rc = read_setting(path, text);

	*number = rc ? 0 : strtoull(text, NULL, 10);
	return rc;
}

int lx_settings_huge(uint64_t page_bytes, uint64_t npages)
{
	char total[TEXT_MAX], unused[TEXT_MAX], value[32];
	uint64_t all, idle;
	int rc;

	snprintf(total, sizeof(total), "/sys/kernel/mm/hugepages/hugepages-%" PRIu64
		 "kB/nr_hugepages", page_bytes >> 10);
	snprintf(unused, sizeof(unused), "/sys/kernel/mm/hugepages/hugepages-%" PRIu64
		 "kB/free_hugepages", page_bytes >> 10);
	rc = read_number(total, &all);
	if (!rc)
		rc = read_number(unused, &idle);
	if (rc || idle >= npages)
		return rc;
	snprintf(value, sizeof(value), "%" PRIu64, all + npages - idle);
	rc = lx_setting(total, value);
	if (!rc)
		rc = read_number(unused, &idle);
	return rc ? rc : idle >= npages ? 0 : -ENOMEM;
}

int lx_settings_thp(void)
{
	char value[TEXT_MAX];
	int rc = read_setting(THP "hugepages-2048kB/shmem_enabled", value);

	/* Newer kernels have a setting for each size, which may say to follow the common one. */
	if (!rc && strcmp(value, "inherit"))
		return !strcmp(value, "always") ? 0
		       : lx_setting(THP "hugepages-2048kB/shmem_enabled", "advise");
	rc = read_setting(THP "shmem_enabled", value);
	if (rc || !strcmp(value, "always"))
		return rc;
	return lx_setting(THP "shmem_enabled", "advise");
}
