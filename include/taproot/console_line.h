/* SPDX-License-Identifier: MIT */
/*
 * One console, two writers: lines of the hypervisor's log and characters of the
 * hardware domain's. A line of ours that comes while one of the domain's is
 * open ends that one with a mark (" ..."); when the domain goes on, its line is
 * begun again, so that each line stands whole somewhere.
 *
 * Deliberately not supported: lines of more than CONSOLE_LINE_MAX characters
 * (they go on after a mark, "... "), and several domains on one console.
 */
#ifndef TAPROOT_CONSOLE_LINE_H
#define TAPROOT_CONSOLE_LINE_H

#include <taproot/types.h>

#define CONSOLE_LINE_MAX 250u

/* The domain's open line. Whoever has the console locked owns it; zero is empty. */
struct console_line {
	char text[CONSOLE_LINE_MAX];
	uint16_t count; /* CONSOLE_LINE_MAX + 1: longer than that */
	bool cut;       /* a line of ours came after the text */
};

/* Before a line of ours. */
void console_line_cut(struct console_line *l, void (*put)(char c));
/* A character of the domain's: written, after what was cut. */
void console_line_add(struct console_line *l, char c, void (*put)(char c));

#endif
