/* SPDX-License-Identifier: MIT */
/*
 * Registers and structures of a VT-d remapping unit (VT-d 4.1 chapters 9 and
 * 11), and what the files of the driver share. Legacy mode only: root and
 * context tables of 128-bit entries, second-level translation.
 */
#ifndef ARCH_X86_VTD_H
#define ARCH_X86_VTD_H

#include <taproot/arch.h>
#include <taproot/iommu.h>
#include <taproot/irq.h>
#include <taproot/lock.h>

/* Registers, VT-d 4.1 11.4. */
#define VTD_CAP     0x08u
#define VTD_ECAP    0x10u
#define VTD_GCMD    0x18u
#define VTD_GSTS    0x1cu
#define VTD_RTADDR  0x20u
#define VTD_FSTS    0x34u
#define VTD_FECTL   0x38u
#define VTD_FEDATA  0x3cu
#define VTD_FEADDR  0x40u
#define VTD_FEUADDR 0x44u
#define VTD_PMEN    0x64u
#define VTD_IQH     0x80u
#define VTD_IQT     0x88u
#define VTD_IQA     0x90u
#define VTD_IRTA    0xb8u

/* Capability register, 11.4.2. */
#define CAP_DOMAINS(c) (1u << (4 + 2 * ((c)&7)))
#define CAP_RWBF       (1ull << 4)
#define CAP_PLMR       (1ull << 5)
#define CAP_PHMR       (1ull << 6)
#define CAP_CM         (1ull << 7)
#define CAP_SAGAW_39   (1ull << 9)
#define CAP_SAGAW_48   (1ull << 10)
#define CAP_FRO(c)     ((unsigned)((c) >> 24 & 0x3ff) * 16)
#define CAP_SLLPS_2M   (1ull << 34)
#define CAP_SLLPS_1G   (1ull << 35)
#define CAP_PSI        (1ull << 39)
#define CAP_NFR(c)     ((unsigned)((c) >> 40 & 0xff) + 1)
#define CAP_MAMV(c)    ((unsigned)((c) >> 48 & 0x3f))
#define CAP_DWD        (1ull << 54)
#define CAP_DRD        (1ull << 55)

/* Extended capability register, 11.4.3. */
#define ECAP_C   (1ull << 0)
#define ECAP_QI  (1ull << 1)
#define ECAP_IR  (1ull << 3)
#define ECAP_EIM (1ull << 4)

/* Global command and status, 11.4.4. */
#define GCMD_TE    (1u << 31)
#define GCMD_SRTP  (1u << 30)
#define GCMD_WBF   (1u << 27)
#define GCMD_QIE   (1u << 26)
#define GCMD_IRE   (1u << 25)
#define GCMD_SIRTP (1u << 24)
#define GCMD_CFI   (1u << 23)
/* Bits of the status that a command has to repeat; the others are one-shot. */
#define GSTS_KEEP (GCMD_TE | GCMD_QIE | GCMD_IRE | GCMD_CFI)

#define PMEN_EPM (1u << 31)
#define PMEN_PRS (1u << 0)

/* Fault status, control and recording registers, 11.4 and chapter 7. */
#define FSTS_PFO       (1u << 0)
#define FSTS_PPF       (1u << 1)
#define FSTS_IQE       (1u << 4)
#define FSTS_ICE       (1u << 5)
#define FSTS_ITE       (1u << 6)
#define FSTS_FRI(s)    ((s) >> 8 & 0xff)
#define FECTL_IM       (1u << 31)
#define FRCD_F         (1ull << 63) /* of the upper half */
#define FRCD_READ      (1ull << 62)
#define FRCD_REASON(h) ((unsigned)((h) >> 32 & 0xff))
#define FRCD_INDEX(l)  ((unsigned)((l) >> 48))

/* Root and context entries, 9.1 and 9.3. */
#define ROOT_P      (1ull << 0)
#define CTX_P       (1ull << 0)
#define CTX_FPD     (1ull << 1)
#define CTX_DID(id) ((uint64_t)(id) << 8) /* upper half; AGAW below it */

/* Interrupt remapping entries, 9.10, and the address of their table, 11.4. */
#define IRTE_P         (1ull << 0)
#define IRTE_LEVEL     (1ull << 4)
#define IRTE_VECTOR(v) ((uint64_t)(v) << 16)
#define IRTE_DEST(d)   ((uint64_t)(d) << 32)
#define IRTE_SVT_SID   (1ull << 18) /* upper half */
#define IRTE_SVT_BUS   (2ull << 18)
#define IRTA_EIME      (1ull << 11)

/* Invalidation descriptors, 6.5.2. */
#define QI_CONTEXT 0x1u
#define QI_IOTLB   0x2u
#define QI_IEC     0x4u
#define QI_WAIT    0x5u
#define QI_GLOBAL  (1u << 4)
#define QI_DOMAIN  (2u << 4)
#define QI_LOCAL   (3u << 4) /* of a device, or of pages */
#define QI_ENTRY   (1u << 4) /* QI_IEC: one entry */
#define QI_DR      (1u << 7)
#define QI_DW      (1u << 6)

#define VTD_UNITS_MAX 16

/* A unit. `queue_lock` guards its invalidation queue; all else is written at boot. */
struct vtd_unit {
	const struct dmar_unit *dmar;
	struct iomap regs;
	uint64_t cap, ecap;
	uint64_t (*root)[2];         /* 256 entries */
	uint64_t (*context[256])[2]; /* by bus; iommu lock */
	struct lock queue_lock;
	uint64_t (*queue)[2]; /* 256 descriptors */
	unsigned tail;
	uint32_t *done; /* where a wait descriptor leaves its number */
	uint32_t ticket;
	struct irq_source fault_source;
	uint64_t faults_lost; /* overflows of the recording registers */
};

struct vtd {
	struct vtd_unit unit[VTD_UNITS_MAX];
	unsigned count;
	unsigned levels; /* of the tables: 3 or 4 */
	bool coherent, eim;
	uint64_t (*entries)[2]; /* interrupt remapping table, one for all units */
	unsigned entry_count;
	const struct acpi_dmar *dmar;
	const struct acpi_madt *madt;
	void *spare; /* pages for context tables of buses that appear: linked by their first word */
	unsigned spare_count;
};

extern struct vtd vtd;

/* Set one bit of the global command, and wait for its status. */
void vtd_command(struct vtd_unit *u, uint32_t bit, bool on);
uint32_t vtd_read(const struct vtd_unit *u, unsigned reg);
uint64_t vtd_read64(const struct vtd_unit *u, unsigned reg);
void vtd_write(const struct vtd_unit *u, unsigned reg, uint32_t value);
void vtd_write64(const struct vtd_unit *u, unsigned reg, uint64_t value);
/* Make memory that a unit will read visible to it. */
void vtd_publish(const void *p, size_t len);

/* vtd_queue.c */
int vtd_queue_start(struct vtd_unit *u);
void vtd_flush_context(struct vtd_unit *u, unsigned tag, sbdf_t requester);
void vtd_flush_all(struct vtd_unit *u);
void vtd_flush_domain(struct vtd_unit *u, unsigned tag);
void vtd_flush_pages(struct vtd_unit *u, unsigned tag, uint64_t start, uint64_t end);
/* index -1: all entries. */
void vtd_flush_entries(struct vtd_unit *u, int index);

/* vtd_context.c */
int vtd_context_init(struct vtd_unit *u);
int vtd_attach(sbdf_t device, sbdf_t requester, const struct iommu_table *t, bool silent);
int vtd_refill(void);

/* vtd_remap.c */
int vtd_remap_init(void);
void vtd_entry_set(unsigned index, const struct remap_entry *e);
void vtd_entry_message(unsigned index, uint64_t *addr, uint32_t *data);
void vtd_entry_block(unsigned index, uint64_t *addr, uint32_t *data);
uint64_t vtd_entry_pin(unsigned index, unsigned vector);
sbdf_t vtd_ioapic_requester(unsigned ioapic);

/* vtd_fault.c */
int vtd_fault_init(struct vtd_unit *u, unsigned number);
/* Take up what the unit recorded. */
void vtd_fault_poll(struct vtd_unit *u);

#endif
