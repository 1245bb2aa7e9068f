// SPDX-License-Identifier: MIT
/*
 * The boot processor's way from the loader's world to the hardware domain:
 * what the machine is, its interrupt controllers and clocks, all its
 * processors, then the domain.
 */
#include <taproot/acpi.h>
#include <taproot/log.h>
#include <taproot/option.h>
#include <taproot/record.h>
#include <taproot/version.h>
#include "cpu.h"
#include "hvm.h"
#include "hwdom.h"
#include "iommu_x86.h"
#include "main.h"


static struct acpi_host acpi;

static void start_interrupts(void)
{
	const struct acpi_reg *pm = &acpi.fadt.pm_timer;
	uint16_t pm_port = acpi.has_fadt && pm->space == 1 ? (uint16_t)pm->address : 0;

	lapic_init(options.x2apic && iommu_allows_x2apic());
	if (timer_hw_init(pm_port, acpi.fadt.pm_timer_32bit)) {
		log_notice("no timer to calibrate with: time is a guess");
	}
	for (unsigned i = 0; i < acpi.madt.ioapic_count; i++) {
		if (ioapic_hw_add(i, acpi.madt.ioapic[i].address)) {
			refuse("the IO-APIC at 0x%llx does not answer",
			       (unsigned long long)acpi.madt.ioapic[i].address.v);
		}
	}
}

static void start_processors(const struct boot_info *info)
{
	static uint32_t ids[ACPI_CPUS_MAX];
	unsigned count = 0, running;

	for (unsigned i = 0; i < acpi.madt.cpu_count; i++) {
		if (acpi.madt.cpu[i].enabled) {
			ids[count++] = acpi.madt.cpu[i].apic_id;
		}
	}
	running = smp_start(info, ids, count);
	log_info("processors: %u of %u run, %s mode", running, count,
		 lapic_is_x2apic() ? "x2APIC" : "xAPIC");
	for (unsigned i = 0; i < acpi.madt.cpu_count; i++) {
		for (unsigned n = 0; n < pcpu_count; n++) {
			if (pcpus[n]->apic_id == acpi.madt.cpu[i].apic_id) {
				pcpus[n]->acpi_id = acpi.madt.cpu[i].uid;
			}
		}
	}
}

static void enable_hvm(void *arg)
{
	int rc = hvm->cpu_enable();

	if (rc) {
		*(int *)arg = rc;
	}
}

static void record_sink(const void *buf, size_t len)
{
	serial_raw_write(options.record, buf, len);
}

static void start_recorder(void)
{
	if (options.record == PORT_NONE) {
		return;
	}
	if (serial_raw_open(options.record)) {
		log_notice("record=: there is no such serial port, nothing is recorded");
		return;
	}
	record_init(record_sink);
}

void hypervisor_main(struct boot_info *info)
{
	const char *missing = hvm->refusal();
	int rc = 0;

	log_info("Taproot %s, a hypervisor; %s on %s", TAPROOT_VERSION, hvm->name,
		 cpu_features.vendor);
	if (options.help) {
		option_help();
	}
	if (missing) {
		refuse("%s", missing);
	}
	if (acpi_host_read(&acpi, hpa(info->rsdp))) {
		refuse("no usable ACPI tables; use firmware that has them");
	}
	iommu_probe(&acpi);
	start_interrupts();
	start_processors(info);
	iommu_start_remapping();
	smp_call(SMP_ALL, enable_hvm, &rc);
	if (rc) {
		refuse("%s cannot be enabled on every processor (error %d)", hvm->name, rc);
	}
	start_recorder();
	if (options.dom0_cpu >= pcpu_count) {
		log_notice("dom0_cpu: there is no processor %u, using 0", options.dom0_cpu);
		options.dom0_cpu = 0;
	}
	smp_run(hwdom_build(info, &acpi));
}
