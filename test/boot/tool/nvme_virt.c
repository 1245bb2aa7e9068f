/* SPDX-License-Identifier: MIT */
/*
 * nvme_virt DEVICE CONTROLLER ACTION TYPE COUNT: the NVMe admin command
 * Virtualization Management (NVMe 1.4 5.22), which gives queues (type 0) or
 * interrupts (type 1) to a secondary controller (action 8), takes them from the
 * primary one (1), and brings a secondary one online (9) or offline (7).
 *
 * Runs in the hardware domain of boot tests. Prints what the command answered.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define VIRTUALIZATION_MANAGEMENT 0x1c

int main(int argc, char **argv)
{
	struct nvme_admin_cmd c = {.opcode = VIRTUALIZATION_MANAGEMENT};
	int fd, rc;

	if (argc != 6) {
		fprintf(stderr, "nvme_virt DEVICE CONTROLLER ACTION TYPE COUNT\n");
		return 2;
	}
	fd = open(argv[1], O_RDWR);
	if (fd < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	c.cdw10 = (__u32)(atoi(argv[3]) | atoi(argv[4]) << 8 | atoi(argv[2]) << 16);
	c.cdw11 = (__u32)atoi(argv[5]);
	rc = ioctl(fd, NVME_IOCTL_ADMIN_CMD, &c);
	printf("controller %s action %s type %s: status %#x, result %u\n", argv[2], argv[3], argv[4],
	       (unsigned)rc, c.result);
	return rc != 0;
}
