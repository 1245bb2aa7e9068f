/* SPDX-License-Identifier: MIT */
/*
 * taproot-replay FILE: plays a recording of the option `record` against the
 * hosted machine and says whether every access got the same verdict, value and
 * effects (doc/record-format.md). Exit status 0: it did; 1: it did not, or
 * records were lost; 2: the file cannot be played.
 */
#include <stdio.h>
#include <stdlib.h>

#include "host_replay.h"

static void *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	size_t room = 1 << 20;
	char *data = malloc(room);

	*size = 0;
	while (f && data) {
		size_t n = fread(data + *size, 1, room - *size, f);

		*size += n;
		if (n == 0) {
			break;
		}
		if (*size == room) {
			room *= 2;
			data = realloc(data, room);
		}
	}
	if (!f || ferror(f) || !data) {
		perror(path);
		free(data);
		data = NULL;
	}
	if (f) {
		fclose(f);
	}
	return data;
}

int main(int argc, char **argv)
{
	struct replay_result result;
	size_t size;
	void *data;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FILE\n", argv[0]);
		return 2;
	}
	data = read_file(argv[1], &size);
	if (!data) {
		return 2;
	}
	host_replay(data, size, stdout, &result);
	free(data);
	if (result.error) {
		fprintf(stderr, "%s: %s (after %lu accesses)\n", argv[1], result.error,
			result.accesses);
		return 2;
	}
	if (result.lost) {
		printf("%lu records lost\n", result.lost);
	}
	printf("%lu MSI-X writes, %lu of them with a bound message\n", result.msix_writes,
	       result.msix_bound);
	printf("%lu functions, %lu accesses, %lu differences%s\n", result.functions,
	       result.accesses, result.differences,
	       result.truncated ? " (the last record is cut off)" : "");
	return result.differences || result.lost ? 1 : 0;
}
