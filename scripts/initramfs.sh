#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Makes build/initramfs.cpio: busybox, lspci, setpci and their libraries, the
# kernel modules of the test machine's devices, our edu test module, xencall and
# other programs, /init and the scenarios of test/boot/guest. Made again only
# when an input is newer.
#
# Uncompressed on purpose: the emulated processor would spend seconds on
# decompressing what is copied in a moment.
#
# Not supported: devices other than those of scripts/machine.py.

set -eu
TOP=$(cd "$(dirname "$0")/.." && pwd)
. "$TOP/scripts/lib.sh"
detect_host

OUT=$TOP/build/initramfs.cpio
TREE=$TOP/build/initramfs
VERSION=$(cat "$CACHE/kernel/version")
MODULES="nvme igb ext4 crc32c_generic xen-privcmd xen-evtchn xen-gntdev xenfs"

up_to_date()
{
	[ -e "$OUT" ] && [ -z "$(find "$TOP/test/boot/guest" \
		"$TOP/test/boot/edu" "$TOP/test/boot/program" \
		"$TOP/scripts/initramfs.sh" \
		"$CACHE/kernel/.recipe" "$CACHE/guest/.recipe" \
		-newer "$OUT" -print -quit)" ]
}

build_edu_module()
{
	local dir=$TOP/build/edu
	mkdir -p "$dir"
	cp "$TOP"/test/boot/edu/edu_test.c "$TOP"/test/boot/edu/Makefile "$dir"
	# Type information would need pahole and a vmlinux, and nobody reads it.
	quietly edu-module make -C "$CACHE/kernel/headers" M="$dir" \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules
}

build_programs()
{
	local source name
	for source in "$TOP"/test/boot/program/*.c; do
		name=$(basename "$source" .c)
		quietly "$name" gcc -std=gnu11 -Wall -Wextra -Werror -O2 -static \
			-pthread -o "$TREE/bin/$name" "$source"
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

# Modules with all they depend on, uncompressed, and a fresh modules.dep.
copy_modules()
{
	local from=$CACHE/kernel/modules to=$TREE/lib/modules/$VERSION m file
	mkdir -p "$to"
	cp "$from"/modules.order "$from"/modules.builtin* "$to"
	for m in $MODULES; do
		file=$(sed -n "s,^\([^:]*/$m\.ko[^:]*\):\(.*\),\1\2,p" \
			"$from/modules.dep")
		[ -n "$file" ] || die "the kernel $VERSION has no module $m"
		for file in $file; do
			cp "$from/$file" "$to/"
		done
	done
	find "$to" -name '*.ko.xz' -exec xz -d -f {} +
	cp "$TOP/build/edu/edu_test.ko" "$to/"
	depmod -b "$TREE" "$VERSION"
}

make_tree()
{
	rm -rf "$TREE"
	mkdir -p "$TREE"
	build_edu_module
	copy_programs
	build_programs
	copy_modules
	cp "$TOP/test/boot/guest/init" "$TREE/init"
	cp -r "$TOP/test/boot/guest/scenario" "$TREE/scenario"
	cp "$TOP/test/boot/guest/lib.sh" "$TREE/lib.sh"
	chmod -R a+rX "$TREE"
	chmod +x "$TREE/init"
}

up_to_date && exit 0
say "making the initramfs"
make_tree
(cd "$TREE" && find . -print0 | LC_ALL=C sort -z |
	cpio --null --quiet -o -H newc -R 0:0 --reproducible) >"$OUT.new"
mv "$OUT.new" "$OUT"
