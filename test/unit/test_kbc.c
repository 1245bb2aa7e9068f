// SPDX-License-Identifier: MIT
/* The keyboard controller: what reaches the machine, what resets it, what does nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <taproot/ioreq.h>
#include <taproot/kbc.h>

#include "mem_fixture.h"

static struct kbc kbc;

static int setup(void **state)
{
	int rc = fixture_domains(state);

	assert_int_equal(kbc_init(&kbc, dom0), 0);
	host_ports_reset();
	return rc;
}

static void command(uint8_t value)
{
	ioreq_port_write(dom0, 0x64, 1, value);
}

static void data(uint8_t value)
{
	ioreq_port_write(dom0, 0x60, 1, value);
}

static void test_keyboard(void **state)
{
	(void)state;
	host_port_set(0x60, 0x1c);
	host_port_set(0x64, 0x15);
	assert_int_equal(ioreq_port_read(dom0, 0x60, 1), 0x1c);
	assert_int_equal(ioreq_port_read(dom0, 0x64, 1), 0x15);
	command(0xaa);
	assert_int_equal(host_port_written(0x64), 0xaa);
	command(0xd4);
	data(0xf4);
	assert_int_equal(host_port_written(0x64), 0xd4);
	assert_int_equal(host_port_written(0x60), 0xf4);
	assert_int_equal(dom0->end, DOMAIN_RUNNING);
}

/* No value reaches the output port, whatever comes between command and data. */
static void test_output_port(void **state)
{
	(void)state;
	command(0xd1);
	data(0x01); /* A20 off */
	assert_int_equal(host_port_write_count, 0);
	assert_int_equal(dom0->end, DOMAIN_RUNNING);
	data(0xed);
	assert_int_equal(host_port_written(0x60), 0xed);
	/* Another command takes the announcement back. */
	command(0xd1);
	command(0x60);
	data(0x02);
	assert_int_equal(host_port_written(0x60), 0x02);
	assert_int_equal(dom0->end, DOMAIN_RUNNING);
	command(0xd1);
	data(0x02);
	assert_int_equal(dom0->end, DOMAIN_REBOOT);
}

static void test_lines(void **state)
{
	(void)state;
	command(0xdd);
	command(0xdf);
	command(0xff);
	command(0xf1);
	command(0xfd);
	assert_int_equal(host_port_write_count, 0);
	assert_int_equal(dom0->end, DOMAIN_RUNNING);
	command(0xfe);
	assert_int_equal(host_port_write_count, 0);
	assert_int_equal(dom0->end, DOMAIN_REBOOT);
}

/* A wide access is its bytes: the command is the fifth port's, and nobody's besides. */
static void test_wide(void **state)
{
	(void)state;
	ioreq_port_write(dom0, 0x61, 4, 0xfe000000u);
	assert_int_equal(dom0->end, DOMAIN_REBOOT);
	assert_int_equal(host_port_written(0x64), 0);
	command(0xd1);
	ioreq_port_write(dom0, 0x5f, 2, 0x0300);
	assert_int_equal(host_port_written(0x60), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_keyboard, setup),
		cmocka_unit_test_setup(test_output_port, setup),
		cmocka_unit_test_setup(test_lines, setup),
		cmocka_unit_test_setup(test_wide, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
