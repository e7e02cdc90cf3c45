/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source.c - the process that the guest comes from: it has the memory, and sends what
 * it is asked for.
 *
 * It sends exactly that, also a second time: it keeps account of it, and the
 * destination has failed if a page was asked for twice.
 */
#include "postcopy.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int pc_send(int fd, const void *from, size_t bytes)
{
	for (size_t at = 0; at < bytes;) {
		const ssize_t n = send(fd, (const char *)from + at, bytes - at, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return errno == ECONNRESET ? -EPIPE : -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int pc_receive(int fd, void *to, size_t bytes)
{
	for (size_t at = 0; at < bytes;) {
		const ssize_t n = recv(fd, (char *)to + at, bytes - at, MSG_WAITALL);

		if (!n || (n < 0 && errno == ECONNRESET))
			return -EPIPE;
		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Whole pages, up to the one at which it dies: in the middle of an answer, the worst moment. */
static int send_pages(int fd, const struct pc_request *ask, const char *ram, uint64_t most)
{
	const uint64_t npages = ask->npages < most ? ask->npages : most;
	int rc = pc_send(fd, ask, sizeof(*ask));

	if (!rc)
		rc = pc_send(fd, ram + ask->page * PC_PAGE, npages * PC_PAGE);
	if (!rc && npages < ask->npages)
		raise(SIGKILL);
	return rc;
}

static int serve(int fd, const struct pc_options *options, const char *ram, uint8_t *sent)
{
	const uint64_t limit = options->kill_percent
			       ? options->npages * options->kill_percent / 100 : UINT64_MAX;
	struct pc_sent did = { 0 };
	struct pc_request ask;
	int rc;

	for (;;) {
		rc = pc_receive(fd, &ask, sizeof(ask));
		if (rc)
			return rc;
		if (!ask.npages)
			return pc_send(fd, &did, sizeof(did));
		if (ask.page >= options->npages || ask.npages > options->npages - ask.page)
			return -EINVAL;
		rc = send_pages(fd, &ask, ram, limit - did.pages);
		if (rc)
			return rc;
		did.pages += ask.npages;
		for (uint64_t page = ask.page; page < ask.page + ask.npages; page++)
			did.twice += sent[page]++ != 0;
	}
}

static int be_source(int fd, const struct pc_options *options)
{
	const size_t bytes = options->npages * PC_PAGE;
	uint8_t *sent = calloc(options->npages, 1);
	uint64_t *ram = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
	const char ready = 1;
	int rc;

	if (!sent || ram == MAP_FAILED)
		return -ENOMEM;
	for (uint64_t page = 0; page < options->npages; page++)
		for (uint64_t word = 0; word < PC_WORDS; word++)
			ram[page * PC_WORDS + word] = pc_word(options->seed, page, word);
	rc = pc_send(fd, &ready, sizeof(ready));
	if (!rc)
		rc = serve(fd, options, (const char *)ram, sent);
	free(sent);
	munmap(ram, bytes);
	return rc;
}

int pc_source_start(struct pc_source *source, const struct pc_options *options)
{
	char ready;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return -errno;
	source->pid = fork();
	if (source->pid < 0)
		return -errno;
	if (!source->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fd[0]);
		_exit(be_source(fd[1], options) ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	close(fd[1]);
	source->fd = fd[0];
	return pc_receive(source->fd, &ready, sizeof(ready));
}

int pc_source_end(struct pc_source *source, struct pc_sent *sent)
{
	const struct pc_request end = { 0 };
	int rc = pc_send(source->fd, &end, sizeof(end));

	if (!rc)
		rc = pc_receive(source->fd, sent, sizeof(*sent));
	close(source->fd);
	waitpid(source->pid, NULL, 0);
	return rc;
}
