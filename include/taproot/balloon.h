/* SPDX-License-Identifier: MIT */
/*
 * Ballooning in place: a domain gives pages of its RAM back, and gets the same
 * ones again. Given back, a page is mapped neither for the domain's processors
 * nor for its devices; it stays the domain's, with its contents, until somebody
 * else is given it, so nothing is cleared on the way.
 *
 * All functions take the domain's mem_lock; none may be held that comes behind it.
 */
#ifndef TAPROOT_BALLOON_H
#define TAPROOT_BALLOON_H

#include <taproot/types.h>

struct domain;

/* Extents that one call treats, and pages in each: what a processor does without taking interrupts.
 */
#define BALLOON_BATCH     32u
#define BALLOON_ORDER_MAX 9u

/*
 * Give back `count` extents (BALLOON_BATCH at most) of 2^order pages each that
 * begin at the frames `pfn`. Returns how many were: it stops at the first that
 * is not wholly RAM of the domain, aligned, present and free of pages that we use
 * (event_uses()). Short of memory for tables, pages stay mapped.
 */
unsigned balloon_out(struct domain *d, const uint64_t *pfn, unsigned count, unsigned order);
/* The other way; stops at the first extent that is not wholly given back, or for want of memory. */
unsigned balloon_in(struct domain *d, const uint64_t *pfn, unsigned count, unsigned order);
/* Everything is there again (a soft reset): -EAGAIN: call again, -ENOMEM: some is not. */
int balloon_in_all(struct domain *d) MUST_CHECK;

/* Pages of RAM that the domain has at most, and now. */
uint64_t balloon_pages_max(struct domain *d);
uint64_t balloon_pages(struct domain *d);

#endif
