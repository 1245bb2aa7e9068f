/* SPDX-License-Identifier: MIT */
/*
 * ioreq: who handles an access of a domain to a port, to trapped memory or to
 * a PCI function. Handlers inside the hypervisor and, later, emulators outside
 * claim through the same calls; a claim that meets another is refused.
 */
#ifndef TAPROOT_IOREQ_H
#define TAPROOT_IOREQ_H

#include <taproot/memmap.h>

/* Where accesses to trapped pages found their range last: indices in the memmap, by page. */
#define IOREQ_HINTS 16

/* What becomes of an access. */
enum verdict {
	VERDICT_DONE,    /* answered; for reads the value is there */
	VERDICT_PERFORM, /* the caller performs it on the machine, with the value given */
	VERDICT_FORWARD, /* an external emulator answers */
	VERDICT_REJECT,  /* nobody there: reads all ones, writes dropped */
};

/* A handler of ports. `port` is the first port of the access, which lies inside the claim. */
struct port_ops {
	const char *name;
	uint32_t (*read)(void *ctx, uint16_t port, unsigned len);
	void (*write)(void *ctx, uint16_t port, unsigned len, uint32_t value);
};

#define PORT_CLAIMS_MAX 32

struct port_claim {
	uint16_t first;
	uint16_t last;
	const struct port_ops *ops;
	void *ctx;
};

/* Port claims of a domain, sorted. */
struct port_map {
	struct port_claim claim[PORT_CLAIMS_MAX]; /* ops is NULL from `count` on */
	unsigned count;
	uint32_t hint; /* index of the claim of the last access */
};

/* -EBUSY when a port is claimed already (named in the log), -ENOSPC, -EINVAL. Sets the trap. */
int ioreq_claim_ports(struct domain *d, uint16_t first, uint32_t count, const struct port_ops *ops,
		      void *ctx) MUST_CHECK;
int ioreq_release_ports(struct domain *d, uint16_t first, uint32_t count) MUST_CHECK;

/*
 * An access of the domain to a port that traps. An access that is not wholly
 * inside one claim is taken apart into bytes; bytes nobody claimed go to the
 * machine for the hardware domain, and read all ones for others.
 */
uint32_t ioreq_port_read(struct domain *d, uint16_t port, unsigned len);
void ioreq_port_write(struct domain *d, uint16_t port, unsigned len, uint32_t value);

/* Claim trapped memory: a transaction of one step, see memmap_check() for errors. */
int ioreq_claim_mmio(struct domain *d, gpa_t start, uint64_t size, const struct mmio_ops *ops,
		     void *ctx) MUST_CHECK;
int ioreq_release_mmio(struct domain *d, gpa_t start, uint64_t size) MUST_CHECK;

/*
 * An access of the domain to memory that faulted; no lock held. DONE: handled.
 * PERFORM: the memory is the domain's and mapped now (a page of a hole or
 * reserved range that the hardware domain touched became MEM_OPEN; a page
 * that had been dropped from the nested tables is back): let the access happen
 * again. REJECT: all ones / dropped (the value is set). Accesses that leave
 * a range are cut into bytes.
 */
enum verdict ioreq_mmio_read(struct domain *d, gpa_t a, unsigned len, uint64_t *value);
enum verdict ioreq_mmio_write(struct domain *d, gpa_t a, unsigned len, uint64_t value);

#endif
