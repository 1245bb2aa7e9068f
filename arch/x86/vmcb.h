/* SPDX-License-Identifier: MIT */
/* The virtual machine control block (APMv2 appendix B). */
#ifndef ARCH_X86_VMCB_H
#define ARCH_X86_VMCB_H

#include <taproot/types.h>

/* Offset 0. */
#define ICPT_CR8_WRITE   (1u << 24)

/* Intercept word 3, offset 0xC (APMv2 table B-1). */
#define ICPT_INTR        (1u << 0)
#define ICPT_NMI         (1u << 1)
#define ICPT_SMI         (1u << 2)
#define ICPT_INIT        (1u << 3)
#define ICPT_VINTR       (1u << 4)
#define ICPT_RDPMC       (1u << 15)
#define ICPT_CPUID       (1u << 18)
#define ICPT_IRET        (1u << 20)
#define ICPT_INVD        (1u << 22)
#define ICPT_HLT         (1u << 24)
#define ICPT_INVLPGA     (1u << 26)
#define ICPT_IOIO        (1u << 27)
#define ICPT_MSR         (1u << 28)
#define ICPT_FERR_FREEZE (1u << 30)
#define ICPT_SHUTDOWN    (1u << 31)

/* Intercept word 4, offset 0x10. */
#define ICPT2_VMRUN   (1u << 0)
#define ICPT2_VMMCALL (1u << 1)
#define ICPT2_VMLOAD  (1u << 2)
#define ICPT2_VMSAVE  (1u << 3)
#define ICPT2_STGI    (1u << 4)
#define ICPT2_CLGI    (1u << 5)
#define ICPT2_SKINIT  (1u << 6)
#define ICPT2_MONITOR (1u << 10)
#define ICPT2_MWAIT   (1u << 11)
#define ICPT2_MWAITC  (1u << 12)
#define ICPT2_XSETBV  (1u << 13)
#define ICPT2_RDPRU   (1u << 14)

/* Exit codes (APMv2 appendix C). */
enum vmexit {
	VMEXIT_CR8_WRITE = 0x18,
	VMEXIT_EXCP0 = 0x40,
	VMEXIT_INTR = 0x60,
	VMEXIT_NMI,
	VMEXIT_SMI,
	VMEXIT_INIT,
	VMEXIT_VINTR,
	VMEXIT_RDPMC = 0x6f,
	VMEXIT_CPUID = 0x72,
	VMEXIT_IRET = 0x74,
	VMEXIT_INVD = 0x76,
	VMEXIT_HLT = 0x78,
	VMEXIT_INVLPGA = 0x7a,
	VMEXIT_IOIO = 0x7b,
	VMEXIT_MSR = 0x7c,
	VMEXIT_FERR_FREEZE = 0x7e,
	VMEXIT_SHUTDOWN = 0x7f,
	VMEXIT_VMRUN = 0x80,
	VMEXIT_VMMCALL,
	VMEXIT_VMLOAD,
	VMEXIT_VMSAVE,
	VMEXIT_STGI,
	VMEXIT_CLGI,
	VMEXIT_SKINIT,
	VMEXIT_RDTSCP,
	VMEXIT_ICEBP,
	VMEXIT_WBINVD,
	VMEXIT_MONITOR,
	VMEXIT_MWAIT,
	VMEXIT_MWAIT_ARMED,
	VMEXIT_XSETBV,
	VMEXIT_RDPRU,
	VMEXIT_COUNT,
	VMEXIT_NPF = 0x400,
};

#define TLB_NONE       0
#define TLB_FLUSH_ALL  1
#define TLB_FLUSH_ASID 3

/* EVENTINJ and EXITINTINFO (APMv2 15.20, 15.7.2). */
#define EVENT_TYPE_INTR      (0ull << 8)
#define EVENT_TYPE_NMI       (2ull << 8)
#define EVENT_TYPE_EXCEPTION (3ull << 8)
#define EVENT_TYPE_SOFT      (4ull << 8)
#define EVENT_TYPE_MASK      (7ull << 8)
#define EVENT_ERROR_VALID    (1ull << 11)
#define EVENT_VALID          (1ull << 31)

/* VINTR, offset 0x60 (APMv2 15.21). */
#define VINTR_TPR_MASK  0xfull
#define VINTR_IRQ       (1ull << 8)
#define VINTR_PRIO_SHIFT 16
#define VINTR_IGN_TPR   (1ull << 20)
#define VINTR_MASKING   (1ull << 24)

/* EXITINFO1 of a nested page fault (APMv2 15.25.6). */
#define NPF_PRESENT (1ull << 0)
#define NPF_WRITE   (1ull << 1)
#define NPF_FETCH   (1ull << 4)
#define NPF_WALK    (1ull << 33)

/* EXITINFO1 of an I/O exit (APMv2 15.10.2). */
#define IOIO_IN       (1u << 0)
#define IOIO_STRING   (1u << 2)
#define IOIO_REP      (1u << 3)
#define IOIO_SIZE(i)  (((i) >> 4) & 7)
#define IOIO_PORT(i)  ((uint16_t)((i) >> 16))

struct vmcb_segment {
	uint16_t selector;
	uint16_t attrib; /* descriptor bits 47:40 and 55:52 packed into 12 */
	uint32_t limit;
	uint64_t base;
};

#define SEG_ATTRIB_DPL(a) (((a) >> 5) & 3)
#define SEG_ATTRIB_L      (1u << 9)
#define SEG_ATTRIB_DB     (1u << 10)

struct vmcb {
	uint32_t icpt_cr;
	uint32_t icpt_dr;
	uint32_t icpt_exception;
	uint32_t icpt_misc1;
	uint32_t icpt_misc2;
	uint32_t icpt_misc3;
	uint8_t res_018[0x3c - 0x18];
	uint16_t pause_threshold;
	uint16_t pause_count;
	uint64_t iopm_base;
	uint64_t msrpm_base;
	uint64_t tsc_offset;
	uint32_t asid;
	uint8_t tlb_control;
	uint8_t res_05d[3];
	uint64_t vintr;
	uint64_t int_state; /* bit 0: interrupt shadow */
	uint64_t exitcode;
	uint64_t exitinfo1;
	uint64_t exitinfo2;
	uint64_t exitintinfo;
	uint64_t np_enable;
	uint8_t res_098[0xa8 - 0x98];
	uint64_t eventinj;
	uint64_t n_cr3;
	uint64_t lbr;
	uint64_t clean;
	uint64_t nrip;
	uint8_t fetched;
	uint8_t bytes[15];
	uint8_t res_0e0[0x400 - 0xe0];
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t res_4a0[0x4cb - 0x4a0];
	uint8_t cpl;
	uint8_t res_4cc[4];
	uint64_t efer;
	uint8_t res_4d8[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t res_580[0x5d8 - 0x580];
	uint64_t rsp;
	uint8_t res_5e0[0x5f8 - 0x5e0];
	uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	uint8_t res_648[0x668 - 0x648];
	uint64_t g_pat;
	uint8_t res_670[0x1000 - 0x670];
};

#define VMCB_AT(field, offset) \
	_Static_assert(offsetof(struct vmcb, field) == (offset), "APMv2 table B-1, B-2: " #field)

VMCB_AT(iopm_base, 0x040);
VMCB_AT(asid, 0x058);
VMCB_AT(vintr, 0x060);
VMCB_AT(exitcode, 0x070);
VMCB_AT(exitintinfo, 0x088);
VMCB_AT(np_enable, 0x090);
VMCB_AT(eventinj, 0x0a8);
VMCB_AT(n_cr3, 0x0b0);
VMCB_AT(nrip, 0x0c8);
VMCB_AT(es, 0x400);
VMCB_AT(tr, 0x490);
VMCB_AT(cpl, 0x4cb);
VMCB_AT(efer, 0x4d0);
VMCB_AT(cr4, 0x548);
VMCB_AT(rip, 0x578);
VMCB_AT(rsp, 0x5d8);
VMCB_AT(rax, 0x5f8);
VMCB_AT(cr2, 0x640);
VMCB_AT(g_pat, 0x668);
_Static_assert(sizeof(struct vmcb) == 4096, "APMv2 15.5.1: a VMCB is a page");

#endif
