/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plots.c - pictures of a run, drawn by gnuplot.
 *
 * What is drawn stays in the folder as text, with the script, so that a picture can
 * be drawn in another way: gnuplot plots.gnuplot.
 */
#define _GNU_SOURCE	/* posix_spawn_file_actions_addchdir_np */
#include "replay/plots.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG	"gnuplot.log"

extern char **environ;

const char *const plots_names[PLOTS] = {
	[PLOT_CONVERSIONS] = "conversions",
	[PLOT_EXPOSURE] = "exposure",
	[PLOT_COST] = "cost",
	[PLOT_LENGTHS] = "lengths",
	[PLOT_LIFETIMES] = "lifetimes",
	[PLOT_BREAK_EVEN] = "break-even",
};

static int complain(struct plots *plots, const char *what, int err)
{
	snprintf(plots->why, plots->why_bytes, "%s: %s", what, strerror(-err));
	return err;
}

static int set_path(struct plots *plots, const char *name)
{
	const int n = snprintf(plots->path, sizeof(plots->path), "%s/%s", plots->dir, name);

	return n < 0 || (size_t)n >= sizeof(plots->path) ?
	       complain(plots, plots->dir, -ENAMETOOLONG) : 0;
}

int plots_open(struct plots *plots, const char *name)
{
	int err = set_path(plots, name);

	if (!err) {
		err = out_open(&plots->out, plots->path);
		if (err)
			complain(plots, plots->path, err);
	}
	return err;
}

int plots_close(struct plots *plots)
{
	const int err = out_close(&plots->out, 0);

	return err ? complain(plots, plots->path, err) : 0;
}

/* In the folder, with what it has to say in a file there. */
static int spawn(struct plots *plots, const char *program, pid_t *pid)
{
	char default_settings[] = "-d", script[] = "plots.gnuplot";
	char *const argv[] = { (char *)(uintptr_t)program, default_settings, script, NULL };
	posix_spawn_file_actions_t actions;
	int err;

	if (posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	err = posix_spawn_file_actions_addchdir_np(&actions, plots->dir);
	if (!err)
		err = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
						       O_RDONLY, 0);
	if (!err)
		err = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, LOG,
						       O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
	if (!err)
		err = posix_spawnp(pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -err;
}

/* The last line that says something: what it stopped at. */
static void read_log(struct plots *plots, char *said, size_t bytes)
{
	FILE *file = set_path(plots, LOG) ? NULL : fopen(plots->path, "r");
	char line[200];

	snprintf(said, bytes, "it said nothing");
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strspn(line, " \t^") != strlen(line))
			snprintf(said, bytes, "%s", line);
	}
	if (file)
		fclose(file);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

static int draw(struct plots *plots)
{
	const char *program = getenv("GNUPLOT");
	char said[200];
	pid_t pid;
	int err;

	program = program && *program ? program : "gnuplot";
	err = spawn(plots, program, &pid);
	if (err == -ENOENT) {
		snprintf(plots->why, plots->why_bytes, "there is no %s (Debian: gnuplot-nox); "
			 "what it would have drawn is in %s", program, plots->dir);
		return err;
	}
	if (err)
		return complain(plots, program, err);
	err = wait_for(pid);
	read_log(plots, said, sizeof(said));
	if (err)
		snprintf(plots->why, plots->why_bytes, "%s failed: %s; see %s", program,
			 said, plots->path);
	else if (!set_path(plots, LOG))
		unlink(plots->path);
	return err;
}

int report_plots(const struct report_run *run, const char *dir, char *why, size_t why_bytes)
{
	static struct plots plots;
	int err;

	plots = (struct plots){ .run = run, .dir = dir, .why = why, .why_bytes = why_bytes };
	if (mkdir(dir, 0777) && errno != EEXIST)
		return complain(&plots, dir, -errno);
	err = plots_data(&plots);
	if (!err)
		err = plots_script(&plots);
	if (!err)
		err = draw(&plots);
	return err ? err : plots_page(&plots);
}
