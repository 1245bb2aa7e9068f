/* SPDX-License-Identifier: MIT */
/* Shared by the files of core/memmap only: editing the array of ranges. */
#ifndef TAPROOT_MEMMAP_INTERNAL_H
#define TAPROOT_MEMMAP_INTERNAL_H

#include <taproot/memmap.h>

/* Index of the range that holds `a`, which is below the limit. */
unsigned memmap_index(const struct memmap *m, uint64_t a);
/* Make sure that a range starts at `a`; its index. Needs room for one more range. */
unsigned memmap_split(struct memmap *m, uint64_t a);
/* Would `more` ranges fit, after joining equal neighbours? Changes nothing. */
bool memmap_has_room(const struct memmap *m, unsigned more);
/* Join equal neighbours when fewer than `more` ranges would fit as it is. */
void memmap_make_room(struct memmap *m, unsigned more);
/* From here to the end readers without the lock wait: the array is edited in between. */
void memmap_edit_begin(struct memmap *m);
void memmap_edit_end(struct memmap *m);
/* Remember a change for memmap_tell(). */
void memmap_note(struct memmap *m, uint64_t start, uint64_t end, uint8_t from, uint8_t to);
/* Tell the architecture what was noted. */
void memmap_tell(struct memmap *m);

#endif
