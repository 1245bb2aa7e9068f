/* SPDX-License-Identifier: MIT */
/* sysctl, domctl and platform_op: what tools and the hardware domain's kernel ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <abi/domctl.h>
#include <abi/platform.h>
#include <taproot/balloon.h>
#include <taproot/frames.h>
#include <taproot/log.h>
#include <taproot/vcpu.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include "guest_fixture.h"

static struct frame_extent extents[8];

static int setup(void **state)
{
	int rc = fixture_guests(state);

	if (rc == 0) {
		host_cpu_set_count(4);
		frames_init(&machine_frames, extents, ARRAY_SIZE(extents));
		rc = frames_add(&machine_frames, hpa(0), hpa(32 * MIB));
	}
	if (rc == 0) {
		rc = frames_assign(&machine_frames, hpa(0), hpa(4 * MIB), FRAMES_FREE, 0);
	}
	return rc;
}

static int64_t sysctl(struct vcpu *v, struct xen_sysctl *x)
{
	int64_t rc;

	x->interface_version = SYSCTL_VERSION_4_17;
	put(v, ARG, x, sizeof(*x));
	rc = run(v, hypercall_sysctl, ARG, 0);
	get(v, ARG, x, sizeof(*x));
	return rc;
}

static int64_t domctl(struct vcpu *v, struct xen_domctl *x, uint32_t version)
{
	int64_t rc;

	x->cmd = XEN_DOMCTL_getdomaininfo;
	x->interface_version = version;
	put(v, ARG, x, sizeof(*x));
	rc = run(v, hypercall_domctl, ARG, 0);
	get(v, ARG, x, sizeof(*x));
	return rc;
}

static int64_t platform(struct vcpu *v, struct xen_platform_op *x)
{
	int64_t rc;

	x->interface_version = XENPF_INTERFACE_VERSION;
	put(v, ARG, x, sizeof(*x));
	rc = run(v, hypercall_platform_op, ARG, 0);
	get(v, ARG, x, sizeof(*x));
	return rc;
}

/* ---- sysctl ---- */

/* Read from where the last call ended; what there was is in `text`. */
static unsigned read_log(struct xen_sysctl_readconsole *r, char *text, uint32_t size)
{
	struct xen_sysctl x = {.cmd = XEN_SYSCTL_readconsole};

	r->count = size;
	r->buffer.p = (void *)LIST;
	x.u.readconsole = *r;
	assert_int_equal(sysctl(v0, &x), 0);
	*r = x.u.readconsole;
	get(v0, LIST, text, r->count);
	text[r->count] = '\0';
	return r->count;
}

static void console_ring(void **state)
{
	struct xen_sysctl_readconsole r = {0};
	struct xen_sysctl x = {.cmd = XEN_SYSCTL_readconsole};
	static char text[2 * LOG_RING_SIZE];
	unsigned all;

	(void)state;
	log_ring_clear();
	log_info("a first line");
	log_info("a second line");
	all = read_log(&r, text, sizeof(text) - 1);
	assert_non_null(strstr(text, "a first line\n"));
	assert_int_equal(text[all - 1], '\n');
	/* From the start again, then on from there. */
	r = (struct xen_sysctl_readconsole){0};
	assert_int_equal(read_log(&r, text, 10), 10);
	r.incremental = 1;
	assert_int_equal(read_log(&r, text, sizeof(text) - 1), all - 10);
	assert_int_equal(read_log(&r, text, sizeof(text) - 1), 0);
	log_info("a third line");
	assert_true(read_log(&r, text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "a third line"));
	/* An index that means nothing: from the start. */
	r.index -= 0x40000000;
	assert_true(read_log(&r, text, sizeof(text) - 1) > all);
	for (unsigned i = 0; i < 2000; i++) {
		log_info("line %u of many", i);
	}
	r = (struct xen_sysctl_readconsole){.clear = 1};
	assert_int_equal(read_log(&r, text, sizeof(text) - 1), LOG_RING_SIZE);
	r = (struct xen_sysctl_readconsole){0};
	assert_int_equal(read_log(&r, text, sizeof(text) - 1), 0);
	log_info("after all");
	x.u.readconsole.count = UINT32_MAX;
	x.u.readconsole.buffer.p = (void *)GUEST_RAM;
	assert_int_equal(sysctl(v0, &x), -EFAULT);
}

static void physical_machine(void **state)
{
	struct xen_sysctl x = {.cmd = XEN_SYSCTL_physinfo};

	(void)state;
	assert_int_equal(sysctl(v0, &x), 0);
	assert_int_equal(x.u.physinfo.nr_cpus, 4);
	assert_int_equal(x.u.physinfo.max_cpu_id, 3);
	assert_int_equal(x.u.physinfo.threads_per_core, 2);
	assert_int_equal(x.u.physinfo.cores_per_socket, 2);
	assert_int_equal(x.u.physinfo.nr_nodes, 1);
	assert_int_equal(x.u.physinfo.cpu_khz, HOST_TIME_HZ / 1000);
	assert_int_equal(x.u.physinfo.total_pages, 32 * MIB / PAGE_SIZE);
	assert_int_equal(x.u.physinfo.free_pages, 28 * MIB / PAGE_SIZE);
	assert_int_equal(x.u.physinfo.max_mfn, 32 * MIB / PAGE_SIZE - 1);
	assert_int_equal(x.u.physinfo.hw_cap[7], 8);
	x.cmd = XEN_SYSCTL_availheap;
	assert_int_equal(sysctl(v0, &x), 0);
	assert_int_equal(x.u.availheap.avail_bytes, 28 * MIB);
	x.cmd = XEN_SYSCTL_sched_id;
	assert_int_equal(sysctl(v0, &x), 0);
	assert_int_equal(x.u.sched_id.sched_id, XEN_SCHEDULER_NULL);
}

static void topology(void **state)
{
	struct xen_sysctl x = {.cmd = XEN_SYSCTL_cputopoinfo};
	struct xen_sysctl_cputopo t;
	struct xen_sysctl_meminfo m;
	uint32_t distance;

	(void)state;
	assert_int_equal(sysctl(v0, &x), 0);
	assert_int_equal(x.u.cputopoinfo.num_cpus, 4);
	x.u.cputopoinfo.cputopo.p = (void *)LIST;
	x.u.cputopoinfo.num_cpus = UINT32_MAX;
	assert_int_equal(sysctl(v0, &x), 0);
	assert_int_equal(x.u.cputopoinfo.num_cpus, 4);
	get(v0, LIST + 3 * sizeof(t), &t, sizeof(t));
	assert_int_equal(t.core, 1);
	assert_int_equal(t.node, 0);
	x.u.cputopoinfo.num_cpus = 2;
	assert_int_equal(sysctl(v0, &x), 0);
	assert_int_equal(x.u.cputopoinfo.num_cpus, 2);
	x.u.cputopoinfo.cputopo.p = (void *)(GUEST_RAM - 4);
	assert_int_equal(sysctl(v0, &x), -EFAULT);

	x = (struct xen_sysctl){.cmd = XEN_SYSCTL_numainfo};
	assert_int_equal(sysctl(v0, &x), 0);
	assert_int_equal(x.u.numainfo.num_nodes, 1);
	x.u.numainfo.num_nodes = 8;
	x.u.numainfo.meminfo.p = (void *)LIST;
	x.u.numainfo.distance.p = (void *)(LIST + 64);
	assert_int_equal(sysctl(v0, &x), 0);
	assert_int_equal(x.u.numainfo.num_nodes, 1);
	get(v0, LIST, &m, sizeof(m));
	assert_int_equal(m.memsize, 32 * MIB);
	assert_int_equal(m.memfree, 28 * MIB);
	get(v0, LIST + 64, &distance, sizeof(distance));
	assert_int_equal(distance, 10);
}

static void keys(void **state)
{
	struct xen_sysctl x = {.cmd = XEN_SYSCTL_debug_keys};

	(void)state;
	put(v0, LIST, "nq", 2);
	x.u.debug_keys.keys.p = (void *)LIST;
	x.u.debug_keys.nr_keys = 2;
	assert_int_equal(sysctl(v0, &x), 0);
	assert_int_equal(host_debug_key, 'q');
	x.u.debug_keys.nr_keys = 9;
	assert_int_equal(sysctl(v0, &x), -E2BIG);
	x.u.debug_keys.nr_keys = 1;
	x.u.debug_keys.keys.p = (void *)GUEST_RAM;
	assert_int_equal(sysctl(v0, &x), -EFAULT);
}

/* A key a piece, and what has come meanwhile in between: INIT drops the rest. */
static void keys_in_pieces(void **state)
{
	struct xen_sysctl x = {.cmd = XEN_SYSCTL_debug_keys, .interface_version = 0x15};
	struct hypercall h = {.v = v0, .arg = {ARG}};

	(void)state;
	put(v0, LIST, "abc\0\0fgh", 8);
	x.u.debug_keys.keys.p = (void *)LIST;
	x.u.debug_keys.nr_keys = 8;
	put(v0, ARG, &x, sizeof(x));
	assert_int_equal(hypercall_sysctl(&h), 0);
	assert_false(h.again);
	assert_int_equal(host_debug_key, 0);
	for (unsigned i = 0; i < 8; i++) {
		assert_non_null(v0->deferred);
		assert_int_equal(v0->deferred(v0), i < 7 ? -EAGAIN : 0);
		assert_int_equal(host_debug_key, "abc\0\0fgh"[i]);
	}
	v0->deferred = NULL;
	assert_int_equal(hypercall_sysctl(&h), 0);
	assert_int_equal(v0->deferred(v0), -EAGAIN);
	vcpu_send_init(v0);
	assert_false(vcpu_attend(v0));
	assert_null(v0->deferred);
	assert_int_equal(host_debug_key, 'a');
}

/* ---- domains ---- */

static void domain_list_and_info(void **state)
{
	struct xen_sysctl x = {.cmd = XEN_SYSCTL_getdomaininfolist};
	struct xen_domctl_getdomaininfo info;
	uint64_t pfn = 600;

	(void)state;
	assert_int_equal(balloon_out(dom0, &pfn, 1, 0), 1);
	x.u.getdomaininfolist.max_domains = 1024;
	x.u.getdomaininfolist.buffer.p = (void *)LIST;
	assert_int_equal(sysctl(v0, &x), 0);
	assert_int_equal(x.u.getdomaininfolist.num_domains, 2);
	get(v0, LIST, &info, sizeof(info));
	assert_int_equal(info.domain, 0);
	assert_int_equal(info.tot_pages, 1023);
	assert_int_equal(info.max_pages, 1024);
	assert_int_equal(info.nr_online_vcpus, 1);
	assert_int_equal(info.max_vcpu_id, 0);
	assert_int_equal(info.gpaddr_bits, 40);
	assert_int_equal(info.shared_info_frame, UINT64_MAX);
	assert_true(info.flags & XEN_DOMINF_hvm_guest);
	assert_false(info.flags & XEN_DOMINF_shutdown);
	get(v0, LIST + sizeof(info), &info, sizeof(info));
	assert_int_equal(info.domain, 1);
	/* From the second on; one only; none. */
	x.u.getdomaininfolist.first_domain = 1;
	assert_int_equal(sysctl(v0, &x), 0);
	assert_int_equal(x.u.getdomaininfolist.num_domains, 1);
	x.u.getdomaininfolist.first_domain = 0;
	x.u.getdomaininfolist.max_domains = 1;
	assert_int_equal(sysctl(v0, &x), 0);
	assert_int_equal(x.u.getdomaininfolist.num_domains, 1);
	x.u.getdomaininfolist.first_domain = 2;
	assert_int_equal(sysctl(v0, &x), 0);
	assert_int_equal(x.u.getdomaininfolist.num_domains, 0);
	x.u.getdomaininfolist.first_domain = 0;
	x.u.getdomaininfolist.buffer.p = (void *)GUEST_RAM;
	assert_int_equal(sysctl(v0, &x), -EFAULT);
}

static void running_time(void **state)
{
	struct xen_domctl x = {.domain = 0};

	(void)state;
	vtime_runstate(v0, RUNSTATE_running);
	host_time_advance(HOST_TIME_HZ * 3);
	assert_int_equal(domctl(v0, &x, DOMCTL_VERSION_4_20), 0);
	assert_true(x.u.getdomaininfo.flags & XEN_DOMINF_running);
	assert_false(x.u.getdomaininfo.flags & XEN_DOMINF_blocked);
	assert_true(x.u.getdomaininfo.cpu_time >= 2999000000ull);
	vtime_runstate(v0, RUNSTATE_blocked);
	assert_int_equal(domctl(v0, &x, DOMCTL_VERSION_4_20), 0);
	assert_false(x.u.getdomaininfo.flags & XEN_DOMINF_running);
	assert_true(x.u.getdomaininfo.flags & XEN_DOMINF_blocked);
	arch_domain_end(domu, DOMAIN_REBOOT);
	x.domain = 1;
	assert_int_equal(domctl(v0, &x, DOMCTL_VERSION_4_20), 0);
	assert_true(x.u.getdomaininfo.flags & XEN_DOMINF_shutdown);
	assert_int_equal(x.u.getdomaininfo.flags >> XEN_DOMINF_shutdownshift &
				 XEN_DOMINF_shutdownmask,
			 SHUTDOWN_reboot);
}

static void vcpus(void **state)
{
	struct xen_domctl x = {.cmd = XEN_DOMCTL_getvcpuinfo};
	uint8_t map[3] = {0xff, 0xff, 0xff};

	(void)state;
	vtime_runstate(v0, RUNSTATE_blocked);
	x.interface_version = DOMCTL_VERSION_4_17;
	put(v0, ARG, &x, sizeof(x));
	assert_int_equal(run(v0, hypercall_domctl, ARG, 0), 0);
	get(v0, ARG, &x, sizeof(x));
	assert_int_equal(x.u.getvcpuinfo.online, 1);
	assert_int_equal(x.u.getvcpuinfo.blocked, 1);
	assert_int_equal(x.u.getvcpuinfo.running, 0);
	assert_int_equal(x.u.getvcpuinfo.cpu, 0);
	x.u.getvcpuinfo.vcpu = 1;
	put(v0, ARG, &x, sizeof(x));
	assert_int_equal(run(v0, hypercall_domctl, ARG, 0), -EINVAL);

	put(v0, LIST, map, sizeof(map));
	put(v0, LIST + 8, map, sizeof(map));
	x.cmd = XEN_DOMCTL_getvcpuaffinity;
	x.u.vcpuaffinity = (struct xen_domctl_vcpuaffinity){
		.flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT,
		.cpumap_hard = {{(void *)LIST}, 16},
		.cpumap_soft = {{(void *)(LIST + 8)}, 3},
	};
	put(v0, ARG, &x, sizeof(x));
	assert_int_equal(run(v0, hypercall_domctl, ARG, 0), 0);
	get(v0, LIST, map, sizeof(map));
	assert_memory_equal(map, ((uint8_t[]){1, 0, 0xff}), 3);
	get(v0, LIST + 8, map, sizeof(map));
	assert_memory_equal(map, ((uint8_t[]){7, 0xff, 0xff}), 3);
	x.u.vcpuaffinity.cpumap_hard.nr_bits = UINT32_MAX;
	put(v0, ARG, &x, sizeof(x));
	assert_int_equal(run(v0, hypercall_domctl, ARG, 0), -EINVAL);
	x.u.vcpuaffinity.cpumap_hard.nr_bits = 8;
	x.u.vcpuaffinity.cpumap_hard.bitmap.p = (void *)GUEST_RAM;
	put(v0, ARG, &x, sizeof(x));
	assert_int_equal(run(v0, hypercall_domctl, ARG, 0), -EFAULT);
}

/* The two versions: what a domain that does not exist means. */
static void domctl_versions(void **state)
{
	struct domain *d = domain_create(5, false, FIXTURE_LIMIT, 16);
	struct xen_domctl x = {.domain = 2};

	(void)state;
	assert_non_null(d);
	assert_int_equal(domctl(v0, &x, DOMCTL_VERSION_4_20), -ESRCH);
	x.domain = DOMID_SELF;
	assert_int_equal(domctl(v0, &x, DOMCTL_VERSION_4_20), -ESRCH);
	assert_int_equal(domctl(v0, &x, DOMCTL_VERSION_4_17), -EINVAL);
	x.domain = 6;
	assert_int_equal(domctl(v0, &x, DOMCTL_VERSION_4_17), -ESRCH);
	x.domain = 1;
	assert_int_equal(domctl(v0, &x, DOMCTL_VERSION_4_17), 0);
	assert_int_equal(x.domain, 1);
	assert_int_equal(x.interface_version, DOMCTL_VERSION_4_17);
	for (unsigned version = 0; version < 0x20; version++) {
		bool answered = version == 0x15 || version == 0x17;

		assert_int_equal(domctl(v0, &x, version), answered ? 0 : -EACCES);
	}
}

/* ---- platform ---- */

static void clock_is_set(void **state)
{
	struct xen_platform_op x = {.cmd = XENPF_settime64};
	const struct shared_info *s;
	struct xen_add_to_physmap map = {.domid = DOMID_SELF, .gpfn = 7};

	(void)state;
	put(v0, ARG, &map, sizeof(map));
	assert_int_equal(run(v0, hypercall_memory_op, XENMEM_add_to_physmap, ARG), 0);
	s = (const void *)(ram0 + 7 * PAGE_SIZE);
	x.u.settime64.secs = 1800000100;
	x.u.settime64.nsecs = 5;
	x.u.settime64.system_time = 100000000007;
	assert_int_equal(platform(v0, &x), 0);
	assert_int_equal(s->wc_sec, 1799999999);
	assert_int_equal(s->wc_nsec, 999999998);
	x.u.settime64.mbz = 1;
	assert_int_equal(platform(v0, &x), -EINVAL);
	x.u.settime64.mbz = 0;
	x.u.settime64.nsecs = 1000000000;
	assert_int_equal(platform(v0, &x), -EINVAL);
	x.u.settime64.nsecs = 0;
	x.u.settime64.secs = UINT64_MAX;
	assert_int_equal(platform(v0, &x), -EINVAL);
	x.u.settime64.secs = 1;
	assert_int_equal(platform(v0, &x), -EINVAL);
	x.cmd = XENPF_settime32;
	x.u.settime32.secs = 1700000000;
	x.u.settime32.nsecs = 0;
	x.u.settime32.system_time = 0;
	assert_int_equal(platform(v0, &x), 0);
	assert_int_equal(s->wc_sec, 1700000000);
}

static void processors(void **state)
{
	struct xen_platform_op x = {.cmd = XENPF_get_cpuinfo};

	(void)state;
	x.u.pcpu_info.xen_cpuid = 3;
	assert_int_equal(platform(v0, &x), 0);
	assert_int_equal(x.u.pcpu_info.max_present, 3);
	assert_int_equal(x.u.pcpu_info.flags, XEN_PCPU_FLAGS_ONLINE);
	assert_int_equal(x.u.pcpu_info.apic_id, 3);
	assert_int_equal(x.u.pcpu_info.acpi_id, 103);
	x.u.pcpu_info.xen_cpuid = UINT32_MAX;
	assert_int_equal(platform(v0, &x), 0);
	assert_int_equal(x.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
	x.cmd = XENPF_get_cpu_version;
	x.u.pcpu_version.xen_cpuid = 0;
	assert_int_equal(platform(v0, &x), 0);
	assert_memory_equal(x.u.pcpu_version.vendor_id, "Host", 4);
	assert_int_equal(x.u.pcpu_version.family, 23);
}

static void firmware(void **state)
{
	static const struct {
		uint32_t type;
		int rc;
	} types[] = {
		{XEN_FW_DISK_INFO, -ESRCH},   {XEN_FW_DISK_MBR_SIGNATURE, -ESRCH},
		{XEN_FW_VBEDDC_INFO, -ESRCH}, {XEN_FW_EFI_INFO, -ENOSYS},
		{XEN_FW_KBD_SHIFT_FLAGS, 0},  {77, -EINVAL},
	};
	struct xen_platform_op x = {.cmd = XENPF_firmware_info};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		x.u.firmware_info.type = types[i].type;
		assert_int_equal(platform(v0, &x), types[i].rc);
	}
	x.cmd = XENPF_get_dom0_console;
	assert_int_equal(platform(v0, &x), -ENODEV);
}

/* ---- all commands: unprivileged, other versions, unknown, arguments that are not there ---- */

static void matrix(void **state)
{
	static const struct {
		hypercall_fn *fn;
		uint8_t known[12];
		uint32_t version;
		size_t size;
	} calls[] = {
		{hypercall_sysctl,
		 {1, 3, 4, 6, 7, 9, 16, 17},
		 SYSCTL_VERSION_4_17,
		 sizeof(struct xen_sysctl)},
		{hypercall_domctl, {5, 14, 25}, DOMCTL_VERSION_4_20, sizeof(struct xen_domctl)},
		{hypercall_platform_op,
		 {17, 48, 50, 55, 62, 64},
		 XENPF_INTERFACE_VERSION,
		 sizeof(struct xen_platform_op)},
	};

	(void)state;
	for (unsigned c = 0; c < ARRAY_SIZE(calls); c++) {
		for (uint32_t n = 0; n < 1100; n++) {
			bool known = n && n < 256 && memchr(calls[c].known, (int)n, 12);
			uint32_t head[2] = {n, calls[c].version};
			uint8_t zero[256] = {0};

			put(v0, ARG, zero, sizeof(zero));
			put(v1, ARG, head, sizeof(head));
			assert_int_equal(run(v1, calls[c].fn, ARG, 0), -EPERM);
			put(v0, ARG, head, sizeof(head));
			assert_true((run(v0, calls[c].fn, ARG, 0) != -ENOSYS) == known);
			head[1]++;
			put(v0, ARG, head, sizeof(head));
			assert_int_equal(run(v0, calls[c].fn, ARG, 0), -EACCES);
		}
		assert_int_equal(run(v0, calls[c].fn, GUEST_RAM - calls[c].size + 1, 0), -EFAULT);
		assert_int_equal(run(v0, calls[c].fn, UINT64_MAX - 3, 0), -EFAULT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(console_ring, setup),
		cmocka_unit_test_setup(physical_machine, setup),
		cmocka_unit_test_setup(topology, setup),
		cmocka_unit_test_setup(keys, setup),
		cmocka_unit_test_setup(keys_in_pieces, setup),
		cmocka_unit_test_setup(domain_list_and_info, setup),
		cmocka_unit_test_setup(running_time, setup),
		cmocka_unit_test_setup(vcpus, setup),
		cmocka_unit_test_setup(domctl_versions, setup),
		cmocka_unit_test_setup(clock_is_set, setup),
		cmocka_unit_test_setup(processors, setup),
		cmocka_unit_test_setup(firmware, setup),
		cmocka_unit_test_setup(matrix, setup),
	};

	return cmocka_run_group_tests_name("sysctl", tests, NULL, NULL);
}
