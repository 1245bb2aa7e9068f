/* SPDX-License-Identifier: MIT */
/*
 * ACPI: the Fixed ACPI Description Table.
 *
 * ACPI 6.5 5.2.9, down to ACPI 1.0's table of 116 bytes. Fields that a table
 * is too short for read as absent. Where a 32-bit field and its 64-bit X_ form
 * are both set, the X_ form counts (5.2.9, "X_PM1a_EVT_BLK" and its kin).
 *
 * Not supported: the GPE blocks and PM2, which the hardware domain drives
 * alone; registers in spaces other than memory and I/O ports read as absent.
 */
#include <taproot/acpi.h>
#include <taproot/acpi_spec.h>
#include <taproot/errno.h>
#include <taproot/string.h>

#define SPACE_MEMORY 0
#define SPACE_IO     1

static struct acpi_reg gas(const uint8_t *t, size_t at)
{
	struct acpi_reg reg = {
		.address = acpi_u64(t, at + GAS_ADDRESS),
		.space = t[at + GAS_SPACE],
		.len = (uint8_t)((t[at + GAS_WIDTH] + 7) / 8),
	};

	if (reg.space > SPACE_IO || (reg.space == SPACE_IO && reg.address > 0xffff)) {
		reg = (struct acpi_reg){0};
	}
	return reg;
}

/* A register block, by old and X_ field; `block_len` is the table's: the X_ width often lies. */
static struct acpi_reg block(const uint8_t *t, size_t own, size_t legacy, size_t extended,
			     unsigned block_len)
{
	struct acpi_reg reg = {
		.address = acpi_u32(t, legacy),
		.space = SPACE_IO,
	};

	if (own >= extended + GAS_LEN && acpi_u64(t, extended + GAS_ADDRESS) != 0) {
		reg = gas(t, extended);
	}
	if (reg.space == SPACE_IO && reg.address > 0xffff) {
		reg.address = 0;
	}
	if (block_len != 0) {
		reg.len = (uint8_t)block_len;
	}
	return reg;
}

/* A table's address: the X_ field where it is set; the other one where both are and differ. */
static void table_address(const uint8_t *t, size_t own, size_t legacy, size_t extended, hpa_t *out,
			  hpa_t *other)
{
	uint64_t x = own >= extended + 8 ? acpi_u64(t, extended) : 0;
	uint64_t old = acpi_u32(t, legacy);

	*out = hpa(x != 0 ? x : old);
	*other = hpa(x != 0 && x != old ? old : 0);
}

static void read_registers(const uint8_t *t, size_t own, struct acpi_fadt *out)
{
	unsigned event = t[FADT_PM1_EVT_LEN];
	unsigned control = t[FADT_PM1_CNT_LEN];

	out->pm1a_event = block(t, own, FADT_PM1A_EVT, FADT_X_PM1A_EVT, event);
	out->pm1b_event = block(t, own, FADT_PM1B_EVT, FADT_X_PM1B_EVT, event);
	out->pm1a_control = block(t, own, FADT_PM1A_CNT, FADT_X_PM1A_CNT, control);
	out->pm1b_control = block(t, own, FADT_PM1B_CNT, FADT_X_PM1B_CNT, control);
	out->pm_timer = block(t, own, FADT_PM_TMR, FADT_X_PM_TMR, t[FADT_PM_TMR_LEN]);
	out->pm_timer_32bit = (out->flags & FADT_FLAG_TMR_32BIT) != 0;
	out->sci = acpi_u16(t, FADT_SCI_INT);
	out->smi_cmd = (uint16_t)acpi_u32(t, FADT_SMI_CMD);
	out->acpi_enable = t[FADT_ACPI_ENABLE];
	out->acpi_disable = t[FADT_ACPI_DISABLE];
}

int acpi_parse_fadt(const void *table, size_t len, struct acpi_fadt *out, struct acpi_refusal *why)
{
	const uint8_t *t = table;
	size_t own = 0;
	int ret = acpi_table_check(table, len, "FACP", FADT_V1_LEN, &own, why);

	if (ret != 0) {
		return ret;
	}
	memset(out, 0, sizeof(*out));
	out->revision = t[SDT_REVISION];
	out->flags = acpi_u32(t, FADT_FLAGS);
	out->hw_reduced = (out->flags & FADT_FLAG_HW_REDUCED) != 0;
	if (own > FADT_V2_LEN) {
		/* Reserved in ACPI 1.0, whose tables carry anything there. */
		out->boot_arch = acpi_u16(t, FADT_BOOT_ARCH);
	}
	if (!out->hw_reduced) {
		/* Hardware-reduced platforms have none of these: 5.2.9, HW_REDUCED_ACPI. */
		read_registers(t, own, out);
	}
	if (own > FADT_RESET_VALUE && (out->flags & FADT_FLAG_RESET) != 0) {
		out->reset = gas(t, FADT_RESET_REG);
		out->reset_value = t[FADT_RESET_VALUE];
	}
	if (own >= FADT_SLEEP_STATUS + GAS_LEN) {
		out->sleep_control = gas(t, FADT_SLEEP_CONTROL);
		out->sleep_status = gas(t, FADT_SLEEP_STATUS);
	}
	table_address(t, own, FADT_DSDT, FADT_X_DSDT, &out->dsdt, &out->dsdt_legacy);
	table_address(t, own, FADT_FACS, FADT_X_FACS, &out->facs, &out->facs_legacy);
	if (out->dsdt.v == 0) {
		return acpi_refuse(why, "names no DSDT", FADT_DSDT);
	}
	return 0;
}
