/* SPDX-License-Identifier: MIT */
/*
 * Hardware virtualization, vendor-neutral: the state of a vCPU that all exits
 * share, and the table of operations that SVM provides and VMX will.
 */
#ifndef ARCH_X86_HVM_H
#define ARCH_X86_HVM_H

#include <taproot/domain.h>
#include <taproot/insn.h>
#include <taproot/nested.h>
#include "percpu.h"
#include "walk.h"
#include "x86.h"

/* Hardware's register numbers (APMv3 table 1-10), the index into gpr[]. */
enum {
	REG_RAX,
	REG_RCX,
	REG_RDX,
	REG_RBX,
	REG_RSP,
	REG_RBP,
	REG_RSI,
	REG_RDI,
	REG_R8,
	REG_R9,
	REG_R10
};

#define HVM_MTRR_COUNT 96

/* Exit causes, for the counters. */
enum hvm_cause {
	CAUSE_INTR,
	CAUSE_NMI,
	CAUSE_WINDOW,
	CAUSE_CPUID,
	CAUSE_HLT,
	CAUSE_PORT,
	CAUSE_MSR,
	CAUSE_MMIO,
	CAUSE_EXCEPTION,
	CAUSE_HYPERCALL,
	CAUSE_OTHER,
	CAUSE_COUNT
};

/* An exception waiting for the next entry. */
struct hvm_exception {
	bool valid;
	bool has_error;
	uint8_t vector;
	uint32_t error;
};

/* A page of the guest's code, found by its linear address; valid while `trail` holds. */
struct hvm_code {
	uint64_t page; /* linear, page aligned */
	struct walk_state paging;
	uint64_t generation; /* of the memmap */
	struct walk_trail trail;
	const uint8_t *ram;
};

/* A range of the domain's RAM, right for this generation of the memmap. */
struct hvm_ram {
	uint64_t start, end, generation;
};

/* Allocated with the vCPU, freed with it; used by the processor the vCPU runs on. */
struct vcpu_arch {
	uint64_t gpr[16]; /* RAX and RSP are filled in at every exit and written back at entry */
	uint64_t rip;
	struct hvm_exception exception;
	bool nmi_masked;   /* from the delivery of an NMI to the end of its IRET: */
	bool nmi_iret;     /* the IRET at nmi_iret_rip is about to run */
	uint64_t nmi_iret_rip;
	uint64_t pat;      /* IA32_PAT */
	uint64_t tsc_offset;
	struct {
		uint64_t def_type, fixed[11], base[16], mask[16];
		uint64_t cap;
	} mtrr;            /* as the host's; the guest's writes are kept, without effect */
	/* Shootdown: `flush` is set by anybody, `in_guest` by the vCPU's processor. */
	uint32_t flush;
	uint32_t in_guest;
	uint32_t halted;
	uint64_t exits[CAUSE_COUNT];
	struct hvm_ram ram;   /* found last */
	struct hvm_code code; /* where the last trapped instruction was fetched */
	struct insn_cache insns; /* decoded MMIO instructions, by their bytes */
	void *vendor;      /* the VMCB and what belongs to it */
};

struct domain_arch {
	struct nested npt;
	uint8_t *iopm;  /* I/O permission bitmap, 12 KiB */
	uint8_t *msrpm; /* MSR permission bitmap, 8 KiB */
};

/* What starts a vCPU by the PVH entry point (Xen ABI, docs/misc/pvh.pandoc: 32-bit flat, paging off). */
struct hvm_start {
	uint64_t entry;
	uint64_t start_info;
};

/* Where the next instruction is, and how its bytes are to be understood. */
struct hvm_fetch {
	struct walk_state paging;
	uint64_t linear; /* CS:RIP */
	unsigned mode;   /* 16, 32 or 64, the code segment's */
};

struct hvm_ops {
	const char *name;
	/* NULL, or why this processor cannot be used and what to do. */
	const char *(*refusal)(void);
	int (*cpu_enable)(void);
	int (*domain_init)(struct domain *d);
	/* `start` NULL: as after INIT. */
	int (*vcpu_init)(struct vcpu *v, const struct hvm_start *start);
	/* For ever: hvm_next(), enter the guest, irq_window(), carry out the exit. */
	NORETURN void (*run)(struct vcpu *v);
	void (*paging)(const struct vcpu *v, struct walk_state *out);
	/* Where the vCPU's instructions are fetched. */
	void (*fetch_state)(const struct vcpu *v, struct hvm_fetch *out);
	void (*segment_bases)(const struct vcpu *v, uint64_t base[6]);
	/* The guest's EFER as it may see it, and a write of it; false: #GP. */
	uint64_t (*efer)(const struct vcpu *v);
	bool (*set_efer)(struct vcpu *v, uint64_t value);
	void (*set_pat)(struct vcpu *v, uint64_t value);
	void (*set_tsc_offset)(struct vcpu *v, uint64_t offset);
	/* vcpu.c's, the vendor's part: the state after INIT, real mode at page << 12, these registers. */
	void (*reset)(struct vcpu *v);
	void (*startup)(struct vcpu *v, unsigned page);
	void (*load)(struct vcpu *v, const struct vcpu_registers *r);
	/* EFER, LMA included, as a guest may have it. */
	bool (*efer_valid)(uint64_t value);
	/* RFLAGS.IF: the vCPU takes interrupts at all. */
	bool (*interrupts_enabled)(const struct vcpu *v);
	/* CR4.SMAP is on and RFLAGS.AC clear: the kernel may not touch user memory now. */
	bool (*smap_denies)(const struct vcpu *v);
	/* A port exits (true) or goes to the machine. */
	void (*port_trap)(struct domain *d, uint16_t port, bool trap);
	/* The vCPU's state for the crash report and the key handler. */
	void (*log_state)(const struct vcpu *v);
};

extern const struct hvm_ops svm_ops;
extern const struct hvm_ops *hvm;

/* Skip the current instruction, `length` bytes long. */
void hvm_skip(struct vcpu *v, unsigned length);
/* Is the vCPU in an NMI's handler, or so it seems? */
bool hvm_nmi_masked(struct vcpu *v);
/* Queue an exception; two become a double fault as APMv2 8.2.9 says, three shut down. */
void hvm_inject(struct vcpu *v, unsigned vector, bool has_error, uint32_t error);

#define EXC_DB 1
#define EXC_UD 6
#define EXC_DF 8
#define EXC_GP 13
#define EXC_PF 14

#define EFER_LMA  (1ull << 10)
#define EFER_SVME (1ull << 12)

/* cpuid.c: the guest's view of a leaf. */
void hvm_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid *out);
/* Physical address bits a guest has: the nested tables' four levels reach 48. */
unsigned hvm_phys_bits(void);
/* XSETBV of XCR0 by the guest; false: the value is not allowed, #GP. (APMv2 11.5.2) */
bool hvm_xsetbv(uint64_t value);

/* msr.c: false raises #GP(0). */
bool hvm_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
bool hvm_msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
/* MSRs that the guest reads and writes without an exit. */
bool hvm_msr_direct(uint32_t msr);
void hvm_msr_init(struct vcpu *v);

/*
 * xen_abi.c: carry out the hypercall that the registers describe; the caller ran at level `cpl`,
 * in 64-bit code or not. False: it is not finished, the instruction is to be executed again.
 */
bool hvm_hypercall(struct vcpu *v, unsigned cpl, bool code64);
/* Leaves from 0x40000000 on, of a domain with the Xen ABI (Xen ABI arch-x86/cpuid.h). */
void hvm_xen_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid *out);
/* A write of the MSR that fills a hypercall page; false: #GP. */
#define MSR_HYPERCALL_PAGE 0x40000000u
bool hvm_hypercall_page(struct domain *d, uint64_t value);

/* What touched memory that the nested tables do not map. */
enum hvm_access {
	ACCESS_DATA,     /* the instruction at RIP, for its operand */
	ACCESS_FETCH,    /* the fetch of that instruction */
	ACCESS_WALK,     /* the walk of the guest's own page tables */
	ACCESS_DELIVERY, /* the delivery of an event: tables or stack */
};

/* mmio.c: guest physical `a`, which nothing maps, was accessed. */
void hvm_mmio_fault(struct vcpu *v, gpa_t a, enum hvm_access access);

/*
 * guestmem.c: the bytes at CS:RIP, an instruction's 15 and one more, which the
 * decoder's cache wants. Returns how many there are (0: not readable); `mode`
 * receives the code segment's.
 */
#define HVM_FETCH 16
unsigned hvm_fetch_insn(struct vcpu *v, uint8_t buf[HVM_FETCH], unsigned *mode);
/* As arch_guest_ram(), for the vCPU that runs on this processor. */
void *hvm_guest_ram(struct vcpu *v, gpa_t a);
/* Linear address of the next instruction. */
uint64_t hvm_code_linear(const struct vcpu *v);
/* Linear to physical by the guest's own tables. False: not mapped. */
bool hvm_translate(struct vcpu *v, uint64_t linear, gpa_t *out);

/* Table pages a burst of changes on trap paths may use before the next entry refills. */
#define HVM_RESERVE_PAGES 48

/* hvm.c: a domain and its vCPUs on this architecture. -ENOMEM. */
int hvm_domain_init(struct domain *d) MUST_CHECK;
/* `start` NULL: it waits to be started. */
int hvm_vcpu_init(struct vcpu *v, const struct hvm_start *start) MUST_CHECK;
/* hvm.c: the state of every vCPU, for the log. They are out of the guest, or soon will be. */
void hvm_log_vcpus(struct domain *d);
/*
 * Every vCPU of the domain has forgotten its translations when this returns;
 * how many had to be brought out of the guest for it. A lock may be held.
 */
unsigned hvm_shootdown(struct domain *d);
/* Fill up what is set aside for trap paths (d->refill); from the run loop, never from a trap. */
void hvm_refill(struct domain *d);

/* run.c: this processor runs `v` from now on. */
NORETURN void hvm_run(struct vcpu *v);
/* run.c: an NMI of the machine (SERR#, watchdog) that this processor took is the hardware domain's. */
void hvm_pass_nmi(void);
/* run.c: do what comes before the next entry until nothing is left; the vCPU to enter. */
struct vcpu *hvm_work(struct vcpu *v);

/*
 * The scheduler's seam: which vCPU runs on this processor next; it is
 * this_cpu()->vcpu then. Today a processor has one vCPU or none, so it is the
 * one that ran.
 */
static inline struct vcpu *hvm_schedule(struct vcpu *current)
{
	return current;
}

/* Is there anything for hvm_work()? */
static inline bool hvm_has_work(const struct vcpu *v)
{
	const struct domain *d = v->domain;

	return (__atomic_load_n(&d->end, __ATOMIC_RELAXED) | d->refill | v->arch->halted |
		__atomic_load_n(&v->life.state, __ATOMIC_RELAXED) | this_cpu()->nmi_pending |
		v->behind | (uintptr_t)v->deferred | (uintptr_t)v->wait) != 0;
}

/* The vCPU to enter now, with everything done that comes before. */
static inline struct vcpu *hvm_next(struct vcpu *v)
{
	v = hvm_schedule(v);
	return __builtin_expect(hvm_has_work(v), 0) ? hvm_work(v) : v;
}

#endif
