/* SPDX-License-Identifier: MIT */
/*
 * The static ACPI tables as bytes: offsets, lengths and bits, with the
 * sections of ACPI 6.5 (or of the table's own specification) beside them, and
 * unaligned little-endian loads and stores. Firmware aligns nothing, so no
 * structure is laid over a table.
 */
#ifndef TAPROOT_ACPI_SPEC_H
#define TAPROOT_ACPI_SPEC_H

#include <taproot/types.h>

/* Root System Description Pointer, ACPI 6.5 5.2.5.3 */
#define RSDP_SIGNATURE "RSD PTR "
#define RSDP_CHECKSUM  8
#define RSDP_OEM       9
#define RSDP_REVISION  15
#define RSDP_RSDT      16
#define RSDP_V1_LEN    20
#define RSDP_LENGTH    20
#define RSDP_XSDT      24
#define RSDP_CHECKSUM2 32
#define RSDP_V2_LEN    36

/* Where a BIOS keeps it, ACPI 6.5 5.2.5.1 */
#define BDA_EBDA_SEGMENT 0x40eu
#define EBDA_SCAN_LEN    1024u
#define BIOS_SCAN_START  0xe0000u
#define BIOS_SCAN_LEN    0x20000u
#define RSDP_SCAN_STEP   16u

/* Header of every other table but the FACS, ACPI 6.5 5.2.6 */
#define SDT_LENGTH       4
#define SDT_REVISION     8
#define SDT_CHECKSUM     9
#define SDT_OEM_ID       10
#define SDT_OEM_TABLE_ID 16
#define SDT_OEM_REVISION 24
#define SDT_CREATOR      28
#define SDT_CREATOR_REV  32
#define SDT_HEADER_LEN   36

/* Multiple APIC Description Table, ACPI 6.5 5.2.12 */
#define MADT_LAPIC_ADDRESS 36
#define MADT_FLAGS         40
#define MADT_FLAG_PCAT     (1u << 0)
#define MADT_ENTRIES       44
#define MADT_REVISION      6 /* ACPI 6.5 table 5.19 */

enum madt_type {
	MADT_LAPIC = 0,          /* 5.2.12.2: uid 2, id 3, flags 4 */
	MADT_IOAPIC = 1,         /* 5.2.12.3: id 2, address 4, GSI base 8 */
	MADT_OVERRIDE = 2,       /* 5.2.12.5: bus 2, source 3, GSI 4, flags 8 */
	MADT_NMI_SOURCE = 3,     /* 5.2.12.6: flags 2, GSI 4 */
	MADT_LAPIC_NMI = 4,      /* 5.2.12.7: uid 2, flags 3, LINT 5 */
	MADT_LAPIC_OVERRIDE = 5, /* 5.2.12.8: address 4 */
	MADT_X2APIC = 9,         /* 5.2.12.12: id 4, flags 8, uid 12 */
	MADT_X2APIC_NMI = 10,    /* 5.2.12.13: flags 2, uid 4, LINT 8 */
};
#define MADT_LAPIC_LEN          8
#define MADT_IOAPIC_LEN         12
#define MADT_OVERRIDE_LEN       10
#define MADT_NMI_SOURCE_LEN     8
#define MADT_LAPIC_NMI_LEN      6
#define MADT_LAPIC_OVERRIDE_LEN 12
#define MADT_X2APIC_LEN         16
#define MADT_X2APIC_NMI_LEN     12
#define MADT_CPU_ENABLED        (1u << 0)
#define MADT_CPU_ONLINE_CAPABLE (1u << 1)
#define MADT_UID_ALL            0xffu       /* 5.2.12.7 */
#define MADT_X2APIC_UID_ALL     0xffffffffu /* 5.2.12.13 */

/* MPS INTI flags, ACPI 6.5 table 5.26 */
#define MPS_POLARITY_HIGH 1u
#define MPS_POLARITY_LOW  3u
#define MPS_TRIGGER_EDGE  (1u << 2)
#define MPS_TRIGGER_LEVEL (3u << 2)

/* Fixed ACPI Description Table, ACPI 6.5 5.2.9 */
#define FADT_FACS          36
#define FADT_DSDT          40
#define FADT_SCI_INT       46
#define FADT_SMI_CMD       48
#define FADT_ACPI_ENABLE   52
#define FADT_ACPI_DISABLE  53
#define FADT_PM1A_EVT      56
#define FADT_PM1B_EVT      60
#define FADT_PM1A_CNT      64
#define FADT_PM1B_CNT      68
#define FADT_PM_TMR        76
#define FADT_PM1_EVT_LEN   88
#define FADT_PM1_CNT_LEN   89
#define FADT_PM_TMR_LEN    91
#define FADT_BOOT_ARCH     109
#define FADT_FLAGS         112
#define FADT_V1_LEN        116 /* ACPI 1.0 5.2.5 */
#define FADT_RESET_REG     116
#define FADT_RESET_VALUE   128
#define FADT_V2_LEN        132 /* without X_ fields */
#define FADT_X_FACS        132
#define FADT_X_DSDT        140
#define FADT_X_PM1A_EVT    148
#define FADT_X_PM1B_EVT    160
#define FADT_X_PM1A_CNT    172
#define FADT_X_PM1B_CNT    184
#define FADT_X_PM_TMR      208
#define FADT_SLEEP_CONTROL 244
#define FADT_SLEEP_STATUS  256
/* Fixed feature flags, ACPI 6.5 table 5.10 */
#define FADT_FLAG_TMR_32BIT  (1u << 8)
#define FADT_FLAG_RESET      (1u << 10)
#define FADT_FLAG_HW_REDUCED (1u << 20)
/* IA-PC boot architecture flags, ACPI 6.5 table 5.11 */
#define BOOT_ARCH_LEGACY  (1u << 0)
#define BOOT_ARCH_8042    (1u << 1)
#define BOOT_ARCH_NO_VGA  (1u << 2)
#define BOOT_ARCH_NO_MSI  (1u << 3)
#define BOOT_ARCH_NO_ASPM (1u << 4)
#define BOOT_ARCH_NO_RTC  (1u << 5)

/* Firmware ACPI Control Structure, ACPI 6.5 5.2.10: signature and length only */
#define FACS_LENGTH 4
#define FACS_MIN    64

/* Generic Address Structure, ACPI 6.5 5.2.3.2 */
#define GAS_SPACE   0
#define GAS_WIDTH   1
#define GAS_OFFSET  2
#define GAS_ACCESS  3
#define GAS_ADDRESS 4
#define GAS_LEN     12

/* MCFG, PCI Firmware 3.3 4.1.2 */
#define MCFG_ENTRIES   44
#define MCFG_ENTRY_LEN 16
#define MCFG_BASE      0
#define MCFG_SEGMENT   8
#define MCFG_BUS_FIRST 10
#define MCFG_BUS_LAST  11

/* HPET, IA-PC HPET 1.0a 3.2.4 */
#define HPET_BLOCK_ID 36
#define HPET_BASE     40
#define HPET_NUMBER   52
#define HPET_LEN      56

/* System Resource Affinity Table, ACPI 6.5 5.2.16 */
#define SRAT_ENTRIES    48
#define SRAT_CPU        0 /* 5.2.16.1 */
#define SRAT_MEMORY     1 /* 5.2.16.2 */
#define SRAT_X2APIC     2 /* 5.2.16.3 */
#define SRAT_CPU_LEN    16
#define SRAT_MEMORY_LEN 40
#define SRAT_X2APIC_LEN 24
#define SRAT_ENABLED    (1u << 0)
#define SRAT_HOTPLUG    (1u << 1)

/* DMA Remapping Reporting, VT-d 4.1 8.1 */
#define DMAR_WIDTH 36 /* host address width - 1 */
#define DMAR_FLAGS 37
#define DMAR_LEN   48

/* Serial Port Console Redirection, revision 1 and later */
#define SPCR_INTERFACE 36
#define SPCR_ADDRESS   40
#define SPCR_IRQ_TYPE  52
#define SPCR_IRQ       53
#define SPCR_GSI       54
#define SPCR_LEN       80

/* AML encodings, ACPI 6.5 20.2 */
#define AML_ZERO         0x00
#define AML_ONE          0x01
#define AML_NAME         0x08
#define AML_BYTE_PREFIX  0x0a
#define AML_WORD_PREFIX  0x0b
#define AML_DWORD_PREFIX 0x0c
#define AML_PACKAGE      0x12
#define AML_ROOT_CHAR    0x5c

static inline uint8_t acpi_u8(const void *table, size_t offset)
{
	return ((const uint8_t *)table)[offset];
}

static inline uint16_t acpi_u16(const void *table, size_t offset)
{
	return (uint16_t)(acpi_u8(table, offset) | (acpi_u8(table, offset + 1) << 8));
}

static inline uint32_t acpi_u32(const void *table, size_t offset)
{
	return acpi_u16(table, offset) | ((uint32_t)acpi_u16(table, offset + 2) << 16);
}

static inline uint64_t acpi_u64(const void *table, size_t offset)
{
	return acpi_u32(table, offset) | ((uint64_t)acpi_u32(table, offset + 4) << 32);
}

static inline void acpi_put(void *table, size_t offset, unsigned len, uint64_t value)
{
	uint8_t *at = (uint8_t *)table + offset;

	for (unsigned i = 0; i < len; i++) {
		at[i] = (uint8_t)(value >> (8 * i));
	}
}

#endif
