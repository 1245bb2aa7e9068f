# SPDX-License-Identifier: MIT
"""
Starts the machine and leaves the hardware domain's console in the terminal.

  run.py [--bare] [--mem MIB] [--append KERNEL_ARGS] [--options TAPROOT_OPTIONS]

With a terminal: interactive until the guest powers off or Ctrl-A X. Without
one: the guest prints its report and powers off; the exit status is 0 when the
report says that all is well, and under which hypervisor it should be.

Not supported: several machines at once on one disk file.
"""
import argparse
import subprocess
import sys
import threading

import machine

LIMIT = 600


def arguments():
	p = argparse.ArgumentParser(prog="taproot-run", description=
		"Builds Taproot and boots Debian's Linux as its hardware domain.")
	p.add_argument("--bare", action="store_true",
		help="the same kernel on the same machine, without Taproot")
	p.add_argument("--mem", default="2048", metavar="MIB",
		help="memory of the machine (2048)")
	p.add_argument("--append", default="", metavar="ARGS",
		help="added to the kernel command line")
	p.add_argument("--options", default="console=com1 loglvl=info",
		metavar="OPTIONS", help="Taproot's own options")
	p.add_argument("--no-terminal", action="store_true",
		help="report, power off, exit status 0 or 1 (the default "
		"when there is no terminal)")
	return p.parse_args()


def command(args, interactive):
	disk = machine.BUILD / "run-disk.img"
	if not disk.exists():
		machine.make_disk(disk)
	kernel_args = machine.KERNEL_ARGS
	if not interactive:
		kernel_args += " report=poweroff"
	kernel_args = (kernel_args + " " + args.append).strip()
	boot = (machine.boot_bare(kernel_args) if args.bare else
		machine.boot_taproot(args.options, kernel_args))
	serial = "mon:stdio" if interactive else "stdio"
	return ([machine.qemu_binary()] + machine.board(mem=args.mem) +
		machine.devices(disk) + boot +
		["-serial", serial, "-no-reboot"])


def run_unattended(argv, wanted):
	"""Copies the console to stdout and looks for the report's verdict."""
	seen = []
	with subprocess.Popen(argv, stdin=subprocess.DEVNULL,
			      stdout=subprocess.PIPE,
			      stderr=subprocess.DEVNULL) as qemu:
		limit = threading.Timer(LIMIT, qemu.kill)
		limit.start()
		for line in qemu.stdout:
			text = line.decode("utf-8", "replace").rstrip("\r\n")
			print(text, flush=True)
			seen.append(text)
		limit.cancel()
	well = any("report: all well" in s for s in seen)
	right = any("hypervisor" in s and wanted in s for s in seen)
	if not (well and right):
		print("taproot: the report is missing or not good", file=sys.stderr)
	return 0 if well and right else 1


def run_interactive(argv):
	"""The terminal is QEMU's; its warnings about TCG would scroll along."""
	print("==> starting the machine; Ctrl-A X ends it", file=sys.stderr)
	path = machine.BUILD / "qemu.log"
	with open(path, "w", encoding="utf-8") as log:
		status = subprocess.call(argv, stderr=log)
	if status:
		print(path.read_text(), file=sys.stderr)
	return status


def main():
	args = arguments()
	interactive = (sys.stdin.isatty() and sys.stdout.isatty() and
		       not args.no_terminal)
	argv = command(args, interactive)
	if interactive:
		sys.exit(run_interactive(argv))
	print("==> starting the machine", file=sys.stderr)
	sys.exit(run_unattended(argv, "none" if args.bare else "taproot"))


if __name__ == "__main__":
	main()
