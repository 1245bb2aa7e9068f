/* SPDX-License-Identifier: MIT */
/* The machine's keyboard controller, without the lines that are not a keyboard's. */
#ifndef TAPROOT_KBC_H
#define TAPROOT_KBC_H

#include <taproot/types.h>

struct domain;

/* One a machine. */
struct kbc {
	struct domain *domain;
	bool output_port; /* the next data byte is for the output port; any order of races is harmless */
};

/* Claim its ports for the hardware domain `d`. Errors of ioreq_claim_ports(). */
int kbc_init(struct kbc *k, struct domain *d) MUST_CHECK;

#endif
