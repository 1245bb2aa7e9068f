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

static uint8_t port_value[PORTS];
static uint8_t port_written[PORTS];
static bool port_trapped[HOST_DOMAINS_MAX][PORTS];
unsigned host_port_read_count;
unsigned host_port_write_count;

void host_ports_reset(void)
{
	memset(port_value, 0xff, sizeof(port_value));
	memset(port_written, 0, sizeof(port_written));
	memset(port_trapped, 0, sizeof(port_trapped));
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
	for (unsigned i = 0; i < len && port + i < PORTS; i++) {
		port_written[port + i] = (uint8_t)(value >> (i * 8));
	}
}

void arch_port_trap(struct domain *d, uint16_t first, uint32_t count, bool trap)
{
	ASSERT(d->id < HOST_DOMAINS_MAX && first + count <= PORTS);
	memset(&port_trapped[d->id][first], trap, count);
}

void host_port_set(uint16_t port, uint8_t value)
{
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
