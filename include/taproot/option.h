/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's command line: words `name=value` or `name`, one table.
 * An unknown or malformed option is reported by name and ignored; `help`
 * prints the table.
 */
#ifndef TAPROOT_OPTION_H
#define TAPROOT_OPTION_H

#include <taproot/types.h>

enum option_abi { ABI_NATIVE, ABI_XEN };
enum option_iommu { OPTION_IOMMU_AUTO, OPTION_IOMMU_OFF, OPTION_IOMMU_REQUIRED };
enum option_port { PORT_NONE, PORT_COM1, PORT_COM2 };

#define OPTION_CMDLINE_MAX 2048

struct options {
	uint8_t console; /* enum option_port */
	uint8_t record;  /* enum option_port */
	uint8_t iommu;   /* enum option_iommu */
	uint8_t loglvl;  /* enum log_level */
	uint8_t abi;     /* enum option_abi: what the hardware domain finds */
	bool noreboot;
	bool help;
	bool x2apic;                           /* use x2APIC mode on the machine when it is there */
	uint64_t dom0_mem;                     /* bytes; 0: all there is */
	uint32_t abi_version;                  /* of Xen, as reported: major << 16 | minor */
	uint32_t dom0_cpu; /* number of the processor that runs the hardware domain's first vCPU */
	uint32_t dom0_max_vcpus;               /* 0: as many as there are processors */
	char dom0_cmdline[OPTION_CMDLINE_MAX]; /* appended to the module's own */
};

extern struct options options;
/* The command line as it was given to option_parse() last. */
const char *option_line(void);

/* Parse; every complaint goes to the log. Safe on any string. */
void option_parse(struct options *o, const char *cmdline);
/* Print the table of options to the log. */
void option_help(void);

#endif
