// SPDX-License-Identifier: MIT
/* See apic.h. */
#include "apic.h"

#define TRAMPOLINE 0x8000u
#define AP_STACK   16384

#define MSR_X2APIC 0x800u

#define MADT_LAPIC  0
#define MADT_X2APIC 9

unsigned cpu_count = 1;

extern uint8_t ap_start[], ap_end[];
extern uint32_t ap_stack;

static uint8_t stacks[CPUS_MAX][AP_STACK] __attribute__((aligned(16)));
static volatile unsigned starting;

uint32_t apic_read(unsigned reg)
{
	return apic_is_x2apic() ? (uint32_t)rdmsr(MSR_X2APIC + reg / 16) : read32(APIC_PAGE + reg);
}

void apic_write(unsigned reg, uint32_t v)
{
	if (apic_is_x2apic()) {
		wrmsr(MSR_X2APIC + reg / 16, v);
	} else {
		write32(APIC_PAGE + reg, v);
	}
}

void apic_send(uint32_t dest, uint32_t low)
{
	if (apic_is_x2apic()) {
		wrmsr(MSR_X2APIC + APIC_ICR / 16, (uint64_t)dest << 32 | low);
		return;
	}
	write32(APIC_PAGE + APIC_ICR_HIGH, dest << 24);
	write32(APIC_PAGE + APIC_ICR, low);
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

uint32_t apic_id(void)
{
	uint32_t id = apic_read(APIC_ID);

	return apic_is_x2apic() ? id : id >> 24;
}

void apic_enable(void)
{
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_TPR, 0);
	for (unsigned reg = APIC_LVT_TIMER; reg <= APIC_LVT_ERROR; reg += 0x10) {
		apic_write(reg, LVT_MASKED);
	}
}

void apic_count(struct frame *f)
{
	(void)f;
	apic_eoi();
}

static void add_cpu(uint32_t id)
{
	if (id != cpus[0].apic_id && cpu_count < CPUS_MAX) {
		cpus[cpu_count++].apic_id = id;
	}
}

/* ACPI 6.5 5.2.12: local APIC and local x2APIC entries that are enabled. */
unsigned smp_find(void)
{
	const uint8_t *madt = find_table(start_info, "APIC");
	uint32_t length = madt ? read32((uint64_t)madt + 4) : 0;

	cpu_count = 1;
	cpus[0].apic_id = apic_id();
	for (uint32_t at = 44; at + 2 <= length && madt[at + 1]; at += madt[at + 1]) {
		const uint8_t *e = madt + at;

		if (e[0] == MADT_LAPIC && (e[4] & 1)) {
			add_cpu(e[3]);
		} else if (e[0] == MADT_X2APIC && (e[8] & 1)) {
			add_cpu(read32((uint64_t)e + 4));
		}
	}
	return cpu_count;
}

void ap_main(void)
{
	struct cpu *c = &cpus[starting];

	trap_init(c->index);
	c->recover = 0;
	apic_enable();
	irq_enable();
	__atomic_fetch_add(&c->alive, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		void (*work)(void *) = __atomic_load_n(&c->work, __ATOMIC_ACQUIRE);

		if (work) {
			work(c->work_arg);
			__atomic_store_n(&c->work, NULL, __ATOMIC_RELEASE);
		}
		__asm__ volatile("pause" : : : "memory");
	}
}

void smp_startup(unsigned cpu, uint32_t address)
{
	uint32_t id = cpus[cpu].apic_id;

	apic_send(id, ICR_INIT | ICR_ASSERT | ICR_LEVEL);
	apic_send(id, ICR_INIT | ICR_LEVEL);
	delay_us(10000);
	apic_send(id, ICR_STARTUP | ICR_ASSERT | address >> 12);
}

bool smp_restart(unsigned cpu)
{
	struct cpu *c = &cpus[cpu];
	uint32_t alive = c->alive;
	uint8_t *to = (uint8_t *)(uint64_t)TRAMPOLINE;

	for (unsigned i = 0; i < (unsigned)(ap_end - ap_start); i++) {
		to[i] = ap_start[i];
	}
	c->index = cpu;
	c->work = NULL;
	starting = cpu;
	ap_stack = (uint32_t)(uint64_t)(stacks[cpu] + AP_STACK);
	__asm__ volatile("mfence" : : : "memory");
	smp_startup(cpu, TRAMPOLINE);
	if (!WAIT(c->alive != alive, 200)) {
		apic_send(c->apic_id, ICR_STARTUP | ICR_ASSERT | TRAMPOLINE >> 12);
	}
	return WAIT(c->alive != alive, 2000000);
}

unsigned smp_start(void)
{
	unsigned count = 1;

	smp_find();
	for (unsigned i = 1; i < cpu_count; i++) {
		if (smp_restart(i)) {
			count++;
		}
	}
	return count;
}

void smp_run(unsigned cpu, void (*fn)(void *arg), void *arg)
{
	cpus[cpu].work_arg = arg;
	__atomic_store_n(&cpus[cpu].work, fn, __ATOMIC_RELEASE);
}

bool smp_wait(unsigned cpu, uint64_t us)
{
	return WAIT(!__atomic_load_n(&cpus[cpu].work, __ATOMIC_ACQUIRE), us);
}
