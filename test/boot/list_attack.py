# SPDX-License-Identifier: MIT
"""
Boot tests in which the hardware domain's kernel attacks what is the
hypervisor's, as data; the fields are those of list.py.
"""

OPTIONS = "console=com1 loglvl=info"
BANNER = r"\] I loader: "

RESETS = [
	("cf9", "out,1,0xcf9,6", "port 0xcf9"),
	("cf9-wide", "out,2,0xcf8,0x0600", "port 0xcf9"),
	("92", "out,2,0x91,0x0100", "port 0x92"),
	("kbc", "out,1,0x64,0xfe", "the keyboard controller"),
	("kbc-line", "out,1,0x64,0xd1+out,1,0x60,0", "the keyboard controller"),
]
# What raises #GP on a processor (APMv2 3.1.1 to 3.1.3): NW without CD, a reserved bit
# of CR3, a bit of CR4 that no AMD processor has, long mode without PAE. QEMU 10.0 takes
# them, and refuses the state later; without PAE it reads tables of another format.
REFUSED = "the processor refuses the guest's state"
CONTROL = [
	("nw", "0,0x20000000", REFUSED),
	("cr3", "3,0x10000000000000", REFUSED),
	("vmxe", "4,0x2000", REFUSED),
	("pae", "4,0x20", "triple fault"),
]
SMI = dict(scenario="smi", judges=["smi"], args="n=20",
	   expect=[r"T: pass smi-count", r"T: pass smi-modes",
		   r"T: pass smi-load", r"T: pass smi-ping"])

TESTS = [
	dict(name="bar-attack", scenario="bar-attack", judges=["bars"], vary="kernel",
	     expect=[r"BAR 0 .* not mapped: meets ours", r"T: pass bar-ours-on",
		     r"T: pass bar-iommu-on", r"T: pass bar-lapic-on",
		     r"T: pass bar-ioapic-on", r"T: pass bar-ecam-on",
		     r"T: pass nvme-read", r"T: pass bar-attack"]),
	# One processor, so that no driver meets the UART while the attack has it.
	dict(name="port-attack", scenario="port-attack", judges=["machine"],
	     args="maxcpus=1", vary="kernel",
	     expect=[r"d0: SMI command 0x[0-9a-f]+ dropped",
		     r"d0: sleep state refused", r"T: pass nmi",
		     r"T: pass nvme-after", r"T: pass port-attack"]),
	# Every processor is attacked, and looked at.
	dict(name="msr-attack", scenario="msr-attack", judges=["machine"],
	     vary="kernel abi smp", timeout=600,
	     expect=[r"T: pass attacked-cpu0", r"T: pass nvme-after",
		     r"T: pass msr-attack"]),
	# What should raise #GP and under QEMU does not: it ends the domain, nobody else.
	*[dict(name="cr-" + name, scenario="cr", end="reset",
	       args="how=xorcr," + how, allow=[r"\bd\d+: crashed", r"triple fault"],
	       expect=[r"T: pass cr ", r"d0 vcpu\d: " + line, r"d0: crashed",
		       (BANNER, 2)])
	  for name, how, line in CONTROL],
	# Firmware that asks for regions over our registers, or does not say which id
	# the IO-APIC has.
	dict(name="rmrr-registers", scenario="nvme", boot="grub-bios",
	     files="dmar_registers", grub=["acpi --exclude=DMAR /boot/dmar.aml"],
	     judges=["disk", "irq"],
	     expect=[r"region 0 .* lies over an IO-APIC: refused",
		     r"region 1 .* lies over the HPET: refused",
		     r"region 2 .* lies over an IOMMU's registers: refused",
		     r"region 3 .* lies over a window of config space: refused",
		     r"T: pass nvme-disk"]),
	dict(name="ioapic-unknown", scenario="nvme", boot="grub-bios",
	     files="dmar_no_ioapic", grub=["acpi --exclude=DMAR /boot/dmar.aml"],
	     judges=["disk", "irq"],
	     expect=[r"does not say which id IO-APIC 0 at 0xfec00000 sends with: any device",
		     r"T: pass nvme-disk"]),
	dict(name="refuse-ioapic-unknown", boot="grub-bios", end="stop",
	     files="dmar_no_ioapic", grub=["acpi --exclude=DMAR /boot/dmar.aml"],
	     options=OPTIONS + " iommu=required",
	     expect=[r"REFUSED: the DMAR does not say which id IO-APIC 0 .*use iommu=auto"]),
	# The firmware's SMIs while the domain runs.
	dict(SMI, name="smi"),
	dict(SMI, name="smi-other-cpu", options=OPTIONS + " dom0_cpu=1"),
	# Resets by port are carried out by us, so that they are said.
	*[dict(name="reset-" + name, scenario="reset", end="reset",
	       args="how=" + how,
	       expect=[(BANNER, 2), r"T: pass reset",
		       r"d0: resets the machine by " + by])
	  for name, how, by in RESETS],
]
