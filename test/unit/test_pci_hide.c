/* SPDX-License-Identifier: MIT */
/*
 * Hidden capabilities: both lists stay whole whichever of them go, the one at
 * 100h too; registers of a hidden one are out of reach; and which are hidden:
 * ATS, page requests and PASID where an IOMMU translates, none otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <taproot/iommu.h>

#include "../../core/pci/pci_internal.h"
#include "pci_fixture.h"

#define VENDOR 0x09u
#define VPD    0x03u
#define AER    0x01u
#define ACS    0x0du
#define DSN    0x03u

static const sbdf_t nic = {0x0010};
static struct host_pci *dev;

/* ---- rules of a test ---- */

static unsigned hidden_count;
static const struct cap_rule *real_rules;
static unsigned real_count;
static struct cap_rule test_rules[8];

static bool always(const struct pci_function *f)
{
	(void)f;
	return true;
}

static void hide(bool extended, unsigned id)
{
	test_rules[hidden_count++] = (struct cap_rule){
		.extended = extended, .id = (uint16_t)id, .size = 8, .applies = always};
	cap_rules = test_rules;
	cap_rule_count = hidden_count;
}

static int setup(void **state)
{
	(void)state;
	if (!real_rules) {
		real_rules = cap_rules;
		real_count = cap_rule_count;
	}
	cap_rules = real_rules;
	cap_rule_count = real_count;
	hidden_count = 0;
	fixture_create(2);
	dev = host_pci_add(nic, 0x1234, 1, 0xff00, false);
	host_pci_set(dev, PCI_REG_STATUS, 2, PCI_STS_CAPABILITIES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cap_rules = real_rules;
	cap_rule_count = real_count;
	return 0;
}

/* ---- lists ---- */

static void cap(unsigned at, unsigned id, unsigned next)
{
	host_pci_set(dev, at, 1, id);
	host_pci_set(dev, at + 1, 1, next);
	host_pci_set(dev, at + 4, 4, 0xc0ffee00 | id);
	host_pci_writable(dev, at + 4, 4, 0xffffffff);
}

static void extcap(unsigned at, unsigned id, unsigned next)
{
	host_pci_set(dev, at, 4, id | 1u << 16 | next << 20);
	host_pci_set(dev, at + 4, 4, 0xc0ffee00 | id);
	host_pci_writable(dev, at + 4, 4, 0xffffffff);
}

/* The list as a kernel walks it must have exactly these IDs, 0 ends them. */
static void assert_list(const unsigned *ids)
{
	unsigned at = cfg_read(nic, PCI_REG_CAP_POINTER, 1);

	for (unsigned n = 0; n < 48 && at; n++) {
		assert_int_not_equal(*ids, 0);
		assert_int_equal(cfg_read(nic, at, 1), *ids);
		/* The same by words and dwords. */
		assert_int_equal(cfg_read(nic, at, 2) >> 8, cfg_read(nic, at + 1, 1));
		assert_int_equal(cfg_read(nic, at, 4) >> 8 & 0xff, cfg_read(nic, at + 1, 1));
		at = cfg_read(nic, at + 1, 1);
		ids++;
	}
	assert_int_equal(at, 0);
	assert_int_equal(*ids, 0);
}

/* As Linux does: a null capability is passed over. */
static void assert_extended(const unsigned *ids)
{
	unsigned at = PCI_EXTCAP_FIRST;
	uint32_t header = cfg_read(nic, at, 4);

	for (unsigned n = 0; n < 480 && header; n++) {
		assert_int_equal(cfg_read(nic, at + 2, 2), header >> 16);
		if (PCI_EXTCAP_ID(header)) {
			assert_int_not_equal(*ids, 0);
			assert_int_equal(PCI_EXTCAP_ID(header), *ids);
			ids++;
		} else {
			assert_int_equal(at, PCI_EXTCAP_FIRST);
		}
		at = PCI_EXTCAP_NEXT(header);
		if (!at) {
			break;
		}
		assert_in_range(at, PCI_EXTCAP_FIRST, PCI_CONFIG_EXT_SIZE - 4);
		header = cfg_read(nic, at, 4);
	}
	assert_int_equal(*ids, 0);
}

#define LIST(...)     assert_list((const unsigned[]){__VA_ARGS__, 0})
#define EXTENDED(...) assert_extended((const unsigned[]){__VA_ARGS__, 0})

/* Nothing of the capability at `at` is read, nothing is written. */
static void assert_out_of_reach(unsigned at)
{
	uint32_t before = host_pci_get(dev, at + 4, 4);

	assert_int_equal(cfg_read(nic, at + 4, 4), 0);
	assert_int_equal(cfg_read(nic, at + 5, 1), 0);
	cfg_write(nic, at + 4, 4, 0x12345678);
	cfg_write(nic, at + 6, 2, 0xffff);
	assert_int_equal(host_pci_get(dev, at + 4, 4), before);
	/* By the ports as well. */
	if (at < PCI_CONFIG_SIZE) {
		cf8_write(dom0, nic, at + 4, 4, 0x12345678);
		assert_int_equal(cf8_read(dom0, nic, at + 4, 4), 0);
		assert_int_equal(host_pci_get(dev, at + 4, 4), before);
	}
}

/* ---- the first 256 bytes ---- */

/* 40h vendor, 50h VPD, 60h PM, 70h MSI, 90h 20h (nobody knows it), b0h 21h. */
static void six(void)
{
	host_pci_set(dev, PCI_REG_CAP_POINTER, 1, 0x40);
	cap(0x40, VENDOR, 0x50);
	cap(0x50, VPD, 0x60);
	cap(0x60, PCI_CAPID_PM, 0x70);
	cap(0x70, PCI_CAPID_MSI, 0x90);
	cap(0x90, 0x20, 0xb0);
	cap(0xb0, 0x21, 0);
}

static void none_hidden(void **state)
{
	(void)state;
	six();
	fixture_start();
	LIST(VENDOR, VPD, PCI_CAPID_PM, PCI_CAPID_MSI, 0x20, 0x21);
}

static void one_in_the_middle(void **state)
{
	(void)state;
	six();
	hide(false, VPD);
	fixture_start();
	LIST(VENDOR, PCI_CAPID_PM, PCI_CAPID_MSI, 0x20, 0x21);
	assert_out_of_reach(0x50);
	/* The neighbours are what they were. */
	cfg_write(nic, 0x44, 4, 0xabcd);
	assert_int_equal(host_pci_get(dev, 0x44, 4), 0xabcd);
	assert_int_equal(cfg_read(nic, 0x44, 4), 0xabcd);
}

static void first_and_last(void **state)
{
	(void)state;
	six();
	hide(false, VENDOR);
	hide(false, 0x21);
	fixture_start();
	LIST(VPD, PCI_CAPID_PM, PCI_CAPID_MSI, 0x20);
	assert_int_equal(cfg_read(nic, PCI_REG_CAP_POINTER, 4), 0x50);
	assert_out_of_reach(0x40);
	assert_out_of_reach(0xb0);
}

/* MSI has its header from our memory: its pointer leads around too. */
static void behind_msi(void **state)
{
	(void)state;
	six();
	hide(false, 0x20);
	fixture_start();
	LIST(VENDOR, VPD, PCI_CAPID_PM, PCI_CAPID_MSI, 0x21);
	/* And the register beside it is still MSI's. */
	cfg_write(nic, 0x72, 2, MSI_CTL_ENABLE);
	assert_int_equal(cfg_read(nic, 0x70, 4) >> 16 & MSI_CTL_ENABLE, MSI_CTL_ENABLE);
	assert_int_equal(cfg_read(nic, 0x71, 1), 0xb0);
}

static void behind_msix(void **state)
{
	(void)state;
	host_pci_bar(dev, 0, PCI_BAR_TYPE_32, 8192);
	host_pci_bar_set(dev, 0, 0xc0000000);
	cap(0x90, VENDOR, 0);
	host_pci_set(dev, PCI_REG_CAP_POINTER, 1, 0x90);
	host_pci_cap_msix(dev, 0x40, 4, 0, 0, 0, 0x1000);
	hide(false, VENDOR);
	fixture_start();
	cfg_write(nic, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	LIST(PCI_CAPID_MSIX);
	cfg_write(nic, 0x42, 2, MSIX_CTL_ENABLE);
	assert_int_equal(cfg_read(nic, 0x40, 4), (MSIX_CTL_ENABLE | 3u) << 16 | PCI_CAPID_MSIX);
	LIST(PCI_CAPID_MSIX);
}

static void several_in_a_row(void **state)
{
	(void)state;
	six();
	hide(false, VPD);
	hide(false, PCI_CAPID_PM);
	hide(false, PCI_CAPID_MSI);
	fixture_start();
	LIST(VENDOR, 0x20, 0x21);
	/* What is hidden is not decoded. */
	assert_out_of_reach(0x60);
	assert_out_of_reach(0x70);
}

static void all_of_them(void **state)
{
	static const unsigned empty[] = {0};

	(void)state;
	six();
	hide(false, VENDOR);
	hide(false, VPD);
	hide(false, PCI_CAPID_PM);
	hide(false, PCI_CAPID_MSI);
	hide(false, 0x20);
	hide(false, 0x21);
	fixture_start();
	assert_list(empty);
	assert_int_equal(cfg_read(nic, PCI_REG_CAP_POINTER, 1), 0);
}

static void a_loop_behind_a_hidden_one(void **state)
{
	(void)state;
	six();
	cap(0x50, VPD, 0x40);
	hide(false, VPD);
	fixture_start();
	LIST(VENDOR);
	assert_true(host_console_contains("closes a loop"));
}

/* More than there is room for: the list ends, it does not lead into what is hidden. */
static void too_many(void **state)
{
	unsigned ids[16] = {0}, at = 0x40;

	(void)state;
	host_pci_set(dev, PCI_REG_CAP_POINTER, 1, at);
	for (unsigned i = 0; i < 9; i++, at += 0x10) {
		cap(at, 0x20, at + 8);
		host_pci_set(dev, at + 8, 4, 0x21 | (i < 8 ? (at + 0x10) << 8 : 0));
	}
	hide(false, 0x21);
	test_rules[0].size = 4;
	fixture_start();
	for (unsigned i = 0; i < PCI_LINKS_MAX; i++) {
		ids[i] = 0x20;
	}
	assert_true(host_console_contains("too many hidden capabilities"));
	at = 0x40;
	for (unsigned i = 0; i < PCI_LINKS_MAX; i++, at += 0x10) {
		assert_int_equal(cfg_read(nic, at + 1, 1), at + 0x10);
		assert_int_equal(cfg_read(nic, at, 1), ids[i]);
	}
	/* The next one leads to what reads zero: the end. */
	assert_int_equal(cfg_read(nic, cfg_read(nic, at + 1, 1), 4), 0);
}

/* Nobody answers for a moment: pointers are ones like all else. */
static void absent(void **state)
{
	(void)state;
	six();
	hide(false, VPD);
	fixture_start();
	host_pci_force_read(nic, 0x40, 4, 0xffffffff);
	assert_int_equal(cfg_read(nic, 0x40, 4), 0xffffffff);
	host_pci_force_read(SBDF_NONE, 0, 0, 0);
	LIST(VENDOR, PCI_CAPID_PM, PCI_CAPID_MSI, 0x20, 0x21);
}

/* ---- extended ---- */

static void four(void)
{
	extcap(0x100, AER, 0x140);
	extcap(0x140, DSN, 0x160);
	extcap(0x160, ACS, 0x180);
	extcap(0x180, 0x0b, 0);
}

static void extended_none_hidden(void **state)
{
	(void)state;
	four();
	fixture_start();
	EXTENDED(AER, DSN, ACS, 0x0b);
}

static void extended_middle_and_last(void **state)
{
	(void)state;
	four();
	hide(true, DSN);
	hide(true, 0x0b);
	fixture_start();
	EXTENDED(AER, ACS);
	assert_int_equal(cfg_read(nic, 0x100, 4), AER | 1u << 16 | 0x160u << 20);
	assert_int_equal(cfg_read(nic, 0x160, 4), ACS | 1u << 16);
	assert_out_of_reach(0x140);
	assert_out_of_reach(0x180);
}

/* No pointer leads to 100h: its header stays, as a null capability. */
static void extended_first(void **state)
{
	(void)state;
	four();
	hide(true, AER);
	fixture_start();
	EXTENDED(DSN, ACS, 0x0b);
	assert_int_equal(cfg_read(nic, 0x100, 4), 0x140u << 20);
	assert_int_equal(cfg_read(nic, 0x100, 2), 0);
	assert_int_equal(cfg_read(nic, 0x103, 1), 0x14);
	assert_out_of_reach(0x100);
}

static void extended_first_two(void **state)
{
	(void)state;
	four();
	hide(true, AER);
	hide(true, DSN);
	fixture_start();
	EXTENDED(ACS, 0x0b);
	assert_int_equal(cfg_read(nic, 0x100, 4), 0x160u << 20);
}

/* First and last, one shown between them. */
static void extended_ends(void **state)
{
	(void)state;
	four();
	hide(true, AER);
	hide(true, ACS);
	hide(true, 0x0b);
	fixture_start();
	EXTENDED(DSN);
	assert_int_equal(cfg_read(nic, 0x140, 4), DSN | 1u << 16);
}

static void extended_all(void **state)
{
	static const unsigned empty[] = {0};

	(void)state;
	four();
	hide(true, AER);
	hide(true, DSN);
	hide(true, ACS);
	hide(true, 0x0b);
	fixture_start();
	assert_int_equal(cfg_read(nic, 0x100, 4), 0);
	assert_extended(empty);
}

static void extended_loop_behind(void **state)
{
	(void)state;
	four();
	extcap(0x160, ACS, 0x140);
	hide(true, ACS);
	fixture_start();
	EXTENDED(AER, DSN);
	assert_true(host_console_contains("closes a loop"));
}

/* An ID of one list means nothing in the other. */
static void lists_are_apart(void **state)
{
	(void)state;
	six();
	four();
	hide(true, VPD);
	fixture_start();
	LIST(VENDOR, VPD, PCI_CAPID_PM, PCI_CAPID_MSI, 0x20, 0x21);
	EXTENDED(AER, ACS, 0x0b);
}

/* ---- which ---- */

static int fake_attach(sbdf_t d, sbdf_t r, const struct iommu_table *t, bool silent)
{
	(void)d;
	(void)r;
	(void)t;
	(void)silent;
	return 0;
}

static void fake_flush(const struct iommu_table *t, gpa_t start, gpa_t end, bool was_mapped)
{
	(void)t;
	(void)start;
	(void)end;
	(void)was_mapped;
}

static int fake_refill(void)
{
	return 0;
}

static void translate(void)
{
	static const struct iommu_ops ops = {.name = "fake",
					     .tags = 16,
					     .attach = fake_attach,
					     .flush = fake_flush,
					     .refill = fake_refill};
	static struct acpi_dmar dmar;

	iommu_register(&ops, &nested_vtd, &dmar);
	assert_int_equal(iommu_domain_build(dom0), 0);
}

/* ATS at 100h, on since firmware; AER, page requests, ACS, PASID. */
static void translating_device(void)
{
	extcap(0x100, PCI_EXTCAPID_ATS, 0x140);
	extcap(0x140, AER, 0x180);
	extcap(0x180, PCI_EXTCAPID_PRI, 0x1a0);
	extcap(0x1a0, ACS, 0x1c0);
	extcap(0x1c0, PCI_EXTCAPID_PASID, 0);
	host_pci_set(dev, 0x100 + ATS_REG_CONTROL, 2, ATS_CTL_ENABLE | 3);
	host_pci_set(dev, 0x180 + PRI_REG_CONTROL, 2, PRI_CTL_ENABLE);
	host_pci_set(dev, 0x1c0 + PASID_REG_CONTROL, 2, PASID_CTL_ENABLE);
}

static void ats_with_an_iommu(void **state)
{
	(void)state;
	six();
	translating_device();
	translate();
	fixture_start();
	EXTENDED(AER, ACS);
	LIST(VENDOR, VPD, PCI_CAPID_PM, PCI_CAPID_MSI, 0x20, 0x21);
	assert_int_equal(host_pci_get(dev, 0x100 + ATS_REG_CONTROL, 2), 3);
	assert_int_equal(host_pci_get(dev, 0x180 + PRI_REG_CONTROL, 2), 0);
	assert_int_equal(host_pci_get(dev, 0x1c0 + PASID_REG_CONTROL, 2), 0);
	assert_out_of_reach(0x100);
	assert_out_of_reach(0x180);
	assert_out_of_reach(0x1c0);
	/* Page requests have 16 bytes. */
	host_pci_writable(dev, 0x18c, 4, 0xffffffff);
	cfg_write(nic, 0x18c, 4, 5);
	assert_int_equal(host_pci_get(dev, 0x18c, 4), 0);
	/* The others are the domain's to program. */
	cfg_write(nic, 0x1a4, 4, 0x1d);
	assert_int_equal(host_pci_get(dev, 0x1a4, 4), 0x1d);
}

static void ats_without_an_iommu(void **state)
{
	(void)state;
	translating_device();
	fixture_start();
	EXTENDED(PCI_EXTCAPID_ATS, AER, PCI_EXTCAPID_PRI, ACS, PCI_EXTCAPID_PASID);
	assert_int_equal(host_pci_get(dev, 0x100 + ATS_REG_CONTROL, 2), ATS_CTL_ENABLE | 3);
}

/* A virtual function has an enable bit of its own. */
static void ats_of_a_virtual_function(void **state)
{
	const sbdf_t pf = {0x0200}, vf = {0x0280};
	struct host_pci *p, *v;

	(void)state;
	p = fixture_nic(pf);
	host_pci_extcap(p, 0x100, AER);
	host_pci_cap_sriov(p, 0x160, 4, 128, 2);
	host_pci_vf_bar(p, 0, PCI_BAR_TYPE_64, 0x4000);
	host_pci_vf_msix(p, 3, 0, 0, 0, 0x2000);
	translate();
	fixture_start();
	host_pci_vf_late(p, true);
	cfg_write(pf, 0x160 + SRIOV_REG_COUNT, 2, 1);
	cfg_write(pf, 0x160 + SRIOV_REG_CONTROL, 2, SRIOV_CTL_ENABLE);
	dom0->refill = false;
	assert_int_equal(pci_root_refill(dom0->pci), 0);
	host_pci_vf_late(p, false);
	v = host_pci_vf(p, 0);
	assert_non_null(v);
	host_pci_set(v, 0x100, 4, PCI_EXTCAPID_ATS | 1u << 16 | 0x140u << 20);
	host_pci_set(v, 0x140, 4, ACS | 1u << 16);
	host_pci_writable(v, 0x104, 4, 0xffff0000);
	/* Its first answer. */
	assert_int_equal(cfg_read(vf, 0x100, 4), 0x140u << 20);
	assert_int_equal(cfg_read(vf, 0x140, 2), ACS);
	cfg_write(vf, 0x100 + ATS_REG_CONTROL, 2, ATS_CTL_ENABLE);
	assert_int_equal(host_pci_get(v, 0x100 + ATS_REG_CONTROL, 2), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(none_hidden),
		TEST(one_in_the_middle),
		TEST(first_and_last),
		TEST(behind_msi),
		TEST(behind_msix),
		TEST(several_in_a_row),
		TEST(all_of_them),
		TEST(a_loop_behind_a_hidden_one),
		TEST(too_many),
		TEST(absent),
		TEST(extended_none_hidden),
		TEST(extended_middle_and_last),
		TEST(extended_first),
		TEST(extended_first_two),
		TEST(extended_ends),
		TEST(extended_all),
		TEST(extended_loop_behind),
		TEST(lists_are_apart),
		TEST(ats_with_an_iommu),
		TEST(ats_without_an_iommu),
		TEST(ats_of_a_virtual_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
