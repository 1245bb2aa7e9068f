/* SPDX-License-Identifier: MIT */
/*
 * The root complex of a domain: the only place that decodes its PCI
 * configuration space. CF8/CFC and every ECAM window become one access, one
 * index finds the function, one verdict comes back with a list of effects,
 * which the root carries out (doc/trap-path.md, doc/device-handlers.md).
 */
#ifndef TAPROOT_PCI_H
#define TAPROOT_PCI_H

#include <taproot/ioreq.h>

struct pci_root;

/* One access, naturally aligned, len 1, 2 or 4. `value` is in the low bytes. */
struct pci_access {
	sbdf_t sbdf;
	uint16_t reg;
	uint8_t len;
	bool write;
	uint32_t value;
};

/* What an access changes besides its register. Verdicts return these, core/pci/apply.c does them.
 */
enum pci_effect_kind {
	PCI_EFFECT_MAP,        /* the BAR decodes at `address` now (and not where it was) */
	PCI_EFFECT_UNMAP,      /* the BAR does not decode any more */
	PCI_EFFECT_MSI,        /* the MSI message, mask or enable bit changed */
	PCI_EFFECT_MSIX_ENTRY, /* table entry `index` changed */
	PCI_EFFECT_MSIX_ALL,   /* MSI-X went on or off */
	PCI_EFFECT_RESET,      /* registers may be lost: index is a PCI_RESET_* */
	PCI_EFFECT_BUSES,      /* a bridge leads elsewhere; address: its old dword at 18h */
	PCI_EFFECT_RESIZE,     /* the BAR has another size now; address: the size */
	PCI_EFFECT_VFS,        /* virtual functions: index 0 off, 1 on, 2 moved; result: how many */
	PCI_EFFECT_VF_RESIZE,  /* the VF BAR has another size now; address: the size */
};

struct pci_effect {
	uint8_t kind;
	uint8_t bar;
	uint16_t index;
	uint32_t result; /* filled in when carried out: PCI_RESULT_* */
	uint64_t address;
};

/* Whose registers. */
#define PCI_RESET_FUNCTION 0u
#define PCI_RESET_BEHIND   1u /* of all behind the bridge */
#define PCI_RESET_NOT      2u /* it was deaf, but has kept them */
#define PCI_RESET_SLOT     3u /* of all in the slot, if it is without power or empty */

#define PCI_RESULT_NONE    0u
#define PCI_RESULT_MAPPED  1u
#define PCI_RESULT_PENDING 2u /* cannot be mapped there, tried again when claims change */
#define PCI_RESULT_BOUND   4u /* the source has a vector of ours */
#define PCI_RESULT_OPEN    8u /* and both masks are clear */

/* All six BARs and the ROM, and two more. */
#define PCI_EFFECTS_MAX 9

struct pci_effects {
	unsigned count;
	struct pci_effect effect[PCI_EFFECTS_MAX];
};

/*
 * Who answers for a function. `read` may be called by several processors at a
 * time and without a lock; `write` holds the domain's pci_lock. Neither
 * touches the machine: VERDICT_PERFORM makes the root do it with a->value.
 */
struct pci_ops {
	const char *name;
	enum verdict (*read)(void *ctx, struct pci_access *a);
	enum verdict (*write)(void *ctx, struct pci_access *a, struct pci_effects *effects);
	/*
	 * Optional. Is the write just performed, with nothing decided? Asked without a lock.
	 */
	bool (*plain)(void *ctx, const struct pci_access *a);
	/* Optional. The machine answered a read of vendor or device id. Called without a lock. */
	void (*identified)(void *ctx, const struct pci_access *a);
	/* Carry out a write with effects, the register write included. NULL: it has none. */
	void (*apply)(void *ctx, struct pci_access *a, enum verdict verdict,
		      struct pci_effects *effects);
};

/* An ECAM window (an entry of MCFG): `bus0` is the address of bus 0, whether or not it is covered.
 */
struct pci_window {
	uint16_t segment;
	uint8_t bus_first;
	uint8_t bus_last;
	hpa_t bus0;
};

/* Segments above are refused (with a log line). */
#define PCI_SEGMENTS_MAX 256u
#define PCI_WINDOWS_MAX  64u

/*
 * Give `d` a root complex: claims ports CF8h-CFFh and traps the windows. For
 * the hardware domain also makes the windows known to the architecture. Sets
 * d->pci. A window that cannot be had is logged and left out. -ENOMEM, or the
 * error of the claim of the ports.
 */
int pci_root_create(struct domain *d, const struct pci_window *w, unsigned count) MUST_CHECK;
/*
 * Admit every function of the machine: through bridges from bus 0, then the
 * root buses that no bridge leads to. Maps the enabled BARs. Boot only.
 * -ENOMEM; functions that cannot be had are logged and left out.
 */
int pci_root_enumerate(struct pci_root *root) MUST_CHECK;
/* Fill up what is set aside for functions that appear later. Not on a trap path. -ENOMEM. */
int pci_root_refill(struct pci_root *root) MUST_CHECK;
/* A piece of what was left to a vCPU (domain_defer()). False: nothing was left. Not on a trap path.
 */
bool pci_root_go_on(struct pci_root *root);
/* The functions of the machine that were admitted, in no order; false: there are no more. */
bool pci_function_at(const struct pci_root *root, unsigned index, sbdf_t *sbdf);
/* The physical function that has `s` as a virtual one; `s` itself when it is none. No lock. */
sbdf_t pci_physical_of(const struct pci_root *root, sbdf_t s);

/*
 * What the domain reports (PHYSDEVOP_pci_device_add and _remove). Not on a trap path.
 *
 * A function that answers. 0: it is in the index, -ENODEV: nobody answers, -ENOMEM.
 */
int pci_device_add(struct pci_root *root, sbdf_t s) MUST_CHECK;
/*
 * A virtual function of `pf`. 0: it is in the index, -ENODEV: no such physical function, -EINVAL:
 * `vf` is none of those that are enabled, -ENOMEM; -EAGAIN: another vCPU is still at it, ask again.
 */
int pci_vf_add(struct pci_root *root, sbdf_t vf, sbdf_t pf) MUST_CHECK;
/*
 * The domain is done with a function. One that does not answer any more leaves the index, others
 * stay, as they are there. 0, -ENODEV: it was not in the index.
 */
int pci_device_remove(struct pci_root *root, sbdf_t s) MUST_CHECK;

/* Who owns what, to the log. */
void pci_root_log(struct pci_root *root);

/*
 * Accesses to ports CF8h-CFBh other than whole dwords are not configuration
 * cycles; the reset register lives there. They go to `ops`; without it they
 * read all ones.
 */
void pci_root_set_reset_port(struct pci_root *root, const struct port_ops *ops, void *ctx);

/*
 * Claim a function for `ops`. -EBUSY when somebody has it (named in the log),
 * -ENOMEM, -EINVAL (segment). Not on a trap path.
 */
int pci_claim(struct pci_root *root, sbdf_t sbdf, const struct pci_ops *ops, void *ctx) MUST_CHECK;
/* Give back what pci_claim() got. -ENOENT. */
int pci_release(struct pci_root *root, sbdf_t sbdf, const struct pci_ops *ops) MUST_CHECK;
/*
 * Keep the domain off an ECAM window that is not served: what is free of its
 * addresses reads all ones. Before enumeration.
 */
void pci_deny_window(struct domain *d, const struct pci_window *w);
/*
 * The domain found this window in AML, `reserved` as it has to be. 0: it is served, -EEXIST: it meets
 * another one, -EBUSY: its place is taken, -ENODEV: configuration space is not there, -EOPNOTSUPP: it
 * is served already, -EINVAL, -ENOMEM, -ENOSPC. Not on a trap path.
 */
int pci_window_report(struct pci_root *root, const struct pci_window *w, bool reserved) MUST_CHECK;
/* A function was reset by a way that we do not see. -ENODEV: it is not in the index. */
int pci_reset_report(struct pci_root *root, sbdf_t s) MUST_CHECK;
/* Make a function of the machine invisible to the domain. Errors as pci_claim(); before
 * enumeration. */
int pci_hide(struct pci_root *root, sbdf_t sbdf) MUST_CHECK;

/* The one entry: decide and carry out `a`. For reads a->value is the answer, whatever the verdict.
 */
enum verdict pci_access(struct pci_root *root, struct pci_access *a);

/* The ECAM windows, in the order given; false: there are no more. */
bool pci_root_window(const struct pci_root *root, unsigned index, struct pci_window *w);

/* Figures for tests and the log. */
struct pci_root_stats {
	uint32_t functions;
	uint32_t refused; /* functions that appeared when nothing was left for them */
	uint32_t bars_mapped;
	uint32_t bars_pending;
	uint32_t spare_functions;
	uint32_t spare_entries; /* of MSI-X tables */
};
void pci_root_stats(const struct pci_root *root, struct pci_root_stats *stats);

/* One BAR of an admitted function, for logs, tests and the outside judges. */
struct pci_bar_info {
	uint64_t address;
	uint64_t size;
	bool memory, mapped, pending;
};
/* BAR `index` 0..6 (6: the ROM). False: not the machine's function, or no such BAR. */
bool pci_bar_info(struct pci_root *root, sbdf_t sbdf, unsigned index, struct pci_bar_info *info);

#endif
