/* SPDX-License-Identifier: MIT */
/*
 * Hosted interrupts: vectors, messages and IO-APICs (82093AA 3.2.4) over
 * arrays, and kicks that are counted. See host.h.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/errno.h>
#include <taproot/string.h>

#include "host.h"

#define VECTOR_FIRST 0x30u
#define VECTORS      256u
#define IOAPICS_MAX  16u
#define PINS_MAX     256u
#define MSI_BASE     0xfee00000ull
#define RTE_REMOTE_IRR (1u << 14)
#define RTE_LEVEL    (1u << 15)
#define RTE_MASKED   (1u << 16)
#define VERSION_EOI  0x20u
/* Interrupts that one change of a line may cause before it is called a storm. */
#define STORM 1000u

static struct lock vector_lock;
static struct irq_source *vectors[HOST_CPUS_MAX][VECTORS];
static bool vector_pending[HOST_CPUS_MAX][VECTORS];
static bool vector_retired[HOST_CPUS_MAX][VECTORS];
static unsigned vector_limit = VECTORS;

static struct {
	uint32_t version;
	unsigned pins;
	uint32_t entry[PINS_MAX][2];
	bool line[PINS_MAX];
	unsigned rises[PINS_MAX]; /* after so many more writes to its entry; 0: not */
	/*
	 * Of level pins, what the chip knows of the line: it hears changes, and does not look
	 * again when an entry turns from edge to level. Some are like that.
	 */
	bool latch[PINS_MAX];
} ioapic[IOAPICS_MAX];
unsigned host_ioapic_torn_count;

static unsigned kicks[HOST_DOMAINS_MAX][DOMAIN_VCPUS_MAX];
static struct host_vcpu_state vcpu_state[HOST_DOMAINS_MAX][DOMAIN_VCPUS_MAX];
static unsigned vcpu_state_used[HOST_DOMAINS_MAX]; /* none from this one on was touched */

/* The large ones only as far as they were used: fuzz targets reset the machine for every input. */
void host_irq_reset(void)
{
	memset(vectors, 0, sizeof(vectors));
	memset(vector_pending, 0, sizeof(vector_pending));
	memset(vector_retired, 0, sizeof(vector_retired));
	for (unsigned i = 0; i < IOAPICS_MAX; i++) {
		if (ioapic[i].pins) {
			memset(&ioapic[i], 0, sizeof(ioapic[i]));
		}
	}
	for (unsigned i = 0; i < HOST_DOMAINS_MAX; i++) {
		memset(vcpu_state[i], 0, vcpu_state_used[i] * sizeof(vcpu_state[i][0]));
		vcpu_state_used[i] = 0;
	}
	memset(kicks, 0, sizeof(kicks));
	vector_limit = VECTORS;
	host_ioapic_torn_count = 0;
}

int arch_vector_alloc(unsigned cpu, struct irq_source *src)
{
	int found = -ENOSPC;

	ASSERT(cpu < arch_cpu_count());
	lock_acquire(&vector_lock);
	if (host_vector_count(cpu) < vector_limit) {
		for (unsigned i = VECTOR_FIRST; i < VECTORS; i++) {
			if (!vectors[cpu][i]) {
				vectors[cpu][i] = src;
				found = (int)i;
				break;
			}
		}
	}
	lock_release(&vector_lock);
	return found;
}

int arch_vector_alloc_at(unsigned cpu, unsigned vector, struct irq_source *src)
{
	int rc = -ENOSPC;

	ASSERT(cpu < arch_cpu_count() && vector >= VECTOR_FIRST && vector < VECTORS);
	lock_acquire(&vector_lock);
	if (vectors[cpu][vector] == src && vector_retired[cpu][vector]) {
		vector_retired[cpu][vector] = false;
		rc = (int)vector;
	} else if (!vectors[cpu][vector] && host_vector_count(cpu) < vector_limit) {
		vectors[cpu][vector] = src;
		rc = (int)vector;
	}
	lock_release(&vector_lock);
	return rc;
}

void arch_vector_free(unsigned cpu, unsigned vector)
{
	lock_acquire(&vector_lock);
	ASSERT(vectors[cpu][vector] && !vector_retired[cpu][vector]);
	vector_retired[cpu][vector] = vector_pending[cpu][vector];
	if (!vector_pending[cpu][vector]) {
		vectors[cpu][vector] = NULL;
	}
	lock_release(&vector_lock);
}

struct irq_source *host_vector_source(unsigned cpu, unsigned vector)
{
	return vectors[cpu][vector];
}

unsigned host_vector_count(unsigned cpu)
{
	unsigned count = 0;

	for (unsigned i = 0; i < VECTORS; i++) {
		count += vectors[cpu][i] != NULL;
	}
	return count;
}

void host_vector_limit(unsigned count)
{
	vector_limit = count;
}

void arch_msi_message(unsigned cpu, unsigned vector, uint64_t *addr, uint32_t *data)
{
	*addr = MSI_BASE | (uint64_t)cpu << 12;
	*data = vector;
}

/* The interrupt `vector` on `cpu`, as the processor's dispatcher does it. */
static bool dispatch(unsigned cpu, unsigned vector)
{
	unsigned before = arch_cpu_this();
	struct irq_source *src = cpu < arch_cpu_count() ? vectors[cpu][vector] : NULL;

	if (!src) {
		return false;
	}
	host_cpu_set(cpu);
	irq_source_fire(src);
	host_cpu_set(before);
	return true;
}

bool host_msi(uint64_t addr, uint32_t data)
{
	unsigned cpu, vector;

	if (host_remap_find(addr, data, &cpu, &vector)) {
		return dispatch(cpu, vector);
	}
	return addr >> 20 == MSI_BASE >> 20 && dispatch((addr >> 12) & 0xff, data & 0xff);
}

bool host_msi_pend(uint64_t addr, uint32_t data)
{
	unsigned cpu = (addr >> 12) & 0xff, vector = data & 0xff;

	if (addr >> 20 != MSI_BASE >> 20 || cpu >= arch_cpu_count() || !vectors[cpu][vector]) {
		return false;
	}
	vector_pending[cpu][vector] = true;
	return true;
}

/* A level entry with this vector hears the EOI (82093AA 3.2.4). */
static void ioapic_eoi(unsigned index, unsigned vector)
{
	for (unsigned pin = 0; pin < ioapic[index].pins; pin++) {
		uint32_t *low = &ioapic[index].entry[pin][0];

		if ((*low & 0xff) == vector && (*low & RTE_LEVEL)) {
			*low &= ~RTE_REMOTE_IRR;
		}
	}
}

static void broadcast_eoi(unsigned vector)
{
	for (unsigned i = 0; i < IOAPICS_MAX; i++) {
		ioapic_eoi(i, vector);
	}
}

bool arch_ioapic_eoi(unsigned index, unsigned vector)
{
	bool has_eoi = (ioapic[index].version & 0xff) >= VERSION_EOI;

	if (has_eoi) {
		ioapic_eoi(index, vector);
	}
	return has_eoi;
}

void host_take_pending(unsigned cpu)
{
	for (unsigned vector = VECTORS; vector-- > 0;) {
		if (!vector_pending[cpu][vector]) {
			continue;
		}
		vector_pending[cpu][vector] = false;
		(void)dispatch(cpu, vector);
		broadcast_eoi(vector);
		if (vector_retired[cpu][vector]) {
			vector_retired[cpu][vector] = false;
			vectors[cpu][vector] = NULL;
		}
	}
}

static void set_latch(unsigned index, unsigned pin, bool level)
{
	ioapic[index].line[pin] = level;
	if (ioapic[index].entry[pin][0] & RTE_LEVEL) {
		ioapic[index].latch[pin] = level;
	}
}

void host_ioapic_raise_pending(unsigned index, unsigned pin)
{
	uint32_t *entry = ioapic[index].entry[pin];

	set_latch(index, pin, true);
	if ((entry[0] & RTE_LEVEL) && !(entry[0] & (RTE_MASKED | RTE_REMOTE_IRR))) {
		entry[0] |= RTE_REMOTE_IRR;
		vector_pending[entry[1] >> 24][entry[0] & 0xff] = true;
	}
}

uint64_t arch_ioapic_entry(unsigned cpu, unsigned vector)
{
	return (uint64_t)cpu << 56 | vector;
}

void host_ioapic_add(unsigned index, unsigned version, unsigned pins)
{
	ASSERT(index < IOAPICS_MAX && pins >= 1 && pins <= PINS_MAX);
	memset(&ioapic[index], 0, sizeof(ioapic[index]));
	ioapic[index].version = version | (pins - 1) << 16;
	ioapic[index].pins = pins;
	for (unsigned i = 0; i < pins; i++) {
		ioapic[index].entry[i][0] = RTE_MASKED;
	}
}

uint32_t arch_ioapic_read(unsigned index, unsigned reg)
{
	ASSERT(index < IOAPICS_MAX);
	if (reg == 1) {
		return ioapic[index].version;
	}
	ASSERT(reg >= 0x10 && (reg - 0x10) / 2 < ioapic[index].pins);
	return ioapic[index].entry[(reg - 0x10) / 2][reg & 1];
}

/* A line that is up at an open level pin interrupts until somebody masks it. */
static void service_level(unsigned index, unsigned pin)
{
	const uint32_t *entry = ioapic[index].entry[pin];
	bool in_flight = false;

	for (unsigned i = 0; i < STORM; i++) {
		bool up = ioapic[index].latch[pin] && (entry[0] & RTE_LEVEL) &&
			  !(entry[0] & (RTE_MASKED | RTE_REMOTE_IRR));

		if (!up && !in_flight) {
			return;
		}
		/* EOI comes first, so a line that is up sends the next one before we mask. */
		in_flight = up;
		(void)dispatch(entry[1] >> 24, entry[0] & 0xff);
	}
	panic("hosted IO-APIC %u: storm at pin %u", index, pin);
}

void arch_ioapic_write(unsigned index, unsigned reg, uint32_t value)
{
	unsigned pin = (reg - 0x10) / 2;

	ASSERT(index < IOAPICS_MAX && reg >= 0x10 && pin < ioapic[index].pins);
	if ((reg & 1) && !(ioapic[index].entry[pin][0] & RTE_MASKED) &&
	    ioapic[index].entry[pin][1] != value) {
		host_ioapic_torn_count++;
	}
	if (!(reg & 1)) {
		/* Read-only; an edge entry has none. */
		value &= ~RTE_REMOTE_IRR;
		value |= value & RTE_LEVEL ? ioapic[index].entry[pin][0] & RTE_REMOTE_IRR : 0;
	}
	ioapic[index].entry[pin][reg & 1] = value;
	if (ioapic[index].rises[pin] && --ioapic[index].rises[pin] == 0) {
		set_latch(index, pin, true);
	}
}

void host_ioapic_raise_later(unsigned index, unsigned pin, unsigned writes)
{
	ioapic[index].rises[pin] = writes;
}

void host_ioapic_set_line(unsigned index, unsigned pin, bool level)
{
	const uint32_t *entry = ioapic[index].entry[pin];
	bool rise = level && !ioapic[index].line[pin];

	set_latch(index, pin, level);
	if (entry[0] & RTE_LEVEL) {
		service_level(index, pin);
	} else if (rise && !(entry[0] & RTE_MASKED)) {
		(void)dispatch(entry[1] >> 24, entry[0] & 0xff);
	}
}

void host_ioapic_poll(void)
{
	for (unsigned i = 0; i < IOAPICS_MAX; i++) {
		for (unsigned pin = 0; pin < ioapic[i].pins; pin++) {
			service_level(i, pin);
		}
	}
}

uint64_t host_ioapic_entry(unsigned index, unsigned pin)
{
	return (uint64_t)ioapic[index].entry[pin][1] << 32 | ioapic[index].entry[pin][0];
}

void arch_vcpu_kick(struct vcpu *v)
{
	ASSERT(v->domain->id < HOST_DOMAINS_MAX);
	__atomic_fetch_add(&kicks[v->domain->id][v->id], 1, __ATOMIC_RELAXED);
}

/* ---- a vCPU's registers: what was asked for last ---- */

unsigned host_run_deferred(struct vcpu *v)
{
	const struct domain *d = v->domain;
	unsigned pieces;

	for (pieces = 0; v->deferred; pieces++) {
		for (unsigned i = 0; i < d->vcpu_count; i++) {
			if (d->vcpu[i] != v) {
				(void)vcpu_attend(d->vcpu[i]);
			}
		}
		if (v->deferred(v) == 0) {
			v->deferred = NULL;
		}
	}
	return pieces;
}

struct host_vcpu_state *host_vcpu_state(const struct vcpu *v)
{
	ASSERT(v->domain->id < HOST_DOMAINS_MAX);
	vcpu_state_used[v->domain->id] = MAX(vcpu_state_used[v->domain->id], v->id + 1u);
	return &vcpu_state[v->domain->id][v->id];
}

void arch_vcpu_reset(struct vcpu *v)
{
	struct host_vcpu_state *s = host_vcpu_state(v);

	s->resets++;
	s->page = -1;
	s->loaded = false;
}

void arch_vcpu_startup(struct vcpu *v, unsigned page)
{
	host_vcpu_state(v)->page = (int)page;
}

void arch_vcpu_load(struct vcpu *v, const struct vcpu_registers *r)
{
	struct host_vcpu_state *s = host_vcpu_state(v);

	arch_vcpu_reset(v);
	s->loaded = true;
	s->registers = *r;
}

/* A processor with CR4 bits 0 to 10, EFER's SCE, LME, LMA and NX, and 40 bits of address. */
bool arch_vcpu_valid(struct vcpu *v, const struct vcpu_registers *r)
{
	(void)v;
	return !(r->cr4 & ~0x7ffull) && !(r->efer & ~0xd01ull) && !(r->cr3 >> 40);
}

unsigned host_kick_count(const struct vcpu *v)
{
	return kicks[v->domain->id][v->id];
}
