/* SPDX-License-Identifier: MIT */
/*
 * MSI (PCI 3.0 6.8.1) in its four forms: what the guest reads back, what is in
 * the device, and that an interrupt of the device arrives as the guest's message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <taproot/iommu.h>

#include "pci_fixture.h"

#define CONTROL (NIC_MSI + MSI_REG_CONTROL)

static const sbdf_t nic = {0x0010};

/* The four forms of the capability. */
struct form {
	bool is64, maskable;
	unsigned data, mask, pending;
};

static const struct form forms[] = {
	{false, false, 0x08, 0, 0},
	{true, false, 0x0c, 0, 0},
	{false, true, 0x08, 0x0c, 0x10},
	{true, true, 0x0c, 0x10, 0x14},
};

static struct host_pci *start(const struct form *form)
{
	struct host_pci *p;

	fixture_create(2);
	p = host_pci_add(nic, 0x1234, 0x11e8, 0x00ff, false);
	host_pci_cap_msi(p, NIC_MSI, form->is64, form->maskable, 3);
	fixture_start();
	return p;
}

static void program(const struct form *form, uint64_t address, uint32_t data)
{
	cfg_write(nic, NIC_MSI + MSI_REG_ADDRESS, 4, (uint32_t)address);
	if (form->is64) {
		cfg_write(nic, NIC_MSI + MSI_REG_ADDRESS_HI, 4, (uint32_t)(address >> 32));
	}
	cfg_write(nic, NIC_MSI + form->data, 2, data);
}

static void test_guest_sees_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
		const struct form *form = &forms[i];
		struct host_pci *p = start(form);

		program(form, FIXTURE_MSG(1), 0x41);
		assert_int_equal(host_pci_get(p, NIC_MSI + MSI_REG_ADDRESS, 4), 0);
		cfg_write(nic, CONTROL, 2, MSI_CTL_ENABLE);
		assert_int_equal(cfg_read(nic, NIC_MSI + MSI_REG_ADDRESS, 4), FIXTURE_MSG(1));
		assert_int_equal(cfg_read(nic, NIC_MSI + form->data, 4), 0x41);
		/* The device has a vector of ours at the processor the guest named. */
		assert_int_equal(host_pci_get(p, NIC_MSI + MSI_REG_ADDRESS, 4), FIXTURE_MSG(1));
		assert_int_equal(host_pci_get(p, NIC_MSI + form->data, 2), 0x30);
		assert_true(host_pci_get(p, CONTROL, 2) & MSI_CTL_ENABLE);
		assert_int_equal(host_vector_count(1), 1);
		assert_true(host_pci_fire_msi(p));
		assert_true(vector_pending(1, 0x41));
		/* One message only is offered, whatever the device can do. */
		assert_int_equal(cfg_read(nic, CONTROL, 2),
				 MSI_CTL_ENABLE | (form->is64 ? MSI_CTL_64 : 0) |
					 (form->maskable ? MSI_CTL_MASKABLE : 0));
		cfg_write(nic, CONTROL, 2, 0);
		assert_int_equal(host_vector_count(1), 0);
		assert_false(host_pci_get(p, CONTROL, 2) & MSI_CTL_ENABLE);
	}
}

static void test_multiple_messages_stay_one(void **state)
{
	struct host_pci *p = start(&forms[1]);

	(void)state;
	program(&forms[1], FIXTURE_MSG(0), 0x50);
	cfg_write(nic, CONTROL, 2, MSI_CTL_ENABLE | 0x30);
	assert_int_equal(cfg_read(nic, CONTROL, 2) & MSI_CTL_ALLOCATED, 0x30);
	assert_int_equal(host_pci_get(p, CONTROL, 2) & MSI_CTL_ALLOCATED, 0);
}

static void test_mask_bit(void **state)
{
	const struct form *form = &forms[3];
	struct host_pci *p = start(form);

	(void)state;
	cfg_write(nic, NIC_MSI + form->mask, 4, 0xffffffff);
	assert_int_equal(cfg_read(nic, NIC_MSI + form->mask, 4), 1);
	program(form, FIXTURE_MSG(2), 0x66);
	cfg_write(nic, CONTROL, 2, MSI_CTL_ENABLE);
	/* Enabled but masked: no vector needed, and the device is masked. */
	assert_int_equal(host_vector_count(2), 0);
	assert_int_equal(host_pci_get(p, NIC_MSI + form->mask, 4), 1);
	assert_false(host_pci_fire_msi(p));
	cfg_write(nic, NIC_MSI + form->mask, 4, 0);
	assert_int_equal(host_pci_get(p, NIC_MSI + form->mask, 4), 0);
	assert_true(host_pci_fire_msi(p));
	assert_true(vector_pending(2, 0x66));
	cfg_write(nic, NIC_MSI + form->mask, 1, 1);
	assert_false(host_pci_fire_msi(p));
	/* Pending bits are the device's. */
	host_pci_set(p, NIC_MSI + form->pending, 4, 1);
	assert_int_equal(cfg_read(nic, NIC_MSI + form->pending, 4), 1);
}

static void test_retarget(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
		struct host_pci *p = start(&forms[i]);

		program(&forms[i], FIXTURE_MSG(0), 0x41);
		cfg_write(nic, CONTROL, 2, MSI_CTL_ENABLE);
		program(&forms[i], FIXTURE_MSG(3), 0x42);
		assert_int_equal(cfg_read(nic, NIC_MSI + MSI_REG_ADDRESS, 4), FIXTURE_MSG(3));
		assert_true(host_pci_fire_msi(p));
		assert_true(vector_pending(3, 0x42));
		assert_true(host_pci_get(p, CONTROL, 2) & MSI_CTL_ENABLE);
		assert_int_equal(host_vector_count(3), 1);
		assert_int_equal(host_vector_count(0), 0); /* given back at the first interrupt */
	}
}

/* Without a mask bit there is no moment with half of a new message: the vector stays. */
static void test_retarget_keeps_the_vector(void **state)
{
	static struct irq_source squatter;
	struct host_pci *p = start(&forms[1]);
	uint32_t vector;

	(void)state;
	program(&forms[1], FIXTURE_MSG(0), 0x41);
	assert_true(arch_vector_alloc(0, &squatter) >= 0);
	cfg_write(nic, CONTROL, 2, MSI_CTL_ENABLE);
	vector = host_pci_get(p, NIC_MSI + forms[1].data, 2);
	/* There and back without an interrupt in between, and there again. */
	for (unsigned i = 1; i < 4; i++) {
		cfg_write(nic, NIC_MSI + MSI_REG_ADDRESS, 4, (uint32_t)FIXTURE_MSG(i & 1));
		assert_int_equal(host_pci_get(p, NIC_MSI + MSI_REG_ADDRESS, 4), FIXTURE_MSG(i & 1));
		assert_int_equal(host_pci_get(p, NIC_MSI + forms[1].data, 2), vector);
		assert_non_null(host_vector_source(i & 1, vector));
	}
	assert_true(host_pci_fire_msi(p));
	assert_true(vector_pending(1, 0x41));
	assert_null(host_vector_source(0, vector));
	/* Taken over there: it stays here, and the guest's message is delivered all the same. */
	assert_int_equal(arch_vector_alloc_at(2, vector, &squatter), (int)vector);
	assert_int_equal(arch_vector_alloc_at(2, vector, &squatter), -ENOSPC);
	cfg_write(nic, NIC_MSI + MSI_REG_ADDRESS, 4, (uint32_t)FIXTURE_MSG(2));
	assert_int_equal(host_pci_get(p, NIC_MSI + MSI_REG_ADDRESS, 4), FIXTURE_MSG(1));
	assert_true(host_pci_fire_msi(p));
	assert_true(vector_pending(2, 0x41));
	cfg_write(nic, CONTROL, 2, 0);
	assert_int_equal(host_vector_count(1), 0);
}

/*
 * Masked, address, data, unmasked: an interrupt that was under way meets the address and data of
 * before or those of after, wherever it is taken.
 */
static void retarget_masked(const struct form *form, struct host_pci *p, unsigned taken_at)
{
	const struct {
		unsigned reg, len;
		uint32_t value;
	} writes[] = {
		{NIC_MSI + form->mask, 4, 1},
		{NIC_MSI + MSI_REG_ADDRESS, 4, (uint32_t)FIXTURE_MSG(1)},
		{NIC_MSI + form->data, 2, 0x52},
		{NIC_MSI + form->mask, 4, 0},
	};

	program(form, FIXTURE_MSG(0), 0x41);
	cfg_write(nic, CONTROL, 2, MSI_CTL_ENABLE);
	assert_true(host_msi_pend(host_pci_get(p, NIC_MSI + MSI_REG_ADDRESS, 4),
				  host_pci_get(p, NIC_MSI + form->data, 2)));
	for (unsigned i = 0; i < ARRAY_SIZE(writes); i++) {
		if (i == taken_at) {
			host_take_pending(0);
		}
		cfg_write(nic, writes[i].reg, writes[i].len, writes[i].value);
	}
	host_take_pending(0);
	assert_int_equal(vector_pending(0, 0x41), taken_at < 4);
	assert_int_equal(vector_pending(1, 0x52), taken_at == 4);
	assert_false(vector_pending(0, 0x52));
	assert_false(vector_pending(1, 0x41));
}

static void test_retarget_masked_with_one_pending(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
		for (unsigned taken_at = 0; forms[i].maskable && taken_at <= 4; taken_at++) {
			retarget_masked(&forms[i], start(&forms[i]), taken_at);
		}
	}
}

static void test_parts_of_registers(void **state)
{
	const struct form *form = &forms[1];

	(void)state;
	start(form);
	cfg_write(nic, NIC_MSI + MSI_REG_ADDRESS + 2, 2, 0xfee0);
	cfg_write(nic, NIC_MSI + MSI_REG_ADDRESS + 1, 1, 0x10);
	cfg_write(nic, NIC_MSI + MSI_REG_ADDRESS, 1, 0xff);
	assert_int_equal(cfg_read(nic, NIC_MSI + MSI_REG_ADDRESS, 4), 0xfee010fc);
	cfg_write(nic, NIC_MSI + form->data, 4, 0xffff1234);
	assert_int_equal(cfg_read(nic, NIC_MSI + form->data, 4), 0x1234);
	assert_int_equal(cfg_read(nic, NIC_MSI + form->data + 1, 1), 0x12);
	assert_int_equal(cfg_read(nic, NIC_MSI, 2), PCI_CAPID_MSI);
	/* A dword to the capability's first register writes control alone. */
	cfg_write(nic, NIC_MSI, 4, 0x0001ffff);
	assert_int_equal(cfg_read(nic, NIC_MSI, 4), 0x00810005);
}

static void test_no_vector_no_enable(void **state)
{
	struct host_pci *p = start(&forms[0]);

	(void)state;
	host_vector_limit(0);
	program(&forms[0], FIXTURE_MSG(0), 0x41);
	cfg_write(nic, CONTROL, 2, MSI_CTL_ENABLE);
	assert_int_equal(host_pci_get(p, CONTROL, 2) & MSI_CTL_ENABLE, 0);
	assert_int_equal(cfg_read(nic, CONTROL, 2) & MSI_CTL_ENABLE, MSI_CTL_ENABLE);
	assert_true(host_console_contains("no vector left"));
	/* Another try, when there is one. */
	host_vector_limit(10);
	cfg_write(nic, NIC_MSI + MSI_REG_ADDRESS, 4, (uint32_t)FIXTURE_MSG(0));
	assert_true(host_pci_get(p, CONTROL, 2) & MSI_CTL_ENABLE);
	assert_true(host_pci_fire_msi(p));
	assert_true(vector_pending(0, 0x41));
}

static void test_enabled_before_the_message(void **state)
{
	struct host_pci *p = start(&forms[1]);

	(void)state;
	cfg_write(nic, CONTROL, 2, MSI_CTL_ENABLE);
	assert_int_equal(host_pci_get(p, CONTROL, 2) & MSI_CTL_ENABLE, 0);
	program(&forms[1], FIXTURE_MSG(2), 0x77);
	assert_true(host_pci_get(p, CONTROL, 2) & MSI_CTL_ENABLE);
	assert_true(host_pci_fire_msi(p));
	assert_true(vector_pending(2, 0x77));
}

static void test_left_enabled_by_firmware(void **state)
{
	struct host_pci *p;

	(void)state;
	fixture_create(2);
	p = fixture_nic(nic);
	host_pci_set(p, CONTROL, 2, host_pci_get(p, CONTROL, 2) | MSI_CTL_ENABLE);
	host_pci_set(p, NIC_MSIX + MSIX_REG_CONTROL, 2, MSIX_CTL_ENABLE | (NIC_COUNT - 1));
	fixture_start();
	assert_false(host_pci_get(p, CONTROL, 2) & MSI_CTL_ENABLE);
	assert_false(host_pci_get(p, NIC_MSIX + MSIX_REG_CONTROL, 2) & MSIX_CTL_ENABLE);
	assert_false(cfg_read(nic, CONTROL, 2) & MSI_CTL_ENABLE);
	assert_true(host_console_contains("MSI was enabled"));
}

static void test_refused_capability(void **state)
{
	struct host_pci *p;

	(void)state;
	fixture_create(2);
	p = host_pci_add(nic, 0x1234, 1, 0xff00, false);
	/* Its registers would run past the end: it must not be enabled behind our back. */
	host_pci_cap(p, 0xf8, PCI_CAPID_MSI, 8);
	host_pci_set(p, 0xfa, 2, MSI_CTL_64);
	host_pci_writable(p, 0xfa, 2, 0x71);
	fixture_start();
	cfg_write(nic, 0xfa, 2, MSI_CTL_ENABLE);
	assert_int_equal(host_pci_get(p, 0xfa, 2), MSI_CTL_64);
	cfg_write(nic, 0xf8, 4, 0xffff0000);
	assert_int_equal(host_pci_get(p, 0xfa, 2) & MSI_CTL_ENABLE, 0);
	assert_true(host_console_contains("0000:00:02.0: MSI capability at 0xf8 is refused"));
}

/* ---- several messages, by interrupt remapping ---- */

static struct host_pci *start_remapped(const struct form *form)
{
	struct host_pci *p;

	fixture_create(2);
	host_remap_start();
	p = host_pci_add(nic, 0x1234, 0x11e8, 0x00ff, false);
	host_pci_cap_msi(p, NIC_MSI, form->is64, form->maskable, 3);
	fixture_start();
	return p;
}

static unsigned entries_used(void)
{
	struct iommu_stats s;

	iommu_stats(&s);
	return s.entries_used;
}

static void test_several_messages(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
		const struct form *form = &forms[i];
		struct host_pci *p = start_remapped(form);

		assert_int_equal(cfg_read(nic, CONTROL, 2) & MSI_CTL_CAPABLE, 3 << 1);
		program(form, FIXTURE_MSG(1), 0x5d);
		cfg_write(nic, CONTROL, 2, MSI_CTL_ENABLE | 2 << 4);
		assert_int_equal(host_pci_get(p, CONTROL, 2) & MSI_CTL_ALLOCATED, 2 << 4);
		assert_int_equal(entries_used(), 4);
		for (unsigned n = 0; n < 4; n++) {
			assert_true(host_pci_fire_msi_nth(p, n));
			assert_true(vector_pending(1, 0x5c + n));
			assert_int_equal(vector_pending(1, 0x5d + n), false);
		}
		assert_false(host_pci_fire_msi_nth(p, 4));
		/* They move together, and the device is not told. */
		host_pci_write_count = 0;
		cfg_write(nic, NIC_MSI + MSI_REG_ADDRESS, 4, (uint32_t)FIXTURE_MSG(2));
		assert_int_equal(host_pci_write_count, 0);
		assert_true(host_pci_fire_msi_nth(p, 3));
		assert_true(vector_pending(2, 0x5f));
		cfg_write(nic, CONTROL, 2, 0);
		assert_int_equal(entries_used(), 0);
		assert_int_equal(host_vector_count(1) + host_vector_count(2), 0);
	}
}

static void test_masks_of_several(void **state)
{
	const struct form *form = &forms[3];
	struct host_pci *p = start_remapped(form);

	(void)state;
	cfg_write(nic, NIC_MSI + form->mask, 4, 0xffffffff);
	assert_int_equal(cfg_read(nic, NIC_MSI + form->mask, 4), 0xff);
	program(form, FIXTURE_MSG(0), 0x60);
	cfg_write(nic, CONTROL, 2, MSI_CTL_ENABLE | 3 << 4);
	assert_int_equal(host_vector_count(0), 0);
	assert_int_equal(host_pci_get(p, NIC_MSI + form->mask, 4), 0xff);
	cfg_write(nic, NIC_MSI + form->mask, 4, 0xdb); /* 2 and 5 open */
	for (unsigned n = 0; n < 8; n++) {
		assert_int_equal(host_pci_fire_msi_nth(p, n), n == 2 || n == 5);
		assert_int_equal(vector_pending(0, 0x60 + n), n == 2 || n == 5);
	}
	assert_int_equal(host_vector_count(0), 2);
	host_pci_set(p, NIC_MSI + form->pending, 4, 0x81);
	assert_int_equal(cfg_read(nic, NIC_MSI + form->pending, 4), 0x81);
	/* Fewer than before, while it is on. */
	cfg_write(nic, CONTROL, 2, MSI_CTL_ENABLE | 1 << 4);
	assert_int_equal(entries_used(), 2);
	cfg_write(nic, NIC_MSI + form->mask, 1, 0);
	assert_true(host_pci_fire_msi_nth(p, 1));
	assert_true(vector_pending(0, 0x61));
	assert_false(host_pci_fire_msi_nth(p, 2));
	/* More than there are: as many as there are. */
	cfg_write(nic, CONTROL, 2, MSI_CTL_ENABLE | 5 << 4);
	assert_int_equal(host_pci_get(p, CONTROL, 2) & MSI_CTL_ALLOCATED, 3 << 4);
	cfg_write(nic, CONTROL, 2, 0);
	assert_int_equal(entries_used(), 0);
}

/* All entries but a few are in use, so that there is no block: it stays off. */
static void test_no_block(void **state)
{
	static struct irq_source other[250];
	struct host_pci *p = start_remapped(&forms[1]);

	(void)state;
	for (unsigned i = 0; i < 250; i++) {
		other[i].kind = IRQ_OURS;
		other[i].requester = SBDF_NONE;
		assert_int_equal(remap_bind(&other[i]), 0);
	}
	remap_release(&other[0]);
	program(&forms[1], FIXTURE_MSG(0), 0x60);
	cfg_write(nic, CONTROL, 2, MSI_CTL_ENABLE | 3 << 4);
	assert_false(host_pci_get(p, CONTROL, 2) & MSI_CTL_ENABLE);
	assert_true(cfg_read(nic, CONTROL, 2) & MSI_CTL_ENABLE);
	assert_true(host_console_contains("no block of 8 remapping entries"));
	cfg_write(nic, CONTROL, 2, 0);
	cfg_write(nic, CONTROL, 2, MSI_CTL_ENABLE | 2 << 4);
	assert_true(host_pci_get(p, CONTROL, 2) & MSI_CTL_ENABLE);
	assert_true(host_pci_fire_msi_nth(p, 2));
	assert_true(vector_pending(0, 0x62));
	cfg_write(nic, CONTROL, 2, 0);
	assert_int_equal(entries_used(), 249);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guest_sees_its_own),
		cmocka_unit_test(test_multiple_messages_stay_one),
		cmocka_unit_test(test_mask_bit),
		cmocka_unit_test(test_retarget),
		cmocka_unit_test(test_retarget_keeps_the_vector),
		cmocka_unit_test(test_retarget_masked_with_one_pending),
		cmocka_unit_test(test_parts_of_registers),
		cmocka_unit_test(test_no_vector_no_enable),
		cmocka_unit_test(test_enabled_before_the_message),
		cmocka_unit_test(test_left_enabled_by_firmware),
		cmocka_unit_test(test_refused_capability),
		cmocka_unit_test(test_several_messages),
		cmocka_unit_test(test_masks_of_several),
		cmocka_unit_test(test_no_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
