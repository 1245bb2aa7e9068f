# SPDX-License-Identifier: MIT
#
# make            build/taproot.elf and the tools
# make check      hosted tests and the image by clang; one line a test in build/check-results.txt
# make bench      benchmarks: hosted ones, and path lengths in QEMU; figures only
# make fuzz       libFuzzer builds of the fuzz targets (clang); scripts/fuzz-all.sh runs them
# make guests     the test kernels
# make clang      the image once more, compiled by clang, for its warnings
# make install    image, extractor, kernel hooks and GRUB snippet; DESTDIR= and PREFIX= count
# V=1 shows the commands.

B := build
CC ?= gcc
HOSTCC ?= gcc
LD := ld
NM := nm
OBJCOPY := objcopy
Q := $(if $(V),,@)
SAY = $(if $(V),@true,@printf '  %-7s %s\n')

WARN := -std=gnu11 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wundef -Wpointer-arith -Wcast-qual
# The newest form of Xen's public headers, sysctl.h and domctl.h among them.
XEN_ABI := -D__XEN_TOOLS__
IMAGE_CFLAGS := $(WARN) -Wframe-larger-than=1024 -O2 -g -ffreestanding -m64 -mcmodel=kernel \
	-mno-red-zone -mgeneral-regs-only -mno-mmx -mno-sse -fno-pic -fno-pie -fno-stack-protector \
	-fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fcf-protection=none \
	-ffunction-sections -fdata-sections $(XEN_ABI) -Iinclude -I. -Iarch/x86 -MMD -MP
HOST_CFLAGS := $(WARN) -O1 -g -fno-omit-frame-pointer $(XEN_ABI) -Iinclude -I. -Iarch/x86 -Iarch/host -Itest/unit -MMD -MP
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
TOOL_CFLAGS := $(WARN) -O2 -g $(XEN_ABI) -Iinclude -I. -Iarch/host -MMD -MP

CORE_SRC := $(sort $(wildcard core/*/*.c))
X86_SRC := $(sort $(wildcard arch/x86/*.c arch/x86/*.S))
# Pure parts of arch/x86 that hosted programs share.
X86_PURE := $(wildcard arch/x86/insn.c arch/x86/bootmap.c arch/x86/svm_caps.c arch/x86/multiboot.c arch/x86/multiboot2.c arch/x86/walk.c arch/x86/asid.c \
	arch/x86/sleep.c)
HOST_SRC := $(sort $(wildcard arch/host/*.c))

IMAGE_OBJ := $(addprefix $B/image/,$(addsuffix .o,$(CORE_SRC) $(X86_SRC)))
HOSTLIB_SRC := $(filter-out core/lib/string.c,$(CORE_SRC)) $(HOST_SRC) $(X86_PURE)
HOSTLIB_OBJ := $(addprefix $B/host/,$(addsuffix .o,$(HOSTLIB_SRC)))
PLAINLIB_OBJ := $(addprefix $B/plain/,$(addsuffix .o,$(HOSTLIB_SRC)))

UNIT := $(sort $(patsubst test/unit/test_%.c,%,$(wildcard test/unit/test_*.c)))
UNIT_SH := $(sort $(wildcard test/unit/test_*.sh))
FUZZ := $(sort $(patsubst test/fuzz/fuzz_%.c,%,$(wildcard test/fuzz/fuzz_*.c)))
BENCH := $(sort $(patsubst test/bench/bench_%.c,%,$(wildcard test/bench/bench_*.c)))
GUESTS := $(patsubst guests/%/main.c,$B/guests/%.elf,$(wildcard guests/*/main.c))
TOOLS := $(if $(wildcard tools/vmlinux.c),$B/taproot-vmlinux) $(if $(wildcard tools/replay.c),$B/taproot-replay)

LIBS_test_insn := -lZydis -lZycore
VMLINUX_PARTS := $(patsubst %,$B/host/%.o,$(wildcard tools/vmlinux_*.c))
LIBS_test_pci_record := -llzma
LIBS_fuzz_pci_access := -llzma
MATRIX_PART := $B/host/test/unit/hypercall_matrix.c.o
LIBS_test_hypercall_matrix := $(MATRIX_PART)
LIBS_test_vmlinux := $(VMLINUX_PARTS) -llzma -lzstd -lz -llz4

.PHONY: all guests check unit fuzz-fixed bench fuzz clang clean install uninstall
.DELETE_ON_ERROR:
.SECONDARY:

all: $B/taproot.elf $(TOOLS) $(GUESTS)

# ---- the image -------------------------------------------------------------

$B/image/%.c.o: %.c Makefile
	$(SAY) CC $<
	@mkdir -p $(@D)
	$Q$(CC) $(IMAGE_CFLAGS) -c -o $@ $<

$B/image/%.S.o: %.S Makefile
	$(SAY) AS $<
	@mkdir -p $(@D)
	$Q$(CC) $(IMAGE_CFLAGS) -D__ASSEMBLY__ -c -o $@ $<

LDFLAGS := -m elf_x86_64 -nostdlib -static --gc-sections -z max-page-size=4096 -z noexecstack \
	--no-warn-rwx-segments --build-id=none -T arch/x86/image.lds

# The symbol table is linked in by a second pass; the first one has an empty table.
$B/syms0.S: tools/mksyms.sh
	@mkdir -p $(@D)
	$Qsh tools/mksyms.sh </dev/null >$@

$B/taproot.elf64.0: $(IMAGE_OBJ) $B/syms0.o arch/x86/image.lds
	$(SAY) LD $@
	$Q$(LD) $(LDFLAGS) -o $@ $(IMAGE_OBJ) $B/syms0.o

$B/syms.S: $B/taproot.elf64.0 tools/mksyms.sh
	$Q$(NM) -n $< | sh tools/mksyms.sh >$@

$B/%.o: $B/%.S
	$Q$(CC) -m64 -c -o $@ $<

$B/taproot.elf64: $(IMAGE_OBJ) $B/syms.o arch/x86/image.lds
	$(SAY) LD $@
	$Q$(LD) $(LDFLAGS) -o $@ $(IMAGE_OBJ) $B/syms.o

# GRUB looks for the entry point among virtual addresses: let them equal the physical ones.
$B/taproot.elf: $B/taproot.elf64 scripts/check-image.sh
	$(SAY) OBJCOPY $@
	$Qsh scripts/check-image.sh $<
	$Q$(OBJCOPY) -O elf32-i386 --strip-debug --change-section-vma '*-0xffffffff80000000' $< $@

# ---- test kernels --------------------------------------------------------------

GUEST_CFLAGS := $(WARN) -O2 -ffreestanding -m64 -mno-red-zone -mgeneral-regs-only -fno-pic -fno-pie \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -Iguests/common

guests: $(GUESTS)

$B/guests/%.elf: guests/%/main.c $(wildcard guests/common/* guests/*/*.S)
	$(SAY) GUEST $@
	@mkdir -p $(@D)
	$Q$(CC) $(GUEST_CFLAGS) -nostdlib -static -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
		-Wl,-T,guests/common/guest.lds -o $@ $(wildcard guests/common/*.S guests/common/*.c guests/$*/*.S) $<

# ---- hosted library, tests ---------------------------------------------------

$B/host/%.c.o: %.c Makefile
	$(SAY) HOSTCC $<
	@mkdir -p $(@D)
	$Q$(HOSTCC) $(HOST_CFLAGS) $(SANITIZE) $(SANITIZE_HERE) -c -o $@ $<

# What a fuzzer is to explore is the core: to trace comparisons of the hosted machine, of the targets'
# own checks and of code that compares nothing from an input would cost most of its time. Their
# branches count all the same.
$B/host/arch/host/%.c.o $B/host/test/fuzz/%.c.o $B/host/core/lib/fmt.c.o \
$B/host/core/memmap/nested.c.o: SANITIZE_HERE = $(UNTRACED)

$B/plain/%.c.o: %.c Makefile
	@mkdir -p $(@D)
	$Q$(HOSTCC) $(TOOL_CFLAGS) -Iarch/x86 -c -o $@ $<

$B/libhost.a: $(HOSTLIB_OBJ)
	$Qrm -f $@; ar rcs $@ $^

$B/libplain.a: $(PLAINLIB_OBJ)
	$Qrm -f $@; ar rcs $@ $^

$B/test/%: $B/host/test/unit/%.c.o $B/libhost.a
	$(SAY) LINK $@
	@mkdir -p $(@D)
	$Q$(HOSTCC) $(SANITIZE) -o $@ $< $B/libhost.a -lcmocka $(LIBS_$(@F))

$B/fuzz/%: $B/host/test/fuzz/fuzz_%.c.o $B/host/test/fuzz/main.c.o $B/libhost.a
	$(SAY) LINK $@
	@mkdir -p $(@D)
	$Q$(HOSTCC) $(SANITIZE) -o $@ $< $B/host/test/fuzz/main.c.o $B/libhost.a $(LIBS_fuzz_$*)

$B/test/test_vmlinux: $(VMLINUX_PARTS)
$B/test/test_hypercall_matrix: $(MATRIX_PART)

$B/bench/%: $B/plain/test/bench/bench_%.c.o $B/libplain.a
	@mkdir -p $(@D)
	$Q$(HOSTCC) -o $@ $< $B/libplain.a

unit: $(addprefix $B/test/test_,$(UNIT))

check: all unit $(addprefix $B/fuzz/,$(FUZZ))
	$Qbash scripts/hosted-check.sh $B $(addprefix $B/test/test_,$(UNIT)) $(UNIT_SH) -- $(addprefix $B/fuzz/,$(FUZZ))

bench: $(addprefix $B/bench/,$(BENCH)) all
	$Qfor b in $(addprefix $B/bench/,$(BENCH)); do $$b || exit 1; done
	$Qbash test/bench/pathlen.sh $B

$B/libfuzzer/%: $B/host/test/fuzz/fuzz_%.c.o $B/libhost.a
	$(SAY) LINK $@
	@mkdir -p $(@D)
	$Q$(HOSTCC) $(SANITIZE) -fsanitize=fuzzer -o $@ $< $B/libhost.a $(LIBS_fuzz_$*)

# Beside each libFuzzer program its seeds, which the common driver writes.
$B/seeds/%: $B/fuzz/%
	@mkdir -p $@
	$Q$< -w $@

# A build of its own: everything is instrumented. FUZZ= chooses targets.
fuzz:
	$Q$(MAKE) --no-print-directory B=$B/fuzzer HOSTCC=clang \
		SANITIZE='$(SANITIZE) -fsanitize=fuzzer-no-link' \
		UNTRACED=-fno-sanitize-coverage=trace-cmp \
		$(addprefix $B/fuzzer/libfuzzer/,$(FUZZ)) $(addprefix $B/fuzzer/seeds/,$(FUZZ))

clang:
	$Q$(MAKE) --no-print-directory B=$B/clang CC=clang HOSTCC=clang $B/clang/taproot.elf64.0
	$Qsh scripts/check-image.sh $B/clang/taproot.elf64.0

# ---- tools --------------------------------------------------------------------

$B/taproot-vmlinux: $(patsubst %,$B/tool/%.o,$(wildcard tools/vmlinux*.c))
	$(SAY) LINK $@
	$Q$(HOSTCC) -o $@ $^ -llzma -lzstd -lz -llz4

$B/taproot-replay: $(patsubst %,$B/tool/%.o,$(wildcard tools/replay*.c)) $B/libplain.a
	$(SAY) LINK $@
	$Q$(HOSTCC) -o $@ $^

$B/tool/%.c.o: %.c Makefile
	$(SAY) HOSTCC $<
	@mkdir -p $(@D)
	$Q$(HOSTCC) $(TOOL_CFLAGS) -c -o $@ $<

# ---- installation -----------------------------------------------------------------

PREFIX ?= /usr/local
BINDIR = $(PREFIX)/bin
SBINDIR = $(PREFIX)/sbin
KERNEL_HOOKS := /etc/kernel/postinst.d/zz-taproot /etc/kernel/postrm.d/zz-taproot
INSTALLED = /boot/taproot.elf $(BINDIR)/taproot-vmlinux $(SBINDIR)/taproot-kernels \
	/etc/grub.d/20_taproot $(KERNEL_HOOKS)
# $(call put-script,SOURCE,DESTINATION): with the folders' names filled in.
put-script = sed 's,@BINDIR@,$(BINDIR),g;s,@SBINDIR@,$(SBINDIR),g' $1 >$B/script.tmp && \
	install -D -m 755 $B/script.tmp $(DESTDIR)$2 && rm $B/script.tmp

install: $B/taproot.elf $B/taproot-vmlinux
	$Qinstall -D -m 644 $B/taproot.elf $(DESTDIR)/boot/taproot.elf
	$Qinstall -D -m 755 $B/taproot-vmlinux $(DESTDIR)$(BINDIR)/taproot-vmlinux
	$Q$(call put-script,install/taproot-kernels,$(SBINDIR)/taproot-kernels)
	$Qinstall -D -m 755 install/20_taproot $(DESTDIR)/etc/grub.d/20_taproot
	$Qfor hook in $(KERNEL_HOOKS); do $(call put-script,install/zz-taproot,$$hook) || exit 1; done
	$Q[ -n "$(DESTDIR)" ] || echo 'Installed. Next: $(SBINDIR)/taproot-kernels && update-grub'

uninstall:
	$Q[ -n "$(DESTDIR)" ] || [ ! -x $(SBINDIR)/taproot-kernels ] || $(SBINDIR)/taproot-kernels remove
	$Qrm -f $(addprefix $(DESTDIR),$(INSTALLED))

clean:
	rm -rf $B

-include $(shell find $B -name '*.d' 2>/dev/null)
