// SPDX-License-Identifier: MIT
/*
 * edu_storm BAR COUNT: QEMU's edu device at physical address BAR repeats the
 * DMA write that its registers hold, as fast as it goes (QEMU docs/specs/edu.rst).
 *
 * A shell's devmem would need a process for each register, which on a busy
 * machine is no storm.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define COMMAND 0x98
#define START   1u
#define TO_RAM  2u

int main(int argc, char **argv)
{
	int fd = open("/dev/mem", O_RDWR | O_SYNC);
	volatile uint32_t *regs;
	long count;

	if (argc != 3 || fd < 0) {
		fprintf(stderr, "usage: edu_storm BAR COUNT, with access to /dev/mem\n");
		return 1;
	}
	regs = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    (off_t)strtoull(argv[1], NULL, 0));
	if (regs == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	for (count = atol(argv[2]); count > 0; count--) {
		regs[COMMAND / 4] = START | TO_RAM;
		while (regs[COMMAND / 4] & START) {
			usleep(1000);
		}
	}
	return 0;
}
