// SPDX-License-Identifier: MIT
/*
 * Page pool and heap. The pool is a bitmap over one area; the heap keeps
 * chunks of pages with first-fit free lists for objects below a page run and
 * takes larger objects as page runs of their own.
 *
 * Not for trap paths: allocation is linear in the size of the area.
 */
#include <taproot/heap.h>
#include <taproot/lock.h>
#include <taproot/string.h>

/* Every object begins with its head, 16 bytes, so that objects are 16-aligned. */
struct head {
	uint32_t size;  /* of the block, head included; multiple of 16 */
	uint32_t magic; /* HEAD_USED, HEAD_FREE or HEAD_RUN */
	uint64_t pages; /* HEAD_RUN: pages of the run */
};

struct free_block {
	struct head head;
	struct free_block *next;
};

#define HEAD_USED    0x75736564u
#define HEAD_FREE    0x66726565u
#define HEAD_RUN     0x72756e73u
#define CHUNK_PAGES  4u
#define SMALL_MAX    4096u
#define BLOCK_MIN    32u
#define OBJECT_MAX   MIB

static struct lock pool_lock;
static uint8_t *pool_base;
static uint64_t *pool_used; /* one bit a page */
static size_t pool_pages;
static size_t pool_free;
static size_t pool_hint; /* no free page below */

static struct lock heap_lock;
static struct free_block *heap_free_list;

static bool page_used(size_t i)
{
	return pool_used[i / 64] >> (i % 64) & 1;
}

static void page_mark(size_t i, bool used)
{
	if (used) {
		pool_used[i / 64] |= 1ull << (i % 64);
	} else {
		pool_used[i / 64] &= ~(1ull << (i % 64));
	}
}

void heap_init(void *base, size_t size)
{
	size_t pages = size / PAGE_SIZE;
	size_t map_pages = (ALIGN_UP(pages, 64) / 8 + PAGE_SIZE - 1) / PAGE_SIZE;

	ASSERT(((uintptr_t)base & (PAGE_SIZE - 1)) == 0 && pages > map_pages);
	pool_used = base;
	memset(pool_used, 0, map_pages * PAGE_SIZE);
	pool_base = (uint8_t *)base + map_pages * PAGE_SIZE;
	pool_pages = pages - map_pages;
	pool_free = pool_pages;
	pool_hint = 0;
	heap_free_list = NULL;
}

static size_t find_run(unsigned count, size_t align)
{
	/* Alignment is of the address, and the base need not be aligned itself. */
	size_t skew = ((uintptr_t)pool_base / PAGE_SIZE) & (align - 1);
	size_t i = pool_hint;

	while (i + count <= pool_pages) {
		size_t n = 0;

		uint64_t used = pool_used[i / 64] >> (i % 64);

		if (used & 1) {
			/* All that are in use at a time. */
			i += used == UINT64_MAX ? 64 : (unsigned)__builtin_ctzll(~used);
			continue;
		}
		if ((i + skew) & (align - 1)) {
			i++;
			continue;
		}
		while (n < count && !page_used(i + n)) {
			n++;
		}
		if (n == count) {
			return i;
		}
		i += n + 1;
	}
	return SIZE_MAX;
}

static void *take_run(unsigned count, size_t align)
{
	size_t at;

	lock_acquire(&pool_lock);
	at = find_run(count, align);
	if (at != SIZE_MAX) {
		for (unsigned n = 0; n < count; n++) {
			page_mark(at + n, true);
		}
		pool_free -= count;
		if (at == pool_hint) {
			pool_hint = at + count;
		}
	}
	lock_release(&pool_lock);
	if (at == SIZE_MAX) {
		return NULL;
	}
	return memset(pool_base + at * PAGE_SIZE, 0, count * PAGE_SIZE);
}

void *page_alloc_many(unsigned count)
{
	size_t align = 1;

	if (count == 0 || count > pool_pages) {
		return NULL;
	}
	while (align < count) {
		align *= 2;
	}
	return take_run(count, align);
}

void *page_alloc(void)
{
	return take_run(1, 1);
}

void page_free_many(void *page, unsigned count)
{
	size_t at;

	if (!page) {
		return;
	}
	at = (size_t)((uint8_t *)page - pool_base) / PAGE_SIZE;
	ASSERT((uint8_t *)page >= pool_base && at + count <= pool_pages);
	lock_acquire(&pool_lock);
	for (unsigned n = 0; n < count; n++) {
		ASSERT(page_used(at + n));
		page_mark(at + n, false);
	}
	pool_free += count;
	pool_hint = MIN(pool_hint, at);
	lock_release(&pool_lock);
}

void page_free(void *page)
{
	page_free_many(page, 1);
}

size_t page_free_count(void)
{
	return pool_free;
}

size_t page_total_count(void)
{
	return pool_pages;
}

/* Insert in address order and join with neighbours. */
static void list_insert(struct free_block *b)
{
	struct free_block **at = &heap_free_list;

	while (*at && *at < b) {
		at = &(*at)->next;
	}
	b->head.magic = HEAD_FREE;
	b->next = *at;
	*at = b;
	if (b->next && (uint8_t *)b + b->head.size == (uint8_t *)b->next) {
		b->head.size += b->next->head.size;
		b->next = b->next->next;
	}
	if (at != &heap_free_list) {
		struct free_block *before = container_of(at, struct free_block, next);

		if ((uint8_t *)before + before->head.size == (uint8_t *)b) {
			before->head.size += b->head.size;
			before->next = b->next;
		}
	}
}

static struct free_block *list_take(uint32_t size)
{
	for (struct free_block **at = &heap_free_list; *at; at = &(*at)->next) {
		struct free_block *b = *at;

		if (b->head.size < size) {
			continue;
		}
		ASSERT(b->head.magic == HEAD_FREE);
		if (b->head.size - size >= BLOCK_MIN) {
			struct free_block *rest = (struct free_block *)((uint8_t *)b + size);

			rest->head.size = b->head.size - size;
			rest->head.magic = HEAD_FREE;
			rest->next = b->next;
			*at = rest;
			b->head.size = size;
		} else {
			*at = b->next;
		}
		return b;
	}
	return NULL;
}

static void *alloc_small(uint32_t size)
{
	struct free_block *b = list_take(size);

	if (!b) {
		struct free_block *chunk = take_run(CHUNK_PAGES, 1);

		if (!chunk) {
			return NULL;
		}
		chunk->head.size = CHUNK_PAGES * PAGE_SIZE;
		list_insert(chunk);
		b = list_take(size);
	}
	b->head.magic = HEAD_USED;
	return memset((uint8_t *)b + sizeof(struct head), 0, b->head.size - sizeof(struct head));
}

void *heap_alloc(size_t size)
{
	size_t all = ALIGN_UP(MAX(size, (size_t)16) + sizeof(struct head), 16);
	struct head *run;
	void *p;

	if (size > OBJECT_MAX) {
		return NULL;
	}
	if (all <= SMALL_MAX) {
		lock_acquire(&heap_lock);
		p = alloc_small((uint32_t)all);
		lock_release(&heap_lock);
		return p;
	}
	run = take_run((unsigned)((all + PAGE_SIZE - 1) / PAGE_SIZE), 1);
	if (!run) {
		return NULL;
	}
	run->magic = HEAD_RUN;
	run->pages = (all + PAGE_SIZE - 1) / PAGE_SIZE;
	return run + 1;
}

void heap_free(void *p)
{
	struct head *h;

	if (!p) {
		return;
	}
	h = (struct head *)p - 1;
	if (h->magic == HEAD_RUN) {
		page_free_many(h, (unsigned)h->pages);
		return;
	}
	ASSERT(h->magic == HEAD_USED);
	lock_acquire(&heap_lock);
	list_insert((struct free_block *)h);
	lock_release(&heap_lock);
}
