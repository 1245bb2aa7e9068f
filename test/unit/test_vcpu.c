/* SPDX-License-Identifier: MIT */
/*
 * The life of vCPUs: INIT and start-up messages in all destination modes,
 * VCPUOP_initialise and its checks, up and down, requests from several
 * processors at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include <xen/xen.h>

#include <xen/hvm/hvm_vcpu.h>

#include "irq_fixture.h"

#define ICR_INIT     0xc500u /* level, assert */
#define ICR_DEASSERT 0x8500u
#define ICR_STARTUP  0x4600u
#define LOGICAL      0x800u
#define SELF         (1u << 18)
#define ALL          (2u << 18)
#define OTHERS       (3u << 18)

static void send(unsigned from, uint32_t dest, uint32_t low)
{
	apic_write(lapic(dom0, from), 0x310, dest);
	apic_write(lapic(dom0, from), 0x300, low);
}

static bool waits(unsigned i)
{
	return dom0->vcpu[i]->life.state & VCPU_WAITS;
}

static struct host_vcpu_state *registers(unsigned i)
{
	return host_vcpu_state(dom0->vcpu[i]);
}

/* Bring vCPU `i` up by messages and attend, as its processor does. */
static void start(unsigned i, unsigned page)
{
	vcpu_send_init(dom0->vcpu[i]);
	vcpu_send_startup(dom0->vcpu[i], page);
	assert_true(vcpu_attend(dom0->vcpu[i]));
}

static void test_creation(void **state)
{
	(void)state;
	assert_true(vcpu_is_up(dom0->vcpu[0]));
	assert_true(vcpu_is_up(domu->vcpu[0]));
	for (unsigned i = 1; i < FIXTURE_CPUS; i++) {
		assert_false(vcpu_is_up(dom0->vcpu[i]));
		assert_true(waits(i));
		assert_false(vcpu_stirs(dom0->vcpu[i]));
	}
}

static void test_init_startup(void **state)
{
	struct vcpu *v = dom0->vcpu[2];

	(void)state;
	registers(2)->page = -1;
	send(0, 2u << 24, ICR_INIT);
	assert_true(vcpu_stirs(v));
	assert_false(vcpu_attend(v));
	assert_int_equal(registers(2)->resets, 1);
	assert_int_equal(registers(2)->page, -1);
	assert_false(vcpu_stirs(v));
	send(0, 2u << 24, ICR_DEASSERT);
	assert_false(vcpu_stirs(v));
	send(0, 2u << 24, ICR_STARTUP | 0x9a);
	assert_true(vcpu_is_up(v));
	assert_true(vcpu_attend(v));
	assert_int_equal(registers(2)->page, 0x9a);
	/* The second one of SDM 3A 8.4.4 has no effect on a running processor. */
	send(0, 2u << 24, ICR_STARTUP | 0x55);
	assert_true(vcpu_attend(v));
	assert_int_equal(registers(2)->page, 0x9a);
	assert_int_equal(registers(2)->resets, 1);
	/* Nobody else was meant. */
	assert_true(waits(1));
	assert_true(waits(3));
	assert_false(vcpu_is_up(dom0->vcpu[3]));
}

/* Both before the processor looks: nothing is lost. INIT takes back a start-up message. */
static void test_requests_meet(void **state)
{
	struct vcpu *v = dom0->vcpu[1];

	(void)state;
	send(0, 1u << 24, ICR_INIT);
	send(0, 1u << 24, ICR_STARTUP | 0x10);
	send(0, 1u << 24, ICR_STARTUP | 0x20);
	assert_true(vcpu_attend(v));
	assert_int_equal(registers(1)->page, 0x10);
	send(0, 1u << 24, ICR_INIT);
	send(0, 1u << 24, ICR_STARTUP | 0x30);
	send(0, 1u << 24, ICR_INIT);
	assert_false(vcpu_attend(v));
	assert_int_equal(registers(1)->page, -1);
	assert_false(vcpu_is_up(v));
}

/* INIT: the local APIC is reset, but its id, mode and NMIs that came are not kept. */
static void test_init_of_a_running_one(void **state)
{
	struct vcpu *v = dom0->vcpu[0];

	(void)state;
	assert_true(vlapic_accept(&v->lapic, 0x50, true));
	vlapic_accept_nmi(&v->lapic);
	apic_write(&v->lapic, 0x80, 0x20);
	send(0, 0, ICR_INIT); /* itself */
	assert_false(vcpu_attend(v));
	assert_int_equal(registers(0)->resets, 1);
	assert_int_equal(vlapic_pending(&v->lapic), -1);
	assert_false(vlapic_take_nmi(&v->lapic));
	assert_int_equal(apic_read(&v->lapic, 0x80), 0);
	assert_int_equal(apic_read(&v->lapic, 0xf0), 0xff);
	assert_int_equal(v->lapic.base_msr, 0xfee00900);
	assert_false(vlapic_enabled(&v->lapic));
	/* NMIs are not remembered for one that waits. */
	vlapic_accept_nmi(&v->lapic);
	vcpu_send_startup(v, 1);
	assert_true(vcpu_attend(v));
	assert_false(vlapic_take_nmi(&v->lapic));
}

static void all_initialised(bool except_sender, bool x2apic)
{
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		assert_int_equal(vcpu_attend(dom0->vcpu[i]), i == 0 && except_sender);
		assert_int_equal(registers(i)->resets, i == 0 && except_sender ? 0 : 1);
		assert_int_equal(!!(lapic(dom0, i)->base_msr & APIC_BASE_X2APIC), x2apic);
		registers(i)->resets = 0;
	}
	vcpu_send_startup(dom0->vcpu[0], 0);
	(void)vcpu_attend(dom0->vcpu[0]);
	apic_write(lapic(dom0, 0), 0xf0, 0x1ff);
}

static void test_destinations(void **state)
{
	(void)state;
	send(0, 0, ICR_INIT | OTHERS);
	all_initialised(true, false);
	send(0, 0xffu << 24, ICR_INIT); /* broadcast */
	all_initialised(false, false);
	/* With the sender included by shorthand: no valid combination. */
	send(0, 0, ICR_INIT | SELF);
	send(0, 0, ICR_INIT | ALL);
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		(void)vcpu_attend(dom0->vcpu[i]);
		assert_int_equal(registers(i)->resets, 0);
	}
	/* Logical flat, two of them; then cluster model. */
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		apic_write(lapic(dom0, i), 0xd0, 1u << (24 + i));
	}
	send(0, 0x6u << 24, ICR_STARTUP | LOGICAL | 0x44);
	for (unsigned i = 1; i < FIXTURE_CPUS; i++) {
		assert_int_equal(vcpu_attend(dom0->vcpu[i]), i < 3);
		assert_int_equal(registers(i)->page, i < 3 ? 0x44 : -1);
	}
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		apic_write(lapic(dom0, i), 0xe0, 0);
		apic_write(lapic(dom0, i), 0xd0, (i / 2) << 28 | 1u << (24 + i % 2));
	}
	send(0, 0x12u << 24, ICR_STARTUP | LOGICAL | 0x45);
	assert_true(vcpu_attend(dom0->vcpu[3]));
	assert_int_equal(registers(3)->page, 0x45);
}

/* The same by x2APIC; INIT leaves the mode. */
static void test_x2apic(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FIXTURE_CPUS; i++) {
		assert_true(vlapic_msr_write(lapic(dom0, i), 0x1b,
					     lapic(dom0, i)->base_msr | APIC_BASE_X2APIC));
	}
	assert_true(vlapic_msr_write(lapic(dom0, 0), 0x830, 0xffffffffull << 32 | ICR_INIT));
	all_initialised(false, true);
	assert_true(vlapic_msr_write(lapic(dom0, 0), 0x830, 3ull << 32 | ICR_STARTUP | 7));
	assert_true(vcpu_attend(dom0->vcpu[3]));
	assert_int_equal(registers(3)->page, 7);
	/* Logical: cluster 0, ids 1 and 2. */
	assert_true(vlapic_msr_write(lapic(dom0, 0), 0x830,
				     0x6ull << 32 | ICR_STARTUP | LOGICAL | 8));
	assert_true(vcpu_attend(dom0->vcpu[1]));
	assert_true(vcpu_attend(dom0->vcpu[2]));
	assert_int_equal(registers(1)->page, 8);
	assert_int_equal(registers(3)->page, 7);
}

/* Another domain's vCPUs have other messages. */
static void test_domains_apart(void **state)
{
	(void)state;
	start(1, 1);
	apic_write(lapic(domu, 0), 0x310, 1u << 24);
	apic_write(lapic(domu, 0), 0x300, ICR_INIT | OTHERS);
	assert_false(vcpu_attend(domu->vcpu[1]));
	assert_int_equal(host_vcpu_state(domu->vcpu[1])->resets, 1);
	assert_true(vcpu_attend(dom0->vcpu[1]));
	assert_int_equal(registers(1)->resets, 1);
}

/* ---- VCPUOP_initialise ---- */

static struct vcpu_hvm_context context_32(void)
{
	struct vcpu_hvm_context c = {.mode = VCPU_HVM_MODE_32B};
	struct vcpu_hvm_x86_32 *r = &c.cpu_regs.x86_32;

	r->eax = 1;
	r->edi = 8;
	r->eip = 0x1000;
	r->eflags = 0xffffffff & ~(1u << 17);
	r->cr0 = 1;
	r->cs_limit = r->ds_limit = r->ss_limit = r->es_limit = 0xffffffff;
	r->tr_limit = 0x67;
	r->cs_ar = 0xc9a;
	r->ds_ar = r->ss_ar = r->es_ar = 0xc92;
	r->tr_ar = 0x8b;
	return c;
}

static struct vcpu_hvm_context context_64(void)
{
	struct vcpu_hvm_context c = {.mode = VCPU_HVM_MODE_64B};
	struct vcpu_hvm_x86_64 *r = &c.cpu_regs.x86_64;

	r->rip = 0xffffffff81000000;
	r->rsp = 0xffffc90000000000;
	r->rflags = 2;
	r->cr0 = 0x80050033;
	r->cr3 = 0x2000;
	r->cr4 = 0x20;
	r->efer = 0xd01;
	return c;
}

static void test_initialise_32(void **state)
{
	struct vcpu_hvm_context c = context_32();
	struct vcpu *v = dom0->vcpu[1];

	(void)state;
	assert_int_equal(vcpu_up(v), -EINVAL);
	assert_int_equal(vcpu_initialise(v, &c), 0);
	assert_false(vcpu_is_up(v));
	assert_int_equal(vcpu_initialise(v, &c), -EEXIST);
	assert_int_equal(vcpu_initialise(dom0->vcpu[0], &c), -EEXIST);
	assert_int_equal(vcpu_up(v), 0);
	assert_true(vcpu_is_up(v));
	assert_true(vcpu_attend(v));
	assert_true(registers(1)->loaded);
	assert_int_equal(registers(1)->registers.rip, 0x1000);
	assert_int_equal(registers(1)->registers.gpr[0], 1);
	assert_int_equal(registers(1)->registers.gpr[7], 8);
	assert_int_equal(registers(1)->registers.rflags, 0x3d7fd7);
	/* Accessed, and the task busy. */
	assert_int_equal(registers(1)->registers.cs.attrib, 0xc9b);
	assert_int_equal(registers(1)->registers.ss.attrib, 0xc93);
	assert_int_equal(registers(1)->registers.tr.attrib, 0x8b);
	/* It runs: a start-up message has no effect, INIT takes it back. */
	vcpu_send_startup(v, 3);
	assert_true(vcpu_attend(v));
	vcpu_send_init(v);
	assert_false(vcpu_attend(v));
	assert_int_equal(vcpu_initialise(v, &c), 0);
}

#define REFUSED_32(change)                                                                         \
	do {                                                                                       \
		struct vcpu_hvm_context c = context_32();                                          \
		struct vcpu_hvm_x86_32 *r = &c.cpu_regs.x86_32;                                    \
		(void)r;                                                                           \
		change;                                                                            \
		assert_int_equal(vcpu_initialise(dom0->vcpu[1], &c), -EINVAL);                     \
		assert_true(waits(1));                                                             \
	} while (0)

#define REFUSED_64(change)                                                                         \
	do {                                                                                       \
		struct vcpu_hvm_context c = context_64();                                          \
		struct vcpu_hvm_x86_64 *r = &c.cpu_regs.x86_64;                                    \
		change;                                                                            \
		assert_int_equal(vcpu_initialise(dom0->vcpu[1], &c), -EINVAL);                     \
		assert_true(waits(1));                                                             \
	} while (0)

static void test_initialise_32_refused(void **state)
{
	(void)state;
	REFUSED_32(c.mode = 2);
	REFUSED_32(c.pad = 1);
	REFUSED_32(r->pad1 = 1);
	REFUSED_32(r->pad2[2] = 1);
	REFUSED_32(r->cs_ar |= 0x1000);
	REFUSED_32(r->cs_ar = 0);
	REFUSED_32(r->ss_ar = 0);
	REFUSED_32(r->tr_ar = 0);
	REFUSED_32(r->cs_ar = 0xc92);  /* data */
	REFUSED_32(r->ss_ar = 0xc9a);  /* code */
	REFUSED_32(r->ss_ar = 0xc90);  /* read-only */
	REFUSED_32(r->ds_ar = 0xc98);  /* execute-only */
	REFUSED_32(r->es_ar = 0xc12);  /* not present */
	REFUSED_32(r->tr_ar = 0x9b);   /* code */
	REFUSED_32(r->tr_ar = 0x82);   /* LDT */
	REFUSED_32(r->ss_ar = 0xcf2);  /* DPL 3 */
	REFUSED_32(r->eip = 0x10000; r->cs_limit = 0xffff; r->cs_ar = 0x49a);
	REFUSED_32(r->efer = 0x400);
	REFUSED_32(r->efer = 0x1000);
	REFUSED_32(r->cr4 = 1u << 31);
	REFUSED_32(r->cr0 = 0x80000000u);
	REFUSED_32(r->cr0 = 1u << 29 | 1);
	REFUSED_32(r->eflags = 1u << 17);
	REFUSED_32(r->cr0 = 0x80000001u; r->efer = 0x100); /* long mode without PAE */
	REFUSED_32(r->cr0 = 0x80000001u; r->efer = 0x100; r->cr4 = 0x20; r->cs_ar = 0xe9a);
}

static void test_initialise_64(void **state)
{
	struct vcpu_hvm_context good = context_64();

	(void)state;
	REFUSED_64(r->rip = 0x0000800000000000);
	REFUSED_64(r->cr0 = 1);
	REFUSED_64(r->cr4 = 0);
	REFUSED_64(r->efer = 0);
	REFUSED_64(r->efer |= 0x1000);
	REFUSED_64(r->cr0 |= 1ull << 32);
	REFUSED_64(r->cr3 = 1ull << 40);
	REFUSED_64(r->cr4 |= 1ull << 40);
	good.cpu_regs.x86_64.efer = 0x101; /* LMA follows */
	assert_int_equal(vcpu_initialise(dom0->vcpu[1], &good), 0);
	assert_false(vcpu_attend(dom0->vcpu[1]));
	assert_int_equal(registers(1)->registers.efer, 0x501);
	assert_int_equal(registers(1)->registers.cs.attrib, 0xa9b);
	assert_int_equal(registers(1)->registers.cr0, 0x80050033);
}

static void test_down_and_up(void **state)
{
	(void)state;
	start(1, 1);
	assert_int_equal(vcpu_down(dom0->vcpu[1]), 0);
	assert_false(vcpu_is_up(dom0->vcpu[1]));
	assert_false(vcpu_attend(dom0->vcpu[1]));
	assert_int_equal(registers(1)->resets, 1);
	assert_int_equal(vcpu_up(dom0->vcpu[1]), 0);
	assert_true(vcpu_stirs(dom0->vcpu[1]));
	assert_true(vcpu_attend(dom0->vcpu[1]));
	assert_int_equal(registers(1)->resets, 1); /* goes on where it was */
	/* A start-up message does not lift "down". */
	assert_int_equal(vcpu_down(dom0->vcpu[1]), 0);
	vcpu_send_startup(dom0->vcpu[1], 5);
	assert_false(vcpu_is_up(dom0->vcpu[1]));
	assert_int_equal(dom0->end, DOMAIN_RUNNING);
	/* The last one. */
	assert_int_equal(vcpu_down(dom0->vcpu[0]), 0);
	assert_int_equal(dom0->end, DOMAIN_POWEROFF);
}

/* ---- several processors at once ---- */

#define ROUNDS 20000u

static void *sender(void *arg)
{
	struct vcpu_hvm_context c = context_64();

	for (unsigned i = 0; i < ROUNDS; i++) {
		vcpu_send_init(arg);
		if (i % 3) {
			vcpu_send_startup(arg, i);
		} else if (vcpu_initialise(arg, &c) == 0 && vcpu_up(arg)) {
			/* The other thread's INIT came in between. */
			continue;
		}
	}
	return NULL;
}

static void test_concurrent(void **state)
{
	struct vcpu *v = dom0->vcpu[1];
	pthread_t thread[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&thread[i], NULL, sender, v), 0);
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		(void)vcpu_attend(v);
		if (registers(1)->loaded) {
			assert_int_equal(registers(1)->registers.cr3, 0x2000);
		}
	}
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(thread[i], NULL);
	}
	/* At rest: what the state says is what the registers are. */
	(void)vcpu_attend(v);
	vcpu_send_init(v);
	vcpu_send_startup(v, 0x77);
	assert_true(vcpu_attend(v));
	assert_int_equal(registers(1)->page, 0x77);
	assert_int_equal(v->life.state, 0);
}

#define T(f) cmocka_unit_test_setup(f, fixture_running)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_creation),
		T(test_init_startup),
		T(test_requests_meet),
		T(test_init_of_a_running_one),
		T(test_destinations),
		T(test_x2apic),
		T(test_domains_apart),
		T(test_initialise_32),
		T(test_initialise_32_refused),
		T(test_initialise_64),
		T(test_down_and_up),
		T(test_concurrent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
