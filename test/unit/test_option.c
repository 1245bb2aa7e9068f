// SPDX-License-Identifier: MIT
/* The command line: every kind of option, quotes, and complaints that name the option. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <taproot/log.h>
#include <taproot/option.h>

static struct options o;
static char logged[16384];
static uint64_t position;

/* Parse, and keep what was logged meanwhile. */
static void parse(const char *cmdline)
{
	size_t n;

	while (log_ring_read(&position, logged, sizeof(logged) - 1) != 0) {
	}
	option_parse(&o, cmdline);
	n = log_ring_read(&position, logged, sizeof(logged) - 1);
	logged[n] = '\0';
}

static bool complained(const char *text)
{
	return strstr(logged, text) != NULL;
}

static void test_defaults(void **state)
{
	(void)state;
	parse("");
	assert_int_equal(o.console, PORT_COM1);
	assert_int_equal(o.record, PORT_NONE);
	assert_int_equal(o.loglvl, LOG_INFO);
	assert_int_equal(o.dom0_mem, 0);
	assert_int_equal(o.dom0_cpu, 0);
	assert_true(o.x2apic);
	assert_false(o.noreboot || o.help);
	assert_string_equal(o.dom0_cmdline, "");
	assert_string_equal(logged, "");
	assert_memory_equal(&o, &options, sizeof(o));
}

static void test_abi(void **state)
{
	static const char *const wrong[] = {"4",    "4.",    ".17",      "4.17.1", "4.17 x",
					    "-4.1", "4.x",   "65536.0",  "4.65536", "x"};
	char line[64];

	(void)state;
	parse("");
	assert_int_equal(o.abi, ABI_XEN);
	assert_int_equal(o.abi_version, 4 << 16 | 17);
	assert_string_equal(option_line(), "");
	parse("abi=native abi_version=65535.0");
	assert_string_equal(logged, "");
	assert_int_equal(o.abi, ABI_NATIVE);
	assert_int_equal(o.abi_version, 0xffff0000u);
	assert_string_equal(option_line(), "abi=native abi_version=65535.0");
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(line, sizeof(line), "abi_version=\"%s\"", wrong[i]);
		parse(line);
		assert_true(complained("option 'abi_version' needs a version like 4.17"));
		assert_int_equal(o.abi_version, 4 << 16 | 17);
	}
}

static void test_all(void **state)
{
	(void)state;
	parse("build/taproot.elf console=com2 loglvl=trace\tdom0_mem=512M noreboot record=com2 "
	      "x2apic=off  help dom0_cmdline=\"console=ttyS0 root=/dev/vda\" ");
	assert_string_equal(logged, "");
	assert_int_equal(o.console, PORT_COM2);
	assert_int_equal(o.loglvl, LOG_TRACE);
	assert_int_equal(o.dom0_mem, 512 * MIB);
	assert_true(o.noreboot && o.help);
	assert_int_equal(o.record, PORT_COM2);
	assert_false(o.x2apic);
	assert_string_equal(o.dom0_cmdline, "console=ttyS0 root=/dev/vda");
}

static void test_image_name(void **state)
{
	(void)state;
	parse("taproot.elf noreboot");
	assert_string_equal(logged, "");
	parse("/boot/a=b/taproot noreboot");
	assert_string_equal(logged, "");
	assert_true(o.noreboot);
	parse("noreboot /boot/taproot");
	assert_true(complained("option '/boot/taproot' is unknown"));
	parse("taproot");
	assert_true(complained("option 'taproot' is unknown"));
}

static void test_quotes(void **state)
{
	(void)state;
	/* GRUB 2 writes a quoted argument like this. */
	parse("\"dom0_cmdline=a b=\\\"c d\\\" e\\\\f\" noreboot");
	assert_string_equal(o.dom0_cmdline, "a b=\"c d\" e\\f");
	assert_true(o.noreboot);
	parse("dom0_cmdline=a\" \"b\\ c");
	assert_string_equal(o.dom0_cmdline, "a b c");
	parse("dom0_cmdline=\"a b");
	assert_true(complained("'dom0_cmdline' has a quote that is not closed"));
	assert_string_equal(o.dom0_cmdline, "");
	parse("dom0_cmdline=\"\" dom0_cmdline=x\\");
	assert_string_equal(o.dom0_cmdline, "x\\");
}

static void test_sizes(void **state)
{
	static const char *const bad[] = {
		"dom0_mem=",
		"dom0_mem=512",
		"dom0_mem=M",
		"dom0_mem=512MB",
		"dom0_mem=-1M",
		"dom0_mem=0M",
		"dom0_mem=4K",
		"dom0_mem",
		"dom0_mem=17179869184G",
		"dom0_mem=1T",
		"dom0_mem=99999999999999999999G",
	};

	(void)state;
	parse("dom0_mem=2g");
	assert_int_equal(o.dom0_mem, 2 * GIB);
	parse("dom0_mem=0x20000k");
	assert_int_equal(o.dom0_mem, 128 * MIB);
	parse("dom0_mem=65537K");
	assert_int_equal(o.dom0_mem, 64 * MIB);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		parse(bad[i]);
		assert_true(complained("option 'dom0_mem' needs"));
		assert_int_equal(o.dom0_mem, 0);
	}
}

static void test_numbers(void **state)
{
	static const char *const bad[] = {"dom0_cpu=", "dom0_cpu=1K", "dom0_cpu=-1", "dom0_cpu",
					  "dom0_cpu=0x100000000"};

	(void)state;
	parse("dom0_cpu=3");
	assert_int_equal(o.dom0_cpu, 3);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		parse(bad[i]);
		assert_true(complained("option 'dom0_cpu' needs"));
		assert_int_equal(o.dom0_cpu, 0);
	}
}

static void test_complaints(void **state)
{
	(void)state;
	parse("noreboot=1 console=com3 loglvl= x2apic frob=1 =x consolex=com1 consol=com1");
	assert_true(complained("option 'noreboot' takes no value"));
	assert_true(complained("option 'console' has no such value"));
	assert_true(complained("com1|com2|none"));
	assert_true(complained("option 'loglvl' has no such value"));
	assert_true(complained("option 'x2apic' needs a value"));
	assert_true(complained("option 'frob' is unknown"));
	assert_true(complained("option '' is unknown"));
	assert_true(complained("option 'consolex' is unknown"));
	assert_true(complained("option 'consol' is unknown"));
	assert_false(o.noreboot);
	assert_int_equal(o.console, PORT_COM1);
	/* The good ones around a bad one count. */
	parse("noreboot console=tty dom0_mem=1G");
	assert_true(o.noreboot);
	assert_int_equal(o.dom0_mem, GIB);
}

static void test_long(void **state)
{
	static char line[OPTION_CMDLINE_MAX * 2];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	memcpy(line, "dom0_cmdline=", 13);
	parse(line);
	assert_true(complained("option 'dom0_cmdline' is too long"));
	assert_string_equal(o.dom0_cmdline, "");
	memset(line, 'x', sizeof(line) - 1);
	memcpy(line + sizeof(line) - 10, " noreboot", 9);
	parse(line);
	assert_true(o.noreboot);
	assert_true(complained("is unknown"));
}

static void test_help(void **state)
{
	(void)state;
	parse("");
	option_help();
	logged[log_ring_read(&position, logged, sizeof(logged) - 1)] = '\0';
	assert_true(complained("console=com1|com2|none"));
	assert_true(complained("dom0_mem=SIZE"));
	assert_true(complained("noreboot"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_abi),
		cmocka_unit_test(test_defaults),   cmocka_unit_test(test_all),
		cmocka_unit_test(test_image_name), cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_numbers),      cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_long),       cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
