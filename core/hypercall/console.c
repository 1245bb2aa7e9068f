/* SPDX-License-Identifier: MIT */
/*
 * console_io (Xen ABI xen.h, CONSOLEIO_*): the hardware domain's hvc0.
 *
 * Output is written in pieces, the call being executed again for each, so that
 * interrupts are taken in between. Input waits in a ring; there is one
 * console, so there is one ring.
 *
 * Not supported: consoles of other domains (-EPERM); theirs are shared
 * pages between them and a program of the hardware domain.
 */
#include <taproot/console.h>
#include <taproot/errno.h>
#include <taproot/hypercall.h>
#include <taproot/string.h>
#include <xen/xen.h>

#define PIECE 16u /* 1.4 ms at 115200 baud */

static struct {
	struct lock lock;
	uint8_t buf[CONSOLE_INPUT_SIZE];
	uint32_t head, count;
} input;

bool console_input(uint8_t c)
{
	bool taken;

	lock_acquire(&input.lock);
	taken = input.count < CONSOLE_INPUT_SIZE;
	if (taken) {
		input.buf[(input.head + input.count++) % CONSOLE_INPUT_SIZE] = c;
	}
	lock_release(&input.lock);
	if (taken) {
		event_send_global_virq(hardware_domain, VIRQ_CONSOLE);
	}
	return taken;
}

unsigned console_input_room(void)
{
	return CONSOLE_INPUT_SIZE - __atomic_load_n(&input.count, __ATOMIC_RELAXED);
}

void console_input_clear(void)
{
	lock_acquire(&input.lock);
	input.count = 0;
	lock_release(&input.lock);
}

bool console_named_last(const char *cmdline)
{
	static const char name[] = "console=", hvc[] = "hvc";
	bool named = false;

	for (const char *s = cmdline; *s; s++) {
		if ((s == cmdline || s[-1] == ' ') && strncmp(s, name, sizeof(name) - 1) == 0) {
			named = strncmp(s + sizeof(name) - 1, hvc, sizeof(hvc) - 1) == 0;
		}
	}
	return named;
}

static unsigned take_input(uint8_t *to, unsigned max)
{
	unsigned n;

	lock_acquire(&input.lock);
	for (n = 0; n < max && input.count; n++) {
		to[n] = input.buf[input.head];
		input.head = (input.head + 1) % CONSOLE_INPUT_SIZE;
		input.count--;
	}
	lock_release(&input.lock);
	return n;
}

static int64_t write_piece(struct hypercall *h, uint32_t count)
{
	char piece[PIECE];
	uint32_t n = MIN(count, PIECE);

	if (copy_from_guest(h, piece, h->arg[2], n)) {
		return -EFAULT;
	}
	arch_console_write_domain(piece, n);
	h->arg[1] = count - n;
	h->arg[2] += n;
	h->again = count > n;
	return 0;
}

/* What was taken and cannot be given to the caller is lost, as on its own account. */
static int64_t read_input(struct hypercall *h, uint32_t count)
{
	uint8_t piece[PIECE];
	unsigned n = take_input(piece, MIN(count, PIECE));

	return copy_to_guest(h, h->arg[2], piece, n) ? -EFAULT : (int64_t)n;
}

int64_t hypercall_console_io(struct hypercall *h)
{
	uint32_t count = (uint32_t)h->arg[1];
	int rc = hypercall_machine(h->v);

	if (rc) {
		return rc;
	}
	if (count > INT32_MAX) {
		return -E2BIG;
	}
	switch ((uint32_t)h->arg[0]) {
	case CONSOLEIO_write:
		return write_piece(h, count);
	case CONSOLEIO_read:
		return read_input(h, count);
	default:
		return -ENOSYS;
	}
}
