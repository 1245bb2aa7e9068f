/* SPDX-License-Identifier: MIT */
/* Moving the image and the modules to the top of memory; see relocate.c. */
#ifndef X86_RELOCATE_H
#define X86_RELOCATE_H

#include "boot.h"

/* Choose places, move the modules, build the final page tables and continue on them. */
void relocate(struct boot_info *info);
/* What is left of the area becomes the page pool. */
void relocate_finish(const struct boot_info *info);

/* boot.S */
void relocate_switch(void *to, const void *from, uint64_t size, uint64_t cr3);
void stack_switch(uint64_t top, void (*fn)(void)) NORETURN;

#endif
