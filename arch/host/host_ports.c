/* SPDX-License-Identifier: MIT */
/*
 * Hosted I/O ports: 64 KiB of bytes to read, 64 KiB of bytes written, and
 * which of them trap for which domain. See host.h.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/string.h>

#include "host.h"

#define PORTS 0x10000u

/* Ports from `first` to before `end` were touched since the last reset. */
struct touched {
	unsigned first, end;
};

static uint8_t port_value[PORTS] = {[0 ... PORTS - 1] = 0xff};
static uint8_t port_written[PORTS];
static bool port_trapped[HOST_DOMAINS_MAX][PORTS];
static struct touched touched_value, touched_written, touched_trapped[HOST_DOMAINS_MAX];
unsigned host_port_read_count;
unsigned host_port_write_count;

static void touch(struct touched *t, unsigned first, unsigned end)
{
	if (t->end == 0) {
		t->first = first;
	}
	t->first = MIN(t->first, first);
	t->end = MAX(t->end, end);
}

static void forget(struct touched *t, void *bytes, int value)
{
	memset((uint8_t *)bytes + t->first, value, t->end - t->first);
	*t = (struct touched){0, 0};
}

void host_ports_reset(void)
{
	forget(&touched_value, port_value, 0xff);
	forget(&touched_written, port_written, 0);
	for (unsigned i = 0; i < HOST_DOMAINS_MAX; i++) {
		forget(&touched_trapped[i], port_trapped[i], 0);
	}
	host_port_read_count = 0;
	host_port_write_count = 0;
}

uint32_t arch_port_read(uint16_t port, unsigned len)
{
	uint32_t value = 0;

	ASSERT(len == 1 || len == 2 || len == 4);
	host_port_read_count++;
	for (unsigned i = 0; i < len; i++) {
		uint32_t byte = port + i < PORTS ? port_value[port + i] : 0xff;

		value |= byte << (i * 8);
	}
	return value;
}

void arch_port_write(uint16_t port, unsigned len, uint32_t value)
{
	ASSERT(len == 1 || len == 2 || len == 4);
	host_port_write_count++;
	touch(&touched_written, port, MIN(port + len, PORTS));
	for (unsigned i = 0; i < len && port + i < PORTS; i++) {
		port_written[port + i] = (uint8_t)(value >> (i * 8));
	}
}

void arch_port_trap(struct domain *d, uint16_t first, uint32_t count, bool trap)
{
	ASSERT(d->id < HOST_DOMAINS_MAX && first + count <= PORTS);
	touch(&touched_trapped[d->id], first, first + count);
	memset(&port_trapped[d->id][first], trap, count);
}

void host_port_set(uint16_t port, uint8_t value)
{
	touch(&touched_value, port, port + 1u);
	port_value[port] = value;
}

uint8_t host_port_written(uint16_t port)
{
	return port_written[port];
}

bool host_port_trapped(const struct domain *d, uint16_t port)
{
	return port_trapped[d->id][port];
}
