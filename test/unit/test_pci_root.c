/* SPDX-License-Identifier: MIT */
/*
 * The root complex: enumeration, functions that appear later, what is set
 * aside for them and its end, claims, hidden functions, the second domain.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pci_fixture.h"

static const sbdf_t nic = {0x0010};

static struct host_pci *plain(unsigned bus, unsigned dev, unsigned fn)
{
	return host_pci_add(sbdf_make(0, bus, dev, fn), 0x1af4, 0x1000, 0xff00, false);
}

static void bridge(unsigned bus, unsigned dev, unsigned secondary, unsigned subordinate)
{
	struct host_pci *p = host_pci_add(sbdf_make(0, bus, dev, 0), 0x1b36, 0x000c, 0x0604, true);

	host_pci_set(p, PCI_REG_PRIMARY, 1, bus);
	host_pci_set(p, PCI_REG_SECONDARY, 1, secondary);
	host_pci_set(p, PCI_REG_SUBORDINATE, 1, subordinate);
}

static void test_enumeration(void **state)
{
	struct host_pci *multi = plain(0, 1, 0);

	(void)state;
	plain(0, 1, 3);
	plain(0, 2, 0);
	plain(0, 2, 5); /* function 0 is not multi-function: not looked for */
	host_pci_set(multi, PCI_REG_HEADER_TYPE, 1, PCI_HEADER_MULTI);
	bridge(0, 3, 1, 3);
	bridge(1, 0, 2, 3);
	plain(2, 0, 0);
	plain(3, 7, 0);       /* between the bridges, but no bridge leads to it */
	bridge(0, 4, 0, 0);   /* not set up */
	bridge(0, 5, 0, 255); /* leads back */
	plain(0x80, 0, 0);    /* another root bus */
	bridge(0x80, 1, 0x81, 0x81);
	plain(0x81, 0, 0);
	fixture_start();
	assert_int_equal(stats().functions, 11);
	assert_int_equal(stats().refused, 0);
}

static void test_enumeration_without_ecam(void **state)
{
	(void)state;
	fixture_create(0);
	plain(0, 1, 0);
	plain(0x40, 1, 0);
	fixture_start();
	assert_int_equal(stats().functions, 2);
	assert_int_equal(cf8_read(dom0, sbdf_make(0, 0x40, 1, 0), 0, 4), 0x10001af4);
}

static void test_bridges_in_a_ring(void **state)
{
	(void)state;
	bridge(0, 1, 5, 9);
	bridge(5, 1, 6, 9);
	bridge(6, 1, 5, 9);
	bridge(6, 2, 6, 9);
	fixture_start();
	assert_int_equal(stats().functions, 4);
}

static void test_admitted_on_first_access(void **state)
{
	struct host_pci *p;

	(void)state;
	fixture_start();
	assert_int_equal(stats().functions, 0);
	assert_int_equal(cfg_read(nic, 0, 4), 0xffffffffu);
	p = fixture_nic(nic);
	host_pci_set(p, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	assert_int_equal(cfg_read(nic, 0, 2), 0x8086);
	assert_int_equal(stats().functions, 1);
	assert_int_equal(type_at(NIC_BAR0), MEM_MMIO);
	assert_int_equal(type_at(NIC_BAR2), MEM_TRAP);
	/* Its messages are in our hands like those of the others. */
	mem_write(dom0, NIC_BAR2, 8, FIXTURE_MSG(1));
	mem_write(dom0, NIC_BAR2 + 8, 8, 0x33);
	cfg_write(nic, NIC_MSIX + 2, 2, MSIX_CTL_ENABLE);
	assert_true(host_pci_fire_msix(p, 0));
	assert_true(vector_pending(1, 0x33));
	/* The first access may be a write. */
	fixture_nic(sbdf_make(0, 9, 0, 0));
	cfg_write(sbdf_make(0, 9, 0, 0), PCI_REG_INTERRUPT, 1, 11);
	assert_int_equal(cf8_read(dom0, sbdf_make(0, 9, 0, 0), PCI_REG_INTERRUPT, 1), 11);
	assert_int_equal(stats().functions, 2);
}

static void test_nothing_allocated_later(void **state)
{
	size_t before;

	(void)state;
	fixture_start();
	before = page_free_count();
	fixture_nic(nic);
	fixture_nic(sbdf_make(0, 5, 0, 0));
	assert_int_equal(cfg_read(nic, 0, 2), 0x8086);
	assert_int_equal(cfg_read(sbdf_make(0, 5, 0, 0), 0, 2), 0x8086);
	assert_int_equal(page_free_count(), before);
}

static void test_exhaustion(void **state)
{
	unsigned spare;

	(void)state;
	fixture_start();
	spare = stats().spare_functions;
	for (unsigned i = 0; i < spare + 3; i++) {
		struct host_pci *p = plain(0, i, 0);

		host_pci_set(p, PCI_REG_INTERRUPT, 1, 5);
		assert_int_equal(cfg_read(sbdf_make(0, 0, i, 0), 0, 4),
				 i < spare ? 0x10001af4 : 0xffffffffu);
	}
	assert_int_equal(stats().functions, spare);
	assert_true(host_console_contains("is refused: nothing left for another function"));
	/* Refused means refused: nothing of it goes through. */
	cfg_write(sbdf_make(0, 0, spare, 0), PCI_REG_INTERRUPT, 1, 9);
	assert_int_equal(
		host_pci_get(host_pci_find(sbdf_make(0, 0, spare, 0)), PCI_REG_INTERRUPT, 1), 5);
	/* A hypercall fills up. */
	assert_int_equal(pci_root_refill(dom0->pci), 0);
	assert_int_equal(cfg_read(sbdf_make(0, 0, spare, 0), 0, 4), 0x10001af4);
}

/* A function with a table of `count` entries appears; can it be enabled? */
static bool table_works(unsigned dev, unsigned count)
{
	sbdf_t s = sbdf_make(0, 0, dev, 0);
	struct host_pci *p = host_pci_add(s, 0x1234, 1, 0xff00, false);

	host_pci_bar(p, 0, 0, 0x10000);
	host_pci_cap_msix(p, 0x40, count, 0, 0, 0, 0x8000);
	cfg_write(s, 0x42, 2, MSIX_CTL_ENABLE);
	return cfg_read(s, 0x42, 2) & MSIX_CTL_ENABLE;
}

static void test_exhaustion_of_buses_and_entries(void **state)
{
	unsigned there = 0;

	(void)state;
	fixture_start();
	for (unsigned bus = 0; bus < 12; bus++) {
		plain(bus, 0, 0);
		there += cfg_read(sbdf_make(0, bus, 0, 0), 0, 4) == 0x10001af4;
	}
	assert_int_equal(there, 8);
	assert_int_equal(pci_root_refill(dom0->pci), 0);
	assert_int_equal(stats().spare_entries, MSIX_ENTRIES_MAX);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(table_works(20 + i, 1000), i < 2);
	}
	assert_true(host_console_contains("has no room in our memory"));
	/* The rest of the old ones is not thrown away. */
	assert_int_equal(stats().spare_entries, 48);
	assert_int_equal(pci_root_refill(dom0->pci), 0);
	assert_int_equal(stats().spare_entries, 48 + MSIX_ENTRIES_MAX);
	assert_true(table_works(23, 40));
	assert_int_equal(stats().spare_entries, 8 + MSIX_ENTRIES_MAX);
	assert_true(table_works(24, MSIX_ENTRIES_MAX));
	assert_int_equal(stats().spare_entries, 8);
}

static void test_not_ready_and_virtual(void **state)
{
	struct host_pci *p = plain(0, 2, 0);

	(void)state;
	host_pci_set(p, 0, 2, PCI_VENDOR_NOT_READY);
	fixture_start();
	assert_int_equal(cfg_read(nic, 0, 4), 0x10000001);
	assert_int_equal(stats().functions, 0);
	/* A virtual function has no vendor id, but registers. */
	host_pci_set(p, 0, 4, 0xffffffff);
	host_pci_set(p, 0x40, 4, 0x1234);
	assert_int_equal(cfg_read(nic, 0x40, 4), 0x1234);
	assert_int_equal(stats().functions, 0);
	host_pci_set(p, 0, 4, 0x10001af4);
	assert_int_equal(cfg_read(nic, 0, 4), 0x10001af4);
	assert_int_equal(stats().functions, 1);
}

static void test_pulled_out(void **state)
{
	struct host_pci *p = fixture_nic(nic);

	(void)state;
	fixture_start();
	host_pci_remove(p);
	assert_int_equal(cfg_read(nic, 0, 4), 0xffffffffu);
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	cfg_write(nic, PCI_REG_COMMAND, 2, 0);
	assert_int_equal(stats().bars_mapped, 0);
}

static void test_replaced(void **state)
{
	uint32_t entries;

	(void)state;
	for (unsigned later = 0; later < 2; later++) {
		struct host_pci *p, *q;

		fixture_create(2);
		p = fixture_nic(nic);
		host_pci_set(p, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
		fixture_start();
		mem_write(dom0, NIC_BAR2, 8, FIXTURE_MSG(1));
		mem_write(dom0, NIC_BAR2 + 8, 8, 0x33);
		cfg_write(nic, NIC_MSIX + 2, 2, MSIX_CTL_ENABLE);
		assert_int_equal(host_vector_count(1), 1);
		entries = stats().spare_entries;
		host_pci_remove(p);
		if (later) {
			assert_int_equal(cfg_read(nic, 0, 4), 0xffffffff);
		}
		/* Another device, with its registers elsewhere. */
		q = host_pci_add(nic, 0x1b36, 0x0010, 0x0108, false);
		host_pci_bar(q, 0, PCI_BAR_TYPE_64, 16384);
		host_pci_cap_msix(q, 0x40, 4, 0, 0x2000, 0, 0x3000);
		host_pci_writable(q, 0x70, 4, 0xffffffff);
		host_pci_set(q, 0x70, 4, 0x12345678);
		assert_int_equal(cfg_read(nic, PCI_REG_DEVICE, 2), 0x0010);
		assert_int_equal(host_vector_count(1), 0);
		assert_int_equal(stats().functions, 1);
		assert_int_equal(stats().bars_mapped, 0);
		assert_int_equal(stats().spare_entries, entries + NIC_COUNT - 4);
		assert_int_equal(type_at(NIC_BAR2), MEM_HOLE);
		assert_int_equal(host_pci_get(q, 0x70, 4), 0x12345678); /* not touched */
		cfg_write(nic, 0x10, 4, 0xd0000000);
		cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
		assert_int_equal(type_at(0xd0002000), MEM_TRAP);
		assert_int_equal(type_at(0xd0001000), MEM_MMIO);
		mem_write(dom0, 0xd0002000, 8, FIXTURE_MSG(2));
		mem_write(dom0, 0xd0002008, 8, 0x44);
		cfg_write(nic, 0x42, 2, MSIX_CTL_ENABLE);
		assert_true(host_pci_fire_msix(q, 0));
		assert_true(vector_pending(2, 0x44));
	}
}

/* The same kind of device again: it is as after a reset. */
static void test_replaced_by_its_like(void **state)
{
	struct host_pci *p = fixture_nic(nic);

	(void)state;
	host_pci_set(p, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	fixture_start();
	host_pci_remove(p);
	assert_int_equal(cfg_read(nic, 0, 4), 0xffffffff);
	fixture_nic(nic);
	assert_int_equal(cfg_read(nic, 0, 4), 0x10c98086);
	assert_int_equal(type_at(NIC_BAR0), MEM_HOLE);
	assert_int_equal(stats().bars_mapped, 0);
}

static void test_bus_numbers_change(void **state)
{
	sbdf_t up = sbdf_make(0, 0, 3, 0), old = sbdf_make(0, 4, 0, 0), new = sbdf_make(0, 7, 0, 0);
	struct host_pci *p, *q;

	(void)state;
	bridge(0, 3, 4, 5);
	plain(5, 0, 0);
	plain(8, 0, 0);
	p = fixture_nic(old);
	fixture_start();
	assert_int_equal(cfg_read(sbdf_make(0, 5, 0, 0), 0, 4), 0x10001af4);
	assert_int_equal(stats().functions, 4);
	cfg_write(old, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	mem_write(dom0, NIC_BAR2, 8, FIXTURE_MSG(1));
	mem_write(dom0, NIC_BAR2 + 8, 8, 0x33);
	cfg_write(old, NIC_MSIX + 2, 2, MSIX_CTL_ENABLE);
	/* The same numbers, and room for more: nobody moves. */
	cfg_write(up, PCI_REG_PRIMARY, 4, 0x00050400);
	cfg_write(up, PCI_REG_SUBORDINATE, 1, 6);
	assert_int_equal(stats().functions, 4);
	cfg_write(up, PCI_REG_SUBORDINATE, 1, 4);
	assert_int_equal(stats().functions, 3);
	cfg_write(up, PCI_REG_PRIMARY, 4, 0x00070700);
	assert_int_equal(stats().functions, 2);
	assert_int_equal(stats().bars_mapped, 0);
	assert_int_equal(host_vector_count(1), 0);
	assert_int_equal(type_at(NIC_BAR0), MEM_HOLE);
	assert_false(host_pci_get(p, NIC_MSIX + 2, 2) & MSIX_CTL_ENABLE);
	host_pci_remove(p);
	q = fixture_nic(new);
	host_pci_set(q, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	assert_int_equal(cfg_read(old, 0, 4), 0xffffffff);
	assert_int_equal(cfg_read(new, 0, 4), 0x10c98086);
	assert_int_equal(owner_at(NIC_BAR0), new.v);
	/* Those from boot are used again, with windows large enough. */
	assert_int_equal(pci_root_refill(dom0->pci), 0);
	assert_true(table_works(20, MSIX_ENTRIES_MAX));
}

/* What a write decides is carried out before anybody else's write is decided. */
static bool locked_at[PCI_CONFIG_SIZE];

static void note_lock(sbdf_t sbdf, unsigned reg)
{
	(void)sbdf;
	locked_at[reg] = dom0->pci_lock.held;
}

static void test_writes_under_the_lock(void **state)
{
	(void)state;
	fixture_nic(nic);
	fixture_start();
	host_pci_write_hook = note_lock;
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MASTER);
	cfg_write(nic, PCI_REG_BAR0, 4, 0xd0000000);
	cfg_write(nic, NIC_MSIX + 2, 2, MSIX_CTL_MASKALL);
	assert_true(locked_at[PCI_REG_COMMAND]);
	assert_true(locked_at[PCI_REG_BAR0]);
	assert_true(locked_at[NIC_MSIX + 2]);
	/* Would spin for ever if it took the lock. */
	lock_acquire(&dom0->pci_lock);
	cfg_write(nic, PCI_REG_INTERRUPT, 1, 9);
	lock_release(&dom0->pci_lock);
	assert_int_equal(cfg_read(nic, PCI_REG_INTERRUPT, 1), 9);
}

static void test_hidden(void **state)
{
	struct host_pci *p = fixture_nic(nic);

	(void)state;
	assert_int_equal(pci_hide(dom0->pci, nic), 0);
	assert_int_equal(pci_hide(dom0->pci, nic), -EBUSY);
	assert_int_equal(pci_hide(dom0->pci, sbdf_make(7, 0, 0, 0)), -EINVAL);
	fixture_start();
	assert_int_equal(stats().functions, 0);
	for (unsigned reg = 0; reg < 64; reg += 4) {
		assert_int_equal(cfg_read(nic, reg, 4), 0xffffffffu);
		assert_int_equal(cf8_read(dom0, nic, reg, 4), 0xffffffffu);
	}
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	assert_int_equal(host_pci_get(p, PCI_REG_COMMAND, 2), 0);
}

/* ---- somebody else's functions ---- */

static uint32_t emulated_register;

static enum verdict emulated_read(void *ctx, struct pci_access *a)
{
	const uint32_t *regs = ctx;

	if (a->reg == 0x40) {
		return VERDICT_FORWARD;
	}
	a->value = *regs >> (8 * (a->reg & 3)) & (uint32_t)ones(a->len);
	return VERDICT_DONE;
}

static enum verdict emulated_write(void *ctx, struct pci_access *a, struct pci_effects *effects)
{
	uint32_t *regs = ctx;

	(void)effects;
	*regs = a->value;
	return VERDICT_DONE;
}

static const struct pci_ops emulated = {
	.name = "test device", .read = emulated_read, .write = emulated_write};

static void test_claims(void **state)
{
	sbdf_t s = sbdf_make(0, 0x20, 1, 0);

	(void)state;
	emulated_register = 0xaabbccdd;
	fixture_nic(nic);
	fixture_start();
	assert_int_equal(pci_claim(dom0->pci, nic, &emulated, &emulated_register), -EBUSY);
	assert_true(host_console_contains("test device cannot have 0000:00:02.0: it belongs to "
					  "passthrough"));
	assert_int_equal(pci_claim(domu->pci, s, &emulated, &emulated_register), 0);
	assert_int_equal(pci_claim(domu->pci, s, &emulated, &emulated_register), -EBUSY);
	assert_int_equal(mem_read(domu, ecam_address(s, 1), 2), 0xbbcc);
	assert_int_equal(mem_read(domu, ecam_address(s, 0x40), 2), 0xffff);
	cf8_write(domu, s, 0, 4, 0x11223344);
	assert_int_equal(mem_read(domu, ecam_address(s, 0), 4), 0x11223344);
	/* Not in the other domain. */
	assert_int_equal(cfg_read(s, 0, 4), 0xffffffffu);
	assert_int_equal(pci_release(domu->pci, s, &emulated), 0);
	assert_int_equal(pci_release(domu->pci, s, &emulated), -ENOENT);
	assert_int_equal(pci_release(dom0->pci, nic, &emulated), -ENOENT);
	assert_int_equal(mem_read(domu, ecam_address(s, 0), 4), 0xffffffff);
}

static void test_second_domain_sees_no_machine(void **state)
{
	(void)state;
	fixture_nic(nic);
	fixture_start();
	host_pci_read_count = 0;
	assert_int_equal(mem_read(domu, ecam_address(nic, 0), 4), 0xffffffff);
	mem_write(domu, ecam_address(nic, 4), 2, 7);
	assert_int_equal(cf8_read(domu, nic, 0, 4), 0xffffffff);
	assert_int_equal(host_pci_read_count, 0);
	assert_int_equal(pci_root_enumerate(domu->pci), -EINVAL);
}

static void test_plain_registers_take_no_lock(void **state)
{
	(void)state;
	fixture_nic(nic);
	fixture_start();
	/* Would spin for ever otherwise. */
	lock_acquire(&dom0->pci_lock);
	assert_int_equal(cfg_read(nic, 0, 4), 0x10c98086);
	assert_int_equal(cfg_read(nic, NIC_MSI + 4, 4), 0);
	assert_int_equal(cfg_read(nic, 0x200, 4), 0);
	lock_release(&dom0->pci_lock);
}

static void test_log(void **state)
{
	struct host_pci *p = fixture_nic(nic);

	(void)state;
	host_pci_set(p, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	fixture_start();
	host_console_clear();
	pci_root_log(dom0->pci);
	assert_true(host_console_contains("segment 1 buses 16-31 by ECAM at 0x2000000000"));
	assert_true(
		host_console_contains("0000:00:02.0 8086:10c9 class 0200 command 0002 MSI MSI-X"));
	assert_true(host_console_contains("BAR 0 [0xc0000000, +0x100000) mapped"));
	assert_true(host_console_contains("BAR 3 [0xc000, +0x20) I/O"));
	assert_true(host_console_contains("BAR 6 [0x0, +0x10000) off"));
}

#define T(f) cmocka_unit_test_setup(f, fixture_machine)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_enumeration),
		T(test_enumeration_without_ecam),
		T(test_bridges_in_a_ring),
		T(test_admitted_on_first_access),
		T(test_nothing_allocated_later),
		T(test_exhaustion),
		T(test_exhaustion_of_buses_and_entries),
		T(test_not_ready_and_virtual),
		T(test_pulled_out),
		T(test_replaced),
		T(test_replaced_by_its_like),
		T(test_bus_numbers_change),
		T(test_writes_under_the_lock),
		T(test_hidden),
		T(test_claims),
		T(test_second_domain_sees_no_machine),
		T(test_plain_registers_take_no_lock),
		T(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
