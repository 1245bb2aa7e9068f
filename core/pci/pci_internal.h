/* SPDX-License-Identifier: MIT */
/*
 * What the files of core/pci share: the root's index and pools, and the state
 * of a passed-through function, one struct a concern.
 *
 * Everything here is guarded by the domain's pci_lock, except the index, which
 * is read without a lock (a slot's ops are published last), and the registers
 * that read handlers load (single aligned loads).
 */
#ifndef TAPROOT_PCI_INTERNAL_H
#define TAPROOT_PCI_INTERNAL_H

#include <taproot/arch.h>
#include <taproot/domain.h>
#include <taproot/irq.h>
#include <taproot/pci.h>
#include <taproot/pci_spec.h>

#define PCI_BARS_MAX 7u
#define PCI_BAR_ROM  6u

/* What is set aside for functions that appear after boot. */
#define PCI_SPARE_FUNCTIONS 16u
#define PCI_SPARE_BUSES     8u
#define PCI_SPARE_ENTRIES   MSIX_ENTRIES_MAX
/* Pieces that those may be in. */
#define PCI_SPARE_BLOCKS 16u

/* Pages of a table of 2048 entries that begins inside a page, and of its pending bits. */
#define MSIX_TABLE_PAGES 9u
#define MSIX_PBA_PAGES   2u

/* Who decodes a dword of configuration space: index of pci_concerns[]. */
enum pci_concern_id {
	CONCERN_PLAIN, /* the machine's register, as it is */
	CONCERN_COMMAND,
	CONCERN_BAR,
	CONCERN_ROM,
	CONCERN_PM,
	CONCERN_EXPRESS,
	CONCERN_AF,
	CONCERN_BRIDGE,
	CONCERN_BUSES,
	CONCERN_LINK,
	CONCERN_SLOT,
	CONCERN_MSI,
	CONCERN_MSIX,
	CONCERN_MSI_REFUSED,
	CONCERN_MSIX_REFUSED,
	CONCERN_REBAR,
	CONCERN_REBAR_VF,
	CONCERN_REBAR_REFUSED,
	CONCERN_SRIOV,
	CONCERN_SRIOV_REFUSED,
	CONCERN_HIDDEN,
	CONCERN_COUNT
};

struct pci_function;

struct pci_concern {
	enum verdict (*read)(struct pci_function *f, struct pci_access *a); /* NULL: perform */
	enum verdict (*write)(struct pci_function *f, struct pci_access *a, struct pci_effects *e);
};
extern const struct pci_concern pci_concerns[CONCERN_COUNT];

enum pci_bar_kind { BAR_NONE, BAR_IO, BAR_MEM32, BAR_MEM64, BAR_HIGH, BAR_ROM };
enum pci_bar_state { BAR_OFF, BAR_MAPPED, BAR_PENDING };

struct msix_region;

struct pci_bar {
	struct pci_function *function;
	uint64_t size;  /* 0: not implemented */
	uint64_t value; /* address and enable bits as last written; of both halves */
	uint64_t at;    /* where it is mapped or wants to be */
	uint8_t index;
	uint8_t kind;
	uint8_t state;
	bool complained;
	/* BARs smaller than a page share it: list of the page's hash bucket, and its claim. */
	struct pci_bar *page_next;
	struct msix_region *page_trap;
	sbdf_t page_owner;
	/* The root's list of BARs that could not be mapped. */
	struct pci_bar *pending_next;
	struct pci_bar *pending_prev;
};

struct pci_msi {
	uint8_t offset; /* 0: none */
	bool is64;
	bool maskable;
	bool blocked;     /* enabled by the guest, but no vector or no message yet */
	uint16_t header;  /* id and next pointer */
	uint16_t control; /* as the guest sees it */
	uint32_t data;
	uint32_t mask;
	uint32_t machine_mask; /* as written there */
	uint64_t address;
	uint8_t offered;  /* messages that the guest may use */
	uint8_t messages; /* that it uses now: their sources may be bound; 0: off */
	bool block;       /* they have a block of remapping entries */
	struct irq_source src;
	struct msix_entry *more; /* the sources of messages 1 and up; for their src only */
};

struct msix_entry {
	struct irq_source src;
	uint64_t address; /* as the guest wrote them */
	uint32_t data;
	uint32_t control;
};

/* Pages that hold the table or the pending bits: trapped, reached through a window. */
struct msix_region {
	struct pci_function *function; /* once set, for ever */
	struct iomap window;
	uint32_t first; /* offset in the BAR, page aligned */
	uint32_t pages; /* 0: not in use */
	uint8_t bar;
	bool mapped;     /* claimed, and the window points there */
	uint64_t offset; /* of the window's first byte in the BAR; wraps for a BAR inside a page */
};

struct pci_msix {
	uint8_t offset; /* 0: none */
	bool known;     /* the machine's entries have been masked once */
	bool dirty;     /* the machine's entries lag behind: it could not hear us */
	/*
	 * Enabled by the guest, but not in the machine: its table is not in our hands. A BAR that
	 * could not be mapped may be the domain's by way of MEM_OPEN.
	 */
	bool blocked;
	uint16_t header;  /* id and next pointer */
	uint16_t control; /* as the guest sees it */
	uint16_t count;
	uint16_t room; /* entries there is memory for at `entry` */
	uint8_t table_bar;
	uint8_t pba_bar;
	uint32_t table; /* offsets in their BARs */
	uint32_t pba;
	struct msix_entry *entry;
	/* [0] holds the table, and the pending bits when they are near; [1] otherwise those. Last. */
	struct msix_region region[2];
};

/* Resizable BARs, a function's own or VF BARs: their control registers. */
struct pci_rebar {
	uint16_t offset; /* 0: none */
	uint8_t count;   /* 0: none, or refused */
	uint8_t bar[PCI_BARS_NORMAL];
	uint32_t control[PCI_BARS_NORMAL];
};

/* The SR-IOV capability of a physical function. */
struct pci_sriov {
	uint16_t offset; /* 0: none, or refused */
	uint16_t total;
	uint16_t control; /* as last written */
	uint16_t count;   /* virtual functions that there are: 0 without VF Enable */
	uint16_t first;   /* of the routing ids, as they were at VF Enable */
	uint16_t stride;
	uint32_t page_size; /* System Page Size that the sizes of the BARs belong to */
	/* What is left to be done for them in pieces (sriov_go_on()), and where it goes on. */
	bool wanted;   /* `count` are to be put into the index */
	bool leaves;   /* all are to be taken out; then `last_write` is carried out */
	bool moved;    /* and then their mappings brought to where they belong */
	uint8_t round; /* of that: 1, 2; 0: they are there */
	uint16_t next_number;
	uint16_t made_count;
	struct pci_function *at;
	struct pci_access last_write;
	struct {
		uint64_t size; /* of one virtual function's */
		uint64_t value;
		uint8_t kind;
	} bar[PCI_BARS_NORMAL];
	struct pci_rebar rebar;
	struct pci_function *made; /* structs for virtual functions, in use or not, by number */
	struct pci_function *next; /* of the root's list of physical functions */
};

/* Extended registers that a concern decodes. */
#define PCI_SPANS_MAX 8u
struct pci_span {
	uint16_t first;
	uint16_t size;
	uint8_t concern;
};

/* A dword in which the domain reads `value` in the bits of `mask`, as a capability is hidden. */
#define PCI_LINKS_MAX 6u
struct pci_link {
	uint16_t reg;
	uint32_t mask;
	uint32_t value;
};

struct pci_function {
	struct pci_root *root;
	struct pci_function *next; /* all of the root, or the spare ones */
	sbdf_t sbdf;
	uint32_t identity; /* vendor and device id */
	uint8_t layout;    /* header type without the multi-function bit */
	uint8_t bar_count;
	uint8_t pm; /* capability offsets, 0: none */
	uint8_t express;
	uint8_t af;
	uint8_t port; /* a port's Express capability, when its link or slot is decoded */
	bool sleeping;  /* in D3 */
	bool stale;     /* may have been reset: look again at the next access */
	bool lost;      /* and then its registers are those after a reset */
	bool gone;      /* somebody else is in its place: nothing is written there */
	bool keeps;     /* No_Soft_Reset: D3 to D0 is no reset */
	bool resets;    /* a bridge's Secondary Bus Reset as last written */
	bool unlinked;  /* and Link Disable */
	uint32_t buses; /* a bridge's dword at 18h as last written */
	uint16_t class_code;
	uint16_t command;
	/* By dword; extended registers by span. */
	uint8_t concern[PCI_CONFIG_SIZE / 4];
	uint8_t span_count;
	struct pci_span span[PCI_SPANS_MAX];
	uint8_t link_count;
	struct pci_link link[PCI_LINKS_MAX];
	/* A virtual function: whose, which of them, and those made for the same. */
	struct pci_function *pf;
	struct pci_function *sibling;
	uint16_t number;
	bool waiting; /* it has not answered yet: its capabilities are not known */
	bool exists;  /* in the index */
	struct pci_sriov sriov;
	struct pci_rebar rebar;
	struct pci_bar bar[PCI_BARS_MAX];
	struct pci_msi msi;
	struct pci_msix msix; /* last: spare_function_clean() */
};

/* One entry of the index. ops == NULL: nobody. */
struct pci_slot {
	const struct pci_ops *ops;
	void *ctx;
};

struct pci_bus {
	struct pci_slot slot[256]; /* by device and function */
};

struct pci_segment {
	struct pci_bus *bus[256];
};

#define PCI_PAGE_BUCKETS 64u
/* Seven BARs, two of them cut by a trapped region each, released and claimed, and shared pages. */
#define PCI_STEPS_MAX 48u

struct pci_ecam {
	struct pci_root *root;
	sbdf_t first; /* the function whose registers the window begins with */
	struct pci_window window;
};

struct pci_root {
	struct domain *domain;
	struct pci_segment *segment[PCI_SEGMENTS_MAX];
	uint32_t latch; /* port CF8h */
	const struct port_ops *reset_ops;
	void *reset_ctx;
	struct pci_ecam ecam[PCI_WINDOWS_MAX];
	unsigned ecam_count;
	bool booting; /* allocation is allowed */
	struct iomap probe; /* to look at a window that is reported; pci_lock */

	struct pci_function *functions;
	struct pci_function *physical; /* those with SR-IOV */
	uint32_t function_count;
	uint32_t refused_count;
	uint32_t mapped_count;

	struct pci_bar *page_bucket[PCI_PAGE_BUCKETS];
	struct pci_bar *pending_first;
	struct pci_bar *pending_last;
	uint32_t pending_count;

	/* The transaction being built. */
	struct memmap_step step[PCI_STEPS_MAX];
	unsigned step_count;

	struct pci_function *spare_function;
	uint32_t spare_function_count;
	struct pci_function *worn_function; /* spare, but their windows are too small */
	struct {
		struct msix_entry *entry;
		uint32_t count;
	} spare_block[PCI_SPARE_BLOCKS];
	struct pci_bus *spare_bus[PCI_SPARE_BUSES];
	uint32_t spare_bus_count;
};

/* ---- decode.c ---- */
extern const struct port_ops pci_port_ops;
extern const struct mmio_ops pci_ecam_ops;

/* ---- root.c ---- */
/* NULL, or why the window cannot be served. */
const char *pci_window_fault(const struct pci_root *root, const struct pci_window *w);
/* Tables for a segment. Not on a trap path. -ENOMEM. */
int root_add_segment(struct pci_root *root, unsigned segment) MUST_CHECK;
struct pci_slot *pci_slot_find(const struct pci_root *root, sbdf_t sbdf);
/* The slot, its tables made if need be; NULL: nothing left for them. */
struct pci_slot *pci_slot_make(struct pci_root *root, sbdf_t sbdf);
void pci_slot_publish(struct pci_slot *slot, const struct pci_ops *ops, void *ctx);
/* A read by whoever has the slot; a->value is the answer. */
enum verdict pci_slot_read(const struct pci_slot *slot, struct pci_access *a);

/* ---- admit.c ---- */
/* Admit the function of the machine at `sbdf`, which answered `identity`. NULL: logged why not. */
struct pci_function *pci_admit(struct pci_root *root, sbdf_t sbdf, uint32_t identity);
/*
 * An access to a slot that nobody has. Reads are answered; writes to a function that has been
 * admitted because of them are left to the caller.
 */
enum verdict pci_access_absent(struct pci_root *root, struct pci_access *a);
/*
 * Take a function out of the index: nothing of it stays mapped, bound or,
 * unless it is gone, enabled. `why` is for the log.
 */
void pci_drop(struct pci_function *f, const char *why);
/* Vendor and device id mean that a function is there. */
bool pci_identity_present(uint32_t identity);

/* The part of it that a virtual function needs too: who looks it up finds nobody. */
void pci_leave(struct pci_function *f);
/* Map what decodes, and nothing else. */
void pci_map(struct pci_function *f);

/* ---- spare.c ---- */
struct pci_function *spare_function_take(struct pci_root *root);
void spare_function_put(struct pci_root *root, struct pci_function *f);
/*
 * Empty, but for memory and windows of its MSI-X table, and what leads from a region
 * to its lock: a processor may have looked the region up, and call its handler only now.
 */
void spare_function_clean(struct pci_function *f);
/* One that can have any table that MSI-X allows. NULL; not on a trap path. */
struct pci_function *spare_function_make(void);
/* NULL: not as many in one piece. */
struct msix_entry *spare_entries_take(struct pci_root *root, uint32_t count);
void spare_entries_put(struct pci_root *root, struct msix_entry *entry, uint32_t count);

/* ---- bridge.c ---- */
void bridge_admit(struct pci_function *f);
enum verdict bridge_write_control(struct pci_function *f, struct pci_access *a,
				  struct pci_effects *e);
enum verdict bridge_write_buses(struct pci_function *f, struct pci_access *a,
				struct pci_effects *e);
/* Does the bridge, when `buses` is in its dword at 18h, forward to the bus of `sbdf`? */
bool bridge_leads_to(const struct pci_function *f, uint32_t buses, sbdf_t sbdf);
enum verdict bridge_write_link(struct pci_function *f, struct pci_access *a,
			       struct pci_effects *e);
enum verdict bridge_write_slot(struct pci_function *f, struct pci_access *a,
			       struct pci_effects *e);
/* A port's Express capability. */
void bridge_admit_express(struct pci_function *f, unsigned offset);
/* The slot's registers were written: who is pulled out, or without power? */
void bridge_look_slot(struct pci_function *f);
/* The bridge is about to get new numbers: drop who had the `old` ones. */
void bridge_renumber(struct pci_function *f, uint32_t old);

/* ---- passthrough.c ---- */
extern const struct pci_ops pci_passthrough_ops;

/* ---- apply.c ---- */
struct pci_effect *pci_effect_add(struct pci_effects *e, enum pci_effect_kind kind, unsigned bar,
				  unsigned index, uint64_t address);
void pci_apply(void *ctx, struct pci_access *a, enum verdict verdict, struct pci_effects *e);

/* ---- header.c ---- */
void header_admit(struct pci_function *f);
enum verdict header_write_command(struct pci_function *f, struct pci_access *a,
				  struct pci_effects *e);
/* Set who decodes the dwords of [reg, reg + size). False (and logged): outside, or taken. */
bool header_set_concern(struct pci_function *f, unsigned reg, unsigned size,
			enum pci_concern_id concern);
/* Bring `*shadow`, the dword at a->reg & ~3, up to date with the write `a`; bits outside `writable`
 * stay. */
uint32_t access_merge(const struct pci_access *a, uint32_t shadow, uint32_t writable);
/* The part of dword `dword` that the read `a` wants. */
uint32_t access_extract(const struct pci_access *a, uint32_t dword);
/* Clear bits (given as of the dword) in the value of the write `a`; or set them. */
void access_clear(struct pci_access *a, uint32_t bits);
void access_set(struct pci_access *a, uint32_t bits);

/* ---- bar.c ---- */
struct bar_found {
	uint64_t size; /* 0: none */
	uint64_t value;
	uint8_t kind;
};
/*
 * What is at BAR register `reg`, by writing ones and putting back what was there; decoding is off.
 * `last`: there is no register behind it for an upper half. Returns how many registers it takes.
 */
unsigned bar_find(sbdf_t sbdf, unsigned reg, bool last, struct bar_found *out);
void bar_admit(struct pci_function *f);
bool bar_is_memory(const struct pci_bar *b);
uint64_t bar_address(const struct pci_bar *b);
/* Does the BAR decode by what was written to it and to the command register? */
bool bar_enabled(const struct pci_bar *b);
/* Effects that bring all mappings of the function to what its registers say. */
void bar_follow(struct pci_function *f, struct pci_effects *e);
enum verdict bar_write(struct pci_function *f, struct pci_access *a, struct pci_effects *e);
enum verdict bar_write_rom(struct pci_function *f, struct pci_access *a, struct pci_effects *e);
/* Load the shadow from the machine (after a reset). */
void bar_reload(struct pci_function *f);

/* ---- map.c ---- */
/* Carry out the MAP and UNMAP effects as one transaction, then try what is pending again. */
void map_apply(struct pci_function *f, struct pci_effects *e);
/* Windows of trapped regions whose BARs are mapped show them again. */
void map_show_regions(struct pci_function *f);

/* ---- cap.c ---- */
void cap_admit(struct pci_function *f);
void cap_admit_extended(struct pci_function *f);

/* ---- hide.c ---- */
/* A capability that is hidden from functions to which the rule applies. */
struct cap_rule {
	bool extended;
	uint16_t id;
	uint8_t size;    /* header included */
	uint8_t control; /* offset of 16 bits in which those of `enable` are cleared first; 0: none
			  */
	uint16_t enable;
	bool (*applies)(const struct pci_function *f);
};
/* The rules; tests put others here. */
extern const struct cap_rule *cap_rules;
extern unsigned cap_rule_count;
/* Is the capability to be hidden? Then its registers are, and who walks the list links around it.
 */
bool hide_cap(struct pci_function *f, bool extended, unsigned id, unsigned offset);
/* The domain reads `value` in the bits of `mask` of the dword at `reg`. */
void hide_link(struct pci_function *f, unsigned reg, uint32_t mask, uint32_t value);
/* NULL: the dword that holds `reg` is as it is. */
const struct pci_link *hide_find_link(const struct pci_function *f, unsigned reg);
enum verdict hide_read(struct pci_function *f, struct pci_access *a);
enum verdict hide_write(struct pci_function *f, struct pci_access *a, struct pci_effects *e);

/* ---- rebar.c ---- */
void rebar_admit(struct pci_function *f, unsigned offset);
/* VF Resizable BARs: where they are; when SR-IOV has been admitted, what they are. */
void rebar_note_vf(struct pci_function *f, unsigned offset);
void rebar_admit_vf(struct pci_function *f);
enum verdict rebar_write(struct pci_function *f, struct pci_access *a, struct pci_effects *e);
enum verdict rebar_write_vf(struct pci_function *f, struct pci_access *a, struct pci_effects *e);
enum verdict rebar_write_refused(struct pci_function *f, struct pci_access *a,
				 struct pci_effects *e);
/* A PCI_EFFECT_RESIZE, before and after the register is written. */
void rebar_prepare(struct pci_function *f, const struct pci_effect *effect);
void rebar_apply(struct pci_function *f, struct pci_effect *effect);
/* After a possible reset: the sizes as they are now. A BAR of another size is unmapped. */
void rebar_look(struct pci_function *f);
/* The sizes of the VF BARs as they are now. True: some are other ones; the caller follows. */
bool rebar_look_vf(struct pci_function *pf);

/* ---- sriov.c ---- */
void sriov_admit(struct pci_function *f, unsigned offset);
enum verdict sriov_write(struct pci_function *f, struct pci_access *a, struct pci_effects *e);
enum verdict sriov_write_refused(struct pci_function *f, struct pci_access *a,
				 struct pci_effects *e);
/*
 * A PCI_EFFECT_VFS, before and after the register is written. False: the write `a` is carried out
 * later, as virtual functions leave in pieces.
 */
bool sriov_prepare(struct pci_function *f, const struct pci_access *a,
		   const struct pci_effect *effect);
void sriov_apply(struct pci_function *f, struct pci_effect *effect);
/* After the write of a PCI_EFFECT_VF_RESIZE. */
void sriov_resized(struct pci_function *pf);
/* A write that waits for virtual functions to leave is carried out now. */
void sriov_finish_leaving(struct pci_function *pf);
/* Do the virtual functions of `pf` decode memory? */
bool sriov_decodes(const struct pci_function *pf);
/* The physical function among whose virtual ones `sbdf` is; NULL: none. */
struct pci_function *sriov_owner(const struct pci_root *root, sbdf_t sbdf);
/* After a possible reset of the physical function: are there virtual ones still? */
void sriov_look(struct pci_function *pf);
/* The physical function leaves: what its virtual ones had is spare. */
void sriov_drop(struct pci_function *pf);
/* A piece of what is left to be done for virtual functions. False: nothing. Not on a trap path. */
bool sriov_go_on(struct pci_root *root);

/* ---- vf.c ---- */
/*
 * Each does its work for one or a few virtual functions of `pf`, beginning where the last call
 * stopped. False: for all of them.
 */
/* Put the `count` of them into the index. Not on a trap path. */
void vf_make_begin(struct pci_function *pf);
bool vf_make_next(struct pci_function *pf);
/* Take them out. */
void vf_leave_begin(struct pci_function *pf);
bool vf_leave_next(struct pci_function *pf);
/*
 * Bring their mappings to what the physical function's registers say; vf_close() comes before those
 * change: nothing is written to tables that may not be where they were.
 */
void vf_close(struct pci_function *pf);
void vf_follow_begin(struct pci_function *pf);
bool vf_follow_next(struct pci_function *pf);
/* The sbdf of virtual function `number`. */
sbdf_t vf_sbdf(const struct pci_function *pf, unsigned number);
/* Load its BARs from the physical function's. */
void vf_place(struct pci_function *vf);
/* Is it there? Its vendor and device ID do not tell. */
bool vf_answers(const struct pci_function *vf);
/* It answers for the first time: find its capabilities. */
void vf_open(struct pci_function *vf);

/* ---- msi.c ---- */
void msi_admit(struct pci_function *f, unsigned offset);
enum verdict msi_read(struct pci_function *f, struct pci_access *a);
enum verdict msi_write(struct pci_function *f, struct pci_access *a, struct pci_effects *e);
enum verdict msi_write_refused(struct pci_function *f, struct pci_access *a, struct pci_effects *e);
/* Bring the source to what the shadow says; PCI_RESULT_*. */
uint32_t msi_apply(struct pci_function *f);
bool msi_enabled(const struct pci_function *f);
/* After a possible reset: when the machine's enable bit is gone, so is our shadow. */
void msi_look(struct pci_function *f);
/* The guest enables: a bound message that the machine has lost is written again. */
void msi_renew(struct pci_function *f);
/* Disable in the machine and give back the vectors. */
void msi_drop(struct pci_function *f);
/* It must not be enabled: a message that is not masked has no vector. */
bool msi_unready(struct pci_function *f);
/* It leaves the index: its memory is spare. */
void msi_leave(struct pci_function *f);
/* Can an interrupt message have this address (SDM 3A 11.11.1)? */
bool msi_address_valid(uint64_t address);

/* ---- msix.c ---- */
void msix_admit(struct pci_function *f, unsigned offset);
enum verdict msix_read(struct pci_function *f, struct pci_access *a);
enum verdict msix_write(struct pci_function *f, struct pci_access *a, struct pci_effects *e);
enum verdict msix_write_refused(struct pci_function *f, struct pci_access *a,
				struct pci_effects *e);
uint32_t msix_apply_entry(struct pci_function *f, unsigned index);
void msix_apply_all(struct pci_function *f);
bool msix_enabled(const struct pci_function *f);
void msix_look(struct pci_function *f);
/* The machine hears us again: write what it missed. */
void msix_catch_up(struct pci_function *f);
/* Disable in the machine, give back vectors and entries. */
void msix_drop(struct pci_function *f);
/* The region's pages are claimed at `page`, the BAR being at `bar_at`; or not any more. */
void msix_region_map(struct msix_region *r, uint64_t page, uint64_t bar_at);
void msix_region_unmap(struct msix_region *r);
/* The BAR decodes, but its pages could not be claimed. */
void msix_region_refused(struct msix_region *r);

/* A dword of an entry as the guest sees it, and its write. */
uint32_t msix_entry_read(const struct msix_entry *entry, unsigned field);
void msix_entry_write(struct msix_entry *entry, unsigned field, uint32_t value);
uint32_t msix_pba_size(const struct pci_msix *m);

/* ---- msix_table.c ---- */
extern const struct mmio_ops msix_table_ops;

/* ---- reset.c ---- */
enum verdict reset_write_pm(struct pci_function *f, struct pci_access *a, struct pci_effects *e);
enum verdict reset_write_express(struct pci_function *f, struct pci_access *a,
				 struct pci_effects *e);
enum verdict reset_write_af(struct pci_function *f, struct pci_access *a, struct pci_effects *e);
/* The reset that an effect stands for has been written: who may have lost its registers? */
void reset_mark(struct pci_function *f, const struct pci_effect *effect);
/* All behind the bridge were reset. */
void reset_mark_behind(struct pci_function *f);
/* It does not answer, so what comes back has been reset. */
void reset_mark_absent(struct pci_function *f);
/* Is it there, asked now? What we answer for it out of memory must not outlive it. */
bool reset_answers(const struct pci_function *f);
/* Bring f->sleeping to what the machine says. */
void reset_read_state(struct pci_function *f);
/* Look at a function that may have been reset; its registers decide. */
void reset_look(struct pci_function *f);

#endif
