// SPDX-License-Identifier: MIT
/* Which processors are refused, and with what advice; ASID generations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "asid.h"
#include "svm_caps.h"

static struct svm_caps good(void)
{
	return (struct svm_caps){.amd_leaf = true, .svm = true, .asid_count = 16,
				 .features = SVM_FEATURE_NPT};
}

static void accepts_the_minimum(void **state)
{
	struct svm_caps c = good();

	(void)state;
	assert_null(svm_refusal(&c));
	c.vm_cr = VM_CR_LOCK; /* locked, but on */
	assert_null(svm_refusal(&c));
}

static void names_what_is_missing(void **state)
{
	struct svm_caps c = good();

	(void)state;
	c.svm = false;
	assert_non_null(strstr(svm_refusal(&c), "no SVM"));
	c = good();
	c.vm_cr = VM_CR_SVMDIS | VM_CR_LOCK;
	assert_non_null(strstr(svm_refusal(&c), "locked by the firmware"));
	c = good();
	c.features = 0;
	assert_non_null(strstr(svm_refusal(&c), "no nested paging"));
	c = good();
	c.amd_leaf = false;
	assert_non_null(strstr(svm_refusal(&c), "no nested paging"));
	c = good();
	c.asid_count = 1;
	assert_non_null(strstr(svm_refusal(&c), "ASID"));
}

static void knows_the_emulator(void **state)
{
	uint32_t leaf[3];

	(void)state;
	memcpy(leaf, "TCGTCGTCGTCG", sizeof(leaf));
	assert_true(svm_emulated(leaf));
	memcpy(leaf, "KVMKVMKVM\0\0\0", sizeof(leaf));
	assert_false(svm_emulated(leaf));
	memset(leaf, 0, sizeof(leaf));
	assert_false(svm_emulated(leaf));
}

/* A number is never used by two vCPUs in one generation, and its reuse is announced. */
static void asids_are_not_reused_silently(void **state)
{
	struct asid_pool pool;
	struct asid a[5] = {{0}};
	uint32_t seen = 0;

	(void)state;
	asid_pool_init(&pool, 4);
	for (unsigned i = 0; i < 3; i++) {
		/* The first one flushes what an earlier user of the processor left. */
		assert_int_equal(asid_assign(&pool, &a[i], 0), i == 0);
		assert_in_range(a[i].number, 1, 3);
		assert_false(seen >> a[i].number & 1);
		seen |= 1u << a[i].number;
	}
	assert_false(asid_assign(&pool, &a[1], 0)); /* still valid */
	assert_true(asid_assign(&pool, &a[3], 0));  /* a new generation: flush */
	assert_false(asid_assign(&pool, &a[0], 0)); /* a new number in it */
	assert_int_not_equal(a[0].number, a[3].number);
}

static void asid_flush_gives_a_new_number(void **state)
{
	struct asid_pool pool;
	struct asid a = {0};
	uint32_t before;
	bool flush;

	(void)state;
	asid_pool_init(&pool, 16);
	(void)asid_assign(&pool, &a, 0);
	for (unsigned i = 0; i < 100; i++) {
		before = a.number;
		a.generation = 0;
		flush = asid_assign(&pool, &a, 0);
		assert_true(flush || a.number != before);
	}
}

static void asid_of_another_processor_is_not_ours(void **state)
{
	struct asid_pool first, second;
	struct asid a = {0}, b = {0};

	(void)state;
	asid_pool_init(&first, 16);
	asid_pool_init(&second, 16);
	(void)asid_assign(&second, &b, 1);
	(void)asid_assign(&first, &a, 0);
	assert_int_equal(a.number, b.number);
	(void)asid_assign(&second, &a, 1); /* moved: must not meet b's translations */
	assert_int_not_equal(a.number, b.number);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_the_minimum),
		cmocka_unit_test(names_what_is_missing),
		cmocka_unit_test(knows_the_emulator),
		cmocka_unit_test(asids_are_not_reused_silently),
		cmocka_unit_test(asid_flush_gives_a_new_number),
		cmocka_unit_test(asid_of_another_processor_is_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
