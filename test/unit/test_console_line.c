// SPDX-License-Identifier: MIT
/* Two writers on one console: each line of the domain's stands whole somewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <taproot/console_line.h>

static char out[2048];
static size_t out_count;
static struct console_line line;

static void put(char c)
{
	assert_true(out_count < sizeof(out) - 1);
	out[out_count++] = c;
	out[out_count] = '\0';
}

static void domain(const char *s)
{
	while (*s) {
		console_line_add(&line, *s++, put);
	}
}

static void ours(const char *s)
{
	console_line_cut(&line, put);
	while (*s) {
		put(*s++);
	}
}

static int setup(void **state)
{
	(void)state;
	memset(&line, 0, sizeof(line));
	out_count = 0;
	out[0] = '\0';
	return 0;
}

static void test_alone(void **state)
{
	(void)state;
	ours("[1] a\n");
	domain("one\ntwo\n");
	ours("[2] b\n");
	assert_string_equal(out, "[1] a\none\ntwo\n[2] b\n");
}

static void test_cut_is_begun_again(void **state)
{
	(void)state;
	domain("gone 9");
	ours("[1] a\n");
	ours("[2] b\n");
	domain("\r\nnext\n");
	assert_string_equal(out, "gone 9 ...\n[1] a\n[2] b\ngone 9\r\nnext\n");
}

static void test_cut_twice(void **state)
{
	(void)state;
	domain("ab");
	ours("[1]\n");
	domain("c");
	ours("[2]\n");
	domain("d\n");
	assert_string_equal(out, "ab ...\n[1]\nabc ...\n[2]\nabcd\n");
}

/* Between the carriage return and the line feed the line is open; after a return alone it is new.
 */
static void test_carriage_return(void **state)
{
	(void)state;
	domain("end\r");
	ours("[1]\n");
	domain("\n10%\r20%");
	ours("[2]\n");
	domain("\r");
	domain("30%\n");
	assert_string_equal(out, "end\r ...\n[1]\nend\r\n10%\r20% ...\n[2]\n20%\r30%\n");
}

static void test_long(void **state)
{
	char text[CONSOLE_LINE_MAX + 2];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[CONSOLE_LINE_MAX] = '\0';
	domain(text); /* as long as can be */
	ours("[1]\n");
	out_count = 0;
	domain("y");
	assert_int_equal(out_count, CONSOLE_LINE_MAX + 1);
	ours("[2]\n");
	out_count = 0;
	domain("z\nnew");
	assert_string_equal(out, "... z\nnew");
	ours("[3]\n");
	out_count = 0;
	domain(" line\n");
	assert_string_equal(out, "new line\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_alone, setup),
		cmocka_unit_test_setup(test_cut_is_begun_again, setup),
		cmocka_unit_test_setup(test_cut_twice, setup),
		cmocka_unit_test_setup(test_carriage_return, setup),
		cmocka_unit_test_setup(test_long, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
