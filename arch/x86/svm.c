// SPDX-License-Identifier: MIT
/*
 * SVM: enabling it, building a VMCB, what of it others may see (APMv2 chapter
 * 15). Entering a guest is in svm_exit.c.
 *
 * Works with what every SVM processor with nested paging has; next-RIP save
 * and flush-by-ASID are used where CPUID offers them. Deliberately not used:
 * decode assists (our decoder reads guest memory), AVIC, VMCB clean bits.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/log.h>
#include <taproot/string.h>
#include "cpu.h"
#include "svm.h"
#include "x86.h"

#define MSR_VM_CR       0xc0010114u
#define MSR_VM_HSAVE_PA 0xc0010117u
#define IOPM_PAGES      3
#define MSRPM_PAGES     2

struct svm_caps svm_caps;
struct svm_cpu svm_cpu[TIMER_CPUS_MAX];

void svm_save_host(uint64_t hpa);

static void read_caps(struct svm_caps *caps)
{
	struct cpuid r;

	*caps = (struct svm_caps){0};
	caps->amd_leaf = cpuid(0x80000000u, 0).eax >= 0x8000000au;
	caps->svm = cpuid(0x80000001u, 0).ecx >> 2 & 1;
	if (!caps->svm) {
		return;
	}
	if (!rdmsr_safe(MSR_VM_CR, &caps->vm_cr)) {
		caps->vm_cr = 0;
	}
	if (caps->amd_leaf) {
		r = cpuid(0x8000000au, 0);
		caps->asid_count = r.ebx;
		caps->features = r.edx;
	}
	if (cpu_features.hypervisor) {
		r = cpuid(0x40000000u, 0);
		caps->emulated = svm_emulated((uint32_t[]){r.ebx, r.ecx, r.edx});
	}
}

static const char *refusal(void)
{
	read_caps(&svm_caps);
	return svm_refusal(&svm_caps);
}

static int cpu_enable(void)
{
	struct svm_cpu *c = &svm_cpu[arch_cpu_this()];
	uint8_t *pages = page_alloc_many(2);

	if (!pages) {
		return -ENOMEM;
	}
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, arch_va_to_hpa(pages).v);
	c->host_vmcb = arch_va_to_hpa(pages + PAGE_SIZE);
	svm_save_host(c->host_vmcb.v);
	asid_pool_init(&c->asids, svm_caps.asid_count);
	/* XSETBV is carried out for the guest, and it needs the host's OSXSAVE. */
	if (cpuid(1, 0).ecx >> 26 & 1) {
		write_cr4(read_cr4() | CR4_OSXSAVE);
	}
	c->enabled = true;
	this_cpu()->svm = c;
	return 0;
}

static void msr_allow(uint8_t *map, uint32_t msr)
{
	uint32_t offset; /* in bits: two for each MSR (APMv2 15.11) */

	if (msr < 0x2000) {
		offset = msr * 2;
	} else if (msr >= 0xc0000000u && msr < 0xc0002000u) {
		offset = 0x800 * 8 + (msr - 0xc0000000u) * 2;
	} else if (msr >= 0xc0010000u && msr < 0xc0012000u) {
		offset = 0x1000 * 8 + (msr - 0xc0010000u) * 2;
	} else {
		return;
	}
	map[offset / 8] = (uint8_t)(map[offset / 8] & ~(3u << (offset % 8)));
}

static void build_msrpm(uint8_t *map)
{
	static const struct {
		uint32_t first, last;
	} spans[] = {{0, 0x1fff}, {0xc0000000u, 0xc0001fffu}, {0xc0010000u, 0xc0011fffu}};

	memset(map, 0xff, MSRPM_PAGES * PAGE_SIZE);
	for (unsigned i = 0; i < ARRAY_SIZE(spans); i++) {
		for (uint32_t msr = spans[i].first; msr <= spans[i].last; msr++) {
			if (hvm_msr_direct(msr)) {
				msr_allow(map, msr);
			}
		}
	}
}

static int domain_init(struct domain *d)
{
	struct domain_arch *a = d->arch;

	a->iopm = page_alloc_many(IOPM_PAGES);
	a->msrpm = page_alloc_many(MSRPM_PAGES);
	if (!a->iopm || !a->msrpm) {
		return -ENOMEM;
	}
	/* A port of the hardware domain is the machine's unless claimed; all of another domain's
	 * exit. */
	memset(a->iopm, d->hardware ? 0 : 0xff, IOPM_PAGES * PAGE_SIZE);
	build_msrpm(a->msrpm);
	return 0;
}

static void port_trap(struct domain *d, uint16_t port, bool trap)
{
	uint8_t *byte = &d->arch->iopm[port / 8];

	if (trap) {
		*byte = (uint8_t)(*byte | 1u << port % 8);
	} else {
		*byte = (uint8_t)(*byte & ~(1u << port % 8));
	}
}

static void init_controls(struct vcpu *v, struct vmcb *b)
{
	struct domain_arch *a = v->domain->arch;

	b->icpt_exception = 1u << EXC_MC; /* the host's */
	b->icpt_misc1 = ICPT_INTR | ICPT_NMI | ICPT_SMI | ICPT_INIT | ICPT_RDPMC | ICPT_CPUID |
			ICPT_INVD | ICPT_HLT | ICPT_INVLPGA | ICPT_IOIO | ICPT_MSR | ICPT_SHUTDOWN;
	b->icpt_misc2 = ICPT2_VMRUN | ICPT2_VMMCALL | ICPT2_VMLOAD | ICPT2_VMSAVE | ICPT2_STGI |
			ICPT2_CLGI | ICPT2_SKINIT | ICPT2_MONITOR | ICPT2_MWAIT | ICPT2_XSETBV |
			ICPT2_RDPRU;
	b->iopm_base = arch_va_to_hpa(a->iopm).v;
	b->msrpm_base = arch_va_to_hpa(a->msrpm).v;
	b->np_enable = 1;
	b->n_cr3 = a->npt.root_hpa.v;
	b->vintr = VINTR_MASKING;
}

/* SDM 3A 9.1.1 table 9-1, APMv2 table 14-1; CD and NW stay. */
static void reset_state(struct vmcb *b)
{
	const struct vmcb_segment data = {0, 0x093, 0xffff, 0};

	b->cs = (struct vmcb_segment){0xf000, 0x09b, 0xffff, 0xffff0000u};
	b->ds = b->es = b->ss = b->fs = b->gs = data;
	b->tr = (struct vmcb_segment){0, 0x08b, 0xffff, 0};
	b->ldtr = (struct vmcb_segment){0, 0x082, 0xffff, 0};
	b->gdtr = b->idtr = (struct vmcb_segment){0, 0, 0xffff, 0};
	b->cr0 = (b->cr0 & (CR0_CD | CR0_NW)) | CR0_ET;
	b->cr2 = b->cr3 = b->cr4 = 0;
	b->efer = EFER_SVME;
	b->rflags = 2;
	b->cpl = 0;
	b->dr6 = 0xffff0ff0u;
	b->dr7 = 0x400;
}

static void reset(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);
	struct vmcb *b = s->vmcb;

	reset_state(b);
	s->reinject = 0;
	b->eventinj = 0;
	b->int_state = 0;
	b->icpt_misc1 &= ~(ICPT_IRET | ICPT_VINTR);
	b->vintr = VINTR_MASKING;
}

static void startup(struct vcpu *v, unsigned page)
{
	struct vmcb *b = svm_of(v)->vmcb;

	b->cs.selector = (uint16_t)(page << 8);
	b->cs.base = (uint64_t)page << PAGE_SHIFT;
}

static struct vmcb_segment segment(const struct vcpu_segment *s)
{
	return (struct vmcb_segment){0, s->attrib, s->limit, s->base};
}

static void load(struct vcpu *v, const struct vcpu_registers *r)
{
	struct vmcb *b = svm_of(v)->vmcb;

	b->cs = segment(&r->cs);
	b->ds = segment(&r->ds);
	b->ss = segment(&r->ss);
	b->es = segment(&r->es);
	b->tr = segment(&r->tr);
	b->cr0 = r->cr0 | CR0_ET;
	b->cr3 = r->cr3;
	b->cr4 = r->cr4;
	b->efer = r->efer | EFER_SVME;
	b->rflags = r->rflags;
	b->cpl = SEG_ATTRIB_DPL(r->ss.attrib);
}

/* The state of the PVH entry point: Xen ABI, xen/include/public/arch-x86/hvm/start_info.h. */
static void init_state(struct vmcb *b, const struct hvm_start *start)
{
	const struct vmcb_segment code = {0x10, 0xc9b, 0xffffffffu, 0};
	const struct vmcb_segment data = {0x18, 0xc93, 0xffffffffu, 0};

	b->cs = code;
	b->ds = b->es = b->ss = b->fs = b->gs = data;
	b->tr = (struct vmcb_segment){0, 0x08b, 0x67, 0};
	b->ldtr = (struct vmcb_segment){0, 0x082, 0, 0};
	b->cr0 = CR0_PE | CR0_ET;
	b->rip = start->entry;
}

static void nothing(struct timer *t)
{
	(void)t;
}

static int vcpu_init(struct vcpu *v, const struct hvm_start *start)
{
	struct svm_vcpu *s = heap_alloc(sizeof(*s));

	if (!s || !(s->vmcb = page_alloc())) {
		return -ENOMEM;
	}
	timer_init(&s->nmi_timer, nothing);
	s->vmcb_hpa = arch_va_to_hpa(s->vmcb);
	v->arch->vendor = s;
	v->arch->pat = PAT_RESET;
	init_controls(v, s->vmcb);
	reset_state(s->vmcb);
	s->vmcb->g_pat = PAT_RESET;
	if (start) {
		v->arch->gpr[REG_RBX] = start->start_info;
		init_state(s->vmcb, start);
	} else {
		s->vmcb->cr0 |= CR0_CD | CR0_NW;
	}
	return 0;
}

static void paging(const struct vcpu *v, struct walk_state *out)
{
	const struct vmcb *b = svm_of(v)->vmcb;

	out->cr0 = b->cr0;
	out->cr3 = b->cr3;
	out->cr4 = b->cr4;
	out->efer = b->efer;
}

static void fetch_state(const struct vcpu *v, struct hvm_fetch *out)
{
	const struct vmcb *b = svm_of(v)->vmcb;

	paging(v, &out->paging);
	if ((b->efer & EFER_LMA) && (b->cs.attrib & SEG_ATTRIB_L)) {
		out->mode = 64;
		out->linear = v->arch->rip;
	} else {
		out->mode = b->cs.attrib & SEG_ATTRIB_DB ? 32 : 16;
		out->linear = (uint32_t)(b->cs.base + v->arch->rip);
	}
}

static void segment_bases(const struct vcpu *v, uint64_t base[6])
{
	const struct vmcb *b = svm_of(v)->vmcb;

	base[0] = b->es.base;
	base[1] = b->cs.base;
	base[2] = b->ss.base;
	base[3] = b->ds.base;
	base[4] = b->fs.base;
	base[5] = b->gs.base;
}

/* EFER bits a guest may set: SCE, LME, NX, FFXSR, TCE as the processor has them (APMv2 3.1.7). */
static uint64_t efer_allowed(void)
{
	struct cpuid r = cpuid(0x80000001u, 0);
	uint64_t bits = 1ull << 0 | 1ull << 8;

	bits |= (r.edx >> 20 & 1) ? 1ull << 11 : 0;
	bits |= (r.edx >> 25 & 1) ? 1ull << 14 : 0;
	bits |= (r.ecx >> 17 & 1) ? 1ull << 15 : 0;
	return bits;
}

static uint64_t get_efer(const struct vcpu *v)
{
	return svm_of(v)->vmcb->efer & ~EFER_SVME;
}

static bool efer_valid(uint64_t value)
{
	return !(value & ~(efer_allowed() | EFER_LMA));
}

static bool set_efer(struct vcpu *v, uint64_t value)
{
	struct vmcb *b = svm_of(v)->vmcb;

	if (!efer_valid(value)) {
		return false;
	}
	if ((b->cr0 >> 31 & 1) && ((value ^ b->efer) & EFER_LME)) {
		return false;
	}
	b->efer = (value & ~EFER_LMA) | (b->efer & EFER_LMA) | EFER_SVME;
	return true;
}

static bool interrupts_enabled(const struct vcpu *v)
{
	return svm_of(v)->vmcb->rflags & RFLAGS_IF;
}

static bool smap_denies(const struct vcpu *v)
{
	const struct vmcb *b = svm_of(v)->vmcb;

	return (b->cr4 & CR4_SMAP) && !(b->rflags & RFLAGS_AC);
}

static void set_pat(struct vcpu *v, uint64_t value)
{
	svm_of(v)->vmcb->g_pat = value;
}

static void set_tsc_offset(struct vcpu *v, uint64_t offset)
{
	svm_of(v)->vmcb->tsc_offset = offset;
}

static void log_state(const struct vcpu *v)
{
	const struct vcpu_arch *a = v->arch;
	const struct vmcb *b = svm_of(v)->vmcb;

	log_info("vcpu%u: rip %04x:%016llx rsp %016llx rflags %08llx cpl %u", v->id, b->cs.selector,
		 (unsigned long long)a->rip, (unsigned long long)a->gpr[REG_RSP],
		 (unsigned long long)b->rflags, b->cpl);
	log_info("vcpu%u: cr0 %llx cr2 %llx cr3 %llx cr4 %llx efer %llx", v->id,
		 (unsigned long long)b->cr0, (unsigned long long)b->cr2, (unsigned long long)b->cr3,
		 (unsigned long long)b->cr4, (unsigned long long)b->efer);
	log_info("vcpu%u: exit %llx info %llx %llx intinfo %llx inject %llx shadow %llx", v->id,
		 (unsigned long long)b->exitcode, (unsigned long long)b->exitinfo1,
		 (unsigned long long)b->exitinfo2, (unsigned long long)b->exitintinfo,
		 (unsigned long long)b->eventinj, (unsigned long long)b->int_state);
	for (unsigned i = 0; i < 16; i += 4) {
		log_info("vcpu%u: r%-2u %016llx %016llx %016llx %016llx", v->id, i,
			 (unsigned long long)a->gpr[i], (unsigned long long)a->gpr[i + 1],
			 (unsigned long long)a->gpr[i + 2], (unsigned long long)a->gpr[i + 3]);
	}
}

const struct hvm_ops svm_ops = {
	.name = "SVM",
	.refusal = refusal,
	.cpu_enable = cpu_enable,
	.domain_init = domain_init,
	.vcpu_init = vcpu_init,
	.run = svm_run,
	.paging = paging,
	.fetch_state = fetch_state,
	.segment_bases = segment_bases,
	.efer = get_efer,
	.set_efer = set_efer,
	.reset = reset,
	.startup = startup,
	.load = load,
	.efer_valid = efer_valid,
	.interrupts_enabled = interrupts_enabled,
	.smap_denies = smap_denies,
	.set_pat = set_pat,
	.set_tsc_offset = set_tsc_offset,
	.port_trap = port_trap,
	.log_state = log_state,
};
