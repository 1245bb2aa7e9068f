/* SPDX-License-Identifier: MIT */
/*
 * The hosted machine: console, panics, processors and time. See host.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/heap.h>
#include <taproot/timer.h>

#include "host.h"
#include "host_guest.h"

#define CONSOLE_SIZE 65536u
#define HEAP_SIZE    (64 * MIB)
#define TIME_START   (1ull << 40)
/* Timer interrupts that one host_time_advance() may bring before it calls them a storm. */
#define STORM 1000000u

static char console[CONSOLE_SIZE];
static size_t console_length;
bool host_console_echo;

jmp_buf host_panic_jump;
bool host_panic_expected;

static unsigned cpu_count = 1;
static __thread unsigned cpu_this;

static uint64_t time_now = TIME_START;
static uint64_t wallclock;
static bool time_stable;
static uint64_t time_hz = HOST_TIME_HZ;
static uint64_t timer_armed[HOST_CPUS_MAX];
unsigned host_timer_arm_count;
unsigned host_quiesce_count;
void (*host_quiesce)(void);

static uint8_t heap_area[HEAP_SIZE] __attribute__((aligned(4096)));

static struct vcpu *vcpu_current;

void host_vcpu_set(struct vcpu *v)
{
	vcpu_current = v;
}

struct vcpu *arch_vcpu_current(const struct domain *d)
{
	return vcpu_current && vcpu_current->domain == d ? vcpu_current : NULL;
}

void host_reset(void)
{
	vcpu_current = NULL;
	host_console_clear();
	host_debug_key = '\0';
	host_panic_expected = false;
	cpu_count = 1;
	cpu_this = 0;
	time_now = TIME_START;
	time_hz = HOST_TIME_HZ;
	host_timer_arm_count = 0;
	host_quiesce_count = 0;
	host_quiesce = NULL;
	for (unsigned i = 0; i < HOST_CPUS_MAX; i++) {
		timer_armed[i] = UINT64_MAX;
		timer_cpu_reset(i);
	}
	host_irq_reset();
	host_ports_reset();
	host_guest_reset();
	heap_init(heap_area, sizeof(heap_area));
	host_remap_stop(); /* its table was in the heap */
	hardware_domain = NULL;
	domain_list = NULL;
	wallclock = 0;
	time_stable = false;
}

void arch_console_write(const char *s, size_t len)
{
	if (host_console_echo) {
		fwrite(s, 1, len, stderr);
	}
	len = MIN(len, CONSOLE_SIZE / 2);
	if (console_length + len >= CONSOLE_SIZE) {
		size_t keep = CONSOLE_SIZE / 4;

		memmove(console, console + console_length - keep, keep);
		console_length = keep;
	}
	memcpy(console + console_length, s, len);
	console_length += len;
	console[console_length] = '\0';
}

void arch_console_write_domain(const char *s, size_t len)
{
	arch_console_write(s, len);
}

const char *host_console(void)
{
	return console;
}

char host_debug_key;

void arch_debug_key(char c)
{
	host_debug_key = c;
}

bool host_console_contains(const char *text)
{
	return strstr(console, text) != NULL;
}

void host_console_clear(void)
{
	console_length = 0;
	console[0] = '\0';
}

void host_panic_clear(void)
{
	host_panic_expected = false;
}

void arch_panic(void)
{
	if (host_panic_expected) {
		longjmp(host_panic_jump, 1);
	}
	if (!host_console_echo) {
		fputs(console, stderr);
	}
	abort();
}

void arch_quiesce(void)
{
	host_quiesce_count++;
	if (host_quiesce) {
		host_quiesce();
	}
}

unsigned arch_cpu_this(void)
{
	return cpu_this;
}

unsigned arch_cpu_count(void)
{
	return cpu_count;
}

/* Two threads a core, all in one socket. */
void arch_cpu_info(unsigned cpu, struct arch_cpu_info *out)
{
	ASSERT(cpu < cpu_count);
	*out = (struct arch_cpu_info){
		.apic_id = cpu,
		.acpi_id = 100 + cpu,
		.core = cpu / 2,
		.threads_per_core = 2,
		.cores_per_socket = (cpu_count + 1) / 2,
		.vendor = {'H', 'o', 's', 't'},
		.family = 23,
		.model = 1,
		.stepping = 2,
		.features = {1, 2, 3, 4, 5, 6, 7, 8},
	};
}

void host_cpu_set_count(unsigned count)
{
	ASSERT(count >= 1 && count <= HOST_CPUS_MAX);
	cpu_count = count;
}

void host_cpu_set(unsigned cpu)
{
	ASSERT(cpu < cpu_count);
	cpu_this = cpu;
}

uint64_t arch_time(void)
{
	return __atomic_load_n(&time_now, __ATOMIC_RELAXED);
}

uint64_t arch_time_hz(void)
{
	return time_hz;
}

bool arch_time_stable(void)
{
	return time_stable;
}

void host_time_set_stable(bool stable)
{
	time_stable = stable;
}

uint64_t arch_wallclock(void)
{
	return wallclock;
}

void host_wallclock_set(uint64_t seconds)
{
	wallclock = seconds;
}

void host_time_set(uint64_t ticks)
{
	time_now = ticks;
}

void host_time_set_hz(uint64_t hz)
{
	time_hz = hz;
}

void arch_timer_arm(uint64_t deadline)
{
	timer_armed[cpu_this] = deadline;
	__atomic_fetch_add(&host_timer_arm_count, 1, __ATOMIC_RELAXED);
}

uint64_t host_timer_armed(unsigned cpu)
{
	return timer_armed[cpu];
}

unsigned host_time_advance(uint64_t ticks)
{
	uint64_t end = time_now + ticks;
	unsigned before = cpu_this;
	unsigned count = 0;

	for (;;) {
		unsigned next = 0;

		for (unsigned i = 1; i < HOST_CPUS_MAX; i++) {
			if (timer_armed[i] < timer_armed[next]) {
				next = i;
			}
		}
		if (timer_armed[next] > end) {
			break;
		}
		time_now = MAX(time_now, timer_armed[next]);
		timer_armed[next] = UINT64_MAX;
		cpu_this = next;
		timer_run();
		ASSERT(++count < STORM);
	}
	cpu_this = before;
	time_now = end;
	return count;
}

void arch_domain_end(struct domain *d, unsigned reason)
{
	if (d->end == DOMAIN_RUNNING) {
		d->end = reason;
	}
}
