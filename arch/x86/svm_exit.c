// SPDX-License-Identifier: MIT
/*
 * The run loop of a processor with SVM: enter the guest (APMv2 15.5), take the
 * machine's interrupts, carry out the exit. All that every exit pays for is
 * here and in svm_entry.S; what seldom happens is elsewhere, behind one test:
 * run.c (work before an entry) and svm_inject.c (events).
 *
 * What each exit asks for (APMv2 appendix C): one table from exit code to
 * handler. An exit that is not in it injects #UD and says so; nested page
 * faults, far behind the others' codes, are looked for first.
 *
 * Instruction lengths come from next-RIP save where there is one, else from
 * the instruction's bytes: these instructions have one opcode and any number
 * of prefixes without effect.
 */
#include <taproot/arch.h>
#include <taproot/ioreq.h>
#include <taproot/log.h>
#include "cpu.h"
#include "svm.h"

typedef void (*exit_fn)(struct vcpu *v, struct vmcb *b);

/* A legacy prefix, or REX in 64-bit code (APMv3 1.2). */
static bool is_prefix(uint8_t c, unsigned mode)
{
	switch (c) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64 ... 0x67:
	case 0xf0:
	case 0xf2:
	case 0xf3:
		return true;
	default:
		return (c & 0xf0) == 0x40 && mode == 64;
	}
}

/* Length of the intercepted instruction whose opcode has `opcode_length` bytes. */
static unsigned instruction_length(struct vcpu *v, const struct vmcb *b, unsigned opcode_length)
{
	uint8_t bytes[HVM_FETCH];
	unsigned n, mode, prefixes = 0;

	if ((svm_caps.features & SVM_FEATURE_NRIP) && b->nrip > v->arch->rip) {
		return (unsigned)(b->nrip - v->arch->rip);
	}
	n = hvm_fetch_insn(v, bytes, &mode);
	while (prefixes < n && is_prefix(bytes[prefixes], mode)) {
		prefixes++;
	}
	return prefixes + opcode_length;
}

static void skip(struct vcpu *v, struct vmcb *b, unsigned opcode_length)
{
	hvm_skip(v, instruction_length(v, b, opcode_length));
}

static void exit_nothing(struct vcpu *v, struct vmcb *b)
{
	(void)b;
	v->arch->exits[CAUSE_INTR]++;
}

static void exit_vintr(struct vcpu *v, struct vmcb *b)
{
	(void)b;
	v->arch->exits[CAUSE_WINDOW]++;
}

static void exit_iret(struct vcpu *v, struct vmcb *b)
{
	v->arch->nmi_iret = true;
	v->arch->nmi_iret_rip = v->arch->rip;
	b->icpt_misc1 &= ~ICPT_IRET;
}

static void exit_cpuid(struct vcpu *v, struct vmcb *b)
{
	uint64_t *gpr = v->arch->gpr;
	struct cpuid r;

	v->arch->exits[CAUSE_CPUID]++;
	hvm_cpuid(v, (uint32_t)gpr[REG_RAX], (uint32_t)gpr[REG_RCX], &r);
	gpr[REG_RAX] = r.eax;
	gpr[REG_RBX] = r.ebx;
	gpr[REG_RCX] = r.ecx;
	gpr[REG_RDX] = r.edx;
	skip(v, b, 2);
}

static void exit_hlt(struct vcpu *v, struct vmcb *b)
{
	v->arch->exits[CAUSE_HLT]++;
	skip(v, b, 1);
	/* A trap that is due after HLT comes at once. */
	v->arch->halted = !v->arch->exception.valid;
}

static void exit_msr(struct vcpu *v, struct vmcb *b)
{
	uint64_t *gpr = v->arch->gpr;
	uint32_t msr = (uint32_t)gpr[REG_RCX];
	uint64_t value;
	bool ok;

	v->arch->exits[CAUSE_MSR]++;
	if (b->exitinfo1 & 1) {
		value = (uint32_t)gpr[REG_RAX] | gpr[REG_RDX] << 32;
		ok = hvm_msr_write(v, msr, value);
	} else {
		ok = hvm_msr_read(v, msr, &value);
		if (ok) {
			gpr[REG_RAX] = (uint32_t)value;
			gpr[REG_RDX] = value >> 32;
		}
	}
	if (ok) {
		skip(v, b, 2);
	} else {
		hvm_inject(v, EXC_GP, true, 0);
	}
}

static COLD void exit_string_io(struct vcpu *v, uint16_t port)
{
	log_guest("d%u: string I/O on trapped port 0x%x: no effect (doc/caveats.md)", v->domain->id,
		  port);
}

static void exit_io(struct vcpu *v, struct vmcb *b)
{
	uint32_t info = (uint32_t)b->exitinfo1;
	uint16_t port = IOIO_PORT(info);
	unsigned len = IOIO_SIZE(info);
	uint64_t *rax = &v->arch->gpr[REG_RAX];

	v->arch->exits[CAUSE_PORT]++;
	/* EXITINFO2 is the next instruction's address on every SVM processor (APMv2 15.10.2). */
	v->arch->rip = b->exitinfo2;
	b->int_state &= ~1ull;
	if (__builtin_expect(b->rflags & RFLAGS_TF, 0)) {
		svm_single_step(v, b);
	}
	if (__builtin_expect(info & IOIO_STRING, 0)) {
		exit_string_io(v, port);
	} else if (info & IOIO_IN) {
		uint32_t value = ioreq_port_read(v->domain, port, len);

		/* A 32-bit result clears the upper half, shorter ones keep the rest (APMv1 3.1.2).
		 */
		*rax = len == 4 ? value : (*rax & ~ones(len)) | (value & ones(len));
	} else {
		ioreq_port_write(v->domain, port, len, (uint32_t)(*rax & ones(len)));
	}
}

/* MOV to CR8, while an interrupt waits (APMv3 MOV CRn; 0F 22 /r, LOCK and REX allowed). */
static void exit_cr8(struct vcpu *v, struct vmcb *b)
{
	uint8_t bytes[HVM_FETCH], rex = 0;
	unsigned mode, i = 0, n = hvm_fetch_insn(v, bytes, &mode);
	uint64_t value;

	(void)b;

	while (i < n && is_prefix(bytes[i], mode)) {
		rex = mode == 64 && (bytes[i] & 0xf0) == 0x40 ? bytes[i] : 0;
		i++;
	}
	if (i + 3 > n || bytes[i] != 0x0f || bytes[i + 1] != 0x22) {
		hvm_inject(v, EXC_UD, false, 0); /* changed since it was executed */
		return;
	}
	value = v->arch->gpr[(bytes[i + 2] & 7) | (rex & 1) << 3];
	value = mode == 64 ? value : (uint32_t)value;
	if (value > 0xf) {
		hvm_inject(v, EXC_GP, true, 0);
		return;
	}
	vlapic_set_tpr_class(&v->lapic, (unsigned)value);
	hvm_skip(v, i + 3);
}

static void exit_xsetbv(struct vcpu *v, struct vmcb *b)
{
	const uint64_t *gpr = v->arch->gpr;
	uint64_t value = (uint32_t)gpr[REG_RAX] | gpr[REG_RDX] << 32;

	if (!(b->cr4 & CR4_OSXSAVE)) {
		hvm_inject(v, EXC_UD, false, 0);
		return;
	}
	if (b->cpl != 0 || (uint32_t)gpr[REG_RCX] != 0 || !hvm_xsetbv(value)) {
		hvm_inject(v, EXC_GP, true, 0);
		return;
	}
	skip(v, b, 3);
}

static void exit_invd(struct vcpu *v, struct vmcb *b)
{
	/* The processor checks the privilege before the intercept (APMv2 15.9), QEMU does not. */
	if (b->cpl != 0) {
		hvm_inject(v, EXC_GP, true, 0);
		return;
	}
	/* Dropping caches would lose data of others; writing them back is always allowed. */
	__asm__ volatile("wbinvd" : : : "memory");
	skip(v, b, 2);
}

static void exit_gp(struct vcpu *v, struct vmcb *b)
{
	(void)b;
	hvm_inject(v, EXC_GP, true, 0);
}

static void exit_ud(struct vcpu *v, struct vmcb *b)
{
	(void)b;
	v->arch->exits[CAUSE_OTHER]++;
	hvm_inject(v, EXC_UD, false, 0);
}

/*
 * VMMCALL (APMv3 VMMCALL). Its length is looked up first: the call may change the
 * bytes. One that goes on later is executed again.
 */
static void exit_vmmcall(struct vcpu *v, struct vmcb *b)
{
	bool code64 = (b->efer & EFER_LMA) && (b->cs.attrib & SEG_ATTRIB_L);
	unsigned length;

	if (!v->domain->xen_abi) {
		exit_ud(v, b);
		return;
	}
	v->arch->exits[CAUSE_HYPERCALL]++;
	length = instruction_length(v, b, 3);
	if (hvm_hypercall(v, b->cpl, code64)) {
		hvm_skip(v, length);
	} else {
		/* Between its pieces interrupts come: an STI before it does not shadow all of them. */
		b->int_state &= ~1ull;
	}
}

static void exit_shutdown(struct vcpu *v, struct vmcb *b)
{
	(void)b;
	log_notice("d%u vcpu%u: triple fault", v->domain->id, v->id);
	arch_domain_end(v->domain, DOMAIN_CRASHED);
}

static const exit_fn table[] = {
	[VMEXIT_CR8_WRITE] = exit_cr8,
	[VMEXIT_INTR] = exit_nothing,  [VMEXIT_NMI] = exit_nothing,
	[VMEXIT_SMI] = exit_nothing,   [VMEXIT_INIT] = exit_nothing,
	[VMEXIT_VINTR] = exit_vintr,   [VMEXIT_RDPMC] = exit_gp,
	[VMEXIT_CPUID] = exit_cpuid,   [VMEXIT_IRET] = exit_iret,
	[VMEXIT_INVD] = exit_invd,     [VMEXIT_HLT] = exit_hlt,
	[VMEXIT_INVLPGA] = exit_ud,    [VMEXIT_IOIO] = exit_io,
	[VMEXIT_MSR] = exit_msr,       [VMEXIT_SHUTDOWN] = exit_shutdown,
	[VMEXIT_VMRUN] = exit_ud,      [VMEXIT_VMMCALL] = exit_vmmcall,
	[VMEXIT_VMLOAD] = exit_ud,     [VMEXIT_VMSAVE] = exit_ud,
	[VMEXIT_STGI] = exit_ud,       [VMEXIT_CLGI] = exit_ud,
	[VMEXIT_SKINIT] = exit_ud,     [VMEXIT_MONITOR] = exit_ud,
	[VMEXIT_MWAIT] = exit_ud,      [VMEXIT_MWAIT_ARMED] = exit_ud,
	[VMEXIT_XSETBV] = exit_xsetbv, [VMEXIT_RDPRU] = exit_ud,
};

_Static_assert(ARRAY_SIZE(table) == VMEXIT_COUNT, "every exit code up to RDPRU has its place");

/* Those the table has nothing for. */
static COLD void exit_other(struct vcpu *v, struct vmcb *b)
{
	uint64_t code = b->exitcode;

	v->arch->exits[CAUSE_OTHER]++;
	if (code == VMEXIT_EXCP0 + EXC_MC) {
		/* An intercepted machine check is not pending any more: to our own handler with it. */
		__asm__ volatile("int %0" : : "i"(EXC_MC));
		return;
	}
	/* VMEXIT_INVALID is -1 (APMv2 appendix C); an emulator may keep 32 bits of it. */
	if ((uint32_t)code == UINT32_MAX) {
		log_notice("d%u vcpu%u: the processor refuses the guest's state", v->domain->id,
			   v->id);
		arch_domain_end(v->domain, DOMAIN_CRASHED);
		return;
	}
	log_guest("d%u vcpu%u: exit 0x%llx is not known, #UD injected", v->domain->id, v->id,
		  (unsigned long long)code);
	hvm_inject(v, EXC_UD, false, 0);
}

/* ---- entry and exit ---- */

/* svm_entry.S. Keeps RSP and RBP only: it is called where no other register holds anything. */
static inline void enter_guest(uint64_t gpr[16], hpa_t vmcb, hpa_t host_vmcb)
{
	__asm__ volatile("call svm_enter_guest"
			 : "+D"(gpr), "+a"(vmcb.v), "+d"(host_vmcb.v)
			 :
			 : "rbx", "rcx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
			   "r15", "cc", "memory");
}

/* Choose this entry's TLB_CONTROL (APMv2 15.16.1) after a shootdown, or without a valid ASID. */
static __attribute__((noinline)) void renew_asid(struct vcpu *v, struct svm_cpu *c)
{
	struct svm_vcpu *s = svm_of(v);
	struct vmcb *b = s->vmcb;

	if (__atomic_exchange_n(&v->arch->flush, 0, __ATOMIC_SEQ_CST)) {
		if (svm_caps.features & SVM_FEATURE_FLUSH_BY_ASID) {
			b->tlb_control = TLB_FLUSH_ASID;
		} else {
			s->asid.generation = 0;
		}
	}
	if (asid_assign(&c->asids, &s->asid, arch_cpu_this())) {
		b->tlb_control = TLB_FLUSH_ALL;
	}
	b->asid = s->asid.number;
}

static inline void prepare_events(struct vcpu *v, struct svm_vcpu *s, struct vmcb *b)
{
	uint64_t vintr = b->vintr & ~VINTR_TPR_MASK;

	b->eventinj = 0;
	if (b->icpt_cr & ICPT_CR8_WRITE) {
		b->icpt_cr &= ~ICPT_CR8_WRITE;
		vintr &= ~(VINTR_IRQ | VINTR_IGN_TPR | 0xfull << VINTR_PRIO_SHIFT);
		b->icpt_misc1 &= ~ICPT_VINTR;
	}
	b->vintr = vintr | vlapic_tpr_class(&v->lapic);
	if (__builtin_expect(s->reinject | v->arch->exception.valid | vlapic_events(&v->lapic) |
				     v->event.callback_vector,
			     0)) {
		svm_choose_event(v);
	}
}

/* Take over what the guest did to CR8, and the event that the exit interrupted (APMv2 15.7.2). */
static inline void collect_events(struct vcpu *v, struct svm_vcpu *s, const struct vmcb *b)
{
	unsigned tpr = b->vintr & VINTR_TPR_MASK;

	if (tpr != vlapic_tpr_class(&v->lapic)) {
		vlapic_set_tpr_class(&v->lapic, tpr);
	}
	if (__builtin_expect(b->exitintinfo & EVENT_VALID, 0)) {
		svm_keep_event(s, b->exitintinfo);
	}
}

static inline void enter(struct vcpu *v, struct svm_vcpu *s, struct svm_cpu *c)
{
	struct vcpu_arch *a = v->arch;
	struct vmcb *b = s->vmcb;

	prepare_events(v, s, b);
	b->rax = a->gpr[REG_RAX];
	b->rsp = a->gpr[REG_RSP];
	b->rip = a->rip;
	b->tlb_control = TLB_NONE;
	/* From here on a shootdown sends an interrupt, which ends the run at once. */
	__atomic_store_n(&a->in_guest, 1, __ATOMIC_SEQ_CST);
	if (__builtin_expect(__atomic_load_n(&a->flush, __ATOMIC_SEQ_CST) ||
				     !asid_valid(&c->asids, &s->asid, v->cpu),
			     0)) {
		renew_asid(v, c);
	}
	enter_guest(a->gpr, s->vmcb_hpa, c->host_vmcb);
}

static inline void leave(struct vcpu *v, struct svm_vcpu *s, const struct vmcb *b)
{
	struct vcpu_arch *a = v->arch;

	__atomic_store_n(&a->in_guest, 0, __ATOMIC_RELEASE);
	a->gpr[REG_RAX] = b->rax;
	a->gpr[REG_RSP] = b->rsp;
	a->rip = b->rip;
	collect_events(v, s, b);
	/* What came while a window was opened may be forgotten there (svm_caps.h): look again. */
	if (__builtin_expect(svm_caps.emulated && (b->icpt_misc1 & ICPT_VINTR), 0)) {
		smp_kick(arch_cpu_this());
	}
}

/* Who met the hole: what is at RIP, or the processor on its way (APMv2 15.25.6). */
static inline enum hvm_access npf_access(const struct vcpu *v, const struct vmcb *b)
{
	if (__builtin_expect(svm_of(v)->reinject != 0, 0)) {
		return ACCESS_DELIVERY;
	}
	if (__builtin_expect((b->exitinfo1 & (NPF_WALK | NPF_FETCH)) != 0, 0)) {
		return b->exitinfo1 & NPF_WALK ? ACCESS_WALK : ACCESS_FETCH;
	}
	return ACCESS_DATA;
}

static inline void exit_npf(struct vcpu *v, const struct vmcb *b)
{
	hvm_mmio_fault(v, gpa(b->exitinfo2), npf_access(v, b));
}

static inline void handle_exit(struct vcpu *v, struct vmcb *b)
{
	uint64_t code = b->exitcode;

	if (code == VMEXIT_NPF) {
		exit_npf(v, b);
	} else if (code < ARRAY_SIZE(table) && table[code]) {
		table[code](v, b);
	} else {
		exit_other(v, b);
	}
}

void svm_run(struct vcpu *v)
{
	for (;;) {
		struct svm_vcpu *s;

		v = hvm_next(v);
		enter(v, svm_of(v), this_cpu()->svm);
		/* Looked up again: the guest had all the registers that could keep it. */
		v = this_cpu()->vcpu;
		s = svm_of(v);
		leave(v, s, s->vmcb);
		irq_window();
		handle_exit(v, s->vmcb);
	}
}
