/* SPDX-License-Identifier: MIT */
/*
 * The emulated 16550A: registers, what a serial driver's probing expects,
 * FIFOs, loopback, and the interrupt as an edge at the IO-APIC.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "irq_fixture.h"

#define COM1 0x3f8
#define IRQ  4

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };

static void out(unsigned reg, uint8_t value)
{
	ioreq_port_write(dom0, (uint16_t)(COM1 + reg), 1, value);
}

static uint8_t in(unsigned reg)
{
	return (uint8_t)ioreq_port_read(dom0, (uint16_t)(COM1 + reg), 1);
}

static int setup(void **state)
{
	fixture_running(state);
	assert_int_equal(uart_init(&dom0->uart, dom0, COM1, IRQ), 0);
	host_console_clear();
	return 0;
}

/* Interrupts that reached the guest since the last look. */
static unsigned interrupts(void)
{
	unsigned count = 0;

	while (take(lapic(dom0, 0)) == 0x34) {
		eoi(lapic(dom0, 0));
		count++;
	}
	return count;
}

static void test_claims(void **state)
{
	(void)state;
	assert_true(host_port_trapped(dom0, COM1));
	assert_true(host_port_trapped(dom0, COM1 + 7));
	assert_false(host_port_trapped(dom0, COM1 + 8));
	assert_int_equal(uart_init(&domu->uart, dom0, COM1, 5), -EBUSY);
	/* No IO-APIC, no interrupt, no ports. */
	assert_int_equal(uart_init(&domu->uart, domu, COM1, IRQ), -ENOENT);
	assert_int_equal(ioreq_port_read(domu, COM1 + 7, 1), 0xff);
}

static void test_probe(void **state)
{
	(void)state;
	/* IER has four bits. */
	out(IER, 0);
	assert_int_equal(in(IER), 0);
	out(IER, 0xff);
	assert_int_equal(in(IER), 0x0f);
	out(IER, 0);
	/* Loopback of the modem lines. */
	out(MCR, 0x10 | 0x0a);
	assert_int_equal(in(MSR)&0xf0, 0x90);
	out(MCR, 0x10 | 0x05);
	assert_int_equal(in(MSR)&0xf0, 0x60);
	out(MCR, 0);
	assert_int_equal(in(MSR)&0xf0, 0xb0);
	out(MCR, 0xff);
	assert_int_equal(in(MCR), 0x1f);
	out(MCR, 0);
	/* A 16550A, not a 16650 or 16750. */
	out(FCR, 0);
	assert_int_equal(in(IIR), 0x01);
	out(FCR, 0x01);
	assert_int_equal(in(IIR), 0xc1);
	out(LCR, 0x80);
	out(FCR, 0x21);
	assert_int_equal(in(IIR), 0xc1);
	out(LCR, 0);
	out(SCR, 0x5a);
	assert_int_equal(in(SCR), 0x5a);
	/* The divisor is behind DLAB. */
	out(LCR, 0x83);
	out(DATA, 0x01);
	out(IER, 0x02);
	assert_int_equal(in(DATA), 0x01);
	assert_int_equal(in(IER), 0x02);
	out(LCR, 0x03);
	assert_int_equal(in(IER), 0);
	assert_int_equal(in(LCR), 0x03);
	out(LSR, 0xff);
	out(MSR, 0xff);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(strlen(host_console()), 0);
}

static void test_transmit(void **state)
{
	(void)state;
	for (const char *s = "hello"; *s; s++) {
		assert_int_equal(in(LSR)&0x20, 0x20);
		out(DATA, (uint8_t)*s);
	}
	assert_string_equal(host_console(), "hello");
	/* A word writes two registers, the way a bus cuts it. */
	ioreq_port_write(dom0, COM1 + SCR - 1, 2, 0x4200);
	assert_int_equal(in(SCR), 0x42);
	assert_int_equal(ioreq_port_read(dom0, COM1 + LCR, 2), 0);
}

static void test_thre_interrupt(void **state)
{
	(void)state;
	rte_write(IRQ, 0x34);
	out(IER, 0x02);
	/* Without OUT2 it does not leave the chip. */
	assert_int_equal(interrupts(), 0);
	out(MCR, 0x08);
	assert_int_equal(interrupts(), 1);
	/* Reading IIR clears it. */
	assert_int_equal(in(IIR), 0x02);
	assert_int_equal(in(IIR), 0x01);
	assert_int_equal(interrupts(), 0);
	out(DATA, 'x');
	assert_int_equal(interrupts(), 1);
	/* Still up, unread: a write is a new edge. */
	out(DATA, 'y');
	assert_int_equal(interrupts(), 1);
	out(IER, 0);
	assert_int_equal(in(IIR), 0x01);
	/* Enabling it with an empty transmitter interrupts, each time. */
	for (unsigned i = 0; i < 2; i++) {
		out(IER, 0x02);
		assert_int_equal(interrupts(), 1);
		assert_int_equal(in(IIR), 0x02);
		out(IER, 0);
	}
	/* Enabled already: no new one. */
	out(IER, 0x02);
	assert_int_equal(in(IIR), 0x02);
	out(IER, 0x03);
	assert_int_equal(in(IIR), 0x01);
}

static void test_receive(void **state)
{
	(void)state;
	rte_write(IRQ, 0x34);
	out(MCR, 0x08);
	out(IER, 0x01);
	assert_int_equal(uart_receive_room(&dom0->uart), 1);
	assert_true(uart_receive(&dom0->uart, 'a'));
	assert_false(uart_receive(&dom0->uart, 'b'));
	assert_int_equal(interrupts(), 1);
	assert_int_equal(in(IIR), 0x04);
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(in(DATA), 'a');
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(IIR), 0x01);
	/* FIFO with trigger level 8: below it a timeout, then data. */
	out(FCR, 0x81);
	assert_int_equal(uart_receive_room(&dom0->uart), 16);
	for (unsigned i = 0; i < 16; i++) {
		assert_true(uart_receive(&dom0->uart, (uint8_t)('0' + i)));
		assert_int_equal(in(IIR), i + 1 >= 8 ? 0xc4 : 0xcc);
	}
	assert_false(uart_receive(&dom0->uart, '!'));
	assert_int_equal(interrupts(), 1);
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(in(LSR)&1, 1);
		assert_int_equal(in(DATA), '0' + i);
	}
	assert_int_equal(in(LSR)&1, 0);
	assert_int_equal(in(IIR), 0xc1);
	/* Clearing. */
	assert_true(uart_receive(&dom0->uart, 'x'));
	out(FCR, 0x83);
	assert_int_equal(in(LSR)&1, 0);
	assert_true(uart_receive(&dom0->uart, 'x'));
	out(FCR, 0x00);
	assert_int_equal(in(LSR)&1, 0);
	assert_int_equal(in(DATA), in(DATA));
}

static void test_loopback(void **state)
{
	(void)state;
	out(MCR, 0x10);
	out(DATA, 'z');
	assert_int_equal(strlen(host_console()), 0);
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(uart_receive_room(&dom0->uart), 0);
	assert_false(uart_receive(&dom0->uart, 'a'));
	/* A second one overruns. */
	out(IER, 0x04);
	out(DATA, 'y');
	assert_int_equal(in(IIR), 0x06);
	assert_int_equal(in(LSR), 0x63);
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(in(DATA), 'z');
	assert_int_equal(in(IIR), 0x01);
}

static void test_modem_deltas(void **state)
{
	(void)state;
	out(IER, 0x08);
	assert_int_equal(in(MSR), 0xb0);
	out(MCR, 0x10);
	assert_int_equal(in(IIR), 0x00);
	assert_int_equal(in(MSR), 0x0b);
	assert_int_equal(in(MSR), 0x00);
	assert_int_equal(in(IIR), 0x01);
	/* RING: its trailing edge only. */
	out(MCR, 0x14);
	assert_int_equal(in(MSR), 0x40);
	out(MCR, 0x10);
	assert_int_equal(in(MSR), 0x04);
	out(MCR, 0x00);
	assert_int_equal(in(MSR), 0xbb);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_claims),  T(test_probe),    T(test_transmit),     T(test_thre_interrupt),
		T(test_receive), T(test_loopback), T(test_modem_deltas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
