// SPDX-License-Identifier: MIT
/*
 * Path lengths of the hardware domain's accesses, in time stamp counter ticks: in lane
 * C (QEMU -icount shift=0) a tick is an instruction, the hypervisor's and
 * this guest's together. Each figure is the median of RUNS, less the empty loop's.
 *
 * Prints `P: <name> <ticks>` lines, then `P: end`, and powers off. With
 * `loop=NAME` on the command line it repeats that access for ever instead, for
 * a look at the path from outside (QEMU's log).
 */
#include "guest.h"

#define RUNS 33
/* Where nothing else is on a q35; edu's BAR goes back and forth between here and the next MiB. */
#define BAR_PLACE 0xe0000000u

#define CFG(bus, dev, fn, reg) \
	(0x80000000u | (bus) << 16 | (dev) << 11 | (fn) << 8 | ((reg)&0xfc))

static struct {
	uint64_t ecam;
	uint32_t edu;        /* CF8 address of a function with a 1 MiB BAR 0 */
	uint32_t vga;        /* with a 16 MiB BAR 0 */
	uint32_t msix;       /* with MSI-X */
	uint32_t msix_cap;
	uint64_t table;      /* its table's address */
	uint64_t bar;        /* edu's BAR now */
} m;

static uint32_t cfg_read(uint32_t a, unsigned reg)
{
	outl(0xcf8, a + reg);
	return inl(0xcfc);
}

static void cfg_write(uint32_t a, unsigned reg, uint32_t v)
{
	outl(0xcf8, a + reg);
	outl(0xcfc, v);
}

static uint64_t ecam_of(uint32_t a)
{
	return m.ecam + ((uint64_t)(a >> 16 & 0xff) << 20) + ((uint64_t)(a >> 8 & 0xff) << 12);
}

/* ---- what is measured ---- */

static void op_nothing(void)
{
}

static void op_cf8_read(void)
{
	(void)cfg_read(CFG(0, 0, 0, 0), 0);
}

static void op_ecam_read(void)
{
	(void)read32(m.ecam);
}

static void op_ecam_write(void)
{
	write32(ecam_of(m.edu) + 0x3c, 0);
}

static void op_cpuid(void)
{
	uint32_t a = 0, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
}

/* xen_version, XENVER_version: where the hypervisor has no hypercalls, #UD ends the guest. */
static void op_hypercall(void)
{
	uint64_t rax = 17;

	__asm__ volatile("vmmcall" : "+a"(rax) : "D"(0), "S"(0) : "memory");
}

static void op_ioapic_version(void)
{
	write32(0xfec00000, 1);
	(void)read32(0xfec00010);
}

static void op_msix_mask(void)
{
	write32(m.table + 12, 1);
}

static void op_msix_unmask(void)
{
	write32(m.table + 12, 0);
}

static void op_msix_retarget(void)
{
	write32(m.table + 12, 1);
	write32(m.table + 0, 0xfee00000);
	write32(m.table + 8, 0x41);
	write32(m.table + 12, 0);
}

static void op_msix_read(void)
{
	(void)read32(m.table + 8);
}

static void op_bar_move(void)
{
	uint32_t command = cfg_read(m.edu, 4) & 0xffff;

	m.bar ^= 0x100000;
	cfg_write(m.edu, 4, command & ~2u);
	cfg_write(m.edu, 0x10, (uint32_t)m.bar);
	cfg_write(m.edu, 4, command | 2);
}

static void op_decode(void)
{
	uint32_t command = cfg_read(m.vga, 4) & 0xffff;

	cfg_write(m.vga, 4, command & ~2u);
	cfg_write(m.vga, 4, command | 2);
}

static void op_scan(void)
{
	for (unsigned devfn = 0; devfn < 256; devfn++) {
		(void)cfg_read(0x80000000u | devfn << 8, 0);
	}
}

static void op_tpr(void)
{
	write32(0xfee00080, 0);
}

/* ---- measuring ---- */

static uint64_t median(uint64_t *t)
{
	for (unsigned i = 1; i < RUNS; i++) {
		for (unsigned k = i; k > 0 && t[k] < t[k - 1]; k--) {
			uint64_t swap = t[k];

			t[k] = t[k - 1];
			t[k - 1] = swap;
		}
	}
	return t[RUNS / 2];
}

static uint64_t measure(void (*op)(void), void (*between)(void))
{
	static uint64_t t[RUNS];

	for (unsigned i = 0; i < RUNS; i++) {
		uint64_t start;

		if (between) {
			between();
		}
		start = rdtsc();
		op();
		t[i] = rdtsc() - start;
	}
	return median(t);
}

static uint32_t find_cap(uint32_t a, unsigned id)
{
	uint32_t at = cfg_read(a, 0x34) & 0xfc;

	for (unsigned n = 0; at && n < 48; n++) {
		uint32_t head = cfg_read(a, at);

		if ((head & 0xff) == id) {
			return at;
		}
		at = head >> 8 & 0xfc;
	}
	return 0;
}

static void find_functions(void)
{
	for (uint32_t devfn = 0; devfn < 256; devfn += 8) {
		uint32_t a = 0x80000000u | devfn << 8;
		uint32_t id = cfg_read(a, 0);

		if (id == 0x11e81234) {
			m.edu = a;
		} else if (id == 0x11111234) {
			m.vga = a;
		} else if (id != 0xffffffffu && !m.msix && find_cap(a, 0x11)) {
			m.msix = a;
		}
	}
}

static void open_msix(void)
{
	uint32_t at, where, bir;

	m.msix_cap = find_cap(m.msix, 0x11);
	at = cfg_read(m.msix, m.msix_cap + 4);
	bir = at & 7;
	where = cfg_read(m.msix, 0x10 + 4 * bir);
	m.table = (where & ~0xfu) + (at & ~7u);
	if ((where & 6) == 4) {
		m.table |= (uint64_t)cfg_read(m.msix, 0x14 + 4 * bir) << 32;
	}
	cfg_write(m.msix, 4, (cfg_read(m.msix, 4) & 0xffff) | 6);
	cfg_write(m.msix, m.msix_cap, cfg_read(m.msix, m.msix_cap) | 0x80000000u);
	write32(m.table + 0, 0xfee00000);
	write32(m.table + 4, 0);
	write32(m.table + 8, 0x41);
}

/* Is `loop=name` the command line's last word? */
static bool loop_wanted(const struct pvh_start *si, const char *name)
{
	const char *p = (const char *)si->cmdline;

	for (; p && *p; p++) {
		unsigned n = 0;

		if (p[0] != '=') {
			continue;
		}
		while (name[n] && p[1 + n] == name[n]) {
			n++;
		}
		return !name[n] && !p[1 + n];
	}
	return false;
}

void guest_main(const struct pvh_start *si)
{
	static const struct {
		const char *name;
		void (*op)(void);
		void (*between)(void);
	} list[] = {
		{"cf8-read", op_cf8_read, NULL},
		{"ecam-read", op_ecam_read, NULL},
		{"ecam-write", op_ecam_write, NULL},
		{"cpuid", op_cpuid, NULL},
		{"hypercall", op_hypercall, NULL},
		{"ioapic-version", op_ioapic_version, NULL},
		{"lapic-write", op_tpr, NULL},
		{"msix-mask", op_msix_mask, op_msix_unmask},
		{"msix-unmask", op_msix_unmask, op_msix_mask},
		{"msix-retarget", op_msix_retarget, NULL},
		{"msix-read", op_msix_read, NULL},
		{"bar-move-1m", op_bar_move, NULL},
		{"decode-16m", op_decode, NULL},
		{"scan-256", op_scan, NULL},
	};
	const uint8_t *mcfg = find_table(si, "MCFG");
	uint64_t empty;

	if (!mcfg) {
		say("P: no MCFG\n");
		power_off(si);
	}
	m.ecam = read32((uint64_t)mcfg + 44);
	find_functions();
	if (!m.edu || !m.vga || !m.msix) {
		say("P: a function is missing: edu %x, vga %x, msix %x\n", (uint64_t)m.edu,
		    (uint64_t)m.vga, (uint64_t)m.msix);
		power_off(si);
	}
	open_msix();
	m.bar = BAR_PLACE;
	empty = measure(op_nothing, NULL);
	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		while (loop_wanted(si, list[i].name)) {
			if (list[i].between) {
				list[i].between();
			}
			list[i].op();
		}
		say("P: %s %u\n", list[i].name, measure(list[i].op, list[i].between) - empty);
	}
	say("P: end\n");
	power_off(si);
}
