/* SPDX-License-Identifier: MIT */
/*
 * Second-level page tables as a radix tree of 512-entry tables (APMv2 15.25.5;
 * SDM 3C 28.3.2; VT-d 4.1 9.8): map by the largest pages, split, unmap, walk.
 *
 * Level 0 tables hold 4 KiB leaves, level 1 tables 2 MiB leaves, level 2
 * tables 1 GiB leaves. An entry is written once, whole, so that a processor
 * that walks the tables meanwhile sees the old or the new one. For walkers that
 * do not snoop the caches (nested.h) each table is in memory before the entry that
 * leads to it is written, and an entry before the tables it led to are cleared.
 *
 * Deliberately not supported: accessed and dirty bits, per-page permissions
 * other than write.
 */
#include <taproot/arch.h>
#include <taproot/errno.h>
#include <taproot/heap.h>
#include <taproot/nested.h>
#include <taproot/panic.h>
#include <taproot/string.h>

#define ENTRIES     512u
#define LEVELS_MAX  5
#define LEVEL_LARGE 2 /* the highest level that may hold leaves */

static uint64_t level_size(unsigned level)
{
	return PAGE_SIZE << (9 * level);
}

static unsigned level_index(uint64_t a, unsigned level)
{
	return (a >> (PAGE_SHIFT + 9 * level)) & (ENTRIES - 1);
}

static uint64_t tree_size(const struct nested *n)
{
	return level_size(n->format.levels);
}

static bool present(const struct nested *n, uint64_t entry)
{
	return entry & n->format.present_mask;
}

static bool is_leaf(const struct nested *n, uint64_t entry, unsigned level)
{
	return level == 0 || (level <= LEVEL_LARGE && (entry & n->format.large_bit));
}

static uint64_t *table_of(const struct nested *n, uint64_t entry)
{
	return arch_hpa_to_va(hpa(entry & n->format.address_mask));
}

static void entry_store(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/* What was stored goes to memory, if a walker looks for it there. */
static void publish(const struct nested *n, const void *p, size_t len)
{
	if (n->format.write_back) {
		n->format.write_back(p, len);
	}
}

static void entry_write(const struct nested *n, uint64_t *entry, uint64_t value)
{
	entry_store(entry, value);
	publish(n, entry, sizeof(*entry));
}

/*
 * ---- the reserve and the freed tables: free pages linked through their first
 * word, otherwise zero; in memory too, unless the pointer to one is marked. The
 * word is no present entry in any format, for who still follows a freed table. ----
 */

#define UNPUBLISHED ((uintptr_t)8)

static void *page_of(void *link)
{
	return (void *)((uintptr_t)link & ~UNPUBLISHED);
}

static void list_put(void **list, uint32_t *count, void *link)
{
	*(void **)page_of(link) = *list;
	*list = link;
	(*count)++;
}

static void *list_take(void **list, uint32_t *count)
{
	void *link = *list;

	if (link) {
		*list = *(void **)page_of(link);
		*(void **)page_of(link) = NULL;
		(*count)--;
	}
	return link;
}

static uint64_t *table_take(struct nested *n)
{
	void *link = list_take(&n->reserve, &n->reserve_count);

	if (link) {
		n->table_pages++;
		publish(n, page_of(link), page_of(link) == link ? sizeof(uint64_t) : PAGE_SIZE);
	}
	return page_of(link);
}

/* The table must be all zero, and so in memory. */
static void table_give(struct nested *n, uint64_t *table)
{
	n->table_pages--;
	list_put(&n->freed, &n->freed_count, table);
}

/* One that was just cleared as a whole. There may be hundreds: who takes it publishes it. */
static void table_give_cleared(struct nested *n, uint64_t *table)
{
	n->table_pages--;
	list_put(&n->freed, &n->freed_count, (void *)((uintptr_t)table | UNPUBLISHED));
}

void nested_flushed(struct nested *n)
{
	void *link;

	while ((link = list_take(&n->freed, &n->freed_count)) != NULL) {
		list_put(&n->reserve, &n->reserve_count, link);
	}
}

int nested_refill(struct nested *n, uint32_t pages)
{
	while (n->reserve_count < pages) {
		void *page = page_alloc();

		if (!page) {
			return -ENOMEM;
		}
		publish(n, page, PAGE_SIZE);
		list_put(&n->reserve, &n->reserve_count, page);
	}
	return 0;
}

void nested_trim(struct nested *n, uint32_t pages)
{
	while (n->reserve_count > pages) {
		page_free(page_of(list_take(&n->reserve, &n->reserve_count)));
	}
}

int nested_init(struct nested *n, const struct nested_format *format)
{
	ASSERT(format->levels > LEVEL_LARGE && format->levels <= LEVELS_MAX);
	memset(n, 0, sizeof(*n));
	n->format = *format;
	n->root = page_alloc();
	if (!n->root) {
		return -ENOMEM;
	}
	publish(n, n->root, PAGE_SIZE);
	n->root_hpa = arch_va_to_hpa(n->root);
	n->table_pages = 1;
	return 0;
}

/* What clearing a table of leaves costs, in entries written. */
#define LOWEST_WORK 64u

static void clear_lowest(struct nested *n, uint64_t *table)
{
	memset(table, 0, PAGE_SIZE);
	n->work += LOWEST_WORK;
}

/*
 * Free every table below `table`, which lies at `level`, and leave it all zero. Nothing leads to it
 * any more.
 */
static void clear_below(struct nested *n, uint64_t *table, unsigned level)
{
	uint64_t *stack[LEVELS_MAX];
	unsigned at[LEVELS_MAX] = {0};
	unsigned low = level;

	if (level == 0) {
		clear_lowest(n, table);
		return;
	}
	n->work += ENTRIES;
	stack[level] = table;
	for (;;) {
		uint64_t *entry = &stack[low][at[low]];

		if (at[low] == ENTRIES) {
			if (low == level) {
				return;
			}
			table_give_cleared(n, stack[low]);
			low++;
			at[low]++;
			continue;
		}
		if (present(n, *entry) && !is_leaf(n, *entry, low)) {
			uint64_t *child = table_of(n, *entry);

			*entry = 0;
			if (low == 1) {
				clear_lowest(n, child);
				table_give_cleared(n, child);
				at[low]++;
				continue;
			}
			low--;
			stack[low] = child;
			at[low] = 0;
			n->work += ENTRIES;
			continue;
		}
		*entry = 0;
		at[low]++;
	}
}

void nested_destroy(struct nested *n)
{
	clear_below(n, n->root, n->format.levels - 1);
	page_free(n->root);
	nested_flushed(n);
	nested_trim(n, 0);
	memset(n, 0, sizeof(*n));
}

/*
 * Store `value` in an entry of a table at `level`, freeing the tables it led to. The caller
 * publishes it, with its neighbours.
 */
static inline void entry_replace(struct nested *n, uint64_t *entry, unsigned level, uint64_t value)
{
	uint64_t old = *entry;

	entry_store(entry, value);
	if (__builtin_expect(present(n, old) && !is_leaf(n, old, level), 0)) {
		uint64_t *child = table_of(n, old);

		publish(n, entry, sizeof(*entry));
		clear_below(n, child, level - 1);
		table_give_cleared(n, child);
	}
}

/*
 * Make `entry` of a table at `level` lead to a table: an empty one, or one that
 * maps what the superpage there mapped. NULL: the reserve is used up.
 */
static uint64_t *entry_descend(struct nested *n, uint64_t *entry, unsigned level)
{
	uint64_t old = *entry;
	uint64_t *child;

	if (present(n, old) && !is_leaf(n, old, level)) {
		return table_of(n, old);
	}
	child = table_take(n);
	if (!child) {
		return NULL;
	}
	if (present(n, old)) {
		uint64_t leaf = level == 1 ? old & ~n->format.large_bit : old;

		for (unsigned i = 0; i < ENTRIES; i++) {
			child[i] = leaf + i * level_size(level - 1);
		}
		publish(n, child, PAGE_SIZE);
		n->work += ENTRIES;
	}
	entry_write(n, entry, arch_va_to_hpa(child).v | n->format.table_bits);
	return child;
}

/* The level of the largest leaf that may begin at gpa -> hpa with `size` to go. */
static unsigned largest_level(const struct nested *n, uint64_t gpa, uint64_t hpa, uint64_t size)
{
	unsigned level = n->format.only_4k ? 0 : n->format.has_1g ? 2 : 1;

	while (level > 0 && (((gpa | hpa) & (level_size(level) - 1)) || size < level_size(level))) {
		level--;
	}
	return level;
}

/* Store `count` entries: `value`, and `step` more with each. 0 and 0 clear them. */
static void store_run(uint64_t *entry, unsigned count, uint64_t value, uint64_t step)
{
	for (; count >= 8; count -= 8, entry += 8, value += 8 * step) {
		entry_store(&entry[0], value);
		entry_store(&entry[1], value + step);
		entry_store(&entry[2], value + 2 * step);
		entry_store(&entry[3], value + 3 * step);
		entry_store(&entry[4], value + 4 * step);
		entry_store(&entry[5], value + 5 * step);
		entry_store(&entry[6], value + 6 * step);
		entry_store(&entry[7], value + 7 * step);
	}
	for (; count; count--, entry++, value += step) {
		entry_store(entry, value);
	}
}

/* Write leaves from index `i` of a table on, to its end or for `size` bytes. Returns the bytes mapped. */
static uint64_t fill(struct nested *n, uint64_t *table, unsigned i, unsigned level, uint64_t leaf,
		     uint64_t size)
{
	unsigned first = i;
	unsigned end = (unsigned)MIN(ENTRIES, i + (size >> (PAGE_SHIFT + 9 * level)));
	uint64_t step = level_size(level);

	n->work += end - i;
	if (level == 0) {
		store_run(&table[i], end - i, leaf, step);
	} else {
		for (; i < end; i++, leaf += step) {
			entry_replace(n, &table[i], level, leaf);
		}
	}
	publish(n, &table[first], (end - first) * sizeof(*table));
	return (end - first) * step;
}

int nested_map(struct nested *n, gpa_t gpa, hpa_t hpa, uint64_t size, enum nested_cache cache,
	       bool writable, uint64_t *done)
{
	uint64_t bits = n->format.leaf_bits | n->format.cache_bits[cache];
	uint64_t at = 0;

	ASSERT(((gpa.v | hpa.v | size) & (PAGE_SIZE - 1)) == 0);
	ASSERT(size <= tree_size(n) && gpa.v <= tree_size(n) - size);
	if (!writable) {
		bits &= ~n->format.write_bit;
	}
	while (at < size) {
		unsigned target = largest_level(n, gpa.v + at, hpa.v + at, size - at);
		uint64_t leaf = bits | (target ? n->format.large_bit : 0);
		uint64_t *table = n->root;

		for (unsigned l = n->format.levels - 1; l > target && table; l--) {
			table = entry_descend(n, &table[level_index(gpa.v + at, l)], l);
		}
		if (!table) {
			break;
		}
		/* Go on in this table: a larger leaf can begin only at its end. */
		at += fill(n, table, level_index(gpa.v + at, target), target, (hpa.v + at) | leaf,
			   size - at);
	}
	if (done) {
		*done = at;
	}
	return at < size ? -ENOMEM : 0;
}

#define EMPTY_STEP 16u

/* Are entries first to end - 1, both multiples of EMPTY_STEP, all zero? */
static bool entries_empty(const uint64_t *table, unsigned first, unsigned end)
{
	for (const uint64_t *e = &table[first]; e < &table[end]; e += EMPTY_STEP) {
		if (e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7] | e[8] | e[9] | e[10] |
		    e[11] | e[12] | e[13] | e[14] | e[15]) {
			return false;
		}
	}
	return true;
}

/*
 * Is the table at `level` that `a` leads through empty? All of [start, end) is. What is above that
 * comes first: a range just cleared often has a neighbour there.
 */
static bool table_empty(const uint64_t *table, unsigned level, uint64_t a, uint64_t start,
			uint64_t end)
{
	unsigned shift = PAGE_SHIFT + 9 * level;
	uint64_t base = ALIGN_DOWN(a, level_size(level + 1));
	/* Entries [low, high) lie in [start, end) as a whole. */
	uint64_t low = start > base ? (start - base + level_size(level) - 1) >> shift : 0;
	uint64_t high = MIN((end - base) >> shift, ENTRIES);

	high = ALIGN_DOWN(high, EMPTY_STEP);
	low = MIN(ALIGN_UP(low, EMPTY_STEP), high);
	return entries_empty(table, (unsigned)high, ENTRIES) &&
	       entries_empty(table, 0, (unsigned)low);
}

/*
 * [start, end) is empty now. Free the tables on the way to `a`, which lies in it, that are, too.
 * Nothing to do if the lowest is `full`, which is known not to be. Returns the lowest that stays.
 */
static const uint64_t *prune(struct nested *n, uint64_t a, uint64_t start, uint64_t end,
			     const uint64_t *full)
{
	uint64_t *path[LEVELS_MAX];
	unsigned top = n->format.levels - 1;
	unsigned l = top;

	path[top] = n->root;
	while (l > 0) {
		uint64_t entry = path[l][level_index(a, l)];

		if (!present(n, entry) || is_leaf(n, entry, l)) {
			break;
		}
		path[--l] = table_of(n, entry);
	}
	while (path[l] != full && l < top && table_empty(path[l], l, a, start, end)) {
		full = NULL; /* one entry less */
		entry_write(n, &path[l + 1][level_index(a, l + 1)], 0);
		table_give(n, path[l++]);
	}
	return path[l];
}

/* Clear entries of a lowest table from index `i` on, to its end or for `size` bytes. Returns the bytes. */
static uint64_t clear_leaves(struct nested *n, uint64_t *table, unsigned i, uint64_t size)
{
	unsigned end = (unsigned)MIN(ENTRIES, i + (size >> PAGE_SHIFT));

	n->work += end - i;
	store_run(&table[i], end - i, 0, 0);
	publish(n, &table[i], (end - i) * sizeof(*table));
	return (end - i) * PAGE_SIZE;
}

/*
 * Clear entries of a higher table from that of `at` on, to its end or as long
 * as [at, end) covers them. The first goes in any case. Returns where it ends.
 */
static uint64_t clear_entries(struct nested *n, uint64_t *table, unsigned level, uint64_t at,
			      uint64_t end)
{
	uint64_t size = level_size(level);
	unsigned i = level_index(at, level);
	unsigned first = ENTRIES, last = 0;

	at = ALIGN_DOWN(at, size);
	do {
		if (present(n, table[i])) {
			entry_replace(n, &table[i], level, 0);
			first = MIN(first, i);
			last = i;
		}
		at += size;
		i++;
		n->work++;
	} while (i < ENTRIES && at < end && end - at >= size);
	if (first <= last) {
		publish(n, &table[first], (last - first + 1) * sizeof(*table));
	}
	return at;
}

/* Clear what one table has of [at, end), from `at` on. Returns where that ends. */
static uint64_t unmap_run(struct nested *n, uint64_t at, uint64_t end, int *rc)
{
	uint64_t *table = n->root;

	for (unsigned l = n->format.levels - 1; l > 0; l--) {
		uint64_t *entry = &table[level_index(at, l)];
		bool whole = (at & (level_size(l) - 1)) == 0 && end - at >= level_size(l);
		uint64_t *child;

		if (whole || !present(n, *entry)) {
			return clear_entries(n, table, l, at, end);
		}
		child = entry_descend(n, entry, l);
		if (!child) {
			*rc = -ENOMEM;
			return clear_entries(n, table, l, at, end);
		}
		table = child;
	}
	return at + clear_leaves(n, table, level_index(at, 0), end - at);
}

int nested_unmap(struct nested *n, gpa_t gpa, uint64_t size)
{
	uint64_t end = gpa.v + size;
	int rc = 0;

	ASSERT(((gpa.v | size) & (PAGE_SIZE - 1)) == 0);
	ASSERT(size <= tree_size(n) && gpa.v <= tree_size(n) - size);
	for (uint64_t at = gpa.v; at < end;) {
		at = unmap_run(n, at, end, &rc);
	}
	if (size) {
		const uint64_t *last = prune(n, end - 1, gpa.v, end, NULL);

		(void)prune(n, gpa.v, gpa.v, end, last);
	}
	return rc;
}

/* Where the next entry behind that of `base` begins which is present, or the table ends. */
static uint64_t next_present(const struct nested *n, const uint64_t *table, unsigned level,
			     uint64_t base)
{
	unsigned first = level_index(base, level);
	unsigned i = first + 1;

	while (i < ENTRIES && !present(n, table[i])) {
		i++;
	}
	return base + (i - first) * level_size(level);
}

bool nested_next(const struct nested *n, gpa_t from, struct nested_leaf *leaf)
{
	uint64_t at = from.v;

	while (at < tree_size(n)) {
		const uint64_t *table = n->root;

		for (unsigned l = n->format.levels - 1;; l--) {
			uint64_t entry = table[level_index(at, l)];
			uint64_t base = ALIGN_DOWN(at, level_size(l));

			if (!present(n, entry)) {
				at = next_present(n, table, l, base);
				break;
			}
			if (is_leaf(n, entry, l)) {
				leaf->gpa = gpa(base);
				leaf->hpa = hpa(entry & n->format.address_mask);
				leaf->size = level_size(l);
				leaf->bits = entry & ~n->format.address_mask;
				return true;
			}
			table = table_of(n, entry);
		}
	}
	return false;
}

bool nested_lookup(const struct nested *n, gpa_t a, struct nested_leaf *leaf)
{
	const uint64_t *table = n->root;

	if (a.v >= tree_size(n)) {
		return false;
	}
	for (unsigned l = n->format.levels - 1;; l--) {
		uint64_t entry = table[level_index(a.v, l)];

		if (!present(n, entry)) {
			return false;
		}
		if (is_leaf(n, entry, l)) {
			leaf->gpa = gpa(ALIGN_DOWN(a.v, level_size(l)));
			leaf->hpa = hpa(entry & n->format.address_mask);
			leaf->size = level_size(l);
			leaf->bits = entry & ~n->format.address_mask;
			return true;
		}
		table = table_of(n, entry);
	}
}
