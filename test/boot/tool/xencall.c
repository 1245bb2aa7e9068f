// SPDX-License-Identifier: MIT
/*
 * Makes one hypercall from the hardware domain's userspace, by Linux's
 * privcmd device (Xen ABI privcmd.h), for the scenarios of the boot tests.
 *
 *	xencall NUMBER [ARGUMENT]...
 *
 * Numbers in C's notation. An argument =HEX... stands for the address of those
 * bytes; their content after the call is printed, in the same notation. The
 * result is printed first; the exit status is 0 when it is not negative.
 *
 * Not supported: buffers larger than a page, pointers inside of buffers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ARGS 5
#define BUFFER 4096

struct call {
	uint64_t op;
	uint64_t arg[ARGS];
};

#define PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct call))

static _Alignas(4096) uint8_t buffer[ARGS][BUFFER];
static size_t length[ARGS];

/* "=0102": two bytes. */
static uint64_t parse_buffer(unsigned n, const char *hex)
{
	unsigned byte;

	while (length[n] < BUFFER && sscanf(hex + 2 * length[n], "%2x", &byte) == 1) {
		buffer[n][length[n]++] = (uint8_t)byte;
	}
	return (uintptr_t)buffer[n];
}

int main(int argc, char **argv)
{
	struct call call = {0};
	int fd, result;

	if (argc < 2 || argc > 2 + ARGS) {
		fprintf(stderr, "xencall NUMBER [ARGUMENT]...\n");
		return 2;
	}
	call.op = strtoull(argv[1], NULL, 0);
	for (unsigned i = 0; i + 2 < (unsigned)argc; i++) {
		const char *word = argv[i + 2];

		call.arg[i] = word[0] == '=' ? parse_buffer(i, word + 1) : strtoull(word, NULL, 0);
	}
	fd = open("/dev/xen/privcmd", O_RDWR);
	if (fd < 0) {
		perror("/dev/xen/privcmd");
		return 2;
	}
	/* The driver gives negative results as errno. */
	result = ioctl(fd, PRIVCMD_HYPERCALL, &call);
	printf("%d", result < 0 ? -errno : result);
	for (unsigned i = 0; i < ARGS; i++) {
		if (length[i]) {
			printf(" =");
		}
		for (size_t k = 0; k < length[i]; k++) {
			printf("%02x", buffer[i][k]);
		}
	}
	printf("\n");
	return result < 0;
}
