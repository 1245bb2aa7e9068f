#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Fills the cache folder: a QEMU of 10.0 or later, Debian's kernels with
# headers, and the programs of the initramfs. All are Debian packages, found
# through a private apt configuration (own lists, own archives, an empty dpkg
# status) that borrows the mirror and keys of the user's sources, and unpacked
# with dpkg-deb: nothing is installed and no file of the system is changed.
#
#   $CACHE/bin/qemu-system-x86_64   runs QEMU with its own loader and libraries
#   $CACHE/kernel-SERIES/{vmlinuz,version,modules,headers}   6.1, 6.12
#   $CACHE/guest/                   busybox, lspci, setpci and their libraries
#
# The kernel of the host's own release is always there (lib.sh). cache.sh tests
# fetches what only tests need as well: the other kernel and
#
#   $CACHE/ovmf/OVMF_{CODE,VARS}_4M.fd
#   $CACHE/chroot/{root.tar,linux-image.deb}, or a line why not in chroot.reason
#   $CACHE/tools-VERSION/disk.img, Debian with Xen's tools 4.17 (Debian 12's) and
#                                   4.20 (Debian 13's), or tools-VERSION.reason
#
# Each part has a stamp with this file's recipe number; delete a part (or raise
# RECIPE) to fetch it again. Not supported: foreign architectures.

set -eu
TOP=$(cd "$(dirname "$0")/.." && pwd)
. "$TOP/scripts/lib.sh"
detect_host

RECIPE=2
APT=$CACHE/apt

# Only the suite that has QEMU 10.0: bookworm's own is 7.2. The kernel of the
# other release comes from MORE_SUITE; an empty suite is apt's own choice. Xen's
# tools are each release's own, with its own libraries.
case $CODENAME in
bookworm) MORE_SUITE=bookworm-backports QEMU_SUITE=$MORE_SUITE OTHER=trixie
	KERNELS="6.1: 6.12:$MORE_SUITE" ;;
*) MORE_SUITE=bookworm QEMU_SUITE=$CODENAME OTHER=bookworm
	KERNELS="6.12:$CODENAME 6.1:$MORE_SUITE" ;;
esac
TOOLS="4.17:bookworm 4.20:trixie"

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
	/usr/bin/python3 "$TOP/scripts/apt_sources.py" "$CODENAME" "$MORE_SUITE" \
		"$APT/taproot.sources"
	/usr/bin/python3 "$TOP/scripts/apt_sources.py" "$CODENAME" none \
		"$APT/release.sources"
	/usr/bin/python3 "$TOP/scripts/apt_sources.py" --alone "$CODENAME" "$OTHER" \
		"$APT/other.sources"
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

# An instruction less (qemu_fix.py). A copy of its own: the file may be running.
fix_qemu()
{
	local file=$CACHE/qemu/usr/bin/qemu-system-x86_64

	[ -e "$CACHE/qemu/.fix" ] && return 0
	cp "$file" "$file.new"
	/usr/bin/python3 "$TOP/scripts/qemu_fix.py" "$file.new" >"$CACHE/qemu/.fix.new"
	mv "$file.new" "$file"
	mv "$CACHE/qemu/.fix.new" "$CACHE/qemu/.fix"
	[ "$(cat "$CACHE/qemu/.fix")" = fixed ] ||
		say "this QEMU cannot be fixed (scripts/qemu_fix.py): some boots will fail"
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

# The image that a release's linux-image-amd64 stands for today.
kernel_image()
{
	private_apt apt-cache ${1:+-o APT::Default-Release="$1"} \
		depends linux-image-amd64 |
		sed -n 's/^ *Depends: //p' |
		grep -E '^linux-image-[0-9].*-amd64$' | head -n 1
}

# make_kernel SERIES SUITE. The generic flavour: the cloud flavour lacks XEN_DOM0.
make_kernel()
{
	local part=kernel-$1 image headers common kbuild new version
	have "$part" && return 0
	update_lists
	image=$(kernel_image "$2")
	version=${image#linux-image-}
	case $version in
	"$1".*) ;;
	*) die "the mirror has no kernel $1 (but '$version')" ;;
	esac
	headers=linux-headers-$version
	common=$(depends_on "$headers" '^linux-headers-.*-common$')
	kbuild=$(depends_on "$headers" '^linux-kbuild-')
	say "fetching the kernel $version and its headers (about 80 MB)"
	begin "$part"
	new=$CACHE/$part.new
	mkdir -p "$new/root" "$new/debs"
	(cd "$new/debs" && quietly "$part" private_apt apt-get download \
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
	relocate_headers "$part" "$version" "$common"
	# The packages leave modules.dep to be made at installation.
	mkdir -p "$new/depmod/lib/modules"
	ln -s "$(readlink -f "$new/modules")" "$new/depmod/lib/modules/$version"
	depmod -b "$new/depmod" "$version"
	rm -r "$new/depmod"
	finish "$part"
}

# Debian's header packages name each other by absolute path.
relocate_headers()
{
	local src=$CACHE/$1.new/root/usr/src final=$CACHE/$1/root/usr
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

# mmdebstrap's options for systems that nobody reads manuals in.
NO_DOCUMENTS=(--dpkgopt='path-exclude=/usr/share/doc/*'
	--dpkgopt='path-exclude=/usr/share/man/*'
	--dpkgopt='path-exclude=/usr/share/locale/*')

# A small Debian to install into, and a kernel's package: fill_chroot FOLDER.
fill_chroot()
{
	local image
	image=$(kernel_image "$CODENAME") && [ -n "$image" ] &&
		(cd "$1" && private_apt apt-get download "$image") &&
		mv "$1/$image"_*.deb "$1/linux-image.deb" &&
		mmdebstrap --variant=apt --aptopt="$APT/acquire.conf" \
			--include=initramfs-tools,kmod,linux-base,grub-common \
			"${NO_DOCUMENTS[@]}" \
			"$CODENAME" "$1/root.tar" "$APT/release.sources"
}

# A disk with Debian and Xen's tools, for a domain without a network that
# changes into it: no kernel, no init. fill_tools FOLDER VERSION CODENAME.
fill_tools()
{
	local root=$1/root sources=$APT/other.sources
	[ "$3" != "$CODENAME" ] || sources=$APT/release.sources
	mkdir "$root" &&
		mmdebstrap --variant=essential --mode=root \
			--aptopt="$APT/acquire.conf" \
			--include="xen-utils-$2,xenstore-utils,kmod" \
			"${NO_DOCUMENTS[@]}" \
			--customize-hook="rm -rf \"\$1\"/var/cache/* \"\$1\"/var/lib/apt/*" \
			"$3" "$root" "$sources" &&
		mke2fs -q -t ext4 -O ^has_journal -L tools -d "$root" \
			"$1/disk.img" 1G &&
		rm -rf "$root"
}

# apt's first error, or the last line of a log.
first_error()
{
	grep -m 1 '^E: ' "$1" || tail -n 1 "$1"
}

# make_system PART WHAT FILL [ARGUMENT...]: a part that needs root to be made; what
# uses it is skipped, with the line in PART.reason, when it cannot be had.
make_system()
{
	local part=$1 what=$2 fill=$3 new=$CACHE/$1.new
	shift 3
	have "$part" && return 0
	rm -f "$CACHE/$part.reason"
	if [ "$(id -u)" -ne 0 ]; then
		echo "making $what needs root" >"$CACHE/$part.reason"
		return 0
	fi
	update_lists
	begin "$part"
	say "making $what (about 150 MB)"
	grep '^Acquire::' "$APT/apt.conf" >"$APT/acquire.conf" || true
	# What is open here (the lock, 9) would be open in mmdebstrap, which then has
	# numbers above 9 for itself, and sh knows none above 9.
	if ! "$fill" "$new" "$@" >"$CACHE/log/$part.log" 2>&1 </dev/null \
		3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; then
		echo "making $what failed: $(first_error "$CACHE/log/$part.log")" \
			>"$CACHE/$part.reason"
		rm -rf "$new"
		return 0
	fi
	finish "$part"
}

make_qemu
fix_qemu
write_wrapper
make_guest
for kernel in $KERNELS; do
	make_kernel "${kernel%%:*}" "${kernel#*:}"
	[ "${1:-}" = tests ] || break
done
if [ "${1:-}" = tests ]; then
	make_ovmf
	make_system chroot "a small Debian for the installation test" fill_chroot
	for tools in $TOOLS; do
		make_system "tools-${tools%%:*}" "a disk with Xen's tools ${tools%%:*}" \
			fill_tools "${tools%%:*}" "${tools#*:}"
	done
fi
