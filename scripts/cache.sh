#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Fills the cache folder: a QEMU of 10.0 or later, Debian's own kernel with
# headers, and the programs of the initramfs. All are Debian packages, found
# through a private apt configuration (own lists, own archives, an empty dpkg
# status) that borrows the mirror and keys of the user's sources, and unpacked
# with dpkg-deb: nothing is installed and no file of the system is changed.
#
#   $CACHE/bin/qemu-system-x86_64   runs QEMU with its own loader and libraries
#   $CACHE/kernel/{vmlinuz,version,modules,headers}
#   $CACHE/guest/                   busybox, lspci, setpci and their libraries
#
# cache.sh tests fetches what only tests need as well:
#
#   $CACHE/ovmf/OVMF_{CODE,VARS}_4M.fd
#   $CACHE/chroot/{root.tar,linux-image.deb}, or a line why not in chroot.reason
#
# Each part has a stamp with this file's recipe number; delete a part (or raise
# RECIPE) to fetch it again. Not supported: foreign architectures.

set -eu
TOP=$(cd "$(dirname "$0")/.." && pwd)
. "$TOP/scripts/lib.sh"
detect_host

RECIPE=2
APT=$CACHE/apt

# Only the suite that has QEMU 10.0: bookworm's own is 7.2.
case $CODENAME in
bookworm) BACKPORTS=1 QEMU_SUITE=bookworm-backports ;;
*) BACKPORTS=0 QEMU_SUITE=$CODENAME ;;
esac

have()
{
	[ "$(cat "$CACHE/$1/.recipe" 2>/dev/null)" = "$RECIPE" ]
}

# begin PART / finish PART: a part appears under its name when complete.
begin()
{
	rm -rf "$CACHE/$1.new"
	mkdir -p "$CACHE/$1.new"
}

finish()
{
	echo "$RECIPE" >"$CACHE/$1.new/.recipe"
	rm -rf "${CACHE:?}/$1"
	mv "$CACHE/$1.new" "$CACHE/$1"
}

private_apt()
{
	local tool=$1
	shift
	APT_CONFIG=$APT/apt.conf "$tool" "$@"
}

# The user's Acquire settings (proxies and the like) are kept; hooks are not.
write_apt_conf()
{
	mkdir -p "$APT/lists/partial" "$APT/archives/partial" "$APT/empty"
	: >"$APT/status"
	/usr/bin/python3 "$TOP/scripts/apt_sources.py" "$CODENAME" "$BACKPORTS" \
		"$APT/taproot.sources"
	{
		cat <<-CONF
			Dir::Etc::parts "$APT/empty";
			Dir::Etc::main "/dev/null";
			Dir::Etc::sourcelist "$APT/taproot.sources";
			Dir::Etc::sourceparts "$APT/empty";
			Dir::Etc::preferences "/dev/null";
			Dir::Etc::preferencesparts "$APT/empty";
			Dir::State "$APT";
			Dir::State::lists "$APT/lists";
			Dir::State::status "$APT/status";
			Dir::State::extended_states "$APT/extended_states";
			Dir::Cache "$APT";
			Dir::Cache::archives "$APT/archives";
			Dir::Log "$APT";
			APT::Architecture "amd64";
			APT::Architectures { "amd64"; };
			APT::Install-Recommends "false";
			APT::Install-Suggests "false";
			APT::Sandbox::User "root";
			Acquire::Languages "none";
		CONF
		apt-config dump | grep '^Acquire::' |
			grep -v '^Acquire::\(Languages\|IndexTargets\)' || true
	} >"$APT/apt.conf"
}

update_lists()
{
	[ -z "${lists_done:-}" ] || return 0
	write_apt_conf
	say "reading the package lists of $CODENAME (private apt folder)"
	quietly lists private_apt apt-get update
	lists_done=1
}

# fetch_closure LOG SUITE PACKAGE...: packages and all they depend on.
fetch_closure()
{
	local log=$1 suite=$2
	shift 2
	private_apt apt-get clean
	quietly "$log" private_apt apt-get install -y -q --download-only \
		-t "$suite" "$@"
}

unpack_archives()
{
	local deb
	for deb in "$APT"/archives/*.deb; do
		dpkg-deb -x "$deb" "$1"
	done
	private_apt apt-get clean
}

# Dependencies by name that match a pattern, of one package.
depends_on()
{
	private_apt apt-cache depends "$1" |
		sed -n 's/^ *Depends: //p' | grep -E "$2" | head -n 1
}

make_qemu()
{
	have qemu && return 0
	update_lists
	begin qemu
	say "fetching QEMU from $QEMU_SUITE (about 100 MB)"
	fetch_closure qemu "$QEMU_SUITE" qemu-system-x86
	unpack_archives "$CACHE/qemu.new"
	finish qemu
}

# A base system whose /lib is a link of /usr/lib is assumed nowhere: packages
# of Debian 12 ship files below both.
write_wrapper()
{
	mkdir -p "$CACHE/bin"
	cat >"$CACHE/bin/qemu-system-x86_64.new" <<-EOF2
		#!/bin/sh
		# Runs the cached QEMU with the libraries it was packaged with.
		r=$CACHE/qemu
		l=lib/x86_64-linux-gnu
		QEMU_MODULE_DIR=\$r/usr/\$l/qemu
		export QEMU_MODULE_DIR
		loader=\$r/lib64/ld-linux-x86-64.so.2
		[ -e "\$loader" ] || loader=\$r/usr/lib64/ld-linux-x86-64.so.2
		[ -e "\$loader" ] || loader=\$r/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
		[ -e "\$loader" ] || loader=\$r/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
		exec "\$loader" --library-path \\
		 "\$r/\$l:\$r/usr/\$l:\$r/usr/\$l/pulseaudio:\$r/usr/\$l/samba" \\
		 "\$r/usr/bin/qemu-system-x86_64" -L "\$r/usr/share/qemu" \\
		 -L "\$r/usr/share/seabios" -L "\$r/usr/lib/ipxe/qemu" "\$@"
	EOF2
	chmod +x "$CACHE/bin/qemu-system-x86_64.new"
	mv "$CACHE/bin/qemu-system-x86_64.new" "$CACHE/bin/qemu-system-x86_64"
}

# The generic flavour: the cloud flavour lacks XEN_DOM0.
make_kernel()
{
	local image headers common kbuild new version
	have kernel && return 0
	update_lists
	image=$(depends_on linux-image-amd64 '^linux-image-[0-9].*-amd64$')
	[ -n "$image" ] || die "the mirror has no linux-image-amd64"
	version=${image#linux-image-}
	headers=linux-headers-$version
	common=$(depends_on "$headers" '^linux-headers-.*-common$')
	kbuild=$(depends_on "$headers" '^linux-kbuild-')
	say "fetching the kernel $version and its headers (about 80 MB)"
	begin kernel
	new=$CACHE/kernel.new
	mkdir -p "$new/root" "$new/debs"
	(cd "$new/debs" && quietly kernel private_apt apt-get download \
		"$image" "$headers" "$common" "$kbuild")
	for deb in "$new"/debs/*.deb; do
		dpkg-deb -x "$deb" "$new/root"
	done
	rm -r "$new/debs"
	echo "$version" >"$new/version"
	ln -s "root/boot/vmlinuz-$version" "$new/vmlinuz"
	if [ -d "$new/root/usr/lib/modules/$version" ]; then
		ln -s "root/usr/lib/modules/$version" "$new/modules"
	else
		ln -s "root/lib/modules/$version" "$new/modules"
	fi
	ln -s "root/usr/src/linux-headers-$version" "$new/headers"
	relocate_headers "$new" "$version" "$common"
	# The packages leave modules.dep to be made at installation.
	mkdir -p "$new/depmod/lib/modules"
	ln -s "$(readlink -f "$new/modules")" "$new/depmod/lib/modules/$version"
	depmod -b "$new/depmod" "$version"
	rm -r "$new/depmod"
	finish kernel
}

# Debian's header packages name each other by absolute path.
relocate_headers()
{
	local src=$1/root/usr/src final=$CACHE/kernel/root/usr
	grep -rIl --include=Makefile --include='*.mk' /usr/ \
		"$src/linux-headers-$2" --exclude-dir=include |
		xargs -r sed -i "s,/usr/src/,$final/src/,g;s,/usr/lib/linux,$final/lib/linux,g"
	local link target
	for link in "$src/linux-headers-$2"/* "$src/$3"/*; do
		[ -L "$link" ] || continue
		target=$(readlink "$link")
		case $target in
		/usr/*) ln -sfn "$final${target#/usr}" "$link" ;;
		esac
	done
}

make_guest()
{
	have guest && return 0
	update_lists
	begin guest
	say "fetching the programs of the initramfs"
	fetch_closure guest "$CODENAME" busybox-static pciutils
	unpack_archives "$CACHE/guest.new"
	finish guest
}

# UEFI firmware for virtual machines: data, the same for every machine.
make_ovmf()
{
	have ovmf && return 0
	update_lists
	begin ovmf
	say "fetching UEFI firmware"
	(cd "$CACHE/ovmf.new" && quietly ovmf private_apt apt-get download ovmf)
	dpkg-deb -x "$CACHE"/ovmf.new/ovmf_*.deb "$CACHE/ovmf.new/root"
	cp "$CACHE"/ovmf.new/root/usr/share/OVMF/OVMF_{CODE,VARS}_4M.fd \
		"$CACHE/ovmf.new/"
	rm -r "$CACHE/ovmf.new/root" "$CACHE"/ovmf.new/ovmf_*.deb
	finish ovmf
}

# fill_chroot FOLDER
fill_chroot()
{
	local image
	image=$(depends_on linux-image-amd64 '^linux-image-[0-9].*-amd64$') &&
		[ -n "$image" ] &&
		(cd "$1" && private_apt apt-get download "$image") &&
		mv "$1/$image"_*.deb "$1/linux-image.deb" &&
		mmdebstrap --variant=apt --aptopt="$APT/acquire.conf" \
			--include=initramfs-tools,kmod,linux-base,grub-common \
			--dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			"$CODENAME" "$1/root.tar" "$APT/taproot.sources"
}

# A small Debian to install into, and a kernel's package. The test that uses
# it is skipped when it cannot be had.
make_chroot()
{
	local new=$CACHE/chroot.new
	have chroot && return 0
	rm -f "$CACHE/chroot.reason"
	if [ "$(id -u)" -ne 0 ]; then
		echo "making a chroot needs root" >"$CACHE/chroot.reason"
		return 0
	fi
	update_lists
	begin chroot
	say "making a small Debian for the installation test (about 150 MB)"
	grep '^Acquire::' "$APT/apt.conf" >"$APT/acquire.conf" || true
	if ! fill_chroot "$new" >"$CACHE/log/chroot.log" 2>&1 </dev/null; then
		echo "no chroot could be made: $(tail -n 1 "$CACHE/log/chroot.log")" \
			>"$CACHE/chroot.reason"
		rm -rf "$new"
		return 0
	fi
	finish chroot
}

make_qemu
write_wrapper
make_kernel
make_guest
if [ "${1:-}" = tests ]; then
	make_ovmf
	make_chroot
fi
