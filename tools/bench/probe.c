/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scheduler benchmark measures with, in one static program:
 *
 *	probe sleep COUNT	nap 2 ms, COUNT times: how late each wake-up was
 *	probe pipe SECONDS	two processes that hand a byte back and forth
 *	probe fork SECONDS	fork, exit, wait, over and over
 *	probe yield		give the CPU away, over and over, until killed
 *
 * Prints one line of numbers: p50, p99 and largest delay in microseconds, or
 * rounds per second.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	NAP_NS = 2000000,
	NSEC_PER_SEC = 1000000000,
};

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (long long)NSEC_PER_SEC + now.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

static int naps(int count)
{
	long *late_us = calloc(count, sizeof(*late_us));

	if (!late_us)
		return 1;
	for (int i = 0; i < count; i++) {
		long long due = now_ns() + NAP_NS;
		struct timespec until = {due / NSEC_PER_SEC,
					 due % NSEC_PER_SEC};

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		late_us[i] = (now_ns() - due) / 1000;
	}
	qsort(late_us, count, sizeof(*late_us), by_size);
	printf("%ld %ld %ld\n", late_us[count / 2], late_us[count * 99 / 100],
	       late_us[count - 1]);
	return 0;
}

static int pipes(int seconds)
{
	long long end = now_ns() + seconds * (long long)NSEC_PER_SEC;
	int there[2], back[2];
	long rounds = 0;
	char byte = 0;

	if (pipe(there) || pipe(back))
		return 1;
	if (!fork()) {
		close(there[1]);
		while (read(there[0], &byte, 1) == 1)
			if (write(back[1], &byte, 1) != 1)
				break;
		_exit(0);
	}
	close(there[0]);
	while (now_ns() < end) {
		if (write(there[1], &byte, 1) != 1 ||
		    read(back[0], &byte, 1) != 1)
			return 1;
		rounds++;
	}
	close(there[1]);
	wait(NULL);
	printf("%ld\n", rounds / seconds);
	return 0;
}

static int forks(int seconds)
{
	long long end = now_ns() + seconds * (long long)NSEC_PER_SEC;
	long rounds = 0;

	while (now_ns() < end) {
		pid_t child = fork();

		if (child < 0)
			return 1;
		if (!child)
			_exit(0);
		waitpid(child, NULL, 0);
		rounds++;
	}
	printf("%ld\n", rounds / seconds);
	return 0;
}

static void yields(void)
{
	for (;;)
		sched_yield();
}

int main(int argc, char **argv)
{
	int amount = argc == 3 ? atoi(argv[2]) : 0;

	if (amount > 0 && !strcmp(argv[1], "sleep"))
		return naps(amount);
	if (amount > 0 && !strcmp(argv[1], "pipe"))
		return pipes(amount);
	if (amount > 0 && !strcmp(argv[1], "fork"))
		return forks(amount);
	if (argc == 2 && !strcmp(argv[1], "yield"))
		yields();
	fprintf(stderr,
		"usage: probe sleep COUNT | pipe|fork SECONDS | yield\n");
	return 2;
}
