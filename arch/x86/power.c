// SPDX-License-Identifier: MIT
/*
 * Ports that reset, suspend or distract the machine below the hypervisor:
 *
 *	0x20 0x21 0xa0 0xa1 0x4d0 0x4d1  8259s: masked for good, read all ones
 *	0x40-0x43                        8254: not there (PVH has no PIT), reads zero
 *	0x61                             its gate: reads zero; SERR/IOCHK bits are not the guest's
 *	0x70                             RTC index; bit 7 masks NMIs, which are ours
 *	0x60 0x64                        keyboard controller: its reset and A20 lines (core/dev/kbc.c)
 *	0x92, 0xcf9, FADT reset register resets
 *	PM1 control                      sleep: S5 passes, no other state does (sleep.c)
 *	SMI command (0xb2)               passes the values the FADT names, no others
 *
 * 0xcf9 lies inside 0xcf8-0xcff, which the root complex claims: it calls
 * back. Not supported: sleep states through the hardware-reduced
 * SLEEP_CONTROL register in memory space.
 */
#include <taproot/acpi.h>
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/kbc.h>
#include <taproot/log.h>
#include <taproot/pci.h>
#include "cpu.h"
#include "power.h"
#include "sleep.h"

#define PM1_WAK_STS    0x8000u
#define PM1_TYPE_SHIFT 10
#define PM1_SLP_EN     (1u << 13)
#define PM1_SLEEP_BITS (7u << PM1_TYPE_SHIFT | PM1_SLP_EN)
#define OFF_DELAY      1000000 /* microseconds */

static struct power {
	struct domain *domain;
	struct sleep_policy sleep;
	uint16_t pm1a, pm1b, status;
	bool woken; /* a sleep was refused: the domain waits for the status of its end */
	uint16_t smi_cmd, reset_port;
	uint8_t acpi_enable, acpi_disable, reset_value;
	uint8_t rtc_index;
	struct kbc kbc;
} power;

static uint32_t read_absent(void *ctx, uint16_t port, unsigned len)
{
	(void)ctx;
	(void)port;
	return (uint32_t)ones(len);
}

static void write_absent(void *ctx, uint16_t port, unsigned len, uint32_t value)
{
	(void)ctx;
	(void)port;
	(void)len;
	(void)value;
}

static uint32_t read_zero(void *ctx, uint16_t port, unsigned len)
{
	(void)ctx;
	(void)port;
	(void)len;
	return 0;
}

static const struct port_ops pic_ops = {"8259 (absent)", read_absent, write_absent};
/* Zero, not all ones: Linux takes 0xff for a counter's high byte and polls it 100,000 times. */
static const struct port_ops pit_ops = {"8254 (absent)", read_zero, write_absent};
static const struct port_ops gate_ops = {"port 0x61", read_zero, write_absent};

static uint32_t read_rtc_index(void *ctx, uint16_t port, unsigned len)
{
	struct power *p = ctx;

	(void)port;
	(void)len;
	return p->rtc_index;
}

static void write_rtc_index(void *ctx, uint16_t port, unsigned len, uint32_t value)
{
	struct power *p = ctx;

	(void)len;
	p->rtc_index = (uint8_t)value;
	arch_port_write(port, 1, value & 0x7f);
}

static const struct port_ops rtc_ops = {"RTC index", read_rtc_index, write_rtc_index};

static void reboot(struct power *p, const char *how)
{
	log_info("d%u: resets the machine by %s", p->domain->id, how);
	arch_domain_end(p->domain, DOMAIN_REBOOT);
}

/* System control port A: bit 0 is a fast reset, bit 1 the A20 gate (ICH9 13.7.4). */
static uint32_t read_port92(void *ctx, uint16_t port, unsigned len)
{
	(void)ctx;
	(void)port;
	(void)len;
	return 2;
}

static void write_port92(void *ctx, uint16_t port, unsigned len, uint32_t value)
{
	(void)port;
	(void)len;
	if (value & 1) {
		reboot(ctx, "port 0x92");
	}
}

static const struct port_ops port92_ops = {"port 0x92", read_port92, write_port92};

/*
 * Reset control register (ICH9 13.7.5): a rising bit 2 resets. The root complex
 * passes on what is no configuration cycle at 0xcf8-0xcfb; only 0xcf9 means something.
 */
static uint32_t read_cf9(void *ctx, uint16_t port, unsigned len)
{
	(void)ctx;
	return port <= 0xcf9 && port + len > 0xcf9 ? arch_port_read(port, len) : (uint32_t)ones(len);
}

static void write_cf9(void *ctx, uint16_t port, unsigned len, uint32_t value)
{
	unsigned shift = port <= 0xcf9 ? 8u * (0xcf9u - port) : 0;
	uint8_t control = (uint8_t)(value >> shift);

	if (port > 0xcf9 || port + len <= 0xcf9) {
		return;
	}
	if (control & 4) {
		reboot(ctx, "port 0xcf9");
	} else {
		arch_port_write(0xcf9, 1, control & 0x0a);
	}
}

static const struct port_ops cf9_ops = {"reset control", read_cf9, write_cf9};

static uint32_t read_reset(void *ctx, uint16_t port, unsigned len)
{
	(void)ctx;
	return arch_port_read(port, len);
}

static void write_reset(void *ctx, uint16_t port, unsigned len, uint32_t value)
{
	struct power *p = ctx;

	if ((uint8_t)value == p->reset_value) {
		reboot(p, "the FADT's reset register");
	} else {
		arch_port_write(port, len, value);
	}
}

static const struct port_ops reset_ops = {"reset register", read_reset, write_reset};

static uint32_t read_pm1(void *ctx, uint16_t port, unsigned len)
{
	(void)ctx;
	return arch_port_read(port, len);
}

static void write_pm1(void *ctx, uint16_t port, unsigned len, uint32_t value)
{
	struct power *p = ctx;
	bool b = p->pm1b && (port == p->pm1b || port == p->pm1b + 1);
	unsigned offset = port - (b ? p->pm1b : p->pm1a);

	switch (sleep_filter(&p->sleep, b, offset, len, &value)) {
	case SLEEP_OFF:
		log_info("d%u: power-off", p->domain->id);
		break;
	case SLEEP_REFUSED:
		p->woken = true;
		log_guest("d%u: sleep state refused: the hypervisor would not survive it",
			  p->domain->id);
		break;
	default:
		break;
	}
	arch_port_write(port, len, value);
}

static const struct port_ops pm1_ops = {"PM1 control", read_pm1, write_pm1};

/*
 * PM1 status (ACPI 6.5 4.8.3.1.1). After a refused sleep the domain waits for
 * the wake-up it believes in: it finds it at once, until it clears the bit.
 */
static uint32_t read_status(void *ctx, uint16_t port, unsigned len)
{
	const struct power *p = ctx;
	uint32_t wake = p->woken ? PM1_WAK_STS >> (8 * (port - p->status)) : 0;

	return arch_port_read(port, len) | (wake & (uint32_t)ones(len));
}

static void write_status(void *ctx, uint16_t port, unsigned len, uint32_t value)
{
	struct power *p = ctx;

	if ((value << (8 * (port - p->status))) & PM1_WAK_STS) {
		p->woken = false;
	}
	arch_port_write(port, len, value);
}

static const struct port_ops status_ops = {"PM1 status", read_status, write_status};

static void write_smi(void *ctx, uint16_t port, unsigned len, uint32_t value)
{
	struct power *p = ctx;
	uint8_t command = (uint8_t)value;

	if (port == p->reset_port && command == p->reset_value) {
		/* Nearly half of all machines reset by an SMI. */
		reboot(p, "the FADT's reset register");
	} else if (command != 0 && (command == p->acpi_enable || command == p->acpi_disable)) {
		arch_port_write(port, len, value);
	} else {
		log_guest("d%u: SMI command 0x%x dropped: the FADT does not name it",
			  p->domain->id, command);
	}
}

static uint32_t read_smi(void *ctx, uint16_t port, unsigned len)
{
	(void)ctx;
	return arch_port_read(port, len);
}

static const struct port_ops smi_ops = {"SMI command", read_smi, write_smi};

static int claim(struct domain *d, uint16_t first, unsigned count, const struct port_ops *ops)
{
	int rc = ioreq_claim_ports(d, first, count, ops, &power);

	if (rc) {
		log_error("d%u: cannot claim port 0x%x for %s (error %d)", d->id, first, ops->name,
			  rc);
	}
	return rc;
}

static int claim_fixed(struct domain *d)
{
	static const struct {
		uint16_t first;
		uint8_t count;
		const struct port_ops *ops;
	} fixed[] = {
		{0x20, 2, &pic_ops},  {0xa0, 2, &pic_ops},  {0x4d0, 2, &pic_ops}, {0x40, 4, &pit_ops},
		{0x61, 1, &gate_ops}, {0x70, 1, &rtc_ops}, {0x92, 1, &port92_ops},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++) {
		int rc = claim(d, fixed[i].first, fixed[i].count, fixed[i].ops);

		if (rc) {
			return rc;
		}
	}
	return 0;
}

static bool is_port(const struct acpi_reg *r)
{
	return r->space == 1 && r->address != 0 && r->address < 0xffff;
}

/*
 * The FADT's reset register. Where its port is claimed already its owner keeps it,
 * and the log names it: of 411 machines 5 reset by port 64h, and those that may
 * own it (keyboard controller, port 92h) see to resets themselves. A partly
 * claimed sleep or SMI register is refused: what is left of it would be open.
 */
static int claim_reset(struct domain *d, uint16_t port)
{
	int rc = ioreq_claim_ports(d, port, 1, &reset_ops, &power);

	return rc == -EBUSY ? 0 : rc;
}

static int claim_acpi(struct domain *d, const struct acpi_fadt *f)
{
	int rc = 0;

	if (is_port(&f->pm1a_control)) {
		power.pm1a = (uint16_t)f->pm1a_control.address;
		rc = claim(d, power.pm1a, 2, &pm1_ops);
	}
	if (rc == 0 && is_port(&f->pm1b_control)) {
		power.pm1b = (uint16_t)f->pm1b_control.address;
		rc = claim(d, power.pm1b, 2, &pm1_ops);
	}
	if (rc == 0 && is_port(&f->pm1a_event)) {
		power.status = (uint16_t)f->pm1a_event.address;
		rc = claim(d, power.status, 2, &status_ops);
	}
	if (rc == 0 && is_port(&f->reset) && (f->reset.address < 0xcf8 || f->reset.address > 0xcff)) {
		power.reset_port = (uint16_t)f->reset.address;
		power.reset_value = f->reset_value;
	}
	if (rc == 0 && f->smi_cmd) {
		power.smi_cmd = f->smi_cmd;
		power.acpi_enable = f->acpi_enable;
		power.acpi_disable = f->acpi_disable;
		rc = claim(d, f->smi_cmd, 1, &smi_ops);
	}
	if (rc == 0 && power.reset_port && power.reset_port != power.smi_cmd) {
		rc = claim_reset(d, power.reset_port);
	}
	return rc;
}

static void write_sleep(uint16_t port, uint8_t type, uint16_t enable)
{
	uint16_t kept = (uint16_t)arch_port_read(port, 2) & (uint16_t)~PM1_SLEEP_BITS;

	arch_port_write(port, 2, (uint32_t)(kept | type << PM1_TYPE_SHIFT | enable));
}

/* S5 (ACPI 6.5 16.1.7), without \_PTS: that is AML. SLP_EN goes last, to both registers. */
void power_off_machine(void)
{
	const struct acpi_sleep *s5 = &power.sleep.s5;

	if (!s5->known || !power.pm1a) {
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		uint16_t enable = i ? PM1_SLP_EN : 0;

		write_sleep(power.pm1a, s5->typ_a, enable);
		if (power.pm1b) {
			write_sleep(power.pm1b, s5->typ_b, enable);
		}
	}
	delay_us(OFF_DELAY);
}

int power_init(struct domain *d, const struct acpi_host *acpi)
{
	int rc;

	power.domain = d;
	power.sleep = (struct sleep_policy){acpi->s3, acpi->s5};
	pci_root_set_reset_port(d->pci, &cf9_ops, &power);
	if (acpi->has_fadt && acpi->fadt.reset.address) {
		reset_register_set(acpi->fadt.reset.space, acpi->fadt.reset.address,
				   acpi->fadt.reset_value);
	}
	rc = claim_fixed(d);
	if (rc == 0) {
		rc = kbc_init(&power.kbc, d);
	}
	return rc == 0 && acpi->has_fadt ? claim_acpi(d, &acpi->fadt) : rc;
}
