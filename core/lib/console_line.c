// SPDX-License-Identifier: MIT
/* Lines of two writers on one console; see the header. */
#include <taproot/console_line.h>

static void put_string(const char *s, void (*put)(char c))
{
	while (*s) {
		put(*s++);
	}
}

void console_line_cut(struct console_line *l, void (*put)(char c))
{
	if (l->count && !l->cut) {
		put_string(" ...\n", put);
		l->cut = true;
	}
}

static void put_again(struct console_line *l, void (*put)(char c))
{
	l->cut = false;
	if (l->count > CONSOLE_LINE_MAX) {
		put_string("... ", put);
		return;
	}
	for (unsigned i = 0; i < l->count; i++) {
		put(l->text[i]);
	}
}

static void remember(struct console_line *l, char c)
{
	/* Back at the line's begin: what comes now is written over it. */
	if (l->count && l->count <= CONSOLE_LINE_MAX && l->text[l->count - 1] == '\r') {
		l->count = 0;
	}
	if (l->count < CONSOLE_LINE_MAX) {
		l->text[l->count++] = c;
	} else {
		l->count = CONSOLE_LINE_MAX + 1;
	}
}

void console_line_add(struct console_line *l, char c, void (*put)(char c))
{
	if (l->cut) {
		put_again(l, put);
	}
	put(c);
	if (c == '\n') {
		l->count = 0;
	} else {
		remember(l, c);
	}
}
