/* SPDX-License-Identifier: MIT */
/*
 * The machine's static ACPI tables: found, checked, read into plain structs;
 * and the tables that the hardware domain sees instead. AML is never
 * interpreted: what only AML knows, the hardware domain reports.
 *
 * The parsers are pure and trust nothing: each gets the bytes and how many of
 * them may be read. A table that cannot be used is refused with a reason
 * and the offset of what is wrong. A wrong checksum alone is no refusal, as
 * operating systems accept it too (the RSDP excepted, which is found by it).
 */
#ifndef TAPROOT_ACPI_H
#define TAPROOT_ACPI_H

#include <taproot/dmar.h>
#include <taproot/errno.h>
#include <taproot/types.h>

#define ACPI_CPUS_MAX      1024
#define ACPI_IOAPICS_MAX   16 /* VIOAPIC_MAX */
#define ACPI_OVERRIDES_MAX 16 /* ISA interrupts */
#define ACPI_NMIS_MAX      16
#define ACPI_ECAMS_MAX     32
#define ACPI_NODES_MAX     64
#define ACPI_TABLES_MAX    128
#define ACPI_TABLE_LEN_MAX (16 * MIB)

/* Why a table was refused: a constant text, and where in the table. */
struct acpi_refusal {
	const char *reason;
	uint32_t offset;
};

/* Note a refusal; returns -EINVAL. */
static inline int acpi_refuse(struct acpi_refusal *why, const char *reason, size_t offset)
{
	why->reason = reason;
	why->offset = (uint32_t)offset;
	return -EINVAL;
}

struct acpi_rsdp {
	uint8_t revision; /* 0: ACPI 1.0, RSDT only */
	uint8_t oem[6];
	hpa_t rsdt; /* 0: none */
	hpa_t xsdt; /* 0: none */
};

struct acpi_cpu {
	uint32_t apic_id;
	uint32_t uid;
	bool enabled; /* otherwise: may come later, or never */
	bool online_capable;
	bool x2apic_entry; /* listed by a type 9 entry */
};

struct acpi_ioapic {
	hpa_t address;
	uint32_t gsi_base;
	uint8_t id;
};

/* ISA interrupt `source` is wired to `gsi`; flags are MPS INTI flags. */
struct acpi_override {
	uint32_t gsi;
	uint16_t flags;
	uint8_t source;
};

struct acpi_nmi {
	uint32_t gsi;
	uint16_t flags;
};

struct acpi_madt {
	hpa_t lapic;
	uint32_t flags;
	struct acpi_ioapic ioapic[ACPI_IOAPICS_MAX];
	unsigned ioapic_count;
	struct acpi_override override[ACPI_OVERRIDES_MAX];
	unsigned override_count;
	struct acpi_nmi nmi[ACPI_NMIS_MAX]; /* IO-APIC pins that are NMI */
	unsigned nmi_count;
	unsigned lapic_nmi_count;
	unsigned enabled_count;   /* of the processors below */
	unsigned cpus_left_out;   /* beyond ACPI_CPUS_MAX */
	unsigned entries_ignored; /* unknown types, overrides of other buses or sources */
	unsigned cpu_count;
	struct acpi_cpu cpu[ACPI_CPUS_MAX];
};

/* A register of ACPI's fixed hardware. */
struct acpi_reg {
	uint64_t address; /* 0: there is none */
	uint8_t space;    /* 0: memory, 1: I/O ports */
	uint8_t len;      /* bytes */
};

struct acpi_fadt {
	uint8_t revision;
	uint32_t flags;
	uint16_t boot_arch; /* 0 where the table is too old to have it */
	uint16_t sci;
	uint16_t smi_cmd; /* 0: ACPI mode is always on */
	uint8_t acpi_enable;
	uint8_t acpi_disable;
	uint8_t reset_value;
	bool hw_reduced;
	bool pm_timer_32bit;
	struct acpi_reg pm1a_event, pm1b_event;
	struct acpi_reg pm1a_control, pm1b_control;
	struct acpi_reg pm_timer;
	struct acpi_reg reset; /* address 0: not supported */
	struct acpi_reg sleep_control, sleep_status;
	hpa_t dsdt;
	hpa_t dsdt_legacy; /* where the 32-bit field names another place; else 0 */
	hpa_t facs;
	hpa_t facs_legacy;
};

/* An ECAM window: `bus0` is where bus 0 of the segment would be, even when bus_first > 0. */
struct acpi_ecam {
	hpa_t bus0;
	uint16_t segment;
	uint8_t bus_first;
	uint8_t bus_last;
};

struct acpi_mcfg {
	struct acpi_ecam ecam[ACPI_ECAMS_MAX];
	unsigned count;
	unsigned left_out;         /* windows that make no sense, */
	struct acpi_refusal first; /* and why the first of them */
	/* Those of them that name addresses, which may be configuration space all the same. */
	struct acpi_ecam refused[ACPI_ECAMS_MAX];
	unsigned refused_count;
};

struct acpi_hpet {
	hpa_t base;
	uint8_t number;
	uint8_t comparators;
};

struct acpi_srat {
	struct {
		hpa_t start;
		uint64_t size;
		uint32_t domain;
		bool hotplug;
	} node[ACPI_NODES_MAX];
	unsigned node_count;
	unsigned nodes_left_out;
	unsigned cpu_count; /* enabled processor entries */
};

struct acpi_spcr {
	uint8_t interface;
	uint8_t space;
	uint64_t address;
	uint32_t gsi;
	bool com1; /* the UART at port 0x3f8 */
};

/* Sum of all bytes is zero. */
bool acpi_checksum_ok(const void *table, size_t len);

/*
 * Parsers: 0, or -EINVAL with *why set. `out` is then undefined. `len` is what
 * may be read; the table's own length field may say less, not more.
 */
int acpi_parse_rsdp(const void *p, size_t len, struct acpi_rsdp *out,
		    struct acpi_refusal *why) MUST_CHECK;
int acpi_parse_madt(const void *table, size_t len, struct acpi_madt *out,
		    struct acpi_refusal *why) MUST_CHECK;
int acpi_parse_fadt(const void *table, size_t len, struct acpi_fadt *out,
		    struct acpi_refusal *why) MUST_CHECK;
int acpi_parse_mcfg(const void *table, size_t len, struct acpi_mcfg *out,
		    struct acpi_refusal *why) MUST_CHECK;
int acpi_parse_hpet(const void *table, size_t len, struct acpi_hpet *out,
		    struct acpi_refusal *why) MUST_CHECK;
int acpi_parse_srat(const void *table, size_t len, struct acpi_srat *out,
		    struct acpi_refusal *why) MUST_CHECK;
int acpi_parse_dmar(const void *table, size_t len, struct acpi_dmar *out,
		    struct acpi_refusal *why) MUST_CHECK;
int acpi_parse_spcr(const void *table, size_t len, struct acpi_spcr *out,
		    struct acpi_refusal *why) MUST_CHECK;

/*
 * Check a table's header: `signature` (NULL: any) and length. On success
 * *table_len is the table's own length, at least `min`.
 */
int acpi_table_check(const void *table, size_t len, const char *signature, size_t min,
		     size_t *table_len, struct acpi_refusal *why) MUST_CHECK;

/*
 * Entries of an RSDT (entry_len 4) or XSDT (8): their number, or -EINVAL; the
 * address in entry i of a table that passed.
 */
int acpi_root_entries(const void *table, size_t len, unsigned entry_len,
		      struct acpi_refusal *why) MUST_CHECK;
hpa_t acpi_root_entry(const void *table, unsigned entry_len, unsigned i);

/*
 * The values for SLP_TYPa and SLP_TYPb of sleep state `state` ('0'..'5') from
 * the pattern Name(_Sx_, Package) in a DSDT or SSDT; nothing is interpreted, so
 * a package built at run time is not found. 0 or -ENOENT.
 */
int acpi_find_sleep_type(const uint8_t *aml, size_t len, char state, uint8_t *typ_a,
			 uint8_t *typ_b) MUST_CHECK;

/* ---- the machine's tables ---- */

struct acpi_table {
	hpa_t address;
	uint32_t length;
	char signature[5];
	bool top; /* listed in the RSDT or XSDT; otherwise DSDT or FACS */
};

struct acpi_sleep {
	bool known;
	uint8_t typ_a;
	uint8_t typ_b;
};

/* Large: allocate statically. */
struct acpi_host {
	hpa_t rsdp_address;
	struct acpi_rsdp rsdp;
	struct acpi_table table[ACPI_TABLES_MAX];
	unsigned table_count;
	bool has_madt, has_fadt, has_mcfg, has_hpet, has_srat, has_dmar, has_spcr, has_ivrs;
	struct acpi_fadt fadt;
	struct acpi_mcfg mcfg;
	struct acpi_hpet hpet;
	struct acpi_srat srat;
	struct acpi_dmar dmar;
	struct acpi_spcr spcr;
	struct acpi_sleep s3, s5;
	struct acpi_madt madt;
};

/* Half-open, page aligned. */
struct acpi_extent {
	hpa_t start;
	hpa_t end;
};

/*
 * Read everything through arch_phys_view(), from the RSDP at `rsdp` or, when
 * that is 0, from the one found in the EBDA or the BIOS area. Logs what it
 * found and every refusal. 0; -ENOENT: no RSDP or no root table; -EINVAL: no
 * usable MADT, without which the machine cannot be run.
 */
int acpi_host_read(struct acpi_host *out, hpa_t rsdp) MUST_CHECK;

/*
 * Page-rounded extents of all tables, sorted and joined. Returns their number;
 * what does not fit into `max` is joined into the last one.
 */
unsigned acpi_host_extents(const struct acpi_host *host, struct acpi_extent *out, unsigned max);

/* ---- the hardware domain's tables ---- */

struct acpi_build_config {
	unsigned vcpus;
	const uint32_t *apic_id; /* of each vCPU; its ACPI UID is its number */
	uint32_t lapic;          /* address of the local APIC page */
	bool x2apic;             /* list all vCPUs as x2APICs */
};

/* Bytes that acpi_build() needs at most. */
size_t acpi_build_size(const struct acpi_host *host, unsigned vcpus);

/*
 * Write RSDP (revision 2), XSDT and MADT into `buf`, which the domain will see
 * at `place` (16-byte aligned). The XSDT lists the machine's tables by address,
 * without its MADTs and without DMAR, IVRS and HPET. 0, -EINVAL or -ENOSPC.
 */
int acpi_build(const struct acpi_host *host, const struct acpi_build_config *config, void *buf,
	       size_t size, gpa_t place, gpa_t *rsdp) MUST_CHECK;

#endif
