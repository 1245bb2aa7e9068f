// SPDX-License-Identifier: MIT
/* See pci.h. */
#include "pci.h"

#define MCFG_BASE    44u /* of the first window */
#define CAP_POINTER  0x34u
#define CAP_EXTENDED 0x100u
#define CAPS_MAX     48u

uint64_t pci_find(uint32_t identity)
{
	const uint8_t *mcfg = find_table(start_info, "MCFG");
	uint64_t base = mcfg ? read32((uint64_t)mcfg + MCFG_BASE) : 0;

	for (uint64_t devfn = 0; base && devfn < 256; devfn++) {
		uint64_t function = base + (devfn << 12);

		if (read32(function) == identity) {
			return function;
		}
	}
	return 0;
}

unsigned pci_cap(uint64_t function, unsigned id)
{
	unsigned at = read32(function + CAP_POINTER) & 0xfc;

	for (unsigned i = 0; at && i < CAPS_MAX; i++) {
		uint32_t header = read32(function + at);

		if ((header & 0xff) == id) {
			return at;
		}
		at = header >> 8 & 0xfc;
	}
	return 0;
}

unsigned pci_cap_extended(uint64_t function, unsigned id)
{
	unsigned at = CAP_EXTENDED;

	for (unsigned i = 0; at && i < CAPS_MAX; i++) {
		uint32_t header = read32(function + at);

		if ((header & 0xffff) == id) {
			return at;
		}
		at = header >> 20 & 0xffc;
	}
	return 0;
}
