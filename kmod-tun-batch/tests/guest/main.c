// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the cases inside the guest, each in a process and namespace of its own.
 *
 *	suite [GROUP[/NAME]…]		all, or those named
 */
#define _GNU_SOURCE
#include "kit.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASE_SECONDS	900	/* the machine may be busy; what hangs, hangs longer */

static const struct {
	const char *name;
	const struct test_case *cases;
} groups[] = {
	{ "reading", reading_cases },
	{ "writing", writing_cases },
	{ "offload", offload_cases },
	{ "lifetime", lifetime_cases },
	{ "uring", uring_cases },
	{ "ring", ring_cases },
	{ "hostile", hostile_cases },
	{ "races", race_cases },
	{ "fuzz", fuzz_cases },
	{ "stress", stress_cases },
};

static int passed, failed, skipped;

static void run_case(const char *group, const struct test_case *test)
{
	double started = seconds();
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child) {
		alarm(CASE_SECONDS);
		close(new_namespace());
		test->run();
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
		skipped++;
		printf("  skip %s/%s\n", group, test->name);
	} else if (status) {
		failed++;
		printf("  FAIL %s/%s (%s %d)\n", group, test->name, WIFSIGNALED(status) ? "signal" : "exit",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	} else {
		passed++;
		printf("  ok   %s/%s %.1f s\n", group, test->name, seconds() - started);
	}
}

static bool wanted(int argc, char **argv, const char *group, const char *name)
{
	char full[128];
	int i;

	snprintf(full, sizeof(full), "%s/%s", group, name);
	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], group) || !strcmp(argv[i], full))
			return true;
	return argc == 1;
}

int main(int argc, char **argv)
{
	const struct test_case *test;
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < ARRAY_SIZE(groups); i++)
		for (test = groups[i].cases; test->name; test++)
			if (wanted(argc, argv, groups[i].name, test->name))
				run_case(groups[i].name, test);
	printf("suite: %d passed, %d failed, %d skipped\n", passed, failed, skipped);
	return failed != 0 || !passed;
}
