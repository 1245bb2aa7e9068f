/* SPDX-License-Identifier: MIT */
/*
 * A thread on each processor reads one page, again and again, while the first
 * one puts another file's page in its place: each replacement is a TLB
 * shootdown, and who still sees the old page was not reached by it.
 *
 * Usage: shootdown SECONDS. Prints "rounds N stale N threads N". Runs in the
 * hardware domain, statically linked.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define PAGES 2u

static volatile uint32_t *page;
static uint32_t round_now; /* what the page holds, once it is odd-even agreed upon */
static uint32_t checked;   /* threads that have looked in this round */
static uint32_t stale;
static int stop;

static void pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		perror("sched_setaffinity");
		exit(1);
	}
}

/* Stays in user mode, so that its processor's TLB keeps what it has. */
static void *reader(void *arg)
{
	uint32_t seen = 0;

	pin((unsigned)(uintptr_t)arg);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		uint32_t now = __atomic_load_n(&round_now, __ATOMIC_ACQUIRE);

		if (now == seen) {
			(void)page[0];
			continue;
		}
		seen = now;
		if (page[0] != now % PAGES) {
			__atomic_fetch_add(&stale, 1, __ATOMIC_RELAXED);
		}
		__atomic_fetch_add(&checked, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void *place(int file, uint32_t which)
{
	void *at = mmap((void *)page, PAGE, PROT_READ, MAP_SHARED | (page ? MAP_FIXED : 0), file,
			(off_t)which * PAGE);

	if (at == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return at;
}

int main(int argc, char **argv)
{
	unsigned cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN), rounds = 0;
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 5);
	int file = memfd_create("shootdown", 0);

	for (uint32_t i = 0; i < PAGES; i++) {
		if (pwrite(file, &i, sizeof(i), (off_t)i * PAGE) != sizeof(i)) {
			perror("pwrite");
			return 1;
		}
	}
	if (ftruncate(file, PAGES * PAGE)) {
		perror("ftruncate");
		return 1;
	}
	page = place(file, 0);
	pin(0);
	for (unsigned i = 1; i < cpus; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, reader, (void *)(uintptr_t)i)) {
			perror("pthread_create");
			return 1;
		}
	}
	while (time(NULL) < end) {
		rounds++;
		(void)place(file, rounds % PAGES);
		__atomic_store_n(&checked, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&round_now, rounds, __ATOMIC_RELEASE);
		while (__atomic_load_n(&checked, __ATOMIC_ACQUIRE) < cpus - 1) {
		}
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	printf("rounds %u stale %u threads %u\n", rounds, stale, cpus);
	return 0;
}
