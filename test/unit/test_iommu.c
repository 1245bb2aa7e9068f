// SPDX-License-Identifier: MIT
/*
 * The IOMMU interface over a made-up driver that remembers what it was told:
 * tables that follow the memmap, reserved regions for exactly their devices,
 * ids of devices behind bridges, quarantine in resets and storms, interrupts
 * that move without their device being touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <taproot/acpi.h>
#include <taproot/iommu.h>
#include <taproot/irq.h>

#include "dmar_make.h"
#include "pci_fixture.h"

#define REGION     0x7e000000ull
#define REGION_END 0x7e010000ull
#define REFUSED_AT (FIXTURE_OURS + 4096)
#define ENTRIES    1024u

#define NIC    sbdf_make(0, 1, 0, 0)
#define USB    sbdf_make(0, 0, 0x1d, 0)
#define LEGACY sbdf_make(0, 3, 5, 0)

/* ---- a driver that remembers ---- */

/* Two units: the second one has the buses from UNIT2_BUS on. */
#define UNIT2_BUS 3
static const struct iommu_table *attached[65536], *attached_by[2][65536];
static bool silent[65536];
static struct remap_entry entry[ENTRIES];
static bool entry_valid[ENTRIES];
static unsigned flushes, entry_writes, enabled, written_back;
static gpa_t flush_start, flush_end;

static int fake_attach(sbdf_t device, sbdf_t requester, const struct iommu_table *t, bool quiet)
{
	attached[requester.v & 0xffff] = t;
	attached_by[sbdf_bus(device) >= UNIT2_BUS][requester.v & 0xffff] = t;
	silent[requester.v & 0xffff] = quiet;
	return 0;
}

static void fake_flush(const struct iommu_table *t, gpa_t start, gpa_t end, bool was_mapped)
{
	(void)t;
	(void)was_mapped;
	flushes++;
	flush_start = start;
	flush_end = end;
}

static void fake_write_back(const void *p, size_t len)
{
	(void)p;
	written_back += (unsigned)len;
}

static int fake_enable(void)
{
	enabled++;
	return 0;
}

static int fake_refill(void)
{
	return 0;
}

static void fake_entry_set(unsigned index, const struct remap_entry *e)
{
	assert_true(index < ENTRIES);
	entry_writes++;
	entry_valid[index] = e != NULL;
	if (e) {
		entry[index] = *e;
	}
}

static void fake_entry_message(unsigned index, uint64_t *addr, uint32_t *data)
{
	*addr = 0xfee00010ull | index << 5;
	*data = 0;
}

static uint64_t fake_entry_pin(unsigned index, unsigned vector)
{
	return (uint64_t)index << 49 | 1ull << 48 | vector;
}

static sbdf_t fake_ioapic_requester(unsigned ioapic)
{
	(void)ioapic;
	return sbdf_make(0, 0xf0, 0x1f, 0);
}

static void fake_log(void)
{
}

static struct iommu_ops fake_ops = {
	.name = "fake",
	.tags = 16,
	.attach = fake_attach,
	.flush = fake_flush,
	.enable = fake_enable,
	.refill = fake_refill,
	.entry_set = fake_entry_set,
	.entry_message = fake_entry_message,
	.entry_pin = fake_entry_pin,
	.ioapic_requester = fake_ioapic_requester,
	.log = fake_log,
};

/* ---- a machine: a NIC behind a root port, USB with a region, a legacy card behind two bridges
 * ---- */

static struct acpi_dmar dmar;
static struct acpi_host acpi;
static struct host_pci *nic, *usb;

static void fake_register(void)
{
	struct nested_format format = nested_vtd;

	format.write_back = fake_write_back;
	iommu_register(&fake_ops, &format, &dmar);
}

static void add_bridge(sbdf_t s, unsigned secondary, unsigned subordinate, unsigned express)
{
	struct host_pci *p = host_pci_add(s, 0x8086, 0x1234, 0x0604, true);

	host_pci_set(p, 0x19, 1, secondary);
	host_pci_set(p, 0x1a, 1, subordinate);
	if (express) {
		host_pci_cap_express(p, 0x60);
		host_pci_set(p, 0x62, 2, express << 4);
	}
}

static void make_table(void)
{
	static struct maker m;
	struct acpi_refusal why;
	size_t at;

	make_dmar(&m, 40, 1);
	make_drhd(&m, true, 0, 0xfed90000);
	at = make_rmrr(&m, 0, REGION, REGION_END - 1);
	make_scope1(&m, at, DMAR_SCOPE_ENDPOINT, 0, 0, 0x1d, 0);
	at = make_rmrr(&m, 0, REFUSED_AT, REFUSED_AT + 4095);
	make_scope1(&m, at, DMAR_SCOPE_ENDPOINT, 0, 0, 0x1d, 0);
	make_end(&m);
	assert_int_equal(acpi_parse_dmar(m.b, m.len, &dmar, &why), 0);
}

static int machine(void **state)
{
	fixture_machine(state);
	memset(attached, 0, sizeof(attached));
	memset(attached_by, 0, sizeof(attached_by));
	memset(entry_valid, 0, sizeof(entry_valid));
	make_table();
	add_bridge(sbdf_make(0, 0, 1, 0), 1, 1, 4); /* root port */
	add_bridge(sbdf_make(0, 0, 2, 0), 2, 3, 7); /* PCI Express to PCI */
	add_bridge(sbdf_make(0, 2, 4, 0), 3, 3, 0); /* conventional */
	nic = fixture_nic(NIC);
	usb = host_pci_add(USB, 0x8086, 0x2934, 0x0c03, false);
	(void)host_pci_add(LEGACY, 0x10ec, 0x8139, 0x0200, false);
	host_pci_set(nic, 4, 2, PCI_CMD_MASTER);
	host_pci_set(usb, 4, 2, PCI_CMD_MASTER);
	fake_register();
	assert_int_equal(iommu_remap_start(ENTRIES, true), 0);
	iommu_reserve_regions(dom0, &acpi);
	assert_int_equal(iommu_domain_build(dom0), 0);
	fixture_start();
	assert_int_equal(iommu_start(dom0), 0);
	flushes = entry_writes = 0;
	return 0;
}

/* Devices 5 to 8 behind the bridges with a region each: their common id needs all of them. */
static int machine_of_sets(void **state)
{
	static struct maker m;
	struct acpi_refusal why;

	fixture_machine(state);
	memset(attached, 0, sizeof(attached));
	memset(attached_by, 0, sizeof(attached_by));
	make_dmar(&m, 40, 1);
	make_drhd(&m, true, 0, 0xfed90000);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t base = REGION + i * MIB;
		size_t at = make_rmrr(&m, 0, base, base + PAGE_SIZE - 1);

		make_scope1(&m, at, DMAR_SCOPE_ENDPOINT, 0, 3, (uint8_t)(5 + i), 0);
	}
	make_end(&m);
	assert_int_equal(acpi_parse_dmar(m.b, m.len, &dmar, &why), 0);
	add_bridge(sbdf_make(0, 0, 2, 0), 2, 3, 7);
	add_bridge(sbdf_make(0, 2, 4, 0), 3, 3, 0);
	for (unsigned i = 0; i < 4; i++) {
		(void)host_pci_add(sbdf_make(0, 3, 5 + i, 0), 0x10ec, 0x8139, 0x0200, false);
	}
	nic = fixture_nic(NIC);
	fake_register();
	assert_int_equal(iommu_remap_start(ENTRIES, true), 0);
	iommu_reserve_regions(dom0, &acpi);
	return 0;
}

static const struct iommu_table *table_of(sbdf_t s)
{
	return attached[s.v & 0xffff];
}

static bool maps(const struct iommu_table *t, uint64_t a)
{
	struct nested_leaf leaf;

	return nested_lookup(&t->tree, gpa(a), &leaf) && leaf.gpa.v == leaf.hpa.v;
}

static void test_tables(void **state)
{
	const struct iommu_table *t = table_of(NIC);
	gpa_t where;

	(void)state;
	assert_non_null(t);
	assert_ptr_equal(t->domain, dom0);
	assert_true(nested_matches(&t->tree, &dom0->memmap, &where));
	assert_true(maps(t, 0x1000));
	assert_false(maps(t, FIXTURE_OURS));
	assert_false(maps(t, 0xfee00000));
	assert_int_equal(enabled > 0, 1);
	assert_true(iommu_translates());
	assert_true(written_back > 0);
	/* A driver's device stops; one with a region goes on for its firmware. */
	assert_int_equal(host_pci_get(nic, 4, 2) & PCI_CMD_MASTER, 0);
	assert_int_equal(host_pci_get(usb, 4, 2) & PCI_CMD_MASTER, PCI_CMD_MASTER);
}

static void test_regions(void **state)
{
	const struct iommu_table *t = table_of(USB);
	struct e820_entry e820[64];
	bool reserved = false;
	int count;

	(void)state;
	assert_ptr_not_equal(t, table_of(NIC));
	assert_true(maps(t, REGION) && maps(t, REGION_END - 4096));
	assert_true(maps(t, REGION - 4096));
	assert_false(maps(table_of(NIC), REGION));
	assert_false(maps(table_of(NIC), REGION_END - 4096));
	assert_true(host_console_contains("lies over the hypervisor: refused"));
	assert_false(maps(t, REFUSED_AT));
	assert_true(host_console_contains("the firmware's memory map calls it RAM"));
	count = memmap_build_e820(&dom0->memmap, e820, 64);
	for (int i = 0; i < count; i++) {
		reserved |= e820[i].type == E820_RESERVED && e820[i].start == REGION &&
			    e820[i].size == REGION_END - REGION;
	}
	assert_true(reserved);
}

static void test_region_sets(void **state)
{
	sbdf_t alias = sbdf_make(0, 2, 0, 0);

	(void)state;
	assert_int_equal(iommu_domain_build(dom0), 0);
	fixture_start();
	for (unsigned i = 0; i < 4; i++) {
		sbdf_t s = sbdf_make(0, 3, 5 + i, 0);

		for (unsigned n = 0; n < 4; n++) {
			assert_int_equal(maps(table_of(s), REGION + n * MIB), i == n);
		}
		assert_true(maps(table_of(alias), REGION + i * MIB));
	}
}

/* The hardware has tags for some of the sets only: the others do without, and that is said. */
static void test_few_tags(void **state)
{
	sbdf_t first = sbdf_make(0, 3, 5, 0), last = sbdf_make(0, 3, 8, 0);

	(void)state;
	fake_ops.tags = 5;
	assert_int_equal(iommu_domain_build(dom0), 0);
	fixture_start();
	fake_ops.tags = 16;
	assert_true(maps(table_of(first), REGION));
	assert_true(maps(table_of(last), 0x1000));
	assert_false(maps(table_of(last), REGION + 3 * MIB));
	assert_true(host_console_contains("no table left for the reserved regions"));
	assert_true(host_console_contains("does without its reserved regions"));
}

static void test_region_over_registers(void **state)
{
	static struct acpi_host a;
	struct dmar_rmrr r = {.base = 0xfec00000, .limit = 0xfec00fff};

	(void)state;
	assert_null(rmrr_meets(&r, &a));
	a.madt.ioapic[0].address = hpa(0xfec00000);
	a.madt.ioapic_count = 1;
	a.dmar.unit[0].base = hpa(0xfed90000);
	a.dmar.unit[0].size = 0x2000;
	a.dmar.unit_count = 1;
	a.has_hpet = true;
	a.hpet.base = hpa(0xfed00000);
	a.mcfg.count = 1;
	a.mcfg.ecam[0] = (struct acpi_ecam){.bus0 = hpa(0xb0000000), .bus_first = 16, .bus_last = 31};
	assert_string_equal(rmrr_meets(&r, &a), "an IO-APIC");
	r = (struct dmar_rmrr){.base = 0xfed91000, .limit = 0xfed91fff};
	assert_string_equal(rmrr_meets(&r, &a), "an IOMMU's registers");
	r = (struct dmar_rmrr){.base = 0xfecff000, .limit = 0xfed00fff};
	assert_string_equal(rmrr_meets(&r, &a), "the HPET");
	r = (struct dmar_rmrr){.base = 0xb1fff000, .limit = 0xb1ffffff};
	assert_string_equal(rmrr_meets(&r, &a), "a window of config space");
	r = (struct dmar_rmrr){.base = 0xb2000000, .limit = 0xb2000fff};
	assert_null(rmrr_meets(&r, &a));
	r = (struct dmar_rmrr){.base = 0xb0000000, .limit = 0xb0ffffff};
	assert_null(rmrr_meets(&r, &a));
}

/* What firmware does in a region is not interrupted by changes around it. */
static void test_region_stays(void **state)
{
	gpa_t end = gpa(FIXTURE_LIMIT);

	(void)state;
	assert_int_equal(iommu_sync(dom0, gpa(0), &end, UINT32_MAX), 0);
	assert_int_equal(end.v, FIXTURE_LIMIT);
	iommu_flush(dom0);
	assert_true(maps(table_of(USB), REGION));
	assert_false(maps(table_of(NIC), REGION));
}

static void test_follows_bars(void **state)
{
	const struct iommu_table *t = table_of(NIC);

	(void)state;
	assert_false(maps(t, NIC_BAR0));
	written_back = 0;
	cfg_write(NIC, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	assert_true(written_back >= (MIB + 16384) / PAGE_SIZE * 8);
	assert_true(maps(t, NIC_BAR0) && maps(t, NIC_BAR0 + MIB - 4096));
	assert_true(flushes >= 1);
	/* Both BARs, the trapped table in the second one included. */
	assert_int_equal(flush_start.v, NIC_BAR0);
	assert_int_equal(flush_end.v, NIC_BAR2 + 16384);
	cfg_write(NIC, PCI_REG_COMMAND, 2, 0);
	assert_false(maps(t, NIC_BAR0));
	/* A table became empty: nothing that led to it may be remembered. */
	assert_int_equal(flush_start.v, 0);
	assert_int_equal(flush_end.v, FIXTURE_LIMIT);
	assert_int_equal(t->tree.freed_count, 0);
}

static void test_aliases(void **state)
{
	sbdf_t alias[REQUESTER_ALIASES_MAX];

	(void)state;
	assert_int_equal(requester_aliases(NIC, alias), 1);
	/* Itself, the conventional bridge, and what the bridge to PCI puts on the bus. */
	assert_int_equal(requester_aliases(LEGACY, alias), 3);
	assert_int_equal(alias[0].v, LEGACY.v);
	assert_int_equal(alias[1].v, sbdf_make(0, 2, 4, 0).v);
	assert_int_equal(alias[2].v, sbdf_make(0, 2, 0, 0).v);
	assert_non_null(table_of(sbdf_make(0, 2, 0, 0)));
	assert_null(table_of(sbdf_make(0, 9, 0, 0)));
}

static void test_scopes(void **state)
{
	struct dmar_scope s = {.type = DMAR_SCOPE_BRIDGE, .bus = 0, .hops = 1};
	sbdf_t out;

	(void)state;
	s.path[0].device = 2;
	assert_true(scope_matches(&s, 0, LEGACY));
	assert_true(scope_matches(&s, 0, sbdf_make(0, 0, 2, 0)));
	assert_false(scope_matches(&s, 0, NIC));
	assert_false(scope_matches(&s, 1, LEGACY));
	s.type = DMAR_SCOPE_ENDPOINT;
	assert_false(scope_matches(&s, 0, LEGACY));
	s.hops = 2;
	s.path[1].device = 4;
	assert_true(scope_resolve(&s, 0, &out));
	assert_int_equal(out.v, sbdf_make(0, 2, 4, 0).v);
	s.path[0].device = 9; /* nobody there */
	assert_false(scope_resolve(&s, 0, &out));
	s.path[0].device = 0x1d; /* no bridge */
	assert_false(scope_resolve(&s, 0, &out));
}

static void test_reset(void **state)
{
	const struct iommu_table *t = table_of(NIC);

	(void)state;
	iommu_device_hold(NIC);
	assert_null(table_of(NIC)->domain);
	assert_false(maps(table_of(NIC), 0x1000));
	iommu_device_back(dom0, NIC);
	assert_ptr_equal(table_of(NIC), t);
	/* By the domain's own reset: held until the function answers again. */
	cfg_write(NIC, NIC_EXP + EXP_REG_DEVCTL, 2, EXP_DEVCTL_FLR);
	assert_null(table_of(NIC)->domain);
	(void)cfg_read(NIC, PCI_REG_VENDOR, 4);
	assert_ptr_equal(table_of(NIC), t);
}

static void fault(sbdf_t s, unsigned times)
{
	struct iommu_fault f = {
		.requester = s, .write = true, .address = FIXTURE_OURS, .reason = "not mapped"};

	for (unsigned i = 0; i < times; i++) {
		iommu_fault(&f);
	}
}

static void test_storm(void **state)
{
	struct iommu_stats before, after;

	(void)state;
	iommu_stats(&before);
	cfg_write(NIC, PCI_REG_COMMAND, 2, PCI_CMD_MASTER);
	/* Spread over time it is no storm. */
	for (unsigned i = 0; i < 4; i++) {
		fault(NIC, IOMMU_STORM_FAULTS - 1);
		host_time_set(arch_time() + (IOMMU_STORM_SECONDS + 1) * arch_time_hz());
	}
	assert_false(iommu_quarantined(NIC));
	fault(NIC, IOMMU_STORM_FAULTS);
	assert_true(iommu_quarantined(NIC));
	assert_null(table_of(NIC)->domain);
	assert_true(silent[NIC.v & 0xffff]);
	assert_int_equal(host_pci_get(nic, 4, 2) & PCI_CMD_MASTER, 0);
	assert_ptr_equal(table_of(USB)->domain, dom0);
	iommu_stats(&after);
	assert_int_equal(after.dma_faults - before.dma_faults, 5 * IOMMU_STORM_FAULTS - 4);
	assert_int_equal(after.quarantined, 1);
	/* A reset by its driver brings it back. */
	cfg_write(NIC, NIC_EXP + EXP_REG_DEVCTL, 2, EXP_DEVCTL_FLR);
	(void)cfg_read(NIC, PCI_REG_VENDOR, 4);
	assert_false(iommu_quarantined(NIC));
	assert_ptr_equal(table_of(NIC)->domain, dom0);
	assert_false(silent[NIC.v & 0xffff]);
}

/* A virtual function has no vendor to be known by. */
static void test_virtual_storm(void **state)
{
	(void)state;
	cfg_write(NIC, PCI_REG_COMMAND, 2, PCI_CMD_MASTER);
	host_pci_set(nic, PCI_REG_VENDOR, 4, 0xffffffff);
	fault(NIC, IOMMU_STORM_FAULTS);
	assert_true(iommu_quarantined(NIC));
	assert_int_equal(host_pci_get(nic, 4, 2) & PCI_CMD_MASTER, 0);
}

/* An id that a bridge gives is cut off, and let go, at the unit of whoever sends under it. */
static void test_alias_storm(void **state)
{
	sbdf_t alias = sbdf_make(0, 2, 0, 0);
	unsigned id = alias.v & 0xffff;

	(void)state;
	assert_ptr_equal(attached_by[1][id]->domain, dom0);
	fault(alias, IOMMU_STORM_FAULTS);
	assert_true(iommu_quarantined(alias));
	assert_null(attached_by[1][id]->domain);
	assert_ptr_equal(table_of(NIC)->domain, dom0);
	/* Not by a device that has nothing to do with it. */
	iommu_device_back(dom0, NIC);
	assert_true(iommu_quarantined(alias));
	iommu_device_back(dom0, LEGACY);
	assert_false(iommu_quarantined(alias));
	assert_ptr_equal(attached_by[1][id]->domain, dom0);
	/* Another device in its place starts anew as well. */
	fault(alias, IOMMU_STORM_FAULTS);
	fault(NIC, IOMMU_STORM_FAULTS);
	assert_null(attached_by[1][id]->domain);
	iommu_device_add(dom0, LEGACY);
	assert_ptr_equal(attached_by[1][id]->domain, dom0);
	assert_true(iommu_quarantined(NIC));
	iommu_device_add(dom0, NIC);
	assert_false(iommu_quarantined(NIC));
	assert_ptr_equal(table_of(NIC)->domain, dom0);
}

/* More devices behind bridges than are remembered: nothing breaks. */
static void test_many_aliases(void **state)
{
	sbdf_t alias = sbdf_make(0, 2, 0, 0);

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		iommu_device_add(dom0, sbdf_make(0, 3, i / 8 % 32, i % 8));
	}
	fault(alias, IOMMU_STORM_FAULTS);
	assert_null(table_of(alias)->domain);
	iommu_device_add(dom0, LEGACY);
	assert_ptr_equal(table_of(alias)->domain, dom0);
}

/* Lines are limited: a storm is a handful of them, and says how many were left out. */
static void test_storm_lines(void **state)
{
	unsigned lines = 0;

	(void)state;
	host_console_clear();
	for (unsigned i = 0; i < 1000; i++) {
		fault(sbdf_make(0, 0x20, i % 32, 0), 1);
	}
	for (const char *s = host_console(); (s = strstr(s, "iommu: fault")) != NULL; s++) {
		lines++;
	}
	assert_true(lines <= 12);
}

static void msix_program(unsigned index, unsigned cpu)
{
	uint64_t at = NIC_BAR2 + index * 16;

	mem_write(dom0, at, 4, (uint32_t)FIXTURE_MSG(cpu));
	mem_write(dom0, at + 4, 4, 0);
	mem_write(dom0, at + 8, 4, 0x41 + index);
	mem_write(dom0, at + 12, 4, 0);
}

static void test_interrupts(void **state)
{
	unsigned writes, used;
	struct iommu_stats s;
	unsigned handle;

	(void)state;
	cfg_write(NIC, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY | PCI_CMD_MASTER);
	msix_program(0, 1);
	cfg_write(NIC, NIC_MSIX + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE);
	msix_program(1, 2);
	iommu_stats(&s);
	used = s.entries_used;
	assert_int_equal(used, 2);
	/* The device has the entry's number, the entry has the rest. */
	handle = (unsigned)(host_pci_memory_get(nic, 2, 16, 4) >> 5 & 0x7fff);
	assert_int_equal(host_pci_memory_get(nic, 2, 16, 4) & 0x10, 0x10);
	assert_int_equal(host_pci_memory_get(nic, 2, 24, 4), 0);
	assert_true(entry_valid[handle]);
	assert_int_equal(entry[handle].cpu, 2);
	assert_int_equal(entry[handle].verify, REMAP_REQUESTER);
	assert_int_equal(entry[handle].requester, NIC.v & 0xffff);
	/* To another processor: the entry moves, the device is not written. */
	writes = host_iomap_write_count;
	mem_write(dom0, NIC_BAR2 + 16, 4, (uint32_t)FIXTURE_MSG(3));
	assert_int_equal(entry[handle].cpu, 3);
	assert_int_equal(host_iomap_write_count, writes);
	assert_ptr_equal(host_vector_source(3, entry[handle].vector)->domain, dom0);
	cfg_write(NIC, NIC_MSIX + MSIX_REG_CONTROL, 2, 0);
	assert_false(entry_valid[handle]);
	iommu_stats(&s);
	assert_int_equal(s.entries_used, 0);
}

/* All entries of the machine in use: the source stays masked and the log says so. */
static void test_no_entries(void **state)
{
	static struct irq_source many[ENTRIES + 1];
	unsigned count = 0;

	(void)state;
	for (unsigned i = 0; i <= ENTRIES; i++) {
		irq_source_init(&many[i], NULL, IRQ_OURS, NULL, NULL, i);
		if (remap_bind(&many[i]) < 0) {
			break;
		}
		count++;
	}
	assert_int_equal(count, ENTRIES);
	host_console_clear();
	cfg_write(NIC, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	cfg_write(NIC, NIC_MSIX + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE);
	msix_program(0, 1);
	assert_true(host_console_contains("no remapping entry left"));
	assert_int_equal(host_pci_memory_get(nic, 2, 12, 4) & 1, 1);
	remap_release(&many[7]);
	msix_program(0, 1);
	assert_int_equal(host_pci_memory_get(nic, 2, 12, 4) & 1, 0);
}

/* A 3-level tree without large pages, for units that can no more. */
static void test_small_format(void **state)
{
	struct nested_format f = nested_vtd;
	struct nested n;
	struct nested_leaf leaf;

	(void)state;
	f.levels = 3;
	f.only_4k = true;
	assert_int_equal(nested_init(&n, &f), 0);
	assert_int_equal(nested_refill(&n, 64), 0);
	assert_int_equal(nested_map(&n, gpa(0), hpa(0), 8 * MIB, NESTED_WB, true, NULL), 0);
	assert_true(nested_lookup(&n, gpa(4 * MIB), &leaf));
	assert_int_equal(leaf.size, PAGE_SIZE);
	assert_int_equal(leaf.bits, 3);
	nested_destroy(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_tables, machine),
		cmocka_unit_test_setup(test_regions, machine),
		cmocka_unit_test_setup(test_region_stays, machine),
		cmocka_unit_test_setup(test_region_sets, machine_of_sets),
		cmocka_unit_test_setup(test_few_tags, machine_of_sets),
		cmocka_unit_test(test_region_over_registers),
		cmocka_unit_test_setup(test_follows_bars, machine),
		cmocka_unit_test_setup(test_aliases, machine),
		cmocka_unit_test_setup(test_scopes, machine),
		cmocka_unit_test_setup(test_reset, machine),
		cmocka_unit_test_setup(test_storm, machine),
		cmocka_unit_test_setup(test_virtual_storm, machine),
		cmocka_unit_test_setup(test_alias_storm, machine),
		cmocka_unit_test_setup(test_many_aliases, machine),
		cmocka_unit_test_setup(test_storm_lines, machine),
		cmocka_unit_test_setup(test_interrupts, machine),
		cmocka_unit_test_setup(test_no_entries, machine),
		cmocka_unit_test_setup(test_small_format, machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
