// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A Linux module that carries out single privileged instructions for the attack
 * tests and says what became of each. Commands are written to /proc/ring0, one
 * or more separated by ';', and are carried out in one stretch with interrupts
 * off; reading it gives a line for each:
 *
 *	in W PORT         out W PORT VALUE           W is the width: 1, 2 or 4
 *	ins W PORT COUNT  outs W PORT COUNT VALUE    REP string forms, on a buffer
 *	rdmsr N           wrmsr N VALUE
 *	rdcr N            xorcr N BITS               xorcr puts the old value back
 *	xsetbv VALUE      op NAME                    an instruction of ops[] below
 *	cpu                                          which processor it is
 *
 * An answer is a number, "ok", or the exception: "trap 13" for #GP. Numbers
 * are hexadecimal with 0x, else decimal.
 *
 * Not supported: two users at a time.
 */
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/asm.h>

#define BUFFER 4096
#define NO_TRAP (-1)

static DEFINE_MUTEX(busy);
static char command[BUFFER], answer[BUFFER];
static u8 buffer[BUFFER] __aligned(8);

/* INSTRUCTION, with the exception's number in `trap` if it raises one. */
#define GUARDED(instruction, trap, ...)                                        \
	asm volatile("1: " instruction "\n\tmov $-1, %%eax\n"                 \
		     "2:\n" _ASM_EXTABLE_FAULT(1b, 2b)                         \
		     : "=&a"(trap)                                             \
		     : __VA_ARGS__                                             \
		     : "memory", "rdx")

static int say_trap(char *out, int trap)
{
	return trap == NO_TRAP ? sprintf(out, "ok\n") :
				 sprintf(out, "trap %d\n", trap);
}

/* ---- ports ---- */

static u32 port_in(uint width, u16 port)
{
	return width == 1 ? inb(port) : width == 2 ? inw(port) : inl(port);
}

static void port_out(uint width, u16 port, u32 value)
{
	if (width == 1) {
		outb(value, port);
	} else if (width == 2) {
		outw(value, port);
	} else {
		outl(value, port);
	}
}

static int do_in(char *out, const u64 *arg)
{
	return sprintf(out, "%#x\n", port_in(arg[0], arg[1]));
}

static int do_out(char *out, const u64 *arg)
{
	port_out(arg[0], arg[1], arg[2]);
	return sprintf(out, "ok\n");
}

static int do_ins(char *out, const u64 *arg)
{
	ulong count = min_t(ulong, arg[2], 64);
	int n = 0;
	uint i;

	memset(buffer, 0x5a, sizeof(buffer));
	if (arg[0] == 1) {
		insb(arg[1], buffer, count);
	} else if (arg[0] == 2) {
		insw(arg[1], buffer, count);
	} else {
		insl(arg[1], buffer, count);
	}
	for (i = 0; i < count * arg[0]; i++) {
		n += sprintf(out + n, "%02x", buffer[i]);
	}
	return n + sprintf(out + n, "\n");
}

static int do_outs(char *out, const u64 *arg)
{
	ulong count = min_t(ulong, arg[2], 64);
	uint i;

	for (i = 0; i < count; i++) {
		memcpy(buffer + i * arg[0], &arg[3], arg[0]);
	}
	if (arg[0] == 1) {
		outsb(arg[1], buffer, count);
	} else if (arg[0] == 2) {
		outsw(arg[1], buffer, count);
	} else {
		outsl(arg[1], buffer, count);
	}
	return sprintf(out, "ok\n");
}

/* ---- registers ---- */

static int do_rdmsr(char *out, const u64 *arg)
{
	u32 low = arg[0], high = 0;
	int trap;

	asm volatile("1: rdmsr\n\tmov %%eax, %%ecx\n\tmov $-1, %%eax\n"
		     "2:\n" _ASM_EXTABLE_FAULT(1b, 2b)
		     : "=a"(trap), "=d"(high), "+c"(low)
		     :
		     : "memory");
	if (trap != NO_TRAP) {
		return say_trap(out, trap);
	}
	return sprintf(out, "%#llx\n", (u64)high << 32 | low);
}

static int do_wrmsr(char *out, const u64 *arg)
{
	u32 low = arg[1];
	int trap;

	asm volatile("1: wrmsr\n\tmov $-1, %%eax\n"
		     "2:\n" _ASM_EXTABLE_FAULT(1b, 2b)
		     : "=a"(trap)
		     : "c"((u32)arg[0]), "0"(low), "d"((u32)(arg[1] >> 32))
		     : "memory");
	return say_trap(out, trap);
}

static u64 cr_read(uint n)
{
	u64 v = 0;

	switch (n) {
	case 0:
		asm volatile("mov %%cr0, %0" : "=r"(v));
		break;
	case 3:
		asm volatile("mov %%cr3, %0" : "=r"(v));
		break;
	case 4:
		asm volatile("mov %%cr4, %0" : "=r"(v));
		break;
	case 8:
		asm volatile("mov %%cr8, %0" : "=r"(v));
		break;
	}
	return v;
}

static int cr_write(uint n, u64 v)
{
	int trap = NO_TRAP;

	switch (n) {
	case 0:
		GUARDED("mov %1, %%cr0", trap, "r"(v));
		break;
	case 3:
		GUARDED("mov %1, %%cr3", trap, "r"(v));
		break;
	case 4:
		GUARDED("mov %1, %%cr4", trap, "r"(v));
		break;
	case 8:
		GUARDED("mov %1, %%cr8", trap, "r"(v));
		break;
	}
	return trap;
}

static int do_rdcr(char *out, const u64 *arg)
{
	return sprintf(out, "%#llx\n", cr_read(arg[0]));
}

static int do_xorcr(char *out, const u64 *arg)
{
	u64 old = cr_read(arg[0]), new = 0;
	int trap = cr_write(arg[0], old ^ arg[1]);

	if (trap != NO_TRAP) {
		return say_trap(out, trap);
	}
	/* An exit, so that the hypervisor runs while the bits are as asked. */
	asm volatile("cpuid" : : "a"(0), "c"(0) : "ebx", "edx", "memory");
	new = cr_read(arg[0]);
	cr_write(arg[0], old);
	return sprintf(out, "%#llx\n", new);
}

static int do_xsetbv(char *out, const u64 *arg)
{
	u32 low = 0, high = 0;
	int trap;

	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	asm volatile("1: xsetbv\n\tmov $-1, %%eax\n"
		     "2:\n" _ASM_EXTABLE_FAULT(1b, 2b)
		     : "=a"(trap)
		     : "c"(0), "0"((u32)arg[0]), "d"((u32)(arg[0] >> 32))
		     : "memory");
	asm volatile("xsetbv" : : "c"(0), "a"(low), "d"(high));
	return say_trap(out, trap);
}

/* ---- instructions ---- */

static int op_vmrun(void)
{
	int trap;

	GUARDED("vmrun", trap, "0"(0ul));
	return trap;
}

static int op_vmload(void)
{
	int trap;

	GUARDED("vmload", trap, "0"(0ul));
	return trap;
}

static int op_vmsave(void)
{
	int trap;

	GUARDED("vmsave", trap, "0"(0ul));
	return trap;
}

#define SIMPLE_OP(name)                                                        \
	static int op_##name(void)                                             \
	{                                                                      \
		int trap;                                                      \
                                                                               \
		GUARDED(#name, trap, "0"(0), "c"(0));                          \
		return trap;                                                   \
	}

SIMPLE_OP(stgi)
SIMPLE_OP(clgi)
SIMPLE_OP(skinit)
SIMPLE_OP(invlpga)
SIMPLE_OP(rdpmc)
SIMPLE_OP(rsm)
SIMPLE_OP(wbinvd)
SIMPLE_OP(invd)

static const struct {
	const char *name;
	int (*run)(void);
} ops[] = {
	{ "vmrun", op_vmrun },	   { "vmload", op_vmload },
	{ "vmsave", op_vmsave },   { "stgi", op_stgi },
	{ "clgi", op_clgi },	   { "skinit", op_skinit },
	{ "invlpga", op_invlpga }, { "rdpmc", op_rdpmc },
	{ "rsm", op_rsm },	   { "wbinvd", op_wbinvd },
	{ "invd", op_invd },
};

/* ---- commands ---- */

static int do_cpu(char *out, const u64 *arg)
{
	return sprintf(out, "%u\n", smp_processor_id());
}

static const struct {
	const char *name;
	uint count;
	int (*run)(char *out, const u64 *arg);
} verbs[] = {
	{ "in", 2, do_in },	  { "out", 3, do_out },
	{ "ins", 3, do_ins },	  { "outs", 4, do_outs },
	{ "rdmsr", 1, do_rdmsr }, { "wrmsr", 2, do_wrmsr },
	{ "rdcr", 1, do_rdcr },	  { "xorcr", 2, do_xorcr },
	{ "xsetbv", 1, do_xsetbv }, { "cpu", 0, do_cpu },
};

static int run_op(char *out, const char *name)
{
	uint i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		if (name && strcmp(ops[i].name, name) == 0) {
			return say_trap(out, ops[i].run());
		}
	}
	return sprintf(out, "no such instruction\n");
}

static int run_one(char *out, char *line)
{
	char *name, *word;
	u64 arg[4] = { 0 };
	uint i, n = 0;

	line = strim(line);
	name = strsep(&line, " ");
	if (strcmp(name, "op") == 0) {
		return run_op(out, line);
	}
	while (n < ARRAY_SIZE(arg) && (word = strsep(&line, " "))) {
		if (kstrtou64(word, 0, &arg[n++])) {
			return sprintf(out, "no number: %s\n", word);
		}
	}
	for (i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0 && verbs[i].count == n) {
			return verbs[i].run(out, arg);
		}
	}
	return sprintf(out, "no such command\n");
}

static void run_all(void)
{
	char *rest = command, *one;
	unsigned long flags;
	size_t n = 0;

	local_irq_save(flags);
	while ((one = strsep(&rest, ";")) && n + 256 < sizeof(answer)) {
		n += run_one(answer + n, one);
	}
	local_irq_restore(flags);
	answer[n] = 0;
}

static ssize_t ring0_write(struct file *file, const char __user *from,
			   size_t count, loff_t *pos)
{
	if (count >= sizeof(command)) {
		return -EINVAL;
	}
	mutex_lock(&busy);
	if (copy_from_user(command, from, count)) {
		mutex_unlock(&busy);
		return -EFAULT;
	}
	command[count] = 0;
	run_all();
	mutex_unlock(&busy);
	return count;
}

static ssize_t ring0_read(struct file *file, char __user *to, size_t count,
			  loff_t *pos)
{
	return simple_read_from_buffer(to, count, pos, answer, strlen(answer));
}

static const struct proc_ops ring0_ops = {
	.proc_read = ring0_read,
	.proc_write = ring0_write,
	.proc_lseek = default_llseek,
};

static int __init ring0_init(void)
{
	return proc_create("ring0", 0600, NULL, &ring0_ops) ? 0 : -ENOMEM;
}

static void __exit ring0_exit(void)
{
	remove_proc_entry("ring0", NULL);
}

module_init(ring0_init);
module_exit(ring0_exit);

MODULE_DESCRIPTION("Single privileged instructions for attack tests");
MODULE_LICENSE("Dual MIT/GPL");
