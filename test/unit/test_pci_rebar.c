/* SPDX-License-Identifier: MIT */
/*
 * Resizable BARs and VF Resizable BARs (PCIe 6.0 7.8.6, 7.8.7): resized, moved,
 * refused, back at their first size after a reset.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "pci_fixture.h"

#define EXP        0x60u
#define PM         0x50u
#define REBAR      0x100u
#define CONTROL    (REBAR + REBAR_REG_CONTROL)
#define SRIOV      0x160u
#define VF_REBAR   0x1c0u
#define VF_CONTROL (VF_REBAR + REBAR_REG_CONTROL)
#define BIG        0x1000000000ull
#define VF_BAR0    0x4000000000ull
#define VF_BAR3    0x6000000000ull
#define VFS        12u

static const sbdf_t gpu = {0x0010};
static struct host_pci *big;

static unsigned code_of(uint64_t size)
{
	unsigned code = 0;

	while (MIB << code < size) {
		code++;
	}
	return code << REBAR_CTL_SIZE_SHIFT;
}

/* What the run loop does before the domain goes on. */
static void settle(void)
{
	if (dom0->refill) {
		dom0->refill = false;
		assert_int_equal(pci_root_refill(dom0->pci), 0);
	}
}

/* ---- a function's own ---- */

static void add_big(unsigned msix_at)
{
	fixture_create(2);
	big = host_pci_add(gpu, 0x1002, 0x73bf, 0x0300, false);
	host_pci_bar(big, 0, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, 16 * MIB);
	host_pci_bar_set(big, 0, BIG);
	host_pci_cap_express(big, EXP);
	host_pci_cap_pm(big, PM);
	host_pci_cap_rebar(big, REBAR, 0);
	if (msix_at) {
		host_pci_cap_msix(big, 0x40, 8, 0, msix_at, 0, msix_at + 0x1000);
	}
}

static void start_rebar(unsigned msix_at)
{
	add_big(msix_at);
	fixture_start();
}

static void resize(unsigned code)
{
	cfg_write(gpu, CONTROL, 4, code << REBAR_CTL_SIZE_SHIFT);
}

static uint64_t size_of(sbdf_t sbdf)
{
	struct pci_bar_info info;

	return pci_bar_info(dom0->pci, sbdf, 0, &info) ? info.size : 0;
}

static uint64_t size_now(void)
{
	return size_of(gpu);
}

static void place(void)
{
	cfg_write(gpu, PCI_REG_BAR0, 4, (uint32_t)BIG);
	cfg_write(gpu, PCI_REG_BAR0 + 4, 4, (uint32_t)(BIG >> 32));
	cfg_write(gpu, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
}

static void test_resize(void **state)
{
	(void)state;
	start_rebar(0x8000);
	place();
	assert_int_equal(type_at(BIG + 16 * MIB - 1), MEM_MMIO);
	assert_int_equal(type_at(BIG + 16 * MIB), MEM_HOLE);
	cfg_write(gpu, PCI_REG_COMMAND, 2, 0);
	resize(13); /* 8 GiB */
	assert_true(size_now() == 8 * GIB);
	place();
	assert_int_equal(type_at(BIG + 8 * GIB - 1), MEM_MMIO);
	assert_int_equal(type_at(BIG + 0x8000), MEM_TRAP);
	/* With decoding on: it is unmapped where it was, and is where the device says then. */
	resize(0);
	assert_true(size_now() == 1 * MIB);
	assert_int_equal(type_at(BIG + 1 * MIB), MEM_HOLE);
	place();
	assert_int_equal(type_at(BIG + 1 * MIB - 1), MEM_MMIO);
	assert_int_equal(type_at(BIG + 1 * MIB), MEM_HOLE);
	assert_int_equal(stats().bars_mapped, 1);
	/* Parts of the register. */
	cfg_write(gpu, CONTROL + 1, 1, 2);
	assert_true(size_now() == 4 * MIB);
}

static void test_resize_refused(void **state)
{
	(void)state;
	start_rebar(8 * MIB);
	place();
	resize(2);
	assert_true(size_now() == 16 * MIB);
	assert_int_equal(type_at(BIG + 8 * MIB), MEM_TRAP);
	assert_true(host_console_contains("its MSI-X table would be outside"));
	resize(63);
	assert_true(size_now() == 16 * MIB);
	assert_int_equal(cfg_read(gpu, CONTROL, 4) & REBAR_CTL_SIZE, 4 << REBAR_CTL_SIZE_SHIFT);
}

/* Capabilities that lie: another BAR's, another size, too many. */
static void test_resize_lies(void **state)
{
	static const uint32_t controls[] = {
		1u << 5 | 4 << 8 | 3, /* BAR 3 is none */
		1u << 5 | 5 << 8,     /* 32 MiB are not 16 */
		0u << 5 | 4 << 8,     /* none */
		7u << 5 | 4 << 8,     /* seven */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(controls); i++) {
		fixture_create(2);
		big = host_pci_add(gpu, 0x1002, 0x73bf, 0x0300, false);
		host_pci_bar(big, 0, PCI_BAR_TYPE_64, 16 * MIB);
		host_pci_bar_set(big, 0, BIG);
		host_pci_cap_rebar(big, REBAR, 0);
		host_pci_set(big, CONTROL, 4, controls[i]);
		fixture_start();
		assert_true(host_console_contains("resizable BARs at 0x100 are refused"));
		place();
		resize(6);
		assert_int_equal(host_pci_get(big, CONTROL, 4), controls[i]);
		assert_true(size_now() == 16 * MIB);
		assert_int_equal(type_at(BIG + 16 * MIB - 1), MEM_MMIO);
	}
}

/* A reset gives the BAR its first size back; the driver need not say so. */
static void test_reset(void **state)
{
	(void)state;
	start_rebar(0x8000);
	cfg_write(gpu, PCI_REG_COMMAND, 2, 0);
	resize(13); /* 8 GiB */
	place();
	assert_int_equal(type_at(BIG + 8 * GIB - 1), MEM_MMIO);
	cfg_write(gpu, EXP + EXP_REG_DEVCTL, 2, EXP_DEVCTL_FLR);
	place();
	assert_true(size_now() == 16 * MIB);
	assert_int_equal(type_at(BIG + 16 * MIB - 1), MEM_MMIO);
	assert_int_equal(type_at(BIG + 0x8000), MEM_TRAP);
	assert_int_equal(type_at(BIG + 16 * MIB), MEM_HOLE);
	assert_int_equal(stats().bars_mapped, 1);
	/* As a kernel restores it: the size before the address. */
	cfg_write(gpu, EXP + EXP_REG_DEVCTL, 2, EXP_DEVCTL_FLR);
	resize(13);
	place();
	assert_true(size_now() == 8 * GIB);
	assert_int_equal(type_at(BIG + 8 * GIB - 1), MEM_MMIO);
}

/* Decoding stays on, as in no reset, with another size: what was mapped goes as it was. */
static void test_reset_while_mapped(void **state)
{
	(void)state;
	start_rebar(0);
	cfg_write(gpu, PCI_REG_COMMAND, 2, 0);
	resize(13);
	place();
	cfg_write(gpu, EXP + EXP_REG_DEVCTL, 2, EXP_DEVCTL_FLR);
	host_pci_bar_set(big, 0, BIG);
	host_pci_set(big, PCI_REG_COMMAND, 2, PCI_CMD_MEMORY);
	(void)cfg_read(gpu, PCI_REG_COMMAND, 2);
	assert_int_equal(type_at(BIG), MEM_MMIO);
	assert_int_equal(type_at(BIG + 16 * MIB - 1), MEM_MMIO);
	assert_int_equal(type_at(BIG + 16 * MIB), MEM_HOLE);
	assert_int_equal(stats().bars_mapped, 1);
}

/* ---- VF BARs ---- */

static sbdf_t vf_at(unsigned n)
{
	return (sbdf_t){gpu.v + 128 + n};
}

/* VF BAR 0 is resizable, 2 MiB for each; MSI-X is in `msix_bar` at `msix_at`. */
static void add_vfs(unsigned msix_bar, unsigned msix_at)
{
	add_big(0);
	host_pci_cap_sriov(big, SRIOV, VFS, 128, 1);
	host_pci_vf_bar(big, 0, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, 2 * MIB);
	host_pci_vf_bar(big, 3, PCI_BAR_TYPE_64, 16384);
	host_pci_cap_vf_rebar(big, VF_REBAR, 0);
	host_pci_vf_msix(big, 8, msix_bar, msix_at, msix_bar, msix_at + 0x1000);
}

static void start_vfs(unsigned msix_bar, unsigned msix_at)
{
	add_vfs(msix_bar, msix_at);
	fixture_start();
	fixture_vf_bars(gpu, SRIOV, VF_BAR0, VF_BAR3);
}

static void control(unsigned value)
{
	cfg_write(gpu, SRIOV + SRIOV_REG_CONTROL, 2, value);
	settle();
}

#define ON (SRIOV_CTL_ENABLE | SRIOV_CTL_MEMORY)

static void enable(unsigned count)
{
	cfg_write(gpu, SRIOV + SRIOV_REG_COUNT, 2, count);
	control(ON);
}

static void resize_vf(uint64_t size)
{
	cfg_write(gpu, VF_CONTROL, 4, code_of(size));
}

/* `count` shares of `size` bytes each, and nothing behind. */
static void assert_shares(unsigned count, uint64_t size)
{
	for (unsigned n = 0; n < count; n++) {
		assert_int_equal(type_at(VF_BAR0 + n * size), MEM_MMIO);
		assert_int_equal(owner_at(VF_BAR0 + n * size), vf_at(n).v);
		assert_int_equal(owner_at(VF_BAR0 + (n + 1) * size - 1), vf_at(n).v);
	}
	assert_int_equal(type_at(VF_BAR0 + count * size), MEM_HOLE);
}

static void test_vf_resize(void **state)
{
	(void)state;
	start_vfs(3, 0);
	enable(2);
	assert_shares(2, 2 * MIB);
	control(0);
	/* The order of a kernel: size, address, then the functions. */
	resize_vf(8 * GIB);
	assert_int_equal(cfg_read(gpu, VF_CONTROL, 4) & REBAR_CTL_SIZE, code_of(8 * GIB));
	fixture_vf_bars(gpu, SRIOV, VF_BAR0, VF_BAR3);
	enable(3);
	assert_shares(3, 8 * GIB);
	assert_int_equal(type_at(VF_BAR3), MEM_TRAP);
	/* With the functions there, but not decoding. */
	control(SRIOV_CTL_ENABLE);
	assert_int_equal(type_at(VF_BAR0), MEM_HOLE);
	resize_vf(1 * MIB);
	assert_true(size_of(vf_at(2)) == 1 * MIB);
	fixture_vf_bars(gpu, SRIOV, VF_BAR0, VF_BAR3);
	control(ON);
	assert_shares(3, 1 * MIB);
	assert_int_equal(stats().bars_mapped, 6);
	control(0);
	assert_int_equal(stats().bars_mapped, 0);
}

static void test_vf_resize_refused(void **state)
{
	(void)state;
	start_vfs(0, 1 * MIB); /* the table is in the upper half of each share */
	enable(2);
	resize_vf(4 * MIB);
	assert_true(host_console_contains("VF BAR 0 is not resized to 0x400000 bytes: virtual "
					  "functions decode it"));
	assert_int_equal(owner_at(VF_BAR0 + 2 * MIB), vf_at(1).v);
	control(SRIOV_CTL_ENABLE);
	resize_vf(1 * MIB);
	assert_true(host_console_contains("an MSI-X table would be outside"));
	cfg_write(gpu, VF_CONTROL, 4, REBAR_CTL_SIZE);
	assert_true(host_console_contains("bytes: no such size"));
	assert_int_equal(cfg_read(gpu, VF_CONTROL, 4) & REBAR_CTL_SIZE, code_of(2 * MIB));
	control(ON);
	assert_int_equal(type_at(VF_BAR0 + 1 * MIB), MEM_TRAP);
	assert_int_equal(owner_at(VF_BAR0 + 2 * MIB), vf_at(1).v);
}

/* A reset of the physical function ends the virtual ones, and gives the first sizes back. */
static void test_vf_reset(void **state)
{
	(void)state;
	start_vfs(3, 0);
	resize_vf(64 * MIB);
	fixture_vf_bars(gpu, SRIOV, VF_BAR0, VF_BAR3);
	enable(2);
	assert_shares(2, 64 * MIB);
	cfg_write(gpu, EXP + EXP_REG_DEVCTL, 2, EXP_DEVCTL_FLR);
	(void)cfg_read(gpu, PCI_REG_COMMAND, 2);
	settle();
	assert_int_equal(stats().functions, 1);
	assert_int_equal(type_at(VF_BAR0), MEM_HOLE);
	fixture_vf_bars(gpu, SRIOV, VF_BAR0, VF_BAR3);
	enable(2);
	assert_shares(2, 2 * MIB);
}

/* A device that goes on decoding with another size, as none should: what was mapped goes. */
static void test_vf_size_while_mapped(void **state)
{
	(void)state;
	start_vfs(3, 0);
	resize_vf(8 * MIB);
	fixture_vf_bars(gpu, SRIOV, VF_BAR0, VF_BAR3);
	enable(6);
	assert_shares(6, 8 * MIB);
	host_pci_set(big, VF_CONTROL, 4, 1u << REBAR_CTL_COUNT_SHIFT | code_of(2 * MIB));
	cfg_write(gpu, PM + PM_REG_CSR, 2, PM_STATE_D3);
	host_pci_set(big, PM + PM_REG_CSR, 2, PM_CSR_NO_RESET | PM_STATE_D3);
	cfg_write(gpu, PM + PM_REG_CSR, 2, PM_STATE_D0);
	(void)cfg_read(gpu, PCI_REG_COMMAND, 2);
	settle();
	assert_shares(6, 2 * MIB);
}

/* Steps of two vCPUs: an access, and what is left to be done of it. */
static void write_as(unsigned vcpu, unsigned reg, unsigned len, uint32_t value)
{
	host_vcpu_set(dom0->vcpu[vcpu]);
	cfg_write(gpu, reg, len, value);
	host_vcpu_set(NULL);
}

static void settle_as(unsigned vcpu)
{
	host_vcpu_set(dom0->vcpu[vcpu]);
	while (dom0->vcpu[vcpu]->behind) {
		vcpu_catch_up(dom0->vcpu[vcpu]);
		settle();
	}
	host_vcpu_set(NULL);
}

/* Another vCPU resizes while the first still takes them away, and a third one wants them back. */
static void test_vf_resize_between(void **state)
{
	(void)state;
	start_vfs(0, 0);
	enable(VFS);
	assert_int_equal(stats().bars_mapped, 2 * VFS);
	write_as(0, SRIOV + SRIOV_REG_CONTROL, 2, SRIOV_CTL_ENABLE);
	assert_true(dom0->vcpu[0]->behind);
	assert_int_equal(owner_at(VF_BAR0 + (VFS - 1) * 2 * MIB), vf_at(VFS - 1).v);
	write_as(1, VF_CONTROL, 4, code_of(8 * MIB));
	write_as(1, SRIOV + SRIOV_REG_BAR0 + 4, 4, (uint32_t)(VF_BAR0 >> 32));
	write_as(2, SRIOV + SRIOV_REG_CONTROL, 2, ON);
	settle_as(2);
	settle_as(1);
	settle_as(0);
	for (unsigned n = 0; n < VFS; n++) {
		uint64_t at = VF_BAR0 + n * 8 * MIB;

		assert_int_equal(type_at(at), MEM_TRAP);
		assert_int_equal(type_at(at + 8 * MIB - 1), MEM_MMIO);
		assert_int_equal(owner_at(at + 8 * MIB - 1), vf_at(n).v);
	}
	assert_int_equal(type_at(VF_BAR0 + VFS * 8 * MIB), MEM_HOLE);
	assert_int_equal(stats().bars_mapped, 2 * VFS);
}

/* They answer only after the resize: their tables are judged by the size that is. */
static void test_vf_late(void **state)
{
	(void)state;
	start_vfs(0, 1 * MIB);
	host_pci_vf_late(big, true);
	cfg_write(gpu, SRIOV + SRIOV_REG_COUNT, 2, VFS);
	control(SRIOV_CTL_ENABLE);
	write_as(0, VF_CONTROL, 4, code_of(1 * MIB));
	host_pci_vf_late(big, false);
	/* The last one, before its turn. */
	(void)cfg_read(vf_at(VFS - 1), PCI_REG_CLASS, 2);
	assert_true(host_console_contains("runs past the end of its BAR"));
	settle_as(0);
	fixture_vf_bars(gpu, SRIOV, VF_BAR0, VF_BAR3);
	control(ON);
	for (unsigned n = 0; n < VFS; n++) {
		(void)cfg_read(vf_at(n), PCI_REG_CLASS, 2);
	}
	assert_shares(VFS, 1 * MIB);
}

/* A share is a page at least, whatever the register says (SR-IOV 1.1 3.3.12). */
static void test_vf_page_size(void **state)
{
	const uint64_t page = 4 * MIB;

	(void)state;
	add_vfs(3, 0);
	host_pci_writable(big, SRIOV + SRIOV_REG_PAGE_SIZE, 4, 0xffffffffu);
	fixture_start();
	cfg_write(gpu, SRIOV + SRIOV_REG_PAGE_SIZE, 4, page / PAGE_SIZE);
	resize_vf(1 * MIB);
	fixture_vf_bars(gpu, SRIOV, VF_BAR0, VF_BAR3);
	enable(2);
	assert_shares(2, page);
	/* The size that it has: nothing to refuse, though they decode. */
	host_console_clear();
	resize_vf(1 * MIB);
	assert_false(host_console_contains("not resized"));
	assert_shares(2, page);
}

/* Before SR-IOV in the list, which is where they are looked at: they wait for it. */
static void test_vf_rebar_first(void **state)
{
	(void)state;
	fixture_create(2);
	big = host_pci_add(gpu, 0x1002, 0x73bf, 0x0300, false);
	host_pci_extcap(big, 0x100, 0x0001);
	host_pci_extcap(big, VF_REBAR, PCI_EXTCAPID_VF_REBAR);
	host_pci_cap_sriov(big, SRIOV, VFS, 128, 1);
	host_pci_vf_bar(big, 0, PCI_BAR_TYPE_64, 2 * MIB);
	host_pci_set(big, VF_CONTROL, 4, 1u << REBAR_CTL_COUNT_SHIFT | code_of(2 * MIB));
	fixture_start();
	assert_false(host_console_contains("resizable BARs at"));
	/* This one keeps its size whatever is written; so do we. */
	resize_vf(4 * MIB);
	fixture_vf_bars(gpu, SRIOV, VF_BAR0, 0);
	enable(2);
	assert_shares(2, 2 * MIB);
}

static void assert_vf_refused(const char *why)
{
	char line[96];

	fixture_start();
	(void)snprintf(line, sizeof(line), "VF resizable BARs at %#x are refused: %s", VF_REBAR,
		       why);
	assert_true(host_console_contains(line));
	resize_vf(4 * MIB);
	assert_int_not_equal(host_pci_get(big, VF_CONTROL, 4) & REBAR_CTL_SIZE, code_of(4 * MIB));
}

static void test_vf_lies(void **state)
{
	static const struct {
		uint32_t control;
		const char *why;
	} lies[] = {
		{1u << 5 | 1 << 8 | 2, "of a BAR that is none of memory"},
		{1u << 5 | 1 << 8 | 7, "of a BAR that is none of memory"},
		{1u << 5 | 5 << 8, "its size is not the BAR's"},
		{0u << 5 | 1 << 8, "without BARs"},
		{7u << 5 | 1 << 8, "without BARs"},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
		add_vfs(3, 0);
		host_pci_set(big, VF_CONTROL, 4, lies[i].control);
		assert_vf_refused(lies[i].why);
		fixture_vf_bars(gpu, SRIOV, VF_BAR0, VF_BAR3);
		enable(2);
		assert_shares(2, 2 * MIB);
	}
	/* Of nobody. */
	add_big(0);
	host_pci_extcap(big, VF_REBAR, PCI_EXTCAPID_VF_REBAR);
	host_pci_set(big, VF_CONTROL, 4, 1u << REBAR_CTL_COUNT_SHIFT | code_of(2 * MIB));
	host_pci_writable(big, VF_CONTROL, 4, REBAR_CTL_SIZE);
	assert_vf_refused("without virtual functions");
}

/* Two capabilities for the same: the first counts, the second cannot be written. */
static void test_two(void **state)
{
	(void)state;
	add_vfs(3, 0);
	host_pci_extcap(big, 0x200, PCI_EXTCAPID_VF_REBAR);
	host_pci_set(big, 0x208, 4, 1u << REBAR_CTL_COUNT_SHIFT | code_of(2 * MIB));
	host_pci_writable(big, 0x208, 4, REBAR_CTL_SIZE);
	fixture_start();
	assert_true(host_console_contains("VF resizable BARs at 0x200 are refused: not the first"));
	cfg_write(gpu, 0x208, 4, code_of(4 * MIB));
	assert_int_equal(host_pci_get(big, 0x208, 4) & REBAR_CTL_SIZE, code_of(2 * MIB));
	resize_vf(4 * MIB);
	fixture_vf_bars(gpu, SRIOV, VF_BAR0, VF_BAR3);
	enable(2);
	assert_shares(2, 4 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_resize_refused),
		cmocka_unit_test(test_resize_lies),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_reset_while_mapped),
		cmocka_unit_test(test_vf_resize),
		cmocka_unit_test(test_vf_resize_refused),
		cmocka_unit_test(test_vf_reset),
		cmocka_unit_test(test_vf_size_while_mapped),
		cmocka_unit_test(test_vf_resize_between),
		cmocka_unit_test(test_vf_late),
		cmocka_unit_test(test_vf_page_size),
		cmocka_unit_test(test_vf_rebar_first),
		cmocka_unit_test(test_vf_lies),
		cmocka_unit_test(test_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
