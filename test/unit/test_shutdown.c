/* SPDX-License-Identifier: MIT */
/* The ends of a domain by hypercall: reasons, watchdogs, soft reset; and its console. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <taproot/console.h>
#include <xen/event_channel.h>
#include <xen/hvm/params.h>
#include <xen/sched.h>
#include <xen/xen.h>

#include "hypercall_fixture.h"

static int64_t sched_op(struct domain *d, unsigned op, const void *arg, size_t size)
{
	return call(d, __HYPERVISOR_sched_op, op, call_put(d, arg, size), 0);
}

static int64_t shut(struct domain *d, unsigned reason)
{
	const struct sched_shutdown a = {.reason = reason};

	return sched_op(d, SCHEDOP_shutdown, &a, sizeof(a));
}

static int64_t latch(struct domain *d, unsigned reason)
{
	const struct sched_shutdown a = {.reason = reason};

	return sched_op(d, SCHEDOP_shutdown_code, &a, sizeof(a));
}

static int64_t watchdog(struct domain *d, uint32_t id, uint32_t timeout)
{
	const struct sched_watchdog a = {.id = id, .timeout = timeout};

	return sched_op(d, SCHEDOP_watchdog, &a, sizeof(a));
}

static void reasons(void **state)
{
	static const struct {
		unsigned reason, end;
	} table[] = {
		{SHUTDOWN_poweroff, DOMAIN_POWEROFF},
		{SHUTDOWN_reboot, DOMAIN_REBOOT},
		{SHUTDOWN_crash, DOMAIN_CRASHED},
		{SHUTDOWN_watchdog, DOMAIN_CRASHED},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		assert_int_equal(fixture_hypercalls(state), 0);
		assert_int_equal(shut(domu, table[i].reason), 0);
		assert_int_equal(domu->end, table[i].end);
		assert_int_equal(dom0->end, DOMAIN_RUNNING);
	}
	assert_int_equal(fixture_hypercalls(state), 0);
	assert_int_equal(shut(dom0, SHUTDOWN_suspend), -EOPNOTSUPP);
	assert_int_equal(shut(dom0, SHUTDOWN_MAX + 1), -EINVAL);
	assert_int_equal(shut(dom0, UINT32_MAX), -EINVAL);
	assert_int_equal(call(dom0, __HYPERVISOR_sched_op, SCHEDOP_shutdown, CALL_RAM - 4, 0), -EFAULT);
	assert_int_equal(dom0->end, DOMAIN_RUNNING);
}

static void latched_reason(void **state)
{
	(void)state;
	assert_int_equal(latch(dom0, SHUTDOWN_MAX + 1), -EINVAL);
	assert_int_equal(latch(dom0, SHUTDOWN_suspend), -EOPNOTSUPP);
	assert_int_equal(latch(dom0, SHUTDOWN_soft_reset), -EOPNOTSUPP);
	assert_int_equal(latch(dom0, SHUTDOWN_crash), 0);
	assert_int_equal(dom0->end, DOMAIN_RUNNING);
	assert_int_equal(shut(dom0, SHUTDOWN_poweroff), 0);
	assert_int_equal(dom0->end, DOMAIN_CRASHED);
}

static void remote(void **state)
{
	struct sched_remote_shutdown a = {.domain_id = 1, .reason = SHUTDOWN_poweroff};

	(void)state;
	assert_int_equal(sched_op(dom0, SCHEDOP_remote_shutdown, &a, sizeof(a)), -EOPNOTSUPP);
	assert_int_equal(sched_op(domu, SCHEDOP_remote_shutdown, &a, sizeof(a)), -EPERM);
	a.domain_id = 0;
	assert_int_equal(sched_op(domu, SCHEDOP_remote_shutdown, &a, sizeof(a)), -EPERM);
	a.domain_id = 2;
	assert_int_equal(sched_op(dom0, SCHEDOP_remote_shutdown, &a, sizeof(a)), -ESRCH);
	assert_int_equal(domu->end, DOMAIN_RUNNING);
	assert_int_equal(dom0->end, DOMAIN_RUNNING);
}

static void watchdogs(void **state)
{
	(void)state;
	assert_int_equal(watchdog(domu, 0, 0), -EINVAL);
	assert_int_equal(watchdog(domu, 1, 5), -EINVAL);
	assert_int_equal(watchdog(domu, 0, 5), 1);
	assert_int_equal(watchdog(domu, 0, UINT32_MAX), 2);
	assert_int_equal(watchdog(domu, 0, 5), -ENOSPC);
	assert_int_equal(watchdog(domu, 3, 5), -EINVAL);
	host_time_advance(4 * HOST_TIME_HZ);
	assert_int_equal(watchdog(domu, 1, 5), 0);
	host_time_advance(4 * HOST_TIME_HZ);
	assert_int_equal(domu->end, DOMAIN_RUNNING);
	assert_int_equal(watchdog(domu, 1, 0), 0);
	host_time_advance(10 * HOST_TIME_HZ);
	assert_int_equal(domu->end, DOMAIN_RUNNING);
	assert_int_equal(watchdog(domu, 1, 5), -EINVAL);
	assert_int_equal(watchdog(domu, 0, 1), 1);
	host_time_advance(HOST_TIME_HZ + 1000);
	assert_int_equal(domu->end, DOMAIN_CRASHED);
	assert_int_equal(dom0->end, DOMAIN_RUNNING);
}

/* The longest one on a fast machine, whose ticks do not fit, is not a short one. */
static void watchdog_far(void **state)
{
	(void)state;
	host_time_set_hz(5000000000ull);
	assert_int_equal(watchdog(domu, 0, UINT32_MAX), 1);
	host_time_advance(1000);
	assert_int_equal(domu->end, DOMAIN_RUNNING);
	host_time_set_hz(HOST_TIME_HZ);
}

/* From another processor than the one whose queue it is on; the old time does not count. */
static void watchdog_moves(void **state)
{
	(void)state;
	assert_int_equal(watchdog(domu, 0, 5), 1);
	host_time_advance(3 * HOST_TIME_HZ);
	host_cpu_set(1);
	assert_int_equal(watchdog(domu, 1, 5), 0);
	host_time_advance(3 * HOST_TIME_HZ);
	assert_int_equal(domu->end, DOMAIN_RUNNING);
	host_time_advance(3 * HOST_TIME_HZ);
	assert_int_equal(domu->end, DOMAIN_CRASHED);
}

static void soft_reset(void **state)
{
	const uint64_t vector = (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | 0xf3;
	struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER, .vcpu = 0};

	(void)state;
	assert_int_equal(call(dom0, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq,
			      call_put(dom0, &bind, sizeof(bind)), 0),
			 0);
	assert_int_equal(event_set_callback(dom0, vector), 0);
	dom0->param[HVM_PARAM_CALLBACK_IRQ] = vector;
	assert_int_equal(watchdog(dom0, 0, 5), 1);
	assert_int_equal(latch(dom0, SHUTDOWN_crash), 0);
	assert_int_equal(call(dom0, __HYPERVISOR_vm_assist, VMASST_CMD_enable,
			      VMASST_TYPE_runstate_update_flag, 0),
			 0);
	assert_true(console_input('x'));
	dom0->vcpu[1]->life.state = 0;
	assert_int_equal(shut(dom0, SHUTDOWN_soft_reset), 0);
	assert_true(vcpu_is_up(dom0->vcpu[0]));
	assert_false(vcpu_is_up(dom0->vcpu[1]));
	assert_false(vcpu_is_up(domu->vcpu[1]));
	assert_int_equal(dom0->end, DOMAIN_RUNNING);
	assert_int_equal(dom0->vcpu[0]->event.virq_port[VIRQ_TIMER], 0);
	assert_int_equal(dom0->vcpu[0]->event.callback_vector, 0);
	assert_int_equal(dom0->param[HVM_PARAM_CALLBACK_IRQ], 0);
	assert_int_equal(dom0->vm_assist, 0);
	assert_int_equal(console_input_room(), CONSOLE_INPUT_SIZE);
	host_time_advance(10 * HOST_TIME_HZ);
	assert_int_equal(dom0->end, DOMAIN_RUNNING);
	/* As after creation: the same again. */
	assert_int_equal(call(dom0, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq,
			      call_put(dom0, &bind, sizeof(bind)), 0),
			 0);
	assert_int_equal(watchdog(dom0, 0, 5), 1);
	assert_int_equal(shut(dom0, SHUTDOWN_poweroff), 0);
	assert_int_equal(dom0->end, DOMAIN_POWEROFF);
}

/* ---- console_io ---- */

static int64_t console_io(struct domain *d, unsigned cmd, uint64_t count, uint64_t buffer)
{
	return call(d, __HYPERVISOR_console_io, cmd, count, buffer);
}

static void console_output(void **state)
{
	struct hypercall h = {.v = dom0->vcpu[0], .op = __HYPERVISOR_console_io,
			      .arg = {CONSOLEIO_write, 200, CALL_ARG}};

	(void)state;
	memset(call_at(dom0, CALL_ARG), 'a', 0x2000);
	memcpy(call_at(dom0, CALL_ARG), "hello from dom0", 15);
	host_console_clear();
	assert_int_equal(console_io(dom0, CONSOLEIO_write, 15, CALL_ARG), 0);
	assert_string_equal(host_console(), "hello from dom0");
	/* A long one in pieces, with the rest in its arguments. */
	host_console_clear();
	assert_int_equal(hypercall_run(&h), 0);
	assert_true(h.again);
	assert_int_equal(strlen(host_console()), 200 - h.arg[1]);
	assert_int_equal(h.arg[2] - CALL_ARG, 200 - h.arg[1]);
	assert_int_equal(console_io(dom0, CONSOLEIO_write, 5000, CALL_ARG), 0);
	assert_int_equal(console_io(dom0, CONSOLEIO_write, 0, CALL_RAM - 1), 0);
	assert_int_equal(console_io(dom0, CONSOLEIO_write, 2, CALL_RAM - 1), -EFAULT);
	assert_int_equal(console_io(dom0, CONSOLEIO_write, 0x80000000u, CALL_ARG), -E2BIG);
	assert_int_equal(console_io(dom0, 2, 1, CALL_ARG), -ENOSYS);
	host_console_clear();
	assert_int_equal(console_io(domu, CONSOLEIO_write, 5, CALL_ARG), -EPERM);
	assert_int_equal(console_io(domu, CONSOLEIO_read, 5, CALL_ARG), -EPERM);
	assert_string_equal(host_console(), "");
}

static void console_reads(void **state)
{
	struct evtchn_bind_virq bind = {.virq = VIRQ_CONSOLE, .vcpu = 0};

	(void)state;
	console_input_clear();
	assert_int_equal(call(dom0, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq,
			      call_put(dom0, &bind, sizeof(bind)), 0),
			 0);
	assert_int_equal(console_io(dom0, CONSOLEIO_read, 16, CALL_ARG), 0);
	assert_false(event_pending(dom0->vcpu[0]));
	for (unsigned i = 0; i < CONSOLE_INPUT_SIZE; i++) {
		assert_true(console_input((uint8_t)i));
	}
	assert_true(event_pending(dom0->vcpu[0]));
	assert_int_equal(console_input_room(), 0);
	assert_false(console_input('!'));
	for (unsigned i = 0; i < CONSOLE_INPUT_SIZE; i += 16) {
		assert_int_equal(console_io(dom0, CONSOLEIO_read, 16, CALL_ARG), 16);
		assert_int_equal(*call_at(dom0, CALL_ARG), i);
		assert_int_equal(*call_at(dom0, CALL_ARG + 15), i + 15);
	}
	assert_int_equal(console_io(dom0, CONSOLEIO_read, 16, CALL_ARG), 0);
	assert_true(console_input('y'));
	assert_int_equal(console_io(dom0, CONSOLEIO_read, 1000, CALL_ARG), 1);
	assert_true(console_input('z'));
	assert_int_equal(console_io(dom0, CONSOLEIO_read, 1, CALL_RAM - 1), -EFAULT);
}

static void console_choice(void **state)
{
	(void)state;
	assert_false(console_named_last(""));
	assert_true(console_named_last("console=hvc0"));
	assert_true(console_named_last("quiet console=ttyS0 console=hvc0 ro"));
	assert_false(console_named_last("console=hvc0 console=ttyS0"));
	assert_false(console_named_last("xconsole=hvc0"));
	assert_false(console_named_last("console="));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons),
		cmocka_unit_test_setup(latched_reason, fixture_hypercalls),
		cmocka_unit_test_setup(remote, fixture_hypercalls),
		cmocka_unit_test_setup(watchdogs, fixture_hypercalls),
		cmocka_unit_test_setup(watchdog_far, fixture_hypercalls),
		cmocka_unit_test_setup(watchdog_moves, fixture_hypercalls),
		cmocka_unit_test_setup(soft_reset, fixture_hypercalls),
		cmocka_unit_test_setup(console_output, fixture_hypercalls),
		cmocka_unit_test_setup(console_reads, fixture_hypercalls),
		cmocka_unit_test(console_choice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
