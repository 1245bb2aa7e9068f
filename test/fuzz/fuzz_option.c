// SPDX-License-Identifier: MIT
/*
 * Fuzz target: the hypervisor's command line. Any string must be survived and
 * leave values inside their kinds.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <taproot/log.h>
#include <taproot/option.h>

#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct options o;
	char *line = malloc(size + 1);

	REQUIRE(line != NULL);
	memcpy(line, data, size);
	line[size] = '\0';
	option_parse(&o, line);
	REQUIRE(o.console <= PORT_COM2 && o.record <= PORT_COM2 && o.record != PORT_COM1);
	REQUIRE(o.loglvl <= LOG_TRACE);
	REQUIRE(o.dom0_mem % PAGE_SIZE == 0);
	REQUIRE(memchr(o.dom0_cmdline, '\0', sizeof(o.dom0_cmdline)) != NULL);
	REQUIRE(strlen(o.dom0_cmdline) <= size);
	free(line);
	return 0;
}

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t size)
{
	static const char *const seed[] = {
		"a/taproot.elf console=com1 loglvl=trace dom0_mem=512M noreboot x2apic=off help",
		"dom0_cmdline=\"console=ttyS0 \\\"a b\\\"\" record=com2 console=none",
		"dom0_mem=16384K dom0_mem=2g unknown=1 =x",
	};
	size_t len;

	if (index >= sizeof(seed) / sizeof(seed[0])) {
		return 0;
	}
	len = strlen(seed[index]);
	REQUIRE(len < size);
	memcpy(buf, seed[index], len);
	return len;
}
