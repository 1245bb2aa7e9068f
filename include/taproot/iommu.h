/* SPDX-License-Identifier: MIT */
/*
 * IOMMUs, vendor-neutral: which memory a device reaches, which interrupts it
 * may send, what happens to one that tries more.
 *
 * A domain's devices see one table, derived from its memmap like the nested
 * tables of its processors; a device with a reserved region of the firmware
 * (RMRR) sees that region besides, by a table of its own. A requester that
 * nobody attached reaches nothing; one in reset, or one that storms with
 * faults, is attached to the empty table of the quarantine.
 *
 * struct iommu_ops is what a vendor's driver provides: VT-d today.
 *
 * Locks: iommu lock (level 5), a unit's queue below it (6); see doc/locking.md.
 */
#ifndef TAPROOT_IOMMU_H
#define TAPROOT_IOMMU_H

#include <taproot/dmar.h>
#include <taproot/memmap.h>
#include <taproot/nested.h>

struct acpi_host;
struct domain;
struct irq_source;

/* A translation that requesters can be attached to. Made at boot, never freed. */
struct iommu_table {
	struct nested tree;    /* mem_lock of the domain */
	struct domain *domain; /* NULL: the quarantine */
	uint64_t regions;      /* reserved regions mapped besides the memmap, by their number */
	uint16_t id;           /* tag of its translations in the hardware's caches, not 0 */
	/* What changed since the hardware forgot: [stale_start, stale_end). */
	uint64_t stale_start, stale_end;
};

/* Who may use an interrupt remapping entry. */
enum remap_verify { REMAP_ANYBODY, REMAP_REQUESTER, REMAP_BUS };

struct remap_entry {
	unsigned cpu;
	uint8_t vector;
	bool level;
	uint8_t verify;     /* enum remap_verify */
	uint16_t requester; /* bus, device, function; or the bus in the upper byte */
};

struct iommu_fault {
	sbdf_t requester;
	bool interrupt; /* a blocked interrupt: `address` is the entry it named */
	bool write;
	uint64_t address;
	const char *reason;
};

struct iommu_ops {
	const char *name;
	/* Tags that every unit has, 0 included: no more tables than that. */
	unsigned tags;
	/*
	 * `requester`, the id that `device` or a bridge above it puts on the
	 * bus, sees `t` from now on; cached translations are gone on return.
	 * `silent`: its faults are not reported. -ENODEV: no unit translates
	 * for the device, -ENOMEM.
	 */
	int (*attach)(sbdf_t device, sbdf_t requester, const struct iommu_table *t, bool silent);
	/* Forget what was cached of [start, end); `was_mapped`: something there was taken away. */
	void (*flush)(const struct iommu_table *t, gpa_t start, gpa_t end, bool was_mapped);
	/* Turn translation on. */
	int (*enable)(void);
	/* Fill up what attach() needs on trap paths. -ENOMEM. */
	int (*refill)(void);
	/* Interrupt remapping entry `index` is this from now on (NULL: blocked). */
	void (*entry_set)(unsigned index, const struct remap_entry *e);
	/* The message, and the redirection entry, that name it. */
	void (*entry_message)(unsigned index, uint64_t *addr, uint32_t *data);
	uint64_t (*entry_pin)(unsigned index, unsigned vector);
	/* The message whose data, counted up by the device, names the entries from `index` on.
	 * NULL: there is none. */
	void (*entry_block)(unsigned index, uint64_t *addr, uint32_t *data);
	/* The id that IO-APIC number `ioapic` of the machine sends with; SBDF_NONE: not known. */
	sbdf_t (*ioapic_requester)(unsigned ioapic);
	/* State to the log. */
	void (*log)(void);
};

/* ---- set-up, in this order ---- */

/* A driver found its units. `format`: of tables that all of them can walk. */
void iommu_register(const struct iommu_ops *ops, const struct nested_format *format,
		    const struct acpi_dmar *dmar);
/* Interrupts go through `count` remapping entries from now on. `wide`: 32-bit APIC ids. -ENOMEM. */
int iommu_remap_start(unsigned count, bool wide) MUST_CHECK;
/* Set the reserved regions aside in the memmap of `d`, before its E820 is made and registers are
 * claimed in it: `acpi` says where those are. */
void iommu_reserve_regions(struct domain *d, const struct acpi_host *acpi);
/* The tables of `d`, from its memmap. -ENOMEM. */
int iommu_domain_build(struct domain *d) MUST_CHECK;
/* All devices of the machine are attached: translate. Those without a reserved region lose bus
 * mastering until their driver wants it. */
int iommu_start(struct domain *d) MUST_CHECK;

/* DMA is translated; interrupts are remapped; messages can name APIC ids above 254. */
bool iommu_translates(void);
/* DMA is translated, or will be from iommu_start() on. */
bool iommu_has_tables(void);
bool iommu_remaps(void);
bool iommu_remaps_wide(void);

/* ---- devices ---- */

/* A function of the machine appeared and belongs to `d`. May be called on a trap path. */
void iommu_device_add(struct domain *d, sbdf_t device);
/* The device is being reset: it reaches nothing. Then it is back, and forgiven. */
void iommu_device_hold(sbdf_t device);
void iommu_device_back(struct domain *d, sbdf_t device);
/* Is this requester in quarantine because of its faults? */
bool iommu_quarantined(sbdf_t requester);

/* ---- the domain's memory ---- */

/* The work (nested.h) that went into the domain's tables so far; `tables`: how many there are. */
uint64_t iommu_work(const struct domain *d, unsigned *tables);
/*
 * Derive them from the memmap in [start, *end), or in a part of it that takes each of them about
 * `work` entries: *end comes down to where it stopped. mem_lock is held. -ENOMEM: as
 * arch_memmap_sync().
 */
int iommu_sync(struct domain *d, gpa_t start, gpa_t *end, unsigned work) MUST_CHECK;
/* The hardware forgets what has changed. mem_lock is held. */
void iommu_flush(struct domain *d);
/*
 * Tables of the domain have `pages` pages set aside more than trap paths need, at least or at most;
 * mem_lock is held.
 */
int iommu_prepare(struct domain *d, unsigned pages) MUST_CHECK;
void iommu_settle(struct domain *d, unsigned pages);
/* Fill up what the trap paths used. Not on a trap path. -ENOMEM. */
int iommu_refill(struct domain *d) MUST_CHECK;

/* ---- faults ---- */

/* A storm: this many faults of one requester within the window. */
#define IOMMU_STORM_FAULTS  32u
#define IOMMU_STORM_SECONDS 10u

/* A unit reports; no lock is held. */
void iommu_fault(const struct iommu_fault *fault);

struct iommu_stats {
	uint64_t dma_faults;
	uint64_t interrupt_faults;
	uint32_t quarantined; /* requesters in quarantine now */
	uint32_t tables;
	uint32_t entries_used; /* of interrupt remapping */
};
void iommu_stats(struct iommu_stats *stats);
/* State to the log, for the console's key. */
void iommu_log(void);

/* ---- interrupts ---- */

/*
 * Bring the remapping entry of a source to src->cpu and src->vector; it gets
 * one first if it has none. 0: the machine has to be programmed, 1: the
 * device's message is right as it is, -ENOSPC: no entry is left. Without
 * remapping it is always 0. The source's lock is held.
 */
int remap_bind(struct irq_source *src) MUST_CHECK;
/* Its message names an entry: a retarget does not touch the device. */
bool remap_in_place(const struct irq_source *src);
/*
 * An aligned block of entries for the messages of one function's MSI: `count`, a power of two. 0:
 * they are src[]'s, and blocked until each is bound; -ENOSPC, -ENODEV: no blocks here.
 */
int remap_block_take(struct irq_source *const src[], unsigned count) MUST_CHECK;
/* Give it back, when none of the sources is bound any more. */
void remap_block_release(struct irq_source *const src[], unsigned count);
bool remap_has_blocks(void);
/* The entry is free again; what still names it is blocked. */
void remap_release(struct irq_source *src);
/* The id that an IO-APIC sends with; SBDF_NONE: not known, or there is no remapping. */
sbdf_t remap_ioapic_requester(unsigned ioapic);
/* What to program for the source: a message, or a redirection entry (no polarity, trigger, mask).
 */
void remap_message(const struct irq_source *src, uint64_t *addr, uint32_t *data);
uint64_t remap_pin_entry(const struct irq_source *src);

/* ---- scopes (VT-d 4.1 8.3.1): resolved against the machine's bridges as they are now ---- */

/* The function at the end of the path. False: a hop is no bridge. */
bool scope_resolve(const struct dmar_scope *s, unsigned segment, sbdf_t *out) MUST_CHECK;
/* Does the scope name the device, or a bridge above it? */
bool scope_matches(const struct dmar_scope *s, unsigned segment, sbdf_t device);
/* The unit that translates for the device, NULL: none. */
const struct dmar_unit *scope_find_unit(const struct acpi_dmar *dmar, sbdf_t device);

/* Ids under which a device's requests may arrive, itself first. */
#define REQUESTER_ALIASES_MAX 8
unsigned requester_aliases(sbdf_t device, sbdf_t out[REQUESTER_ALIASES_MAX]);

/* ---- reserved regions ---- */

/* Regions of the machine, by number: those that are honoured, of all devices or of one. */
uint64_t iommu_reserved_all(void);
uint64_t iommu_reserved_for(sbdf_t device);
/* Region `n`, one that is honoured. */
void iommu_reserved_region(unsigned n, uint64_t *start, uint64_t *size);
/* NULL: the region can be honoured, as far as the memmap knows; otherwise why not. */
const char *rmrr_fault(const struct dmar_rmrr *r, const struct memmap *m, unsigned address_width);
/* The registers of the hypervisor's that the region lies over; NULL: none. */
const char *rmrr_meets(const struct dmar_rmrr *r, const struct acpi_host *acpi);

#endif
