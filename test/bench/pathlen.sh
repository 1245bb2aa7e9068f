#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Path lengths, `pathlen.sh BUILD`: boots guests/pathlen in the hypervisor under
# QEMU -icount shift=0, where a tick of the time stamp counter is one
# instruction, and prints its figures beside the targets. doc/figures.md says
# what they mean. A figure over its target is no failure: this measures.
#
# Needs the QEMU of the cache (scripts/cache.sh); says so and ends well without.

set -eu
TOP=$(cd "$(dirname "$0")/../.." && pwd)
. "$TOP/scripts/lib.sh"
build=${1:-$TOP/build}
detect_host
qemu=$CACHE/bin/qemu-system-x86_64
if [ ! -x "$qemu" ]; then
	echo "path lengths: skipped, no $qemu (scripts/cache.sh makes it)"
	exit 0
fi
disk=$build/pathlen.disk
log=$build/pathlen.log
truncate -s 16M "$disk"

# x2APIC off: its MSRs abort QEMU under -icount.
timeout 300 "$qemu" -M q35,kernel-irqchip=split -accel tcg -cpu EPYC,+svm,+npt,-x2apic \
	-icount shift=0,sleep=off -m 2048 -smp 1 -device intel-iommu,intremap=on,eim=off \
	-display none -vga std -monitor none -serial stdio -no-reboot \
	-drive "if=none,id=disk0,format=raw,file=$disk" -device nvme,serial=taproot,drive=disk0 \
	-device edu -kernel "$build/taproot.elf" \
	-append "console=com1 loglvl=notice noreboot" -initrd "$build/guests/pathlen.elf" \
	</dev/null >"$log" 2>&1 || true
if ! grep -q '^P: end' "$log"; then
	echo "path lengths: the measuring kernel did not finish; see $log" >&2
	exit 1
fi

# name, Xen 4.20, target: design figures, instructions.
awk '
FNR == NR { xen[$1] = $2; target[$1] = $3; next }
BEGIN { printf "%-16s %10s %10s %10s\n", "instructions", "now", "target", "Xen 4.20" }
$1 == "P:" && NF == 3 {
	sub(/\r$/, "", $3)
	goal = ($2 in target) ? target[$2] : "-"
	printf "%-16s %10d %10s %10s%s\n", $2, $3, goal, ($2 in xen ? xen[$2] : "-"),
		(goal != "-" && $3 + 0 > goal + 0) ? "  over" : ""
}' - "$log" <<'TARGETS'
cf8-read 2543 500
ecam-read 17251 500
ecam-write 21622 600
cpuid 6231 300
hypercall 5858 300
ioapic-version 37656 1000
msix-mask 22700 700
msix-unmask 22700 700
msix-retarget 124066 4000
msix-read 17700 500
bar-move-1m 1032328 6000
decode-16m 55832 6000
scan-256 649833 130000
TARGETS
