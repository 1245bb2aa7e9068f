/* SPDX-License-Identifier: MIT */
/*
 * Every operation by the hardware domain and by another one, to itself, to the
 * other and to an absent domain: two real domains, a new machine for each cell.
 * Whatever is refused must leave the other domain's memory and state as they were.
 * `--doc` prints the table for doc/hypercalls.md instead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <taproot/frames.h>
#include <xen/xen.h>

#include "hypercall_fixture.h"
#include "hypercall_matrix.h"

#define ABSENT 9

static uint8_t before[2][CALL_RAM_SIZE];

static const char *const errors[] = {
	[EPERM] = "EPERM",   [ENOENT] = "ENOENT", [ESRCH] = "ESRCH",   [EFAULT] = "EFAULT",
	[EBUSY] = "EBUSY",   [EEXIST] = "EEXIST", [EXDEV] = "EXDEV",   [ENODEV] = "ENODEV",
	[EINVAL] = "EINVAL", [ENOSPC] = "ENOSPC", [ENOSYS] = "ENOSYS", [ENODATA] = "ENODATA",
	[ETIME] = "ETIME",   [EACCES] = "EACCES", [EOPNOTSUPP] = "EOPNOTSUPP",
};

static uint16_t number_of(unsigned by, unsigned to)
{
	if (to == TO_SELF) {
		return DOMID_SELF;
	}
	return to == TO_ABSENT ? ABSENT : by == BY_HARDWARE ? 1 : 0;
}

static int64_t cell(const struct matrix_row *r, unsigned by, unsigned to)
{
	struct domain *caller = by == BY_HARDWARE ? dom0 : domu;
	uint16_t id = number_of(by, to);
	const uint64_t frame = HYPERCALL_FRAME;
	uint64_t a[3];

	if (r->arg) {
		(void)call_put(caller, r->arg, r->size);
	}
	if (r->target >= 0) {
		memcpy(call_at(caller, CALL_ARG + (unsigned)r->target), &id, sizeof(id));
	}
	memcpy(call_at(caller, HYPERCALL_LIST), &frame, sizeof(frame));
	for (unsigned i = 0; i < 3; i++) {
		a[i] = r->args[i] == AT_ARG ? CALL_ARG : r->args[i];
	}
	memcpy(before, call_ram, sizeof(before));
	return call(caller, r->number, a[0], a[1], a[2]);
}

/* Nothing of a domain that the call was not about has changed. */
static void unchanged(unsigned by, unsigned to, int64_t rc)
{
	struct domain *other = by == BY_HARDWARE ? domu : dom0;
	unsigned n = by == BY_HARDWARE ? 1 : 0;

	if (to != TO_OTHER || rc < 0) {
		assert_memory_equal(before[n], call_ram[n], CALL_RAM_SIZE);
		assert_int_equal(other->end, DOMAIN_RUNNING);
		for (unsigned i = 0; i < ARRAY_SIZE(other->param); i++) {
			assert_int_equal(other->param[i], 0);
		}
		for (unsigned i = 0; i < other->vcpu_count; i++) {
			assert_false(event_pending(other->vcpu[i]));
			assert_int_equal(other->vcpu[i]->event.upcall_vector, 0);
		}
	}
}

static bool is_right(int64_t rc, int expected)
{
	switch (expected) {
	case OK:
		return rc >= 0;
	case NONE:
		return rc == 0;
	default:
		return rc == expected;
	}
}

static unsigned check_cell(const struct matrix_row *r, unsigned by, unsigned to)
{
	int expected = r->result[by][to];
	void *state = NULL;
	int64_t rc;

	assert_int_equal(fixture_hypercalls(&state), 0);
	rc = cell(r, by, to);
	unchanged(by, to, rc);
	if (is_right(rc, expected)) {
		return 0;
	}
	print_error("%s %s by %s to %s: %lld, expected %d\n", r->call, r->operation,
		    by == BY_HARDWARE ? "hardware" : "others",
		    to == TO_SELF ? "self" : to == TO_OTHER ? "other" : "absent", (long long)rc,
		    expected);
	return 1;
}

static void every_cell(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (unsigned i = 0; i < matrix_count; i++) {
		for (unsigned by = 0; by < BY_COUNT; by++) {
			for (unsigned to = 0; to < (matrix[i].target < 0 ? 1 : TO_COUNT); to++) {
				wrong += check_cell(&matrix[i], by, to);
			}
		}
	}
	assert_int_equal(wrong, 0);
}

/* A call that is in the table must be in the test too: all numbers are tried. */
static void no_call_is_missing(void **state)
{
	bool listed[64] = {false};

	for (unsigned i = 0; i < matrix_count; i++) {
		listed[matrix[i].number] = true;
	}
	for (unsigned n = 0; n < ARRAY_SIZE(listed); n++) {
		assert_int_equal(fixture_hypercalls(state), 0);
		if (!listed[n]) {
			assert_int_equal(call(dom0, n, 0, CALL_ARG, 0), -ENOSYS);
		}
	}
}

/* ---- the document ---- */

static const char head[] =
	"# Hypercalls\n\n"
	"Printed by `build/test/test_hypercall_matrix --doc` from the table that this test "
	"carries out,\ncell by cell, against two domains (test/unit/hypercall_matrix.c). Xen's "
	"public headers say what\nthe operations are.\n\n"
	"The three columns on the left are calls by the hardware domain, those on the right by "
	"any other\ndomain; *self*, *other* and *absent* is whom the call is about, empty where it "
	"names nobody. *yes*:\nit works (its result is 0 or what the notes say); otherwise the "
	"error. Further errors of each:\nEFAULT for an argument that is not all in the caller's RAM "
	"(or not writable, where something is\nreturned), and those in the notes.\n\n"
	"From user mode every call is EPERM, from 32-bit code ENOSYS; so are numbers and operations "
	"that are\nnot listed.\n";

static void print_cell(const struct matrix_row *r, unsigned by, unsigned to)
{
	int rc = r->result[by][to];

	if (r->target < 0 && to != TO_SELF) {
		printf(" |");
	} else {
		printf(" %s |", rc >= 0 ? "yes" : rc == NONE ? "0" : errors[-rc]);
	}
}

static int print_doc(void)
{
	const char *last = "";

	fputs(head, stdout);
	for (unsigned i = 0; i < matrix_count; i++) {
		const struct matrix_row *r = &matrix[i];

		if (strcmp(last, r->call) != 0) {
			printf("\n## %s\n\n| operation | self | other | absent | self | other | "
			       "absent | notes |\n|---|---|---|---|---|---|---|---|\n",
			       r->call);
			last = r->call;
		}
		printf("| %s |", r->operation);
		for (unsigned by = 0; by < BY_COUNT; by++) {
			for (unsigned to = 0; to < TO_COUNT; to++) {
				print_cell(r, by, to);
			}
		}
		printf(" %s |\n", r->notes ? r->notes : "");
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell),
		cmocka_unit_test(no_call_is_missing),
	};

	if (argc == 2 && strcmp(argv[1], "--doc") == 0) {
		return print_doc();
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
