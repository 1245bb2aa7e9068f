/* SPDX-License-Identifier: MIT */
/*
 * An emulated 16550A (PC16550D datasheet, section 8), wired as in a PC: the
 * interrupt output passes MCR OUT2 and drives an ISA interrupt.
 *
 * Transmission takes no time: the transmitter is always empty, and a write of
 * THR lets the interrupt output fall and rise again, so that edge-triggered
 * pins see every "empty". The receive timeout comes at once when fewer
 * characters wait than the trigger level asks for.
 *
 * Deliberately not supported: baud rates and line settings (kept, no effect),
 * break and line errors other than overrun in loopback, DMA mode.
 */
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/uart.h>

#define UART_PORTS 8

enum uart_reg { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };

#define IER_RX    0x01
#define IER_THRE  0x02
#define IER_LINE  0x04
#define IER_MODEM 0x08
#define IER_MASK  0x0f

#define IIR_NONE    0x01
#define IIR_MODEM   0x00
#define IIR_THRE    0x02
#define IIR_RX      0x04
#define IIR_LINE    0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFOS   0xc0

#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02
#define FCR_MASK     0xc9

#define LCR_DLAB 0x80

#define MCR_DTR  0x01
#define MCR_RTS  0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10
#define MCR_MASK 0x1f

#define LSR_DATA    0x01
#define LSR_OVERRUN 0x02
#define LSR_THRE    0x20
#define LSR_TEMT    0x40

#define MSR_CTS      0x10
#define MSR_DSR      0x20
#define MSR_RING     0x40
#define MSR_CARRIER  0x80
#define MSR_TRAILING 0x04 /* delta of RING: its trailing edge only */

static unsigned uart_fifo_size(const struct uart *u)
{
	return (u->fcr & FCR_ENABLE) ? UART_FIFO : 1;
}

static unsigned uart_trigger_level(const struct uart *u)
{
	static const uint8_t level[4] = {1, 4, 8, 14};

	return (u->fcr & FCR_ENABLE) ? level[u->fcr >> 6] : 1;
}

/* The interrupt of the highest priority (PC16550D table IV). */
static uint8_t uart_iir(const struct uart *u)
{
	if ((u->ier & IER_LINE) && u->overrun) {
		return IIR_LINE;
	}
	if ((u->ier & IER_RX) && u->rx_count) {
		return u->rx_count >= uart_trigger_level(u) ? IIR_RX : IIR_TIMEOUT;
	}
	if ((u->ier & IER_THRE) && u->thre_pending) {
		return IIR_THRE;
	}
	if ((u->ier & IER_MODEM) && u->msr_delta) {
		return IIR_MODEM;
	}
	return IIR_NONE;
}

static void uart_set_line(struct uart *u, bool level)
{
	if (u->line != level) {
		u->line = level;
		vioapic_set_line(u->domain, u->gsi, level);
	}
}

static void uart_update_line(struct uart *u)
{
	uart_set_line(u, (u->mcr & MCR_OUT2) && uart_iir(u) != IIR_NONE);
}

/* The transmitter has become empty: its interrupt falls with the write and rises again. */
static void uart_raise_thre(struct uart *u)
{
	u->thre_pending = false;
	uart_update_line(u);
	u->thre_pending = true;
	uart_update_line(u);
}

static void uart_clear_rx(struct uart *u)
{
	u->rx_head = 0;
	u->rx_count = 0;
}

static bool uart_push(struct uart *u, uint8_t c)
{
	if (u->rx_count >= uart_fifo_size(u)) {
		return false;
	}
	u->rx[(u->rx_head + u->rx_count) % UART_FIFO] = c;
	u->rx_count++;
	return true;
}

static uint8_t uart_pop(struct uart *u)
{
	uint8_t c = u->rx[u->rx_head];

	if (u->rx_count) {
		u->rx_head = (u->rx_head + 1) % UART_FIFO;
		u->rx_count--;
	}
	return c;
}

/* Modem inputs: a connected terminal, or in loopback our own outputs. */
static uint8_t uart_modem(uint8_t mcr)
{
	if (!(mcr & MCR_LOOP)) {
		return MSR_CTS | MSR_DSR | MSR_CARRIER;
	}
	return ((mcr & MCR_RTS) ? MSR_CTS : 0) | ((mcr & MCR_DTR) ? MSR_DSR : 0) |
	       ((mcr & MCR_OUT1) ? MSR_RING : 0) | ((mcr & MCR_OUT2) ? MSR_CARRIER : 0);
}

static void uart_write_mcr(struct uart *u, uint8_t value)
{
	uint8_t before = uart_modem(u->mcr);
	uint8_t after;

	u->mcr = value & MCR_MASK;
	after = uart_modem(u->mcr);
	u->msr_delta |= ((before ^ after) & ~MSR_RING) >> 4;
	if (before & ~after & MSR_RING) {
		u->msr_delta |= MSR_TRAILING;
	}
}

static void uart_write_fcr(struct uart *u, uint8_t value)
{
	bool toggled = (u->fcr ^ value) & FCR_ENABLE;

	/* The other bits are taken only with the enable bit set (PC16550D 8.5). */
	u->fcr = (value & FCR_ENABLE) ? value & FCR_MASK : 0;
	if (toggled || ((value & FCR_ENABLE) && (value & FCR_CLEAR_RX))) {
		uart_clear_rx(u);
	}
}

static void uart_write_ier(struct uart *u, uint8_t value)
{
	bool enabled = (value & IER_THRE) && !(u->ier & IER_THRE);

	u->ier = value & IER_MASK;
	if (enabled) {
		u->thre_pending = true;
	}
}

/* A character leaves: false when it came back to us (loopback) instead of going out. */
static bool uart_transmit(struct uart *u, uint8_t c)
{
	bool loop = u->mcr & MCR_LOOP;

	if (loop && !uart_push(u, c)) {
		u->overrun = true;
	}
	uart_raise_thre(u);
	return !loop;
}

static uint8_t uart_read_reg(struct uart *u, enum uart_reg reg)
{
	bool dlab = u->lcr & LCR_DLAB;
	uint8_t value;

	switch (reg) {
	case REG_DATA:
		return dlab ? u->dll : uart_pop(u);
	case REG_IER:
		return dlab ? u->dlm : u->ier;
	case REG_IIR_FCR:
		value = uart_iir(u);
		if (value == IIR_THRE) {
			u->thre_pending = false;
		}
		return value | ((u->fcr & FCR_ENABLE) ? IIR_FIFOS : 0);
	case REG_LCR:
		return u->lcr;
	case REG_MCR:
		return u->mcr;
	case REG_LSR:
		value = LSR_THRE | LSR_TEMT | (u->rx_count ? LSR_DATA : 0) |
			(u->overrun ? LSR_OVERRUN : 0);
		u->overrun = false;
		return value;
	case REG_MSR:
		value = uart_modem(u->mcr) | u->msr_delta;
		u->msr_delta = 0;
		return value;
	case REG_SCR:
	default:
		return u->scr;
	}
}

/* True: `value` goes out to the console. */
static bool uart_write_reg(struct uart *u, enum uart_reg reg, uint8_t value)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case REG_DATA:
		if (!dlab) {
			return uart_transmit(u, value);
		}
		u->dll = value;
		return false;
	case REG_IER:
		if (dlab) {
			u->dlm = value;
		} else {
			uart_write_ier(u, value);
		}
		return false;
	case REG_IIR_FCR:
		uart_write_fcr(u, value);
		return false;
	case REG_LCR:
		u->lcr = value;
		return false;
	case REG_MCR:
		uart_write_mcr(u, value);
		return false;
	case REG_SCR:
		u->scr = value;
		return false;
	case REG_LSR:
	case REG_MSR:
	default:
		return false;
	}
}

static uint32_t uart_port_read(void *ctx, uint16_t port, unsigned len)
{
	struct uart *u = ctx;
	uint32_t value = 0;

	lock_acquire(&u->lock);
	for (unsigned i = 0; i < len; i++) {
		enum uart_reg reg = (port + i - u->base) & (UART_PORTS - 1);

		value |= (uint32_t)uart_read_reg(u, reg) << (i * 8);
	}
	uart_update_line(u);
	lock_release(&u->lock);
	return value;
}

static void uart_port_write(void *ctx, uint16_t port, unsigned len, uint32_t value)
{
	struct uart *u = ctx;
	char out[4];
	unsigned count = 0;

	lock_acquire(&u->lock);
	for (unsigned i = 0; i < len && i < sizeof(out); i++) {
		uint8_t byte = (uint8_t)(value >> (i * 8));
		enum uart_reg reg = (port + i - u->base) & (UART_PORTS - 1);

		if (uart_write_reg(u, reg, byte)) {
			out[count++] = (char)byte;
		}
	}
	uart_update_line(u);
	lock_release(&u->lock);
	/* Without the lock: the machine's UART is slow. */
	if (count) {
		arch_console_write_domain(out, count);
	}
}

static const struct port_ops uart_port_ops = {
	.name = "uart",
	.read = uart_port_read,
	.write = uart_port_write,
};

int uart_init(struct uart *u, struct domain *d, uint16_t base, uint32_t gsi)
{
	int error;

	*u = (struct uart){.domain = d, .base = base, .gsi = gsi};
	error = ioreq_claim_ports(d, base, UART_PORTS, &uart_port_ops, u);
	if (error) {
		return error;
	}
	error = vioapic_emulate_gsi(d, gsi);
	if (error) {
		int released = ioreq_release_ports(d, base, UART_PORTS);

		ASSERT(released == 0);
	}
	return error;
}

bool uart_receive(struct uart *u, uint8_t c)
{
	bool taken;

	lock_acquire(&u->lock);
	/* In loopback the receiver is not connected to the line. */
	taken = !(u->mcr & MCR_LOOP) && uart_push(u, c);
	uart_update_line(u);
	lock_release(&u->lock);
	return taken;
}

unsigned uart_receive_room(struct uart *u)
{
	unsigned room;

	lock_acquire(&u->lock);
	room = (u->mcr & MCR_LOOP) ? 0 : uart_fifo_size(u) - u->rx_count;
	lock_release(&u->lock);
	return room;
}
