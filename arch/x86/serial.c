// SPDX-License-Identifier: MIT
/*
 * The machine's 16550 UARTs (PC16550D datasheet, 8.0): console output by
 * polling with a bounded wait, console input by interrupt, and raw bytes for
 * the recorder. 115200 baud, 8n1. A port that does not answer is not used.
 *
 * Output before console_open() is kept back, because only the command line
 * says where it goes. Not supported: flow control, memory-mapped UARTs.
 */
#include <taproot/arch.h>
#include <taproot/console_line.h>
#include <taproot/errno.h>
#include <taproot/iommu.h>
#include <taproot/irq.h>
#include <taproot/lock.h>
#include <taproot/option.h>
#include <taproot/string.h>
#include "cpu.h"
#include "x86.h"

#define REG_DATA 0
#define REG_IER  1
#define REG_FCR  2
#define REG_LCR  3
#define REG_MCR  4
#define REG_LSR  5
#define REG_SCR  7

#define IER_RX     0x01
#define FCR_ENABLE 0x07 /* FIFOs on and cleared */
#define LCR_8N1    0x03
#define LCR_DLAB   0x80
#define MCR_DTR    0x01
#define MCR_RTS    0x02
#define MCR_OUT2   0x08 /* lets the interrupt out */
#define LSR_DR     0x01
#define LSR_THRE   0x20
#define FIFO_SIZE  16
#define WAIT_MAX   200000 /* reads of LSR, each near a microsecond: 16 characters take 1.4 ms */
#define SPIN_MAX   50000000
#define EARLY_SIZE 4096
#define INPUT_SIZE 256 /* a power of two */

struct port {
	uint16_t base; /* 0: there is none */
	uint8_t room;  /* characters the transmit FIFO is known to take */
	bool stuck;    /* the last wait was in vain: do not wait again until it moves */
};

static struct port ports[3] = {[PORT_COM1] = {0x3f8, 0, false}, [PORT_COM2] = {0x2f8, 0, false}};
static struct port *console;
static bool console_chosen;
static char last_char;
static struct console_line domain_line; /* under output_owner */
static char early[EARLY_SIZE];
static size_t early_count;
static uint32_t output_owner; /* processor + 1 */

static uint8_t input[INPUT_SIZE];
static uint32_t input_head, input_tail;
static void (*input_notify)(void);
static struct irq_source input_source;
static struct lock input_lock;

static bool port_open(struct port *p)
{
	if (!p->base) {
		return false;
	}
	outb(p->base + REG_SCR, 0x5a);
	if (inb(p->base + REG_SCR) != 0x5a) {
		return false;
	}
	outb(p->base + REG_IER, 0);
	outb(p->base + REG_LCR, LCR_DLAB);
	outb(p->base + REG_DATA, 1);
	outb(p->base + REG_IER, 0);
	outb(p->base + REG_LCR, LCR_8N1);
	outb(p->base + REG_FCR, FCR_ENABLE);
	outb(p->base + REG_MCR, MCR_DTR | MCR_RTS);
	return true;
}

static void port_put(struct port *p, char c)
{
	if (p->room == 0) {
		unsigned wait = p->stuck ? 1 : WAIT_MAX;

		while (!(inb(p->base + REG_LSR) & LSR_THRE)) {
			if (--wait == 0) {
				p->stuck = true;
				return;
			}
		}
		p->stuck = false;
		p->room = FIFO_SIZE;
	}
	p->room--;
	outb(p->base + REG_DATA, (uint8_t)c);
}

/*
 * Output must work from a crash inside output: an owner that is this very
 * processor, or does not let go for a long time, is passed over.
 */
static void output_lock(void)
{
	uint32_t me = arch_cpu_this() + 1;

	for (unsigned i = 0; i < SPIN_MAX; i++) {
		uint32_t none = 0;

		if (__atomic_compare_exchange_n(&output_owner, &none, me, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED) ||
		    none == me) {
			return;
		}
		cpu_pause();
	}
}

static void output_unlock(void)
{
	__atomic_store_n(&output_owner, 0, __ATOMIC_RELEASE);
}

static void console_put(char c)
{
	if (!console_chosen) {
		if (early_count < sizeof(early)) {
			early[early_count++] = c;
		}
	} else if (console) {
		if (c == '\n' && last_char != '\r') {
			port_put(console, '\r');
		}
		port_put(console, c);
		last_char = c;
	}
}

void arch_console_write(const char *s, size_t len)
{
	output_lock();
	console_line_cut(&domain_line, console_put);
	for (size_t i = 0; i < len; i++) {
		console_put(s[i]);
	}
	output_unlock();
}

void arch_console_write_domain(const char *s, size_t len)
{
	output_lock();
	for (size_t i = 0; i < len; i++) {
		console_line_add(&domain_line, s[i], console_put);
	}
	output_unlock();
}

void console_open(unsigned port)
{
	if (console_chosen) {
		return;
	}
	console_chosen = true;
	if (port < ARRAY_SIZE(ports) && port_open(&ports[port])) {
		console = &ports[port];
		arch_console_write(early, early_count);
	}
}

int serial_raw_open(unsigned port)
{
	if (port >= ARRAY_SIZE(ports) || &ports[port] == console || !port_open(&ports[port])) {
		return -ENODEV;
	}
	return 0;
}

void serial_raw_write(unsigned port, const void *buf, size_t len)
{
	const char *s = buf;

	output_lock();
	for (size_t i = 0; i < len; i++) {
		port_put(&ports[port], s[i]);
	}
	output_unlock();
}

bool serial_state(struct serial_state *s)
{
	uint16_t base;

	if (!console) {
		return false;
	}
	base = console->base;
	/* While the divisor shows, neither data nor IER are there for anybody. */
	lock_acquire(&input_lock);
	output_lock();
	s->ier = inb(base + REG_IER);
	s->lcr = inb(base + REG_LCR);
	s->mcr = inb(base + REG_MCR);
	outb(base + REG_LCR, s->lcr | LCR_DLAB);
	s->divisor = (uint16_t)(inb(base + REG_DATA) | inb(base + REG_IER) << 8);
	outb(base + REG_LCR, s->lcr);
	output_unlock();
	lock_release(&input_lock);
	return true;
}

/* ---- input ---- */

static void input_drain(void)
{
	lock_acquire(&input_lock);
	/* Bounded: an absent UART reads all ones. */
	for (unsigned i = 0; i < INPUT_SIZE && inb(console->base + REG_LSR) & LSR_DR; i++) {
		uint8_t c = inb(console->base + REG_DATA);

		if (input_head - input_tail < INPUT_SIZE) {
			input[input_head++ % INPUT_SIZE] = c;
		}
	}
	lock_release(&input_lock);
}

int serial_getc(void)
{
	int c = -1;

	if (!console) {
		return -1;
	}
	if (!input_source.bound) {
		input_drain();
	}
	lock_acquire(&input_lock);
	if (input_tail != input_head) {
		c = input[input_tail++ % INPUT_SIZE];
	}
	lock_release(&input_lock);
	return c;
}

static void input_mask(struct irq_source *src, bool masked)
{
	(void)src;
	outb(console->base + REG_IER, masked ? 0 : IER_RX);
}

static void input_fire(struct irq_source *src)
{
	(void)src;
	input_drain();
	if (input_notify) {
		input_notify();
	}
}

/* The pin's route is written once, at set-up. */
static void input_route(struct irq_source *src)
{
	(void)src;
}

static const struct irq_source_ops input_ops = {
	.mask = input_mask,
	.route = input_route,
	.fire = input_fire,
};

int serial_irq_setup(unsigned ioapic, unsigned pin, bool level, bool active_low,
		     void (*notify)(void))
{
	uint64_t entry;
	int vector, rc;

	if (!console) {
		return -ENODEV;
	}
	if (pin >= ioapic_hw_pins(ioapic)) {
		return -EINVAL;
	}
	irq_source_init(&input_source, &input_ops, IRQ_OURS, NULL, NULL, pin);
	vector = arch_vector_alloc(0, &input_source);
	if (vector < 0) {
		return vector;
	}
	input_notify = notify;
	input_source.vector = (uint8_t)vector;
	input_source.cpu = 0;
	input_source.level = level;
	input_source.requester = remap_ioapic_requester(ioapic);
	rc = remap_bind(&input_source);
	if (rc < 0) {
		arch_vector_free(0, (unsigned)vector);
		return rc;
	}
	input_source.bound = true;
	entry = remap_pin_entry(&input_source) | (active_low ? 1u << 13 : 0) |
		(level ? 1u << 15 : 0);
	arch_ioapic_write(ioapic, 0x11 + 2 * pin, (uint32_t)(entry >> 32));
	arch_ioapic_write(ioapic, 0x10 + 2 * pin, (uint32_t)entry);
	outb(console->base + REG_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
	input_mask(&input_source, false);
	/* What came before raises no edge any more. */
	input_drain();
	return 0;
}
