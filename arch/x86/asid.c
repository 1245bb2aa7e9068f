// SPDX-License-Identifier: MIT
/* ASID generations. Number 0 is the host's (APMv2 15.16). */
#include "asid.h"

void asid_pool_init(struct asid_pool *p, uint32_t count)
{
	p->generation = 1;
	p->next = count; /* the first number begins a generation, with a flush: who was here before? */
	p->limit = count;
}

bool asid_assign(struct asid_pool *p, struct asid *a, unsigned cpu)
{
	bool flush = false;

	if (asid_valid(p, a, cpu)) {
		return false;
	}
	if (p->next >= p->limit) {
		p->generation++;
		p->next = 1;
		flush = true;
	}
	a->generation = p->generation;
	a->cpu = (uint16_t)cpu;
	a->number = p->next++;
	return flush;
}
