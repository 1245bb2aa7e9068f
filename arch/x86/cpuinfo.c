// SPDX-License-Identifier: MIT
/*
 * The machine's processors for reports to tools: identity (APMv3 E.3.2), features,
 * and where they sit, from the APIC id and the extended topology (SDM 3A
 * 9.9, APMv3 E.4.7) or AMD's core count (APMv3 E.4.9, leaf 80000008).
 *
 * CPUID of the processor that runs this stands for all of them.
 */
#include <taproot/arch.h>
#include <taproot/string.h>
#include "cpu.h"
#include "x86.h"

#define TOPOLOGY_LEAF 0xbu
#define LEVEL_SMT     1u
#define LEVEL_CORE    2u

struct topology {
	unsigned smt_shift, package_shift;
	uint32_t threads, processors; /* in a core, in a package */
};

static void extended_topology(struct topology *t)
{
	for (unsigned i = 0; i < 2; i++) {
		struct cpuid r = cpuid(TOPOLOGY_LEAF, i);
		uint32_t level = r.ecx >> 8 & 0xff;

		if (level == LEVEL_SMT) {
			t->smt_shift = r.eax & 31;
			t->threads = r.ebx & 0xffff;
		} else if (level == LEVEL_CORE) {
			t->package_shift = r.eax & 31;
			t->processors = r.ebx & 0xffff;
		}
	}
}

static void read_topology(struct topology *t)
{
	*t = (struct topology){0, 0, 1, 1};
	if (cpuid(0, 0).eax >= TOPOLOGY_LEAF && (cpuid(TOPOLOGY_LEAF, 0).ebx & 0xffff)) {
		extended_topology(t);
	} else if (cpuid(0x80000000, 0).eax >= 0x80000008) {
		uint32_t ecx = cpuid(0x80000008, 0).ecx;

		t->processors = (ecx & 0xff) + 1;
		t->package_shift = ecx >> 12 & 15;
	}
	t->threads = MAX(t->threads, 1u);
	t->processors = MAX(t->processors, t->threads);
}

/* Family and model with their extensions (APMv3 E.3.2). */
static void read_identity(struct arch_cpu_info *out)
{
	struct cpuid leaf0 = cpuid(0, 0);
	uint32_t eax = cpuid(1, 0).eax;
	uint32_t family = eax >> 8 & 15;

	memcpy(&out->vendor[0], &leaf0.ebx, 4);
	memcpy(&out->vendor[4], &leaf0.edx, 4);
	memcpy(&out->vendor[8], &leaf0.ecx, 4);
	out->stepping = eax & 15;
	out->model = eax >> 4 & 15;
	out->family = family;
	if (family == 15) {
		out->family += eax >> 20 & 0xff;
	}
	if (family == 15 || family == 6) {
		out->model |= eax >> 12 & 0xf0;
	}
}

static void read_features(uint32_t f[8])
{
	uint32_t max = cpuid(0, 0).eax;
	uint32_t ext = cpuid(0x80000000, 0).eax;

	f[0] = cpuid(1, 0).edx;
	f[1] = cpuid(1, 0).ecx;
	f[2] = ext >= 0x80000001 ? cpuid(0x80000001, 0).edx : 0;
	f[3] = ext >= 0x80000001 ? cpuid(0x80000001, 0).ecx : 0;
	f[4] = max >= 0xd ? cpuid(0xd, 1).eax : 0;
	f[5] = max >= 7 ? cpuid(7, 0).ebx : 0;
	f[6] = max >= 7 ? cpuid(7, 0).ecx : 0;
	f[7] = ext >= 0x80000007 ? cpuid(0x80000007, 0).edx : 0;
}

void arch_cpu_info(unsigned cpu, struct arch_cpu_info *out)
{
	const struct pcpu *p = pcpus[cpu];
	struct topology t;

	read_topology(&t);
	out->apic_id = p->apic_id;
	out->acpi_id = p->acpi_id;
	out->core = (p->apic_id & ((1u << t.package_shift) - 1)) >> t.smt_shift;
	out->socket = p->apic_id >> t.package_shift;
	out->threads_per_core = t.threads;
	out->cores_per_socket = t.processors / t.threads;
	read_identity(out);
	read_features(out->features);
}
