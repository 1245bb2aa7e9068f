# SPDX-License-Identifier: MIT
"""
The boot tests, as data. Fields, all but the name optional:

  scenario  what /init runs in the hardware domain (test/boot/guest/scenario)
  args      added to the kernel command line
  options   the hypervisor's options
  vary      the dimensions of variants.py that the test is crossed with
  seldom    those that it is crossed with only when all is asked for
  early     the hypervisor stops before it says a variant's lines
  kernel    6.1 or 6.12, where it is not the host's own release's
  cpu, smp, mem, iommu, lane  the machine, where it is not lane A's; iommu is False
            or the properties of the device intel-iommu; lane "c" counts instructions
  port      igb is behind a root port
  zoo       further devices, and the initramfs with their drivers: a function
            of zoo.py
  serve     somebody at 10.0.2.2 gives and takes data (peer.py)
  bridge    edu is on a conventional PCI bus, behind a bridge
  bypass    edu is on a root bus that the IOMMU does not see
  modules   multiboot modules in place of kernel and initramfs (fixtures.py)
  guest     a test kernel of guests/ in their place; args are its command line
  boot      grub-bios or grub-uefi: GRUB starts the machine, from a CD (grub.py)
  loader    GRUB's command: multiboot2, where nothing is said, or multiboot
  grub      list of GRUB's commands before that, such as
            "acpi --exclude=DMAR /boot/dmar.aml"
  files     files that those name: a function of fixtures.py
  disk      a function of fixtures.py that puts more on the disk
  image     the hypervisor's image, where it is not the built one (fixtures.py)
  expect    patterns each of which some console line must match, once; or
            (pattern, count)
  each      patterns with %d, expected for the number of each processor
  says      like expect, but the hypervisor's own lines: not expected with --bare
  forbid    patterns no console line may match, besides FORBID_ALWAYS
  allow     patterns of FORBID_ALWAYS that are what this test is about
  judge     a module judge_NAME: during(run) while the guest holds, after(run)
            when QEMU has ended; both yield failures
  type      (pattern, line): when the pattern is seen, the line is typed
  tools     4.17 or 4.20: the disk is the one with Xen's tools of that version, which is
            the one that is reported; a part of the cache (scripts/cache.sh) without
            which the test is skipped
  fixed     it needs a QEMU that scripts/qemu_fix.py could fix, or is skipped
  record    the second serial port goes to a file (Run.record)
  trace     configuration and MSI-X writes are traced (Run.trace, writes.py)
  poke      a function of poke.py, which changes the machine by the debugger
  end       poweroff: QEMU must end by itself because the guest powered off
            reset: the machine is reset and runs on; stopped when all is seen
            stop: stopped when all is seen (a refusal halts)
  bare      the scenario makes sense on the bare machine (--bare)
  timeout   seconds

The letters are those of the boot tests in the project's first issue.
"""

import list_attack
import list_pci

# Without noreboot: a crash resets the machine, and QEMU (-no-reboot) ends at once.
OPTIONS = "console=com1 loglvl=info"
XEN = OPTIONS + " abi=xen"
NATIVE = OPTIONS + " abi=native"

FORBID_ALWAYS = [
	r"Kernel panic", r"\bBUG:", r"\bOops", r"DEVICE BUG", r"T: fail",
	r"\btimeout", r"nobody cared", r"Tx Unit Hang",
	r"PANIC cpu", r"CRASH cpu", r"\bd\d+: crashed", r"triple fault",
	r"unchecked MSR access", r"WARNING:", r"Call Trace",
]

# Lines that match FORBID_ALWAYS and are right, each with why.
EXCUSED = [
	# This emulated EPYC has no microcode against SRSO; Linux says so on the
	# bare machine too.
	r"Speculative Return Stack Overflow: WARNING: See https:",
	# GRUB on UEFI: there is no VGA text mode, and nobody needs it.
	r"WARNING: no console will be available to OS",
]

# One of the hypervisor's first lines, on each start.
BANNER = r"\] I loader: "


# The dimensions of the first tests, and of refusals, which come before the kernel
# and the other processors.
ALL = "start eim kernel abi smp lane"
REFUSAL = dict(end="stop", early=True, vary="start eim")


def guest(name, machine="", **more):
	"""
	A test kernel as the hardware domain's. Its argument tcg makes it leave
	out, saying so, what QEMU's processor does not do.
	"""
	return dict(dict(name="guest-" + name + machine, guest=name, args="tcg",
			 expect=[r"guest: %s: pass: " % name],
			 forbid=[r"guest: .*fail"]), **more)


TESTS = [
	# (a) init is reached, the machine powers itself off.
	dict(name="boot", vary=ALL, scenario="boot", bare=True,
	     expect=[r"T: pass init"]),

	# The console in the other direction.
	dict(name="console-input", vary=ALL, scenario="console", bare=True,
	     type=(r"H: console", "taproot reads"),
	     expect=[r"T: pass console-input"]),

	# (b), (e): the disk by DMA and MSI-X.
	dict(name="nvme", vary=ALL, scenario="nvme", bare=True, judges=["disk", "irq"],
	     expect=[r"T: pass nvme-disk", r"T: pass nvme-write"]),

	# (c), (e): the NIC by DMA and MSI-X.
	dict(name="igb-ping", vary=ALL, scenario="network", bare=True, judges=["irq"],
	     expect=[r"T: pass igb-link", r"T: pass igb-ping"]),

	# (d) the same devices and BARs as bare.
	dict(name="inventory", vary=ALL, scenario="inventory", judges=["inventory"],
	     expect=[r"T: pass drivers"]),

	# (f) a BAR moved, with decode off and on.
	dict(name="edu-bar-move", vary=ALL, scenario="edu-move", bare=True,
	     expect=[r"T: pass edu-home", r"T: pass edu-off",
		     r"T: pass edu-moved ", r"T: pass edu-left ",
		     r"T: pass edu-moved-decoding", r"T: pass edu-left-decoding",
		     r"T: pass edu-back"]),

	# (g) judged from outside.
	dict(name="outside", vary=ALL, scenario="outside", judges=["outside"],
	     expect=[r"T: pass outside"]),

	# Memory given back and taken again (ballooning), seen from outside.
	dict(name="balloon", seldom="kernel lane", scenario="balloon", options=OPTIONS + " abi=xen",
	     args="console=ttyS0", judges=["balloon"], timeout=600,
	     expect=[r"T: pass balloon-down", r"T: pass balloon-up",
		     r"T: pass balloon-use"]),

	# (h) 100,000 interrupts, none lost, none too many.
	dict(name="edu-msi", vary=ALL, scenario="edu-irq", args="count=100000",
	     bare=True, timeout=300,
	     expect=[r"T: pass edu-interrupts raised 100000 handled 100000",
		     r"T: pass edu-dma"]),
	dict(name="edu-intx", vary=ALL, scenario="edu-irq", args="count=10000 intx=1",
	     bare=True, timeout=300,
	     expect=[r"T: pass edu-interrupts raised 10000 handled 10000",
		     r"T: pass edu-dma"]),

	# (i) a reset asked for by the hardware domain.
	dict(name="reboot", vary=ALL, scenario="reboot", end="reset",
	     expect=[(BANNER, 2), r"T: pass reboot",
		     r"\bd0: (resets the machine by |shutdown: reboot)"]),

	# The hypervisor's command line.
	dict(name="options", scenario="boot",
	     options=OPTIONS + " bogus=1 dom0_mem=plenty help "
	     "dom0_cmdline=\"first second=2\"",
	     expect=[r"option 'bogus' is unknown",
		     r"option 'dom0_mem' .* is ignored: 'plenty'",
		     r"dom0_cmdline=\"TEXT\": ",
		     r"T: pass cmdline .* first second=2$"]),
	dict(name="dom0-mem", scenario="nvme", judges=["disk", "irq"],
	     options=OPTIONS + " dom0_mem=512M",
	     expect=[r"init: memory 4[0-9][0-9] MiB"]),
	dict(name="xapic-host", scenario="nvme", judges=["disk", "irq"],
	     options=OPTIONS + " x2apic=off",
	     expect=[r"processors: 2 of 2 run, xAPIC mode"]),

	# The Xen ABI's time: event channel timers, the date.
	*[dict(name="xen-time-%u" % smp, seldom="kernel", scenario="xen-time", smp=smp,
	       args="clocksource=xen", options=OPTIONS + " abi=xen", timeout=180,
	       expect=[r"T: pass clocksource", (r"T: pass clockevent", smp),
		       r"T: pass date ", r"T: pass sleep", r"T: pass clock-rate",
		       r"T: pass ticks",
		       r"T: pass date-later", r"T: pass steal"])
	  for smp in (1, 4)],

	dict(name="xen-load", seldom="kernel", scenario="xen-load", smp=2, timeout=300,
	     options=OPTIONS + " abi=xen",
	     expect=[r"T: pass timer", r"T: pass resched",
		     r"T: pass callfuncsingle", r"T: pass load"]),
	dict(name="xen-hotplug", seldom="kernel", scenario="xen-hotplug", smp=3, timeout=300,
	     options=OPTIONS + " abi=xen",
	     expect=[(r"T: pass timer-", 6), r"T: pass ipi-2",
		     r"T: pass hotplug"]),

	# A recording of config and MSI-X accesses, replayed on the hosted core.
	dict(name="record", scenario="inventory", record=True,
	     options=OPTIONS + " record=com2", judges=["record"],
	     expect=[r"T: pass drivers"]),

	# DMA remapping is on in all tests above; here the device attacks, and the same
	# attacks arrive without. Those on the IOMMU's own tables, which are not there with
	# iommu=off, do so from a device that no unit covers.
	dict(name="dma-attack", seldom="kernel", scenario="dma-attack", judges=["dma"],
	     args="memmap=64K$0x10000000",
	     options=OPTIONS + " iommu=required",
	     expect=[r"T: pass dma-own ", r"T: pass dma-own-after",
		     r"T: pass iommu-hidden ",
		     r"iommu: fault: \S+ interrupt, entry 248: entry not in use",
		     r"T: pass dma-attack"]),
	dict(name="dma-attack-off", scenario="dma-attack", judges=["dma"],
	     args="memmap=64K$0x10000000", options=OPTIONS + " iommu=off",
	     expect=[r"iommu: off by option: not protected: .*single-domain",
		     r"T: pass dma-own-after", r"T: pass dma-attack"]),
	dict(name="dma-attack-bypass", scenario="dma-attack", judges=["dma"],
	     args="memmap=64K$0x10000000", bypass=True,
	     expect=[r"iommu: 0000:41:00\.0 cannot be attached .*: its DMA is not translated",
		     r"T: pass iommu-hidden ", r"T: pass dma-own-after",
		     r"T: pass dma-attack"]),
	dict(name="dma-storm", seldom="kernel", scenario="dma-attack", judges=["dma"],
	     args="memmap=64K$0x10000000 storm=80",
	     expect=[r"iommu: \S+ storms: quarantined until it is reset",
		     r"T: pass dma-storm-over", r"T: pass dma-quarantined"]),
	dict(name="iommu-off", scenario="network", judges=["irq"],
	     options=OPTIONS + " iommu=off", expect=[r"T: pass igb-ping"]),

	# Reserved regions of a DMAR that GRUB puts in the place of QEMU's.
	dict(name="rmrr", scenario="rmrr", boot="grub-bios", files="dmar_edu",
	     grub=["acpi --exclude=DMAR /boot/dmar.aml"],
	     args="memmap=64K\\$0x10000000 region=0x60000000 reach=1",
	     expect=[r"region 0 \[0x60000000, 0x60010000\) for 1 devices",
		     r"region 1 .* is not page aligned: refused",
		     r"region 2 .* ends before it begins: refused",
		     r"region 3 .* lies over the interrupt addresses: refused",
		     r"region 4 .* lies beyond the machine's addresses: refused",
		     r"region 5 .* is absurdly large: refused",
		     r"region 6 .* lies over the hypervisor: refused",
		     r"T: pass rmrr-reserved", r"T: pass rmrr-written",
		     r"T: pass rmrr-read"]),
	dict(name="rmrr-other", scenario="rmrr", boot="grub-bios",
	     files="dmar_other", grub=["acpi --exclude=DMAR /boot/dmar.aml"],
	     args="memmap=64K\\$0x10000000 region=0x60000000 reach=0",
	     expect=[r"region 0 \[0x60000000, 0x60010000\) for 1 devices",
		     r"iommu: fault: \S+ write of 0x60000000: not mapped",
		     r"T: pass rmrr-reserved", r"T: pass rmrr-not-written",
		     r"T: pass rmrr-not-read"]),

	# A bridge puts its own id on what edu sends, memory and messages alike.
	dict(name="bridge-edu", scenario="edu-irq", args="count=2000", bridge=True,
	     expect=[r"T: pass edu-interrupts raised 2000 handled 2000",
		     r"T: pass edu-dma"]),
	dict(name="bridge-attack", scenario="dma-attack", judges=["dma"],
	     bridge=True, args="memmap=64K$0x10000000",
	     expect=[r"T: pass dma-own-after", r"T: pass dma-attack"]),

	# Entries of interrupt remapping in xAPIC format, on a processor without x2APIC.
	dict(name="eim-off-no-x2apic", scenario="nvme", judges=["disk", "irq"],
	     iommu="intremap=on,eim=off", cpu="EPYC,+svm,+npt,-x2apic",
	     expect=[r"iommu: interrupts are remapped, xAPIC format"]),
	dict(name="caching-mode", scenario="nvme", judges=["disk", "irq"],
	     iommu="intremap=on,eim=on,caching-mode=on",
	     expect=[r"iommu: DMA is translated"]),
	dict(name="aw-39", scenario="nvme", judges=["disk", "irq"],
	     iommu="intremap=on,eim=on,aw-bits=39",
	     expect=[r"iommu: DMA is translated"]),

	# Other machines: one processor, four, more memory than 4 GiB, no IOMMU.
	dict(name="one-cpu", scenario="network", smp=1, judges=["irq"],
	     expect=[r"processors: 1 of 1 run, x2APIC mode",
		     r"T: pass igb-ping"]),
	dict(name="four-cpus", scenario="boot", smp=4,
	     expect=[r"processors: 4 of 4 run, x2APIC mode",
		     r"T: pass init"]),
	# Every processor runs a vCPU.
	*[dict(name="smp-%d" % n, seldom="kernel", scenario="smp", smp=n, bare=True, args="cpus=%d" % n,
	       timeout=400, allow=[r"Call Trace"] if n > 1 else [],
	       expect=[r"T: pass nproc %d of %d" % (n, n), r"T: pass smp"])
	  for n in (1, 2, 4, 8)],
	*[dict(name="smp-%d-native" % n, seldom="kernel", scenario="smp", smp=n, args="cpus=%d" % n,
	       timeout=400, allow=[r"Call Trace"], options=NATIVE,
	       expect=[r"T: pass nproc %d of %d" % (n, n), r"T: pass smp"])
	  for n in (2, 4)],
	# Interrupts of a device whose affinity goes round meanwhile.
	dict(name="smp-affinity-msi", seldom="kernel", scenario="affinity", smp=4,
	     args="count=100000", bare=True, timeout=900,
	     expect=[r"T: pass edu-interrupts", r"T: pass moved"]),
	dict(name="smp-affinity-intx", seldom="kernel", scenario="affinity", smp=4,
	     args="count=100000 intx=1", bare=True, timeout=900,
	     expect=[r"T: pass edu-interrupts", r"T: pass moved"]),
	dict(name="smp-affinity-msi-no-iommu", scenario="affinity", args="count=10000", smp=4,
	     iommu=False, timeout=400, expect=[r"T: pass edu-interrupts", r"T: pass moved"]),
	dict(name="smp-affinity-no-iommu", scenario="affinity", args="count=3000 intx=1", smp=4,
	     iommu=False, timeout=400, expect=[r"T: pass edu-interrupts", r"T: pass moved"]),
	dict(name="smp-nvme", seldom="kernel", scenario="nvme", smp=4, judges=["disk", "irq"],
	     expect=[r"T: pass nvme-disk", r"T: pass nvme-write"]),
	dict(name="smp-igb-ping", seldom="kernel", scenario="network", smp=4, judges=["irq"],
	     expect=[r"T: pass igb-link", r"T: pass igb-ping"]),
	# Fewer vCPUs than processors, the first one in the middle.
	dict(name="max-vcpus", seldom="kernel", scenario="smp", smp=4, args="cpus=3", timeout=400,
	     options=OPTIONS + " dom0_max_vcpus=3 dom0_cpu=1", allow=[r"Call Trace"],
	     expect=[r"T: pass nproc 3 of 3", r"T: pass smp"]),
	dict(name="mem-6g", scenario="nvme", mem="6144", judges=["disk", "irq"],
	     expect=[r"init: memory 5[0-9]{3} MiB"]),
	dict(name="no-iommu", scenario="network", iommu=False, judges=["irq"],
	     expect=[r"T: pass igb-ping"]),
	dict(name="no-x2apic-cpu", scenario="nvme", cpu="EPYC,+svm,+npt,-x2apic",
	     judges=["disk", "irq"],
	     expect=[r"processors: 2 of 2 run, xAPIC mode"]),

	# What is GRUB's own; variants.py starts the tests above by it.
	dict(name="grub-bios-multiboot1", scenario="nvme", boot="grub-bios",
	     loader="multiboot", judges=["disk", "irq"],
	     expect=[r"loader: GRUB .*, multiboot, image at 100000",
		     r"T: pass nvme-disk", r"T: pass nvme-write"]),
	dict(name="grub-bios-moved", scenario="boot", boot="grub-bios",
	     image="image_moved",
	     expect=[r"multiboot2, image at 2345000", r"T: pass init"]),
	dict(name="grub-uefi-moved", scenario="outside", boot="grub-uefi",
	     image="image_moved", judges=["outside"],
	     expect=[r"multiboot2, image at 2345000", r"T: pass outside"]),
	dict(name="grub-uefi-mem-6g", scenario="boot", boot="grub-uefi", mem="6144",
	     expect=[r"init: memory 5[0-9]{3} MiB"]),
	# Words in quotes arrive whole; the domain's reset is the machine's.
	dict(name="grub-options", scenario="boot", boot="grub-bios",
	     options=OPTIONS + " bogus=1 dom0_cmdline=\"first second=2\"",
	     expect=[r"option 'bogus' is unknown",
		     r"T: pass cmdline .* first second=2$"]),
	dict(name="grub-uefi-reboot", scenario="reboot", boot="grub-uefi",
	     end="reset", expect=[(BANNER, 2), r"T: pass reboot"]),
	# An ACPI table taken away by GRUB is gone for the hypervisor as well, one
	# that GRUB added is there.
	*[dict(name=boot + "-acpi", scenario="boot", boot=boot,
	       grub=["acpi --exclude=HPET /boot/tapt.aml"], files="acpi_table",
	       expect=[r"acpi: TAPT at", r"T: pass init"],
	       forbid=[r"acpi: HPET"])
	  for boot in ("grub-bios", "grub-uefi")],
	dict(name="grub-no-module", modules="no_modules", boot="grub-uefi",
	     end="stop",
	     expect=[r"REFUSED: no kernel for the hardware domain: give one"]),

	# Debian's Xen tools, each release's, find what they look for.
	*[dict(name=name, scenario="tools", tools=version, judges=["tools"],
	       kernel=kernel, smp=smp,
	       expect=[r"T: pass tools", r"\] I key h: this list"])
	  for name, version, kernel, smp in (
		("tools-4.17", "4.17", "6.1", 2), ("tools-4.20", "4.20", "6.12", 2),
		("tools-four", "4.20", "6.12", 4))],

	# The crash report: registers and a backtrace with names.
	dict(name="crash-report", scenario="console", end="stop",
	     vary="start eim kernel abi smp",
	     options=OPTIONS + " noreboot",
	     type=(r"H: console", "\x01\x01\x01C"),
	     allow=[r"PANIC cpu", r"CRASH cpu"],
	     expect=[r"PANIC cpu0 arch/x86/console\.c:\d+: asked for by key",
		     r"console_poll\+0x[0-9a-f]+", r"hvm_run\+0x[0-9a-f]+",
		     r"Halted \(noreboot\)"]),

	# The machine's NMI is the hardware domain's.
	dict(name="nmi", seldom="kernel", scenario="nmi", judges=["nmi"],
	     expect=[r"T: pass nmi", r"T: pass nmi-counted"]),

	# A triple fault of the hardware domain: said, with its registers, and reset.
	# With the Xen ABI Linux asks for a reset by hypercall, whatever reboot= says.
	dict(name="triple-fault", scenario="triple", args="reboot=triple,force",
	     options=NATIVE, end="reset",
	     allow=[r"triple fault", r"\bd\d+: crashed"],
	     seldom="kernel lane", each=[r"vcpu%d: rip "],
	     expect=[r"d0 vcpu0: triple fault", r"d0: crashed", (BANNER, 2)]),

	# The domain on another processor than the one that takes the console's interrupts:
	# kicks, messages and shootdowns cross from one to the other.
	dict(name="other-cpu", scenario="busy", judges=["flush", "irq"],
	     options=OPTIONS + " dom0_cpu=1 dom0_max_vcpus=1",
	     expect=[r"T: pass ping", r"T: pass busy"]),
	# The same with vCPUs on all of them, each in the guest.
	dict(name="smp-busy", seldom="kernel", scenario="busy", smp=4, judges=["flush", "irq"], timeout=400,
	     expect=[r"T: pass ping", r"T: pass busy"]),

	# The Xen guest ABI: Linux is a PVH dom0 and finds what it is told.
	dict(name="xen", seldom="kernel lane", scenario="xen", options=XEN, args="version=4.17",
	     expect=[r"Booting kernel on Xen PVH", r"T: pass capabilities",
		     r"T: pass version 4\.17-taproot", r"T: pass features",
		     r"T: pass watchdog-zero"]),
	dict(name="xen-version", seldom="kernel lane", scenario="xen", args="version=4.20",
	     options=XEN + " abi_version=4.20",
	     expect=[r"T: pass version 4\.20-taproot"]),
	# hvc0 as the only console, in both directions.
	dict(name="xen-hvc", seldom="kernel lane", scenario="console", options=XEN,
	     args="console=hvc0", type=(r"H: console", "taproot reads"),
	     expect=[r"T: pass console-input"]),
	# Input goes to the UART, to our keys, to hvc0 and back.
	dict(name="xen-keys", seldom="kernel lane", scenario="console", options=XEN,
	     type=(r"H: console", "\x01\x01\x01hireu\x01\x01\x01not for the UART\n"
		   "\x01\x01\x01u\x01\x01\x01\x15taproot reads"),
	     each=[r"vcpu%d: rip "],
	     expect=[r"key e: event channels", r"events: end",
		     r"console input: the hardware domain's is hvc0",
		     r"console input: the hardware domain's is its UART",
		     r"T: pass console-input"]),
	# Every way to end.
	dict(name="xen-poweroff", seldom="kernel lane", scenario="xen-end", options=XEN,
	     args="end=poweroff",
	     expect=[r"d0: shutdown: power-off", r"\bd0: power-off"]),
	dict(name="xen-reboot", seldom="kernel lane", scenario="xen-end", options=XEN, end="reset",
	     args="end=reboot", expect=[(BANNER, 2), r"d0: shutdown: reboot"]),
	dict(name="xen-crash", seldom="kernel lane", scenario="xen-end", options=XEN, end="reset",
	     args="end=crash", allow=[r"\bd\d+: crashed"],
	     each=[r"vcpu%d: rip "],
	     expect=[r"d0: shutdown: crash", r"d0: crashed$", (BANNER, 2)]),
	dict(name="xen-watchdog", seldom="kernel lane", scenario="xen-end", options=XEN, end="reset",
	     args="end=watchdog", allow=[r"\bd\d+: crashed"],
	     expect=[r"d0: shutdown: watchdog", r"d0: crashed$", (BANNER, 2)]),
	dict(name="xen-panic", seldom="kernel lane", scenario="xen-end", options=XEN, end="reset",
	     args="end=panic",
	     allow=[r"\bd\d+: crashed", r"Kernel panic", r"\bBUG:", r"\bOops",
		    r"Call Trace"],
	     expect=[r"Kernel panic", r"d0: shutdown: crash", r"vcpu0: rip ",
		     r"d0: crashed$", (BANNER, 2)]),
	dict(name="xen-panic-noreboot", seldom="kernel lane", scenario="xen-end", end="stop",
	     options=XEN + " noreboot", args="end=panic",
	     allow=[r"\bd\d+: crashed", r"Kernel panic", r"\bBUG:", r"\bOops",
		    r"Call Trace"],
	     expect=[r"d0: shutdown: crash", r"vcpu0: rip ",
		     r"d0: crashed: halted \(noreboot\)"]),
	dict(name="xen-halt", seldom="kernel lane", scenario="xen-end", options=XEN, end="stop",
	     args="end=halt", expect=[r"reboot: System halted"]),
	# Another kernel takes the hardware domain over.
	dict(name="xen-kexec", seldom="kernel lane", scenario="kexec", options=XEN, disk="kexec_disk",
	     timeout=600,
	     expect=[r"d0: soft reset", r"T: pass second ",
		     r"T: pass second-events", r"T: pass second-vcpus"]),

	# Test kernels of our own: each a verdict.
	guest("cpuid-msr"),
	guest("cpuid-msr", "-native", options=NATIVE),
	guest("exceptions"),
	guest("realmode"),
	guest("mmio"),
	guest("fpu", smp=4, args="tcg smp"),
	guest("debug", smp=2, args="tcg smp watch=@hvm_cpuid"),
	guest("apic", smp=4, args="tcg smp"),
	guest("apic", "-native", options=NATIVE, args="tcg smp"),
	guest("timers", args="tcg smp"),
	guest("timers", "-native", smp=1, options=NATIVE),
	guest("hypercalls", args="tcg smp"),
	guest("events", smp=1),
	guest("once"),
	# Few lines, for which the other processors have to start all the same.
	guest("fpu-restore", options=OPTIONS.replace("loglvl=info", "loglvl=notice"),
	      fixed=True),
	# Two MSI messages, or one where interrupts are not remapped.
	*[guest("msi", machine, zoo="two_messages", judges=["msi"], args="tcg" + single,
		options=OPTIONS + iommu, forbid=[r"guest: .*fail", r"no vector left"])
	  for machine, single, iommu in (("", "", ""), ("-iommu-off", " single", " iommu=off"))],
	guest("events", "-smp", args="tcg smp"),
	guest("soft-reset", smp=4),

	# (j) refusals: one line that says what is missing and what to do.
	dict(name="refuse-no-svm", cpu="EPYC,-svm,+x2apic", **REFUSAL,
	     expect=[r"REFUSED: no SVM: .*; use a processor with SVM"]),
	dict(name="refuse-no-npt", cpu="EPYC,+svm,-npt,+x2apic", **REFUSAL,
	     expect=[r"REFUSED: no nested paging \(NPT\): use a processor"]),
	dict(name="refuse-svm-locked", **REFUSAL, poke="svm_locked",
	     expect=[r"REFUSED: SVM is locked by the firmware .*; enable"]),
	dict(name="refuse-no-iommu", iommu=False, **{**REFUSAL, "vary": "start"},
	     options=OPTIONS + " iommu=required",
	     expect=[r"REFUSED: no IOMMU can be used .*turn it on in the firmware"]),
	dict(name="refuse-no-remapping", iommu="intremap=off", **{**REFUSAL, "vary": "start"},
	     options=OPTIONS + " iommu=required",
	     expect=[r"VT-d unit at \S+ has no interrupt remapping",
		     r"REFUSED: no IOMMU can be used .*turn it on in the firmware"]),
	# From GRUB: grub-no-module. The refusal comes before the line about the loader.
	dict(name="refuse-no-module", modules="no_modules", **dict(REFUSAL, vary="eim"),
	     expect=[r"REFUSED: no kernel for the hardware domain: give one"]),
	dict(name="refuse-bzimage", modules="bzimage", **REFUSAL,
	     expect=[r"REFUSED: .*bzImage.*taproot-vmlinux"]),
	dict(name="refuse-not-elf", modules="not_elf", **REFUSAL,
	     expect=[r"REFUSED: .*not an? .*ELF"]),
	dict(name="refuse-no-pvh-note", modules="elf_without_note", **REFUSAL,
	     expect=[r"REFUSED: .*PVH.*note"]),
]

# PCI devices of all kinds, and what can happen to them.
TESTS += list_pci.TESTS
TESTS += list_attack.TESTS
