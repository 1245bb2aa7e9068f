/* SPDX-License-Identifier: MIT */
/*
 * Plays a recording (doc/record-format.md) against the hosted machine: builds
 * the machine and the hardware domain from the snapshot, feeds the accesses to
 * the root complex, and compares what its recorder says with the recording.
 */
#ifndef TAPROOT_HOST_REPLAY_H
#define TAPROOT_HOST_REPLAY_H

#include <stdio.h>
#include <taproot/types.h>

struct replay_result {
	const char *error; /* NULL: the recording could be played */
	unsigned long functions;
	unsigned long accesses;
	unsigned long msix_writes; /* writes to trapped pages, and those of them that */
	unsigned long msix_bound;  /* left a message with a vector of ours */
	unsigned long differences;
	unsigned long lost;    /* records missing by the counter */
	bool truncated;        /* the last record is cut off */
	struct domain *domain; /* the hardware domain, as the recording left it */
};

/* Differences are described in `report` (NULL: nowhere), the first few of them. */
void host_replay(const void *data, size_t size, FILE *report, struct replay_result *result);

#endif
