#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installation into a Debian of its own: make install, then a kernel package
# installed and removed there, GRUB's menu made, make uninstall. The chroot
# comes from the cache folder, which taproot-test fills (scripts/cache.sh).
#
# grub-probe is replaced: a folder has no disk that GRUB could read.

build=${1:-build}
chroot=${CACHE:-/nonexistent}/chroot

skip()
{
	echo "$*"
	exit 77
}

[ "$(id -u)" -eq 0 ] || skip "root is needed for a chroot"
[ -e "$chroot/.recipe" ] ||
	skip "$(cat "$chroot.reason" 2>/dev/null || echo "no chroot in the cache: run taproot-test")"

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
trap 'exit 1' HUP INT TERM
set -e

fail()
{
	echo "FAIL: $*"
	exit 1
}

# Its mounts end with it.
in_root()
{
	unshare -m sh -c 'root=$1; shift; mount -t proc proc "$root/proc" &&
		exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		DEBIAN_FRONTEND=noninteractive "$@"' sh "$root" "$@"
}

install_taproot()
{
	make -s B="$build" install DESTDIR="$root" PREFIX=/usr/local
	for f in boot/taproot.elf usr/local/bin/taproot-vmlinux \
		usr/local/sbin/taproot-kernels etc/grub.d/20_taproot \
		etc/kernel/postinst.d/zz-taproot etc/kernel/postrm.d/zz-taproot; do
		[ -s "$root/$f" ] || fail "make install left no $f"
	done
	! grep -rE '@S?BINDIR@' "$root/usr/local/sbin" "$root/etc/kernel" ||
		fail "a folder's name was not filled in"
}

stub_grub_probe()
{
	cat >"$root/usr/sbin/grub-probe" <<-'STUB'
	#!/bin/sh
	case " $* " in
	*target=device*) echo /dev/sda1 ;;
	*target=fs_uuid*) echo 11111111-2222-3333-4444-555555555555 ;;
	*target=partuuid*) echo aaaaaaaa-01 ;;
	*target=fs\ *) echo ext2 ;;
	*target=compatibility_hint* | *target=hints_string*) echo hd0,msdos1 ;;
	*target=partmap*) echo msdos ;;
	*target=abstraction* | *target=cryptodisk_uuid*) ;;
	*target=drive*) echo '(hd0)' ;;
	*) exit 1 ;;
	esac
	STUB
	chmod 755 "$root/usr/sbin/grub-probe"
	mkdir -p "$root/boot/grub" "$root/etc/default" "$root/etc/initramfs-tools/conf.d"
	cat >"$root/etc/default/grub" <<-'CONF'
	GRUB_CMDLINE_LINUX="first"
	GRUB_CMDLINE_LINUX_DEFAULT="quiet"
	GRUB_CMDLINE_LINUX_TAPROOT="console=ttyS0"
	GRUB_CMDLINE_TAPROOT="console=com1 loglvl=info"
	CONF
	# A small initrd is enough here.
	echo 'MODULES=list' >"$root/etc/initramfs-tools/conf.d/small"
	echo 'COMPRESS=gzip' >>"$root/etc/initramfs-tools/conf.d/small"
}

check_kernel_installed()
{
	cp "$chroot/linux-image.deb" "$root/tmp/"
	in_root dpkg -i /tmp/linux-image.deb
	version=$(basename "$root"/boot/vmlinuz-*)
	version=${version#vmlinuz-}
	elf=$root/boot/taproot-vmlinux-$version
	[ -s "$elf" ] || fail "the hook extracted nothing from $version"
	"$build/taproot-vmlinux" "$root/boot/vmlinuz-$version" "$root/tmp/expected"
	cmp "$elf" "$root/tmp/expected" || fail "the extracted kernel is another one"
	before=$(stat -c '%i %z' "$elf")
	in_root run-parts --exit-on-error --arg="$version" --arg="/boot/vmlinuz-$version" \
		/etc/kernel/postinst.d
	[ "$before" = "$(stat -c '%i %z' "$elf")" ] || fail "extracted again without need"
	touch -d '2001-01-01' "$root/boot/vmlinuz-$version"
	in_root /usr/local/sbin/taproot-kernels
	[ "$before" != "$(stat -c '%i %z' "$elf")" ] || fail "a changed kernel was not extracted"
}

# A kernel that cannot be had fails nothing; leftovers go.
check_odd_kernels()
{
	echo 'no kernel' >"$root/boot/vmlinuz-9.9.9-broken"
	echo 'left over' >"$root/boot/taproot-vmlinux-1.2.3-gone"
	in_root /etc/kernel/postinst.d/zz-taproot 9.9.9-broken /boot/vmlinuz-9.9.9-broken ||
		fail "a broken kernel fails the hook"
	[ ! -e "$root/boot/taproot-vmlinux-9.9.9-broken" ] || fail "made from a broken kernel"
	[ ! -e "$root/boot/taproot-vmlinux-1.2.3-gone" ] || fail "a leftover was not pruned"
	rm "$root/boot/vmlinuz-9.9.9-broken"
}

wants()
{
	grep -qF "$1" "$menu" || {
		cat "$menu"
		fail "the menu has no line with: $1"
	}
}

check_menu()
{
	menu=$root/boot/grub/grub.cfg
	in_root grub-mkconfig -o /boot/grub/grub.cfg
	in_root grub-script-check /boot/grub/grub.cfg || fail "the menu is malformed"
	wants "menuentry 'Taproot, with Linux $version'"
	wants "multiboot2 /boot/taproot.elf console=com1 loglvl=info"
	wants "module2 /boot/taproot-vmlinux-$version root=/dev/sda1 ro first quiet console=ttyS0"
	wants "module2 /boot/initrd.img-$version"
	! grep -m 1 '^menuentry' "$menu" | grep -q Taproot || fail "Taproot became the default"
}

check_removal()
{
	package=$(dpkg-deb -f "$chroot/linux-image.deb" Package)
	in_root dpkg -r "$package"
	[ ! -e "$elf" ] || fail "the removed kernel's file stays"
	make -s B="$build" uninstall DESTDIR="$root" PREFIX=/usr/local
	left=$(find "$root" -xdev -name '*taproot*' ! -path '*/etc/apt/*')
	[ -z "$left" ] || fail "make uninstall left $left"
}

tar -xf "$chroot/root.tar" -C "$root"
install_taproot
stub_grub_probe
check_kernel_installed
check_odd_kernels
check_menu
check_removal
echo "installed, used and removed"
