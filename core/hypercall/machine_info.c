/* SPDX-License-Identifier: MIT */
/*
 * sysctl physinfo, cputopoinfo and numainfo: the machine as the tools see it
 * (Xen ABI sysctl.h).
 *
 * Deliberately not supported: NUMA. The SRAT is not read; the machine is one node.
 */
#include <taproot/errno.h>
#include <taproot/frames.h>
#include <taproot/iommu.h>
#include <taproot/string.h>

#include "control.h"

#define LOCAL_DISTANCE 10u /* ACPI 6.5 5.2.17 */

uint64_t machine_free_pages(void)
{
	return frames_owned(&machine_frames, FRAMES_FREE) / PAGE_SIZE;
}

static uint64_t machine_pages(void)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < machine_frames.count; i++) {
		bytes += machine_frames.extent[i].end - machine_frames.extent[i].start;
	}
	return bytes / PAGE_SIZE;
}

int sysctl_physinfo(struct hypercall *h, struct xen_sysctl_physinfo *x)
{
	const struct frames *f = &machine_frames;
	struct arch_cpu_info cpu;

	(void)h;
	arch_cpu_info(0, &cpu);
	memset(x, 0, sizeof(*x));
	x->threads_per_core = cpu.threads_per_core;
	x->cores_per_socket = cpu.cores_per_socket;
	x->nr_cpus = arch_cpu_count();
	x->max_cpu_id = arch_cpu_count() - 1;
	x->nr_nodes = 1;
	x->cpu_khz = (uint32_t)(arch_time_hz() / 1000);
	x->capabilities = XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap;
	if (iommu_translates()) {
		x->capabilities |= XEN_SYSCTL_PHYSCAP_directio;
	}
	x->total_pages = machine_pages();
	x->free_pages = machine_free_pages();
	x->max_mfn = f->count ? f->extent[f->count - 1].end / PAGE_SIZE - 1 : 0;
	memcpy(x->hw_cap, cpu.features, sizeof(x->hw_cap));
	return 0;
}

int sysctl_cputopoinfo(struct hypercall *h, struct xen_sysctl_cputopoinfo *x)
{
	uint32_t count = arch_cpu_count();

	if (HANDLE(x->cputopo)) {
		count = MIN(count, x->num_cpus);
		for (uint32_t i = 0; i < count; i++) {
			struct xen_sysctl_cputopo t;
			struct arch_cpu_info cpu;

			arch_cpu_info(i, &cpu);
			t.core = cpu.core;
			t.socket = cpu.socket;
			t.node = 0;
			if (copy_to_guest(h, HANDLE(x->cputopo) + i * sizeof(t), &t, sizeof(t))) {
				return -EFAULT;
			}
		}
	}
	x->num_cpus = count;
	return 0;
}

int sysctl_numainfo(struct hypercall *h, struct xen_sysctl_numainfo *x)
{
	struct xen_sysctl_meminfo m;
	uint32_t distance = LOCAL_DISTANCE;
	bool lists = HANDLE(x->meminfo) || HANDLE(x->distance);

	if (lists && x->num_nodes == 0) {
		return 0;
	}
	m.memsize = machine_pages() * PAGE_SIZE;
	m.memfree = machine_free_pages() * PAGE_SIZE;
	if (HANDLE(x->meminfo) && copy_to_guest(h, HANDLE(x->meminfo), &m, sizeof(m))) {
		return -EFAULT;
	}
	if (HANDLE(x->distance) &&
	    copy_to_guest(h, HANDLE(x->distance), &distance, sizeof(distance))) {
		return -EFAULT;
	}
	x->num_nodes = 1;
	return 0;
}
