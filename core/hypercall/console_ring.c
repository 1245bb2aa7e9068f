/* SPDX-License-Identifier: MIT */
/*
 * sysctl readconsole: the log's ring, for `xl dmesg` (Xen ABI sysctl.h).
 *
 * Positions in the ring are 64-bit, the caller's index has the low half: it
 * means the position with that half at or behind the oldest line. Clearing hides
 * what was read from those who start anew.
 */
#include <taproot/errno.h>
#include <taproot/log.h>

#include "control.h"

#define PIECE    256u
#define READ_MAX (256u * 1024)

static uint64_t cleared;

int sysctl_readconsole(struct hypercall *h, struct xen_sysctl_readconsole *x)
{
	uint32_t room = MIN(x->count, READ_MAX);
	uint64_t at = 0, start;
	char buf[PIECE];
	uint32_t done = 0;
	size_t n;

	(void)log_ring_read(&at, buf, 0); /* the oldest there is */
	start = MAX(at, __atomic_load_n(&cleared, __ATOMIC_RELAXED));
	if (x->incremental && x->index - (uint32_t)start <= LOG_RING_SIZE) {
		start += x->index - (uint32_t)start;
	}
	at = start;
	do {
		n = log_ring_read(&at, buf, MIN(PIECE, room - done));
		if (n && copy_to_guest(h, HANDLE(x->buffer) + done, buf, n)) {
			return -EFAULT;
		}
		done += (uint32_t)n;
	} while (n && done < room);
	if (x->clear) {
		__atomic_store_n(&cleared, at, __ATOMIC_RELAXED);
	}
	x->count = done;
	x->index = (uint32_t)at;
	return 0;
}
