/* SPDX-License-Identifier: MIT */
/*
 * sysctl readconsole: the log's ring, for `xl dmesg` (Xen ABI sysctl.h).
 *
 * Positions in the ring are 64-bit, the caller's index has the low half: it
 * means the position with that half at or behind the oldest line.
 */
#include <taproot/errno.h>
#include <taproot/log.h>

#include "control.h"

#define PIECE    256u
#define READ_MAX (256u * 1024)

int sysctl_readconsole(struct hypercall *h, struct xen_sysctl_readconsole *x)
{
	uint32_t room = MIN(x->count, READ_MAX);
	uint64_t at = 0;
	char buf[PIECE];
	uint32_t done = 0;
	size_t n;

	(void)log_ring_read(&at, buf, 0); /* the oldest there is */
	if (x->incremental && x->index - (uint32_t)at <= LOG_RING_SIZE) {
		at += x->index - (uint32_t)at;
	}
	do {
		n = log_ring_read(&at, buf, MIN(PIECE, room - done));
		if (n && copy_to_guest(h, HANDLE(x->buffer) + done, buf, n)) {
			return -EFAULT;
		}
		done += (uint32_t)n;
	} while (n && done < room);
	if (x->clear) {
		log_ring_clear();
	}
	x->count = done;
	x->index = (uint32_t)at;
	return 0;
}
