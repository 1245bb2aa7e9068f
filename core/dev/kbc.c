/* SPDX-License-Identifier: MIT */
/*
 * The keyboard controller (IBM PC AT Technical Reference 1-57, "8042"; ICH9
 * 13.7.3) as the hardware domain may use it. Its output port has two lines
 * that are no keyboard's: bit 0 resets the processors, bit 1 is the A20 gate,
 * which would take every second MiB of memory away from the hypervisor.
 *
 * Keyboard and mouse are the domain's: all else goes to the machine. What
 * concerns the output port does not: a reset is carried out by us, the gate
 * stays open. The command that announces a value for the port is kept here, so
 * a value that slips by on another processor is but a byte for the keyboard.
 *
 * Deliberately not supported: the mouse's and keyboard's own bits of the
 * output port, which no driver writes.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/ioreq.h>
#include <taproot/kbc.h>
#include <taproot/log.h>

#define KBC_DATA    0x60
#define KBC_COMMAND 0x64

#define CMD_WRITE_OUTPUT 0xd1u
#define CMD_A20_OFF      0xddu
#define CMD_A20_ON       0xdfu
#define CMD_PULSE        0xf0u /* and 15 more: each clear bit is a line that is pulled for 6 us */
#define LINE_RESET       1u    /* active low */

static void reset(struct kbc *k)
{
	log_info("d%u: resets the machine by the keyboard controller", k->domain->id);
	arch_domain_end(k->domain, DOMAIN_REBOOT);
}

static uint32_t kbc_read(void *ctx, uint16_t port, unsigned len)
{
	(void)ctx;
	return arch_port_read(port, len);
}

static void kbc_data_write(void *ctx, uint16_t port, unsigned len, uint32_t value)
{
	struct kbc *k = ctx;

	if (!__atomic_exchange_n(&k->output_port, false, __ATOMIC_RELAXED)) {
		arch_port_write(port, len, value);
	} else if (!(value & LINE_RESET)) {
		reset(k);
	}
}

static void kbc_command_write(void *ctx, uint16_t port, unsigned len, uint32_t value)
{
	struct kbc *k = ctx;
	uint8_t command = (uint8_t)value;

	__atomic_store_n(&k->output_port, command == CMD_WRITE_OUTPUT, __ATOMIC_RELAXED);
	if (command >= CMD_PULSE) {
		if (!(command & LINE_RESET)) {
			reset(k);
		}
	} else if (command != CMD_WRITE_OUTPUT && command != CMD_A20_OFF && command != CMD_A20_ON) {
		arch_port_write(port, len, value);
	}
}

static const struct port_ops data_ops = {"keyboard data", kbc_read, kbc_data_write};
static const struct port_ops command_ops = {"keyboard command", kbc_read, kbc_command_write};

int kbc_init(struct kbc *k, struct domain *d)
{
	int rc;

	*k = (struct kbc){.domain = d};
	rc = ioreq_claim_ports(d, KBC_DATA, 1, &data_ops, k);
	return rc ? rc : ioreq_claim_ports(d, KBC_COMMAND, 1, &command_ops, k);
}
