# SPDX-License-Identifier: MIT
"""
Machines that GRUB starts from a CD, on BIOS or UEFI: the CD, made anew for
each test by grub-mkrescue, and QEMU's arguments for it.

The CD drive hangs on the SATA controller that the board has anyway, and UEFI
is two flash chips: the PCI devices are those of the machine without GRUB.
GRUB writes to the first serial port, where the hypervisor goes on.

Not supported: network boot, disks with a partition for GRUB, Secure Boot.
"""
import os
import shutil
import subprocess

import machine

MODULE = {"multiboot": "module", "multiboot2": "module2"}
PLATFORM = {"grub-bios": "i386-pc", "grub-uefi": "x86_64-efi"}
MODULES_DIR = "/usr/lib/grub/"

HEAD = """serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout=0
"""


def hypervisor_lines(loader, options, modules):
	"""GRUB's commands, and the files they name: [(name on the CD, path)]."""
	lines = ["%s /boot/taproot.elf %s" % (loader, options)]
	files = []
	for number, (path, args) in enumerate(modules):
		name = "/boot/module%d" % number
		lines.append("%s %s %s" % (MODULE[loader], name, args))
		files.append((name, path))
	return lines, files


def bare_lines(kernel_args, series=None):
	lines = ["linux /boot/vmlinuz " + kernel_args,
		 "initrd /boot/initramfs.cpio"]
	return lines, [("/boot/vmlinuz", machine.bzimage(series)),
		       ("/boot/initramfs.cpio", machine.initramfs(series))]


def make_cd(folder, boot, lines, files):
	"""The CD image; when nothing can be booted, GRUB resets the machine."""
	config = folder + "/grub.cfg"
	with open(config, "w", encoding="utf-8") as f:
		f.write(HEAD + "\n".join(lines) + "\nboot\nreboot\n")
	path = folder + "/cd.iso"
	command = ["grub-mkrescue", "-o", path, "-d",
		   MODULES_DIR + PLATFORM[boot], "--locales=", "--fonts=",
		   "--themes=", "/boot/grub/grub.cfg=" + config]
	# The files themselves: a link would stay one on the CD.
	command += ["%s=%s" % (name, os.path.realpath(source))
		    for name, source in files]
	result = subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
				capture_output=True)
	if result.returncode:
		raise RuntimeError("grub-mkrescue: " + result.stderr[-500:])
	return path


def firmware(folder):
	"""UEFI code, and variables that the machine may change."""
	ovmf = machine.cache() / "ovmf"
	variables = folder + "/vars.fd"
	shutil.copy(ovmf / "OVMF_VARS_4M.fd", variables)
	flash = "if=pflash,format=raw,unit=%d,readonly=%s,file=%s"
	return ["-drive", flash % (0, "on", machine.quote(ovmf / "OVMF_CODE_4M.fd")),
		"-drive", flash % (1, "off", machine.quote(variables))]


def arguments(folder, boot, lines, files):
	"""QEMU's arguments for a machine that starts `lines`."""
	cd = make_cd(folder, boot, lines, files)
	out = ["-drive", "if=none,id=cd0,media=cdrom,format=raw,readonly=on,"
	       "file=" + machine.quote(cd),
	       "-device", "ide-cd,drive=cd0,bootindex=0"]
	return out + (firmware(folder) if boot == "grub-uefi" else [])
