/* SPDX-License-Identifier: MIT */
/* memory_op: ballooning, physmap, maps, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <taproot/acpi.h>
#include <taproot/balloon.h>
#include <taproot/dmar.h>
#include <taproot/frames.h>
#include <taproot/iommu.h>
#include <xen/memory.h>
#include <xen/sched.h>

#include "guest_fixture.h"

#define BAD 0xdead0000ull

static int64_t op(struct vcpu *v, uint64_t command, const void *arg, size_t len)
{
	put(v, ARG, arg, len);
	return run(v, hypercall_memory_op, command, ARG);
}

#define OP(v, command, arg) op(v, command, &(arg), sizeof(arg))

static void set_list(struct vcpu *v, uint64_t first, unsigned step, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t pfn = first + i * step;

		put(v, LIST + i * 8, &pfn, 8);
	}
}

static struct xen_memory_reservation reservation(uint64_t count, unsigned order, uint16_t domid)
{
	struct xen_memory_reservation r = {
		.nr_extents = count, .extent_order = order, .domid = domid};

	r.extent_start.p = (void *)LIST;
	return r;
}

static uint64_t pages_now(struct vcpu *v, uint16_t domid)
{
	return (uint64_t)OP(v, XENMEM_current_reservation, domid);
}

static void balloon(void **state)
{
	struct xen_memory_reservation r = reservation(300, 0, DOMID_SELF);

	(void)state;
	set_list(v0, 512, 1, 300);
	assert_int_equal(OP(v0, XENMEM_decrease_reservation, r), 300);
	assert_int_equal(rounds, 10);
	assert_int_equal(pages_now(v0, DOMID_SELF), 1024 - 300);
	assert_int_equal(pages_now(v0, 1), 1024);
	assert_int_equal(pages_now(v1, DOMID_SELF), 1024);
	assert_int_equal(OP(v0, XENMEM_maximum_reservation, (uint16_t){DOMID_SELF}), 1024);
	assert_null(arch_guest_ram(dom0, gpa(512 * PAGE_SIZE)));
	assert_non_null(arch_guest_ram(domu, gpa(512 * PAGE_SIZE)));
	assert_int_equal(OP(v0, XENMEM_populate_physmap, r), 300);
	assert_int_equal(pages_now(v0, DOMID_SELF), 1024);
	/* What is there cannot be had again; a page twice stops it at the second. */
	assert_int_equal(OP(v0, XENMEM_populate_physmap, r), 0);
	set_list(v0, 512, 0, 300);
	assert_int_equal(OP(v0, XENMEM_decrease_reservation, r), 1);
	/* The argument's own page: the call goes on to its end, the next one fails. */
	set_list(v0, ARG / PAGE_SIZE, 1, 1);
	r.nr_extents = 1;
	assert_int_equal(OP(v0, XENMEM_decrease_reservation, r), 1);
	assert_int_equal(OP(v0, XENMEM_decrease_reservation, r), 0);
}

/* The next kernel finds all memory there. */
static void soft_reset(void **state)
{
	struct xen_memory_reservation r = reservation(300, 0, DOMID_SELF);
	struct sched_shutdown s = {.reason = SHUTDOWN_soft_reset};

	(void)state;
	set_list(v0, 512, 1, 300);
	assert_int_equal(OP(v0, XENMEM_decrease_reservation, r), 300);
	put(v0, ARG, &s, sizeof(s));
	assert_int_equal(run(v0, hypercall_sched_op, SCHEDOP_shutdown, ARG), 0);
	assert_int_equal(rounds, 1 + 11);
	assert_int_equal(pages_now(v0, DOMID_SELF), 1024);
}

static void hostile_counts(void **state)
{
	struct xen_memory_reservation r = reservation(1ull << 40, 0, DOMID_SELF);

	(void)state;
	set_list(v0, 512, 1, 100);
	set_list(v0, 0, 0, 0);
	/* 100 good entries, then zeros: frame 0 once. */
	assert_int_equal(OP(v0, XENMEM_decrease_reservation, r), 101);
	r.nr_extents = UINT64_MAX;
	assert_int_equal(OP(v0, XENMEM_decrease_reservation, r), 0);
	r = reservation(1, 10, DOMID_SELF);
	assert_int_equal(OP(v0, XENMEM_decrease_reservation, r), 0);
	r = reservation(1, UINT32_MAX, DOMID_SELF);
	assert_int_equal(OP(v0, XENMEM_populate_physmap, r), 0);
	/* Progress that the caller made up. */
	r = reservation(5, 0, DOMID_SELF);
	assert_int_equal(OP(v0, XENMEM_decrease_reservation | 5 << 6, r), 5);
	assert_int_equal(OP(v0, XENMEM_decrease_reservation | UINT64_MAX << 6, r),
			 (int64_t)(UINT64_MAX >> 6));
	assert_int_equal(OP(v0, XENMEM_current_reservation | 1 << 6, (uint16_t){DOMID_SELF}),
			 -EINVAL);
	/* A list that ends with RAM. */
	r = reservation(64, 0, DOMID_SELF);
	r.extent_start.p = (void *)(GUEST_RAM - 3 * 8);
	for (unsigned i = 0; i < 3; i++) {
		put(v0, GUEST_RAM - 24 + i * 8, &(uint64_t){800 + i}, 8);
	}
	assert_int_equal(OP(v0, XENMEM_decrease_reservation, r), 3);
	r.extent_start.p = (void *)UINT64_MAX;
	assert_int_equal(OP(v0, XENMEM_decrease_reservation, r), 0);
	assert_int_equal(run(v0, hypercall_memory_op, XENMEM_decrease_reservation, BAD), 0);
	assert_int_equal(run(v0, hypercall_memory_op, XENMEM_current_reservation, BAD), -EFAULT);
}

static void other_domains(void **state)
{
	struct xen_memory_reservation r = reservation(1, 0, 0);

	(void)state;
	set_list(v1, 600, 1, 1);
	assert_int_equal(OP(v1, XENMEM_decrease_reservation, r), 0);
	assert_int_equal(pages_now(v0, DOMID_SELF), 1024);
	assert_int_equal((int64_t)pages_now(v1, 0), -EPERM);
	assert_int_equal((int64_t)pages_now(v0, 7), -ESRCH);
	r.domid = 1;
	set_list(v0, 600, 1, 1);
	assert_int_equal(OP(v0, XENMEM_decrease_reservation, r), 1);
	assert_int_equal(pages_now(v1, DOMID_SELF), 1023);
	r.domid = 7;
	assert_int_equal(OP(v0, XENMEM_populate_physmap, r), 0);
	assert_int_equal(OP(v0, XENMEM_increase_reservation, r), 0);
	r = reservation(0, 0, 1);
	r.extent_start.p = NULL;
	assert_int_equal(OP(v0, XENMEM_claim_pages, r), 0);
	assert_int_equal(OP(v1, XENMEM_claim_pages, r), -EPERM);
	r.nr_extents = 1 << 20;
	assert_int_equal(OP(v0, XENMEM_claim_pages, r), -ENOMEM);
	r.nr_extents = 3;
	assert_int_equal(OP(v0, XENMEM_claim_pages, r), -EINVAL);
	r.domid = 9;
	assert_int_equal(OP(v0, XENMEM_claim_pages, r), -ESRCH);
}

static struct xen_add_to_physmap shared_info(uint64_t frame)
{
	return (struct xen_add_to_physmap){
		.domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = frame};
}

static void physmap(void **state)
{
	struct xen_add_to_physmap x = shared_info(4);
	struct xen_memory_reservation r = reservation(1, 0, DOMID_SELF);
	struct xen_remove_from_physmap gone = {.domid = DOMID_SELF, .gpfn = 4};

	(void)state;
	assert_int_equal(OP(v0, XENMEM_add_to_physmap, x), 0);
	assert_true(event_uses(dom0, gpa(4 * PAGE_SIZE), PAGE_SIZE));
	/* It is in use. */
	set_list(v0, 4, 1, 1);
	assert_int_equal(OP(v0, XENMEM_decrease_reservation, r), 0);
	assert_int_equal(OP(v0, XENMEM_remove_from_physmap, gone), -EBUSY);
	x = shared_info(5);
	assert_int_equal(OP(v0, XENMEM_add_to_physmap, x), 0);
	assert_int_equal(OP(v0, XENMEM_remove_from_physmap, gone), 0);
	assert_int_equal(OP(v0, XENMEM_remove_from_physmap, gone), -ENOENT);
	assert_int_equal(pages_now(v0, DOMID_SELF), 1023);
	/* Not RAM, or not there any more. */
	x = shared_info(4);
	assert_int_equal(OP(v0, XENMEM_add_to_physmap, x), -EINVAL);
	x = shared_info(GUEST_RAM / PAGE_SIZE);
	assert_int_equal(OP(v0, XENMEM_add_to_physmap, x), -EINVAL);
	x = shared_info(UINT64_MAX);
	assert_int_equal(OP(v0, XENMEM_add_to_physmap, x), -EINVAL);
	x = shared_info(6);
	x.idx = 1;
	assert_int_equal(OP(v0, XENMEM_add_to_physmap, x), -EINVAL);
	gone.gpfn = UINT64_MAX;
	assert_int_equal(OP(v0, XENMEM_remove_from_physmap, gone), -ENOENT);
	gone.domid = 0;
	assert_int_equal(OP(v1, XENMEM_remove_from_physmap, gone), -EPERM);
	x.domid = 0;
	assert_int_equal(OP(v1, XENMEM_add_to_physmap, x), -EPERM);
}

/* A large extent that has one such page in it, wherever, stays. */
static void used_page_in_extent(void **state)
{
	static const unsigned frames[] = {512, 512 + 100, 1023};
	struct xen_memory_reservation r = reservation(1, 9, DOMID_SELF);

	(void)state;
	set_list(v0, 512, 1, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(frames); i++) {
		struct xen_add_to_physmap x = shared_info(frames[i]);

		assert_int_equal(OP(v0, XENMEM_add_to_physmap, x), 0);
		assert_int_equal(OP(v0, XENMEM_decrease_reservation, r), 0);
	}
	assert_int_equal(event_move_shared_info(dom0, gpa(511 * PAGE_SIZE)), 0);
	v0->time.time_gpa = gpa(700 * PAGE_SIZE + 64);
	assert_int_equal(OP(v0, XENMEM_decrease_reservation, r), 0);
	v0->time.time_gpa = gpa(UINT64_MAX);
	assert_int_equal(OP(v0, XENMEM_decrease_reservation, r), 1);
}

static void other_spaces(void **state)
{
	static const struct {
		unsigned space;
		int rc;
	} spaces[] = {
		{XENMAPSPACE_grant_table, -EINVAL},    {XENMAPSPACE_gmfn, -EOPNOTSUPP},
		{XENMAPSPACE_gmfn_range, -EOPNOTSUPP}, {XENMAPSPACE_gmfn_foreign, -ENOSYS},
		{XENMAPSPACE_dev_mmio, -EINVAL},       {77, -EINVAL},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(spaces); i++) {
		struct xen_add_to_physmap x = shared_info(8);

		x.space = spaces[i].space;
		assert_int_equal(OP(v0, XENMEM_add_to_physmap, x), spaces[i].rc);
	}
}

static void batch(void **state)
{
	struct xen_add_to_physmap_batch x = {
		.domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .size = 100};
	int32_t error;

	(void)state;
	x.idxs.p = (void *)LIST;
	x.gpfns.p = (void *)(LIST + 0x1000);
	x.errs.p = (void *)(LIST + 0x2000);
	for (unsigned i = 0; i < 100; i++) {
		put(v0, LIST + 0x1000 + i * 8, &(uint64_t){i + 200}, 8);
	}
	put(v0, LIST + 99 * 8, &(uint64_t){1}, 8);
	assert_int_equal(OP(v0, XENMEM_add_to_physmap_batch, x), 0);
	assert_int_equal(rounds, 25);
	assert_true(event_uses(dom0, gpa((98 + 200) * PAGE_SIZE), PAGE_SIZE));
	get(v0, LIST + 0x2000 + 99 * 4, &error, sizeof(error));
	assert_int_equal(error, -EINVAL);
	get(v0, LIST + 0x2000, &error, sizeof(error));
	assert_int_equal(error, 0);
	assert_int_equal(OP(v0, XENMEM_add_to_physmap_batch | 101 << 6, x), -EINVAL);
	x.u.res0 = 1;
	assert_int_equal(OP(v0, XENMEM_add_to_physmap_batch, x), -EINVAL);
	x.space = XENMAPSPACE_gmfn_foreign;
	x.u.foreign_domid = 9;
	assert_int_equal(OP(v0, XENMEM_add_to_physmap_batch, x), -ESRCH);
	x.u.foreign_domid = 1;
	x.size = 1;
	assert_int_equal(OP(v0, XENMEM_add_to_physmap_batch, x), 0);
	get(v0, LIST + 0x2000, &error, sizeof(error));
	assert_int_equal(error, -EOPNOTSUPP);
	put(v1, ARG, &x, sizeof(x));
	assert_int_equal(OP(v1, XENMEM_add_to_physmap_batch, x), 0);
	x.u.foreign_domid = 0;
	assert_int_equal(OP(v1, XENMEM_add_to_physmap_batch, x), -EPERM);
	x = (struct xen_add_to_physmap_batch){.domid = DOMID_SELF, .size = 1};
	x.errs.p = (void *)BAD;
	assert_int_equal(OP(v0, XENMEM_add_to_physmap_batch, x), -EFAULT);
}

struct wire {
	uint64_t start, size;
	uint32_t type;
} __attribute__((packed));

static struct wire entry(unsigned i)
{
	struct wire w;

	get(v0, LIST + i * sizeof(w), &w, sizeof(w));
	return w;
}

static unsigned map_count(struct vcpu *v)
{
	struct xen_memory_map x;

	get(v, ARG, &x, sizeof(x));
	return x.nr_entries;
}

static void maps(void **state)
{
	static struct frame_extent extents[8];
	struct xen_memory_map x = {.nr_entries = 9};

	(void)state;
	frames_init(&machine_frames, extents, ARRAY_SIZE(extents));
	assert_int_equal(frames_add(&machine_frames, hpa(0), hpa(7 * MIB)), 0);
	assert_int_equal(memmap_set_base(&dom0->memmap, gpa(4 * MIB), gpa(5 * MIB), MEM_OURS), 0);
	assert_int_equal(memmap_set_base(&dom0->memmap, gpa(5 * MIB), gpa(8 * MIB), MEM_UNUSABLE),
			 0);
	assert_int_equal(memmap_set_base(&dom0->memmap, gpa(GIB), gpa(GIB + MIB), MEM_ACPI), 0);
	x.buffer.p = (void *)LIST;
	assert_int_equal(OP(v0, XENMEM_memory_map, x), 0);
	assert_int_equal(map_count(v0), 4);
	assert_int_equal(entry(0).size, 4 * MIB);
	assert_int_equal(entry(1).type, E820_RESERVED);
	assert_int_equal(entry(2).type, E820_UNUSABLE);
	assert_int_equal(entry(3).start, GIB);
	/* The machine's: ours and what nobody was given is RAM; the bad RAM is not. */
	assert_int_equal(OP(v0, XENMEM_machine_memory_map, x), 0);
	assert_int_equal(map_count(v0), 3);
	assert_int_equal(entry(0).type, E820_RAM);
	assert_int_equal(entry(0).size, 7 * MIB);
	assert_int_equal(entry(1).type, E820_UNUSABLE);
	assert_int_equal(entry(1).size, MIB);
	assert_int_equal(entry(2).type, E820_ACPI);
	assert_int_equal(OP(v1, XENMEM_machine_memory_map, x), -EPERM);
	x.nr_entries = 2;
	assert_int_equal(OP(v0, XENMEM_memory_map, x), 0);
	assert_int_equal(map_count(v0), 2);
	x.nr_entries = UINT32_MAX;
	x.buffer.p = (void *)BAD;
	assert_int_equal(OP(v0, XENMEM_memory_map, x), -EFAULT);
	assert_int_equal(run(v0, hypercall_memory_op, XENMEM_memory_map, BAD), -EFAULT);
	assert_int_equal(run(v0, hypercall_memory_op, XENMEM_maximum_ram_page, 0),
			 7 * MIB / PAGE_SIZE - 1);
	assert_int_equal(OP(v0, XENMEM_maximum_gpfn, (uint16_t){DOMID_SELF}),
			 (GIB + MIB) / PAGE_SIZE - 1);
}

static int attach_nothing(sbdf_t device, sbdf_t requester, const struct iommu_table *t, bool silent)
{
	(void)device;
	(void)requester;
	(void)t;
	(void)silent;
	return 0;
}

static void reserved_regions(void **state)
{
	static struct acpi_dmar dmar = {
		.address_width = 39,
		.rmrr_count = 3,
		.scope_count = 2,
		.rmrr[0] = {.base = 0x7c000000, .limit = 0x7c00ffff, .scopes = {0, 1}},
		.rmrr[1] = {.base = 0x123, .limit = 0x7fff, .scopes = {0, 1}}, /* refused */
		.rmrr[2] = {.base = 0x7e000000, .limit = 0x7e000fff, .scopes = {1, 1}},
		.scope[0] = {.type = DMAR_SCOPE_ENDPOINT, .hops = 1, .path = {{3, 0}}},
		.scope[1] = {.type = DMAR_SCOPE_ENDPOINT, .hops = 1, .path = {{4, 1}}},
	};
	static const struct acpi_host acpi;
	static const struct iommu_ops ops = {.name = "none", .attach = attach_nothing};
	struct xen_reserved_device_memory_map x = {.flags = XENMEM_RDM_ALL, .nr_entries = 1};
	struct xen_reserved_device_memory e;

	(void)state;
	iommu_register(&ops, &nested_vtd, &dmar);
	iommu_reserve_regions(dom0, &acpi);
	x.buffer.p = (void *)LIST;
	assert_int_equal(OP(v0, XENMEM_reserved_device_memory_map, x), -ENOBUFS);
	get(v0, ARG, &x, sizeof(x));
	assert_int_equal(x.nr_entries, 2);
	assert_int_equal(OP(v0, XENMEM_reserved_device_memory_map, x), 0);
	get(v0, LIST + sizeof(e), &e, sizeof(e));
	assert_int_equal(e.start_pfn, 0x7e000);
	assert_int_equal(e.nr_pages, 1);
	/* One device's. */
	x.flags = 0;
	x.dev.pci.bus = 0;
	x.dev.pci.devfn = 3 << 3;
	assert_int_equal(OP(v0, XENMEM_reserved_device_memory_map, x), 0);
	get(v0, ARG, &x, sizeof(x));
	assert_int_equal(x.nr_entries, 1);
	get(v0, LIST, &e, sizeof(e));
	assert_int_equal(e.nr_pages, 16);
	x.dev.pci.devfn = 9 << 3;
	assert_int_equal(OP(v0, XENMEM_reserved_device_memory_map, x), 0);
	get(v0, ARG, &x, sizeof(x));
	assert_int_equal(x.nr_entries, 0);
	x.flags = 6;
	assert_int_equal(OP(v0, XENMEM_reserved_device_memory_map, x), -EINVAL);
	x.flags = 1;
	assert_int_equal(OP(v1, XENMEM_reserved_device_memory_map, x), -EPERM);
	iommu_register(NULL, &nested_vtd, NULL);
	iommu_reserve_regions(dom0, &acpi);
	x.nr_entries = 5;
	assert_int_equal(OP(v0, XENMEM_reserved_device_memory_map, x), 0);
	get(v0, ARG, &x, sizeof(x));
	assert_int_equal(x.nr_entries, 0);
}

static void unknown_commands(void **state)
{
	static const uint8_t offered[] = {0,  1,  2,  3,  4,  5,  6,  7,  9,  10, 11, 12,
					  13, 14, 15, 16, 17, 23, 24, 25, 26, 27, 28};

	(void)state;
	for (unsigned n = 0; n < 64; n++) {
		if (!memchr(offered, (int)n, sizeof(offered))) {
			assert_int_equal(run(v0, hypercall_memory_op, n, ARG), -ENOSYS);
		}
	}
	assert_int_equal(run(v0, hypercall_memory_op, XENMEM_exchange, ARG), -EOPNOTSUPP);
	assert_int_equal(run(v0, hypercall_memory_op, XENMEM_set_memory_map, ARG), -EOPNOTSUPP);
	assert_int_equal(run(v0, hypercall_memory_op, XENMEM_get_vnumainfo, ARG), -EOPNOTSUPP);
	assert_int_equal(run(v0, hypercall_memory_op, XENMEM_acquire_resource, ARG), -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(balloon, fixture_guests),
		cmocka_unit_test_setup(soft_reset, fixture_guests),
		cmocka_unit_test_setup(hostile_counts, fixture_guests),
		cmocka_unit_test_setup(other_domains, fixture_guests),
		cmocka_unit_test_setup(physmap, fixture_guests),
		cmocka_unit_test_setup(used_page_in_extent, fixture_guests),
		cmocka_unit_test_setup(other_spaces, fixture_guests),
		cmocka_unit_test_setup(batch, fixture_guests),
		cmocka_unit_test_setup(maps, fixture_guests),
		cmocka_unit_test_setup(reserved_regions, fixture_guests),
		cmocka_unit_test_setup(unknown_commands, fixture_guests),
	};

	return cmocka_run_group_tests_name("hypercall_memory", tests, NULL, NULL);
}
