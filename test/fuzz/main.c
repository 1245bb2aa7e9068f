// SPDX-License-Identifier: MIT
/*
 * A deterministic driver for the fuzz targets: the same inputs in every run.
 * Usage: TARGET [-n RUNS] [-s SEED] [FILE...]. Files (and the target's own
 * seeds) are run as they are and then mutated; without any, random bytes are.
 * With `-w FOLDER` the target's seeds are written there and nothing is run.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 65536u
#define SEEDS_MAX 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* A target may supply seeds: writes seed `index` into buf, returns its length, 0 when there is none. */
size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size);
__attribute__((weak)) size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size)
{
	(void)index;
	(void)buf;
	(void)size;
	return 0;
}

static uint64_t state;

static uint32_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 11);
}

struct seed {
	uint8_t *data;
	size_t size;
};

static struct seed seeds[SEEDS_MAX];
static unsigned seed_count;

static void add_seed(const uint8_t *data, size_t size)
{
	if (seed_count == SEEDS_MAX) {
		return;
	}
	seeds[seed_count].data = malloc(size ? size : 1);
	memcpy(seeds[seed_count].data, data, size);
	seeds[seed_count++].size = size;
}

static void add_file(const char *path)
{
	static uint8_t buf[INPUT_MAX];
	FILE *f = fopen(path, "rb");

	if (!f) {
		fprintf(stderr, "cannot read %s\n", path);
		exit(2);
	}
	add_seed(buf, fread(buf, 1, sizeof(buf), f));
	fclose(f);
}

/* One file a seed, for libFuzzer to begin with. */
static int write_seeds(const char *folder)
{
	for (unsigned i = 0; i < seed_count; i++) {
		char path[4096];
		FILE *f;

		snprintf(path, sizeof(path), "%s/seed-%u", folder, i);
		f = fopen(path, "wb");
		if (!f || fwrite(seeds[i].data, 1, seeds[i].size, f) != seeds[i].size ||
		    fclose(f) != 0) {
			fprintf(stderr, "cannot write %s\n", path);
			return 2;
		}
	}
	return 0;
}

static size_t mutate(uint8_t *buf, size_t size)
{
	static const uint8_t interesting[] = {0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x10, 0x40};
	unsigned steps = 1 + next_random() % 8;

	while (steps--) {
		size_t at = size ? next_random() % size : 0;

		switch (next_random() % 6) {
		case 0:
			if (size) {
				buf[at] ^= (uint8_t)(1u << next_random() % 8);
			}
			break;
		case 1:
			if (size) {
				buf[at] = interesting[next_random() % sizeof(interesting)];
			}
			break;
		case 2:
			if (size) {
				buf[at] = (uint8_t)next_random();
			}
			break;
		case 3: /* cut */
			if (size > 1) {
				size = 1 + next_random() % size;
			}
			break;
		case 4: /* grow by random bytes */
			for (unsigned n = next_random() % 32; n && size < INPUT_MAX; n--) {
				buf[size++] = (uint8_t)next_random();
			}
			break;
		default: /* copy a piece elsewhere */
			if (size > 8) {
				size_t n = 1 + next_random() % (size / 4);
				size_t to = next_random() % (size - n);

				memmove(buf + to, buf + (at < size - n ? at : size - n), n);
			}
			break;
		}
	}
	return size;
}

static void run_one(unsigned long run)
{
	static uint8_t buf[INPUT_MAX];
	size_t size;

	if (run < seed_count) {
		LLVMFuzzerTestOneInput(seeds[run].data, seeds[run].size);
		return;
	}
	if (seed_count && next_random() % 8) {
		const struct seed *s = &seeds[next_random() % seed_count];

		size = s->size;
		memcpy(buf, s->data, size);
		size = mutate(buf, size);
	} else {
		size = next_random() % 1024;
		for (size_t i = 0; i < size; i++) {
			buf[i] = (uint8_t)next_random();
		}
	}
	/* An exact-size copy, so that the sanitizer sees the first byte too far. */
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, buf, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

int main(int argc, char **argv)
{
	static uint8_t buf[INPUT_MAX];
	const char *folder = NULL;
	unsigned long runs = 20000;
	size_t size;

	state = 0x7461707a6f6f7431ull;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-n") && i + 1 < argc) {
			runs = strtoul(argv[++i], NULL, 0);
		} else if (!strcmp(argv[i], "-s") && i + 1 < argc) {
			state ^= strtoull(argv[++i], NULL, 0) * 0x9e3779b97f4a7c15ull;
		} else if (!strcmp(argv[i], "-w") && i + 1 < argc) {
			folder = argv[++i];
		} else {
			add_file(argv[i]);
		}
	}
	for (unsigned i = 0; i < SEEDS_MAX && (size = fuzz_seed(i, buf, sizeof(buf))); i++) {
		add_seed(buf, size);
	}
	if (folder) {
		return write_seeds(folder);
	}
	for (unsigned long run = 0; run < runs; run++) {
		run_one(run);
	}
	printf("%lu inputs from %u seeds, no finding\n", runs, seed_count);
	return 0;
}
