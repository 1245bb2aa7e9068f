#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Makes build/initramfs-SERIES.cpio for the kernel 6.1 or 6.12: busybox, lspci,
# setpci and their libraries, the kernel modules of the test machine's devices,
# our own test modules, /init and the scenarios of test/boot/guest. Made again
# only when an input is newer. initramfs-SERIES-zoo.cpio has the modules of
# further devices besides.
#
#   initramfs.sh SERIES
#
# Uncompressed on purpose: the emulated processor would spend seconds on
# decompressing what is copied in a moment.
#
# Not supported: devices other than those of scripts/machine.py.

set -eu
TOP=$(cd "$(dirname "$0")/.." && pwd)
. "$TOP/scripts/lib.sh"
detect_host

FROM=$CACHE/kernel-$1
OUT=$TOP/build/initramfs-$1.cpio
TREE=$TOP/build/initramfs-$1
MADE=$TOP/build/modules-$1
VERSION=$(cat "$FROM/version")
MODULES="nvme igb ext4 crc32c_generic xen-privcmd xen-evtchn xen-gntdev xenfs"
# A second archive has these as well, for the tests with further devices.
ZOO_MODULES="igbvf virtio_pci virtio_net virtio_blk 8139cp snd-ens1370 snd-pcm-oss
	am53c974 sd_mod e1000e vmxnet3 xhci-pci usb-storage ahci snd-hda-intel
	snd-hda-codec-generic megaraid_sas"

up_to_date()
{
	[ -e "${OUT%.cpio}-zoo.cpio" ] && [ -e "$OUT" ] && [ -z "$(find "$TOP/test/boot/guest" \
		"$TOP/test/boot/edu" "$TOP/test/boot/ring0" "$TOP/test/boot/tool" \
		"$TOP/scripts/initramfs.sh" \
		"$FROM/.recipe" "$CACHE/guest/.recipe" \
		-newer "$OUT" -print -quit)" ]
}

# build_module NAME: of test/boot/NAME.
build_module()
{
	mkdir -p "$MADE/$1"
	cp "$TOP/test/boot/$1"/*.c "$TOP/test/boot/$1/Makefile" "$MADE/$1"
	# Type information would need pahole and a vmlinux, and nobody reads it.
	# The other release's headers name a compiler that this one lacks.
	quietly "$1-module" make -C "$FROM/headers" M="$MADE/$1" CC=gcc \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules
}

# Programs of our own, static: the guest has the C library of busybox only.
build_tools()
{
	local source
	for source in "$TOP"/test/boot/tool/*.c; do
		quietly guest-tools gcc -std=gnu11 -Wall -Wextra -Werror -Os \
			-static -s -pthread -o "$TREE/bin/$(basename "$source" .c)" "$source"
	done
}

copy_programs()
{
	local g=$CACHE/guest
	mkdir -p "$TREE"/{bin,dev,proc,sys,tmp,usr/bin,usr/share/misc,etc}
	cp "$g"/bin/busybox "$TREE/bin/" 2>/dev/null ||
		cp "$g"/usr/bin/busybox "$TREE/bin/"
	ln -s busybox "$TREE/bin/sh"
	cp "$g"/usr/bin/lspci "$g"/usr/bin/setpci "$TREE/usr/bin/"
	cp "$g"/usr/share/misc/pci.ids "$TREE/usr/share/misc/"
	copy_libraries "$TREE/usr/bin/lspci" "$TREE/usr/bin/setpci"
}

# copy_libraries PROGRAM...: what the guest's own loader says they need.
copy_libraries()
{
	local g=$CACHE/guest loader path
	local dirs=$g/lib/x86_64-linux-gnu:$g/usr/lib/x86_64-linux-gnu
	loader=$(find "$g" -name ld-linux-x86-64.so.2 ! -type l | head -n 1)
	mkdir -p "$TREE/lib64" "$TREE/lib"
	cp -L "$loader" "$TREE/lib64/ld-linux-x86-64.so.2"
	"$loader" --library-path "$dirs" --list "$1" |
		sed -n 's,.*=> \(/[^ ]*\) .*,\1,p' | sort -u |
		while read -r path; do
			cp -L "$path" "$TREE/lib/"
		done
}

# copy_modules MODULE...: with all they depend on, uncompressed, and a fresh
# modules.dep.
copy_modules()
{
	local from=$FROM/modules to=$TREE/lib/modules/$VERSION m file
	mkdir -p "$to"
	cp "$from"/modules.order "$from"/modules.builtin* "$to"
	for m in "$@"; do
		# One kernel has built in what is a module of the other.
		! grep -q "/$m\.ko$" "$from/modules.builtin" || continue
		file=$(sed -n "s,^\([^:]*/$m\.ko[^:]*\):\(.*\),\1\2,p" \
			"$from/modules.dep")
		[ -n "$file" ] || die "the kernel $VERSION has no module $m"
		for file in $file; do
			cp "$from/$file" "$to/"
		done
	done
	find "$to" -name '*.ko.xz' -exec xz -d -f {} +
	cp "$MADE"/*/*.ko "$to/"
	depmod -b "$TREE" "$VERSION"
}

make_tree()
{
	rm -rf "$TREE"
	mkdir -p "$TREE"
	build_module edu
	build_module ring0
	copy_programs
	build_tools
	copy_modules $MODULES
	cp "$TOP/test/boot/guest/init" "$TREE/init"
	cp -r "$TOP/test/boot/guest/scenario" "$TREE/scenario"
	cp "$TOP/test/boot/guest/lib.sh" "$TREE/lib.sh"
	chmod -R a+rX "$TREE"
	chmod +x "$TREE/init"
}

pack()
{
	(cd "$TREE" && find . -print0 | LC_ALL=C sort -z |
		cpio --null --quiet -o -H newc -R 0:0 --reproducible) >"$1.new"
	mv "$1.new" "$1"
}

up_to_date && exit 0
say "making the initramfs for the kernel $1"
make_tree
pack "$OUT"
copy_modules $ZOO_MODULES
pack "${OUT%.cpio}-zoo.cpio"
