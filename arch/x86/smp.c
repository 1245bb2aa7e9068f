// SPDX-License-Identifier: MIT
/*
 * Application processors (SDM 3A 8.4.4: INIT, then STARTUP twice), one after
 * the other. The page below 640 KiB where they begin is borrowed: its bytes
 * are put back before anybody else may look (EBDA, iBFT). A processor that
 * does not come up in time is sent back to wait-for-STARTUP by another INIT.
 *
 * Not supported: hotplug, parking processors again.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/log.h>
#include <taproot/string.h>
#include "boot.h"
#include "cpu.h"
#include "hvm.h"
#include "lapic.h"
#include "paging.h"
#include "x86.h"

#define LOW_LIMIT     0xa0000ull
#define START_WAIT_US 200000

extern const char trampoline_start[], trampoline_end[];
extern const char trampoline_gdtr_base[], trampoline_far[], trampoline_cr3[], trampoline_stack[],
	trampoline_entry[], trampoline_pcpu[];

struct pcpu pcpu_boot = {.self = &pcpu_boot, .online = true};
struct pcpu *pcpus[CPUS_MAX] = {&pcpu_boot};
unsigned pcpu_count = 1;

unsigned arch_cpu_this(void)
{
	uint32_t id;

	__asm__ volatile("movl %%gs:%c1, %0" : "=r"(id) : "i"(PCPU_ID));
	return id;
}

unsigned arch_cpu_count(void)
{
	return pcpu_count;
}

/* The start page: where, what was on it, and the tables that identity-map it. */
struct start_page {
	uint64_t a;
	uint8_t *va;
	uint8_t *saved;
	uint64_t *root;
};

void ap_main(void)
{
	struct pcpu *p = this_cpu();

	while (!__atomic_load_n(&p->start, __ATOMIC_ACQUIRE)) {
		hvm_pass_nmi();
		if (!irq_rest()) {
			irq_wait();
		}
	}
	hvm_run(p->start);
}

/* On the processor itself, interrupts off: seen when its wait ends. */
static void set_start(void *arg)
{
	__atomic_store_n(&this_cpu()->start, arg, __ATOMIC_RELEASE);
}

void smp_run(struct domain *d)
{
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		smp_call(d->vcpu[i]->cpu, set_start, d->vcpu[i]);
	}
	ap_main();
}

static NORETURN void ap_entry(void)
{
	struct pcpu *p = this_cpu();

	write_cr3(paging_cr3);
	cpu_setup();
	desc_setup(p, true);
	lapic_init_ap();
	timer_hw_init_cpu();
	__atomic_store_n(&p->online, true, __ATOMIC_RELEASE);
	ap_main();
}

static void put(const struct start_page *s, const char *field, uint64_t value, size_t size)
{
	memcpy(s->va + (field - trampoline_start), &value, size);
}

static uint32_t get32(const struct start_page *s, const char *field)
{
	uint32_t v;

	memcpy(&v, s->va + (field - trampoline_start), sizeof(v));
	return v;
}

/* Free what identity-maps the page: one table a level, found by following the only entry. */
static void tables_free(uint64_t *root, uint64_t a)
{
	uint64_t *t = root;

	for (unsigned level = 3; level > 0; level--) {
		uint64_t e = t[a >> (PAGE_SHIFT + 9 * level) & 511];

		page_free(t);
		if (!(e & PTE_P)) {
			return;
		}
		t = arch_hpa_to_va(hpa(e & PTE_ADDRESS));
	}
	page_free(t);
}

static int page_borrow(const struct boot_info *info, struct start_page *s)
{
	const struct boot_range zero_page = {0, PAGE_SIZE}; /* real-mode vectors: leave alone */

	if (bootmap_place(info->map, info->map_count, PAGE_SIZE, PAGE_SIZE, LOW_LIMIT, &zero_page,
			  1, &s->a) < 0) {
		log_notice("no RAM below 640 KiB to start other processors in");
		return -ENOSPC;
	}
	s->va = arch_hpa_to_va(hpa(s->a));
	s->saved = page_alloc();
	s->root = page_alloc();
	if (!s->saved || !s->root) {
		page_free(s->saved);
		page_free(s->root);
		return -ENOMEM;
	}
	memcpy(s->saved, s->va, PAGE_SIZE);
	/* Upper half as everybody's, and the start page where it is. */
	memcpy(s->root + 256, (uint64_t *)arch_hpa_to_va(hpa(paging_cr3)) + 256, PAGE_SIZE / 2);
	if (paging_map_in(s->root, s->a, s->a, PAGE_SIZE, PAGE_RX) < 0) {
		tables_free(s->root, s->a);
		page_free(s->saved);
		return -ENOMEM;
	}
	memcpy(s->va, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	put(s, trampoline_gdtr_base, get32(s, trampoline_gdtr_base) + s->a, 4);
	put(s, trampoline_far, get32(s, trampoline_far) + s->a, 4);
	put(s, trampoline_cr3, (uint64_t)s->root - DIRECT_BASE, 8);
	put(s, trampoline_entry, (uint64_t)ap_entry, 8);
	return 0;
}

static void page_return(struct start_page *s)
{
	memcpy(s->va, s->saved, PAGE_SIZE);
	page_free(s->saved);
	tables_free(s->root, s->a);
}

static struct pcpu *pcpu_create(unsigned id, uint32_t apic_id)
{
	struct pcpu *p = page_alloc_many((sizeof(*p) + PAGE_SIZE - 1) / PAGE_SIZE);

	if (!p || stack_map(id) < 0) {
		log_notice("no memory for the processor with APIC id %u", apic_id);
		page_free_many(p, (sizeof(*p) + PAGE_SIZE - 1) / PAGE_SIZE);
		return NULL;
	}
	p->self = p;
	p->id = id;
	p->apic_id = apic_id;
	pcpus[id] = p;
	return p;
}

static bool wait_online(const struct pcpu *p, uint64_t us)
{
	uint64_t end = arch_time() + ticks_from_us(us);

	while (!__atomic_load_n(&p->online, __ATOMIC_ACQUIRE)) {
		if (arch_time() > end) {
			return false;
		}
		cpu_pause();
	}
	return true;
}

static bool cpu_start(const struct start_page *s, struct pcpu *p)
{
	uint32_t startup = ICR_MODE_STARTUP | (uint32_t)(s->a >> PAGE_SHIFT);

	put(s, trampoline_pcpu, (uint64_t)p, 8);
	put(s, trampoline_stack,
	    STACK_BASE + (uint64_t)p->id * STACK_SLOT + STACK_MAIN + STACK_MAIN_SZ, 8);
	lapic_send(p->apic_id, ICR_MODE_INIT);
	delay_us(10000);
	lapic_send(p->apic_id, startup);
	if (wait_online(p, 1000)) {
		return true;
	}
	lapic_send(p->apic_id, startup);
	if (wait_online(p, START_WAIT_US)) {
		return true;
	}
	lapic_send(p->apic_id, ICR_MODE_INIT);
	return false;
}

static void start_all(const struct start_page *s, const uint32_t *apic_ids, unsigned count)
{
	struct pcpu *p = NULL;

	for (unsigned i = 0; i < count; i++) {
		if (apic_ids[i] == this_cpu()->apic_id) {
			continue;
		}
		if (pcpu_count == CPUS_MAX || (!lapic_is_x2apic() && apic_ids[i] > 254)) {
			log_notice("the processor with APIC id %u cannot be used", apic_ids[i]);
			continue;
		}
		/* One that did not start leaves its stacks to the next. */
		p = p ? p : pcpu_create(pcpu_count, apic_ids[i]);
		if (!p) {
			return;
		}
		p->apic_id = apic_ids[i];
		if (cpu_start(s, p)) {
			__atomic_store_n(&pcpu_count, pcpu_count + 1, __ATOMIC_RELEASE);
			p = NULL;
		} else {
			log_notice("the processor with APIC id %u does not start", apic_ids[i]);
		}
	}
	/* An unused one keeps its page and stacks: there is no unmapping of stacks. */
}

unsigned smp_start(const struct boot_info *info, const uint32_t *apic_ids, unsigned count)
{
	struct start_page s;

	if (count > 1 && page_borrow(info, &s) == 0) {
		start_all(&s, apic_ids, count);
		page_return(&s);
	}
	return pcpu_count;
}
