/* SPDX-License-Identifier: MIT */
/* Guest time: pvclock, wall clock, PV timers, runstate, dates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <taproot/date.h>

#include "event_fixture.h"

#define MS           1000000ull
#define TICKS_PER_MS (HOST_TIME_HZ / 1000)

static struct vcpu *v0, *v1;

static int setup(void **state)
{
	if (fixture_events(state) || event_move_shared_info(dom0, gpa(SHARED))) {
		return -1;
	}
	v0 = dom0->vcpu[0];
	v1 = dom0->vcpu[1];
	return 0;
}

/* System time as the ABI tells guests to compute it. */
static uint64_t guest_time(const struct vcpu_time_info *t, uint64_t tsc)
{
	uint64_t delta = tsc - t->tsc_timestamp;

	assert_int_equal(t->version % 2, 0);
	delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
	return t->system_time + (uint64_t)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
}

/* At any rate of the counter, guest and hypervisor agree, and both are right. */
static void rates(void **state)
{
	static const uint64_t rate[] = {100000000ull,  999999999ull,  1000000000ull,
					1000000001ull, 2249999999ull, 2500000000ull,
					3700000123ull, 5100000000ull, 19999999999ull};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rate); i++) {
		uint64_t start;

		host_reset();
		host_time_set_hz(rate[i]);
		start = arch_time();
		dom0 = domain_create(0, true, FIXTURE_LIMIT, FIXTURE_RANGES);
		assert_int_equal(event_domain_init(dom0), 0);
		assert_int_equal(domain_add_vcpu(dom0, 0, 0, true), 0);
		assert_int_equal(vtime_now(dom0), 0);
		for (uint64_t s = 1; s < 40000000; s = s * 7 + 1) {
			const struct vcpu_time_info *t = &info_of(dom0->vcpu[0])->time;
			uint64_t now = vtime_now(dom0), exact;

			assert_true(t->tsc_to_system_mul >> 31);
			host_time_set(start + rate[i] * s);
			now = vtime_now(dom0);
			exact = s * 1000000000ull;
			assert_int_equal(guest_time(t, arch_time()), now);
			assert_true(now <= exact && exact - now <= s + 1);
		}
	}
}

static void tsc_offsets(void **state)
{
	struct vcpu_time_info *t = &info_of(v1)->time, seen;
	uint32_t version = t->version;

	(void)state;
	host_time_advance(123456789);
	assert_int_equal(guest_time(t, arch_time()), vtime_now(dom0));
	assert_int_equal(t->flags, 0);
	host_tsc_offset_set(v1, 0 - arch_time() + 5);
	host_time_set_stable(true);
	vtime_update(v1);
	assert_true(t->version > version);
	assert_int_equal(t->flags, XEN_PVCLOCK_TSC_STABLE_BIT);
	assert_int_equal(guest_time(t, 5), vtime_now(dom0));
	host_time_advance(1000);
	assert_int_equal(guest_time(t, 1005), vtime_now(dom0));
	/* What the guest does to its copy is its own loss, until the next update. */
	seen = *t;
	memset(t, 0xff, sizeof(*t));
	vtime_update(v1);
	assert_int_equal(t->version, seen.version + 2);
	assert_int_equal(guest_time(t, 1005), vtime_now(dom0));
	/* The others' time did not move. */
	assert_int_equal(guest_time(&info_of(v0)->time, arch_time()), vtime_now(dom0));
}

static int64_t area(struct vcpu *v, unsigned op, unsigned id, uint64_t address)
{
	return vcpu_op(v, op, id, &address, sizeof(address));
}

static void time_areas(void **state)
{
	const struct vcpu_time_info *t = (const struct vcpu_time_info *)(ram0 + AREA);
	const struct vcpu_time_info *p = (const struct vcpu_time_info *)(ram0 + AREA + 0x1000);

	(void)state;
	assert_int_equal(area(v0, VCPUOP_register_vcpu_time_memory_area, 0, AREA), 0);
	assert_int_equal(guest_time(t, arch_time()), vtime_now(dom0));
	assert_int_equal(area(v0, VCPUOP_register_vcpu_time_phys_area, 0, AREA + 0xff0), -ENXIO);
	assert_int_equal(area(v0, VCPUOP_register_vcpu_time_phys_area, 0, AREA + 4), -ENXIO);
	assert_int_equal(area(v0, VCPUOP_register_vcpu_time_phys_area, 0, NOWHERE), -EINVAL);
	assert_int_equal(area(v0, VCPUOP_register_vcpu_time_phys_area, 0, AREA + 0x1000), 0);
	assert_true(event_uses(dom0, gpa(AREA + 0x1000), PAGE_SIZE));
	assert_int_equal(memcmp(&t->tsc_timestamp, &p->tsc_timestamp, 24), 0);
	vtime_update(v0);
	assert_int_equal(p->version, info_of(v0)->time.version);
	assert_int_equal(guest_time(p, arch_time()), vtime_now(dom0));
	assert_int_equal(area(v0, VCPUOP_register_vcpu_time_phys_area, 0, UINT64_MAX), 0);
	assert_false(event_uses(dom0, gpa(AREA + 0x1000), PAGE_SIZE));
	memset(ram0 + AREA, 0, 0x2000);
	/* Another vCPU's, by the caller's page tables. */
	assert_int_equal(area(v0, VCPUOP_register_vcpu_time_memory_area, 1, AREA), 0);
	assert_int_equal(guest_time(t, arch_time()), vtime_now(dom0));
	/* Not mapped: nothing happens, and it is no error. */
	assert_int_equal(area(v0, VCPUOP_register_vcpu_time_memory_area, 0, NOWHERE), 0);
	vtime_update(v0);
	assert_int_equal(
		hcall(v0, hypercall_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, NOWHERE),
		-EFAULT);
	assert_int_equal(p->version, 0);
}

static void wallclock(void **state)
{
	struct shared_info *s = (struct shared_info *)(ram0 + SHARED);
	uint32_t version;

	(void)state;
	host_wallclock_set(1795000000);
	assert_int_equal(event_domain_init(domu), 0);
	s = shared_of(domu);
	assert_int_equal(s->wc_sec, 1795000000);
	assert_int_equal(s->wc_sec_hi, 0);
	version = s->wc_version;
	assert_true(version != 0 && version % 2 == 0);
	vtime_set_wallclock(domu, 7ull << 32 | 12, 999999999);
	assert_int_equal(s->wc_version, version + 2);
	assert_int_equal(s->wc_sec, 12);
	assert_int_equal(s->wc_sec_hi, 7);
	assert_int_equal(s->wc_nsec, 999999999);
	/* It moves with the page. */
	assert_int_equal(event_move_shared_info(domu, gpa(SHARED)), 0);
	s = (struct shared_info *)(ramu + SHARED);
	assert_int_equal(s->wc_sec_hi, 7);
	assert_int_equal(s->wc_version % 2, 0);
}

/* ---- PV timers ---- */

static uint32_t timer_port;

static bool timer_came(void)
{
	struct shared_info *s = (struct shared_info *)(ram0 + SHARED);

	return __atomic_fetch_and(&s->evtchn_pending[0], ~(1ull << timer_port), __ATOMIC_SEQ_CST) >>
		       timer_port &
	       1;
}

static int64_t singleshot(struct vcpu *v, unsigned id, uint64_t ns, uint32_t flags)
{
	struct vcpu_set_singleshot_timer a = {.timeout_abs_ns = ns, .flags = flags};

	return vcpu_op(v, VCPUOP_set_singleshot_timer, id, &a, sizeof(a));
}

static void singleshots(void **state)
{
	uint64_t now;

	(void)state;
	timer_port = (uint32_t)new_virq(v0, VIRQ_TIMER, 0);
	host_time_advance(3 * TICKS_PER_MS);
	now = vtime_now(dom0);
	assert_int_equal(singleshot(v0, 1, now + MS, 0), -EINVAL);
	assert_int_equal(hcall(v0, hypercall_vcpu_op, VCPUOP_stop_singleshot_timer, 1, 0), -EINVAL);
	assert_int_equal(singleshot(v0, 0, now + MS, 0), 0);
	host_time_advance(TICKS_PER_MS - 5);
	assert_false(timer_came());
	host_time_advance(10);
	assert_true(timer_came());
	assert_true(vtime_now(dom0) >= now + MS);
	/* In the past: at once. Asked to be in the future: an error. */
	assert_int_equal(singleshot(v0, 0, now, 0), 0);
	assert_true(timer_came());
	assert_int_equal(singleshot(v0, 0, now, VCPU_SSHOTTMR_future), -ETIME);
	assert_false(timer_came());
	assert_int_equal(singleshot(v0, 0, vtime_now(dom0) + MS, VCPU_SSHOTTMR_future), 0);
	assert_int_equal(hcall(v0, hypercall_vcpu_op, VCPUOP_stop_singleshot_timer, 0, 0), 0);
	host_time_advance(10 * TICKS_PER_MS);
	assert_false(timer_came());
	/* Later than the counter goes. */
	assert_int_equal(singleshot(v0, 0, UINT64_MAX, 0), 0);
	host_time_advance(10 * TICKS_PER_MS);
	assert_false(timer_came());
	/* One timer: the new deadline takes the place of the old one. */
	now = vtime_now(dom0);
	assert_int_equal(singleshot(v0, 0, now + 5 * MS, 0), 0);
	assert_int_equal(singleshot(v0, 0, now + 2 * MS, 0), 0);
	host_time_advance(3 * TICKS_PER_MS);
	assert_true(timer_came());
	host_time_advance(3 * TICKS_PER_MS);
	assert_false(timer_came());
}

static void set_timer_op(void **state)
{
	uint64_t now;

	(void)state;
	timer_port = (uint32_t)new_virq(v0, VIRQ_TIMER, 0);
	host_time_advance(TICKS_PER_MS);
	now = vtime_now(dom0);
	assert_int_equal(hcall(v0, hypercall_set_timer_op, now + MS, 0, 0), 0);
	host_time_advance(2 * TICKS_PER_MS);
	assert_true(timer_came());
	assert_int_equal(hcall(v0, hypercall_set_timer_op, now + 4 * MS, 0, 0), 0);
	assert_int_equal(hcall(v0, hypercall_set_timer_op, 0, 0, 0), 0);
	host_time_advance(10 * TICKS_PER_MS);
	assert_false(timer_came());
	/* Nonsense becomes a tenth of a second. */
	assert_int_equal(hcall(v0, hypercall_set_timer_op, 1ull << 63, 0, 0), 0);
	host_time_advance(99 * TICKS_PER_MS);
	assert_false(timer_came());
	host_time_advance(2 * TICKS_PER_MS);
	assert_true(timer_came());
	assert_int_equal(hcall(v0, hypercall_set_timer_op, INT64_MAX, 0, 0), 0);
	host_time_advance(101 * TICKS_PER_MS);
	assert_true(timer_came());
}

static int64_t periodic(struct vcpu *v, unsigned id, uint64_t ns)
{
	struct vcpu_set_periodic_timer a = {.period_ns = ns};

	return vcpu_op(v, VCPUOP_set_periodic_timer, id, &a, sizeof(a));
}

static void periodics(void **state)
{
	unsigned count = 0;

	(void)state;
	timer_port = (uint32_t)new_virq(v0, VIRQ_TIMER, 1);
	assert_int_equal(periodic(v1, 1, MS - 1), -EINVAL);
	assert_int_equal(periodic(v1, 1, UINT64_MAX), -EINVAL);
	assert_int_equal(periodic(v1, 1, UINT64_MAX >> 2), -EINVAL); /* no ticks at 4 GHz and more */
	host_cpu_set(1);
	assert_int_equal(periodic(v1, 1, MS), 0);
	for (unsigned i = 0; i < 1000; i++) {
		host_time_advance(TICKS_PER_MS);
		count += timer_came();
	}
	assert_int_equal(count, 1000);
	/* A processor that was long busy: one tick, then on as before. */
	host_time_set(arch_time() + 50 * TICKS_PER_MS + TICKS_PER_MS / 2);
	host_time_advance(1);
	assert_true(timer_came());
	host_time_advance(TICKS_PER_MS / 4);
	assert_false(timer_came());
	host_time_advance(TICKS_PER_MS / 4);
	assert_true(timer_came());
	/* From another vCPU. */
	host_cpu_set(0);
	assert_int_equal(periodic(v0, 1, 2 * MS), 0);
	host_time_advance(TICKS_PER_MS + TICKS_PER_MS / 2);
	assert_false(timer_came());
	host_time_advance(TICKS_PER_MS);
	assert_true(timer_came());
	assert_int_equal(hcall(v0, hypercall_vcpu_op, VCPUOP_stop_periodic_timer, 1, 0), 0);
	host_time_advance(10 * TICKS_PER_MS);
	assert_false(timer_came());
}

/* ---- runstate ---- */

static uint64_t sum(const uint64_t ns[4])
{
	return ns[0] + ns[1] + ns[2] + ns[3];
}

static void runstate_sums(void **state)
{
	struct vcpu_runstate_info r;
	uint64_t since, ns[4];

	(void)state;
	assert_int_equal(vtime_get_runstate(v1, &since, ns), RUNSTATE_offline);
	for (uint64_t i = 0; i < 2000; i++) {
		host_time_advance(997 + i * 13);
		vtime_runstate(v1, i % 2 ? RUNSTATE_running : RUNSTATE_blocked);
		assert_int_equal(vtime_get_runstate(v1, &since, ns),
				 i % 2 ? RUNSTATE_running : RUNSTATE_blocked);
		assert_int_equal(since, vtime_now(dom0));
		host_time_advance(i);
		(void)vtime_get_runstate(v1, &since, ns);
		assert_int_equal(sum(ns), vtime_now(dom0));
	}
	assert_true(ns[RUNSTATE_running] > 0 && ns[RUNSTATE_blocked] > 0);
	assert_int_equal(ns[RUNSTATE_runnable], 0);
	assert_int_equal(vcpu_op(v0, VCPUOP_get_runstate_info, 1, &r, 0), 0);
	memcpy(&r, ram0 + ARG, sizeof(r));
	assert_int_equal(r.state, RUNSTATE_running);
	assert_int_equal(sum(r.time), vtime_now(dom0));
	/* A vCPU that came later is as old as it is. */
	assert_int_equal(domain_add_vcpu(dom0, 9, 3, true), 0);
	host_time_advance(5000);
	since = vtime_now(dom0);
	(void)vtime_get_runstate(dom0->vcpu[4], &since, ns);
	assert_int_equal(sum(ns), vtime_now(dom0) - since);
}

static void runstate_areas(void **state)
{
	const struct vcpu_runstate_info *r = (const struct vcpu_runstate_info *)(ram0 + AREA);
	const struct vcpu_runstate_info *p =
		(const struct vcpu_runstate_info *)(ram0 + AREA + 0x1000);

	(void)state;
	vtime_runstate(v0, RUNSTATE_running);
	assert_int_equal(area(v0, VCPUOP_register_runstate_memory_area, 0, AREA), 0);
	assert_int_equal(r->state, RUNSTATE_running);
	host_time_advance(TICKS_PER_MS);
	vtime_runstate(v0, RUNSTATE_blocked);
	assert_int_equal(r->state, RUNSTATE_blocked);
	assert_int_equal(r->state_entry_time, vtime_now(dom0));
	assert_int_equal(sum(r->time), vtime_now(dom0));
	/* With the update flag of vm_assist: set while it is written, not after. */
	dom0->vm_assist |= 1ull << VMASST_TYPE_runstate_update_flag;
	assert_int_equal(area(v0, VCPUOP_register_runstate_phys_area, 0, AREA + 0x1fd0), 0);
	assert_int_equal(area(v0, VCPUOP_register_runstate_phys_area, 0, AREA + 0x1fd8), -ENXIO);
	assert_int_equal(area(v0, VCPUOP_register_runstate_phys_area, 0, AREA + 0x1000), 0);
	host_time_advance(TICKS_PER_MS);
	vtime_runstate(v0, RUNSTATE_running);
	assert_int_equal(r->state, RUNSTATE_running);
	assert_int_equal(r->state_entry_time, vtime_now(dom0));
	assert_memory_equal(r, p, sizeof(*r));
	/* Its page may go away under the linear address at any time. */
	host_guest_set_access(dom0, AREA, 64, HOST_GUEST_READ_ONLY);
	host_time_advance(TICKS_PER_MS);
	vtime_runstate(v0, RUNSTATE_blocked);
	assert_int_equal(r->state, RUNSTATE_running);
	assert_int_equal(p->state, RUNSTATE_blocked);
	assert_int_equal(area(v0, VCPUOP_register_runstate_phys_area, 0, NOWHERE), -EINVAL);
	assert_int_equal(p->state, RUNSTATE_blocked);
	event_reset(dom0);
	vtime_runstate(v0, RUNSTATE_running);
	assert_int_equal(p->state, RUNSTATE_blocked);
}

/* ---- the rest of vcpu_op ---- */

static void other_ops(void **state)
{
	uint64_t id;

	(void)state;
	assert_int_equal(hcall(v0, hypercall_vcpu_op, VCPUOP_is_up, 0, 0), 1);
	assert_int_equal(hcall(v0, hypercall_vcpu_op, VCPUOP_is_up, 1, 0), 0);
	assert_int_equal(hcall(v0, hypercall_vcpu_op, VCPUOP_is_up, 4, 0), -ENOENT);
	assert_int_equal(hcall(v0, hypercall_vcpu_op, 16, 0, 0), -ENOSYS);
	assert_int_equal(hcall(v0, hypercall_vcpu_op, UINT32_MAX, 0, 0), -ENOSYS);
	assert_int_equal(hcall(v0, hypercall_vcpu_op, VCPUOP_up, 1, 0), -EINVAL);
	assert_int_equal(hcall(v0, hypercall_vcpu_op, VCPUOP_initialise, 1, NOWHERE), -EFAULT);
	assert_int_equal(hcall(v0, hypercall_vcpu_op, VCPUOP_send_nmi, 1, ARG), -EINVAL);
	assert_false(v1->lapic.nmi_pending);
	assert_int_equal(hcall(v0, hypercall_vcpu_op, VCPUOP_send_nmi, 1, 0), 0);
	assert_true(v1->lapic.nmi_pending);
	assert_int_equal(hcall(v0, hypercall_vcpu_op, VCPUOP_get_physid, 2, ARG), 0);
	memcpy(&id, ram0 + ARG, sizeof(id));
	assert_int_equal(xen_vcpu_physid_to_x86_apicid(id), 2);
	assert_int_equal(xen_vcpu_physid_to_x86_acpiid(id), 2);
	assert_int_equal(hcall(v0, hypercall_vcpu_op, VCPUOP_get_physid, 2, NOWHERE), -EFAULT);
	assert_int_equal(hcall(domu->vcpu[0], hypercall_vcpu_op, VCPUOP_get_physid, 0, ARG),
			 -EINVAL);
	for (unsigned op = VCPUOP_register_runstate_memory_area; op < 16; op++) {
		if (op != VCPUOP_stop_periodic_timer && op != VCPUOP_stop_singleshot_timer &&
		    op != VCPUOP_send_nmi) {
			assert_int_equal(hcall(v0, hypercall_vcpu_op, op, 0, NOWHERE), -EFAULT);
		}
	}
}

static void dates(void **state)
{
	(void)state;
	assert_int_equal(date_to_seconds(1970, 1, 1, 0, 0, 0), 0);
	assert_int_equal(date_to_seconds(1970, 1, 1, 0, 0, 1), 1);
	assert_int_equal(date_to_seconds(1999, 12, 31, 23, 59, 59), 946684799);
	assert_int_equal(date_to_seconds(2000, 2, 29, 12, 0, 0), 951825600);
	assert_int_equal(date_to_seconds(2000, 3, 1, 0, 0, 0), 951868800);
	assert_int_equal(date_to_seconds(2026, 11, 22, 3, 40, 0), 1795318800);
	assert_int_equal(date_to_seconds(2038, 1, 19, 3, 14, 8), 2147483648ull);
	assert_int_equal(date_to_seconds(2100, 3, 1, 0, 0, 0), 4107542400ull);
	assert_int_equal(date_to_seconds(2100, 2, 29, 0, 0, 0), 0);
	assert_int_equal(date_to_seconds(1969, 12, 31, 0, 0, 0), 0);
	assert_int_equal(date_to_seconds(2026, 0, 1, 0, 0, 0), 0);
	assert_int_equal(date_to_seconds(2026, 13, 1, 0, 0, 0), 0);
	assert_int_equal(date_to_seconds(2026, 4, 31, 0, 0, 0), 0);
	assert_int_equal(date_to_seconds(2026, 4, 0, 0, 0, 0), 0);
	assert_int_equal(date_to_seconds(2026, 4, 1, 24, 0, 0), 0);
	assert_int_equal(date_to_seconds(2026, 4, 1, 0, 60, 0), 0);
	assert_int_equal(date_to_seconds(2026, 4, 1, 0, 0, 60), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(rates, setup),
		cmocka_unit_test_setup(tsc_offsets, setup),
		cmocka_unit_test_setup(time_areas, setup),
		cmocka_unit_test_setup(wallclock, setup),
		cmocka_unit_test_setup(singleshots, setup),
		cmocka_unit_test_setup(set_timer_op, setup),
		cmocka_unit_test_setup(periodics, setup),
		cmocka_unit_test_setup(runstate_sums, setup),
		cmocka_unit_test_setup(runstate_areas, setup),
		cmocka_unit_test_setup(other_ops, setup),
		cmocka_unit_test(dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
