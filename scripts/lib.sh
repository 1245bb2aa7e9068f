# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What taproot-run, taproot-test and the scripts beside this file share:
# where the cache is, how progress is shown, and the order of the set-up.
# Sourced, never run. The caller has set -eu and TOP (the project's folder).
#
# Not supported: systems other than Debian 12 and 13 on amd64.

# The same messages and sort order whatever the user's locale.
export LC_ALL=C.UTF-8
# Python's byte-code cache does not belong into the source tree.
export PYTHONDONTWRITEBYTECODE=1

say()
{
	printf '==> %s\n' "$*" >&2
}

die()
{
	printf 'taproot: %s\n' "$*" >&2
	exit 1
}

# quietly WHAT COMMAND...: output goes to a log that is shown on failure only.
quietly()
{
	local what=$1 log status=0
	shift
	mkdir -p "$CACHE/log"
	log=$CACHE/log/$what.log
	"$@" >"$log" 2>&1 </dev/null || status=$?
	if [ "$status" -ne 0 ]; then
		tail -n 30 "$log" >&2
		die "$what failed (status $status); the whole log: $log"
	fi
}

detect_host()
{
	[ "$(uname -m)" = x86_64 ] || die "an x86-64 machine is needed"
	[ -r /etc/os-release ] || die "Debian 12 or 13 is needed"
	# shellcheck disable=SC1091
	CODENAME=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
	case $CODENAME in
	bookworm) KERNEL=6.1 ;;
	trixie) KERNEL=6.12 ;;
	*) die "Debian 12 (bookworm) or 13 (trixie) is needed, this is '$CODENAME'" ;;
	esac
	CACHE=${TAPROOT_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/taproot}/$CODENAME
	mkdir -p "$CACHE" || die "cannot create the cache folder $CACHE"
	CACHE=$(cd "$CACHE" && pwd)
	export CACHE CODENAME KERNEL
}

# install_packages: what scripts/packages.txt names and dpkg does not have.
install_packages()
{
	local want missing=() p
	want=$(sed 's/#.*//' "$TOP/scripts/packages.txt")
	for p in $want; do
		case $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) in
		installed*) ;;
		*) missing+=("$p") ;;
		esac
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" -eq 0 ] ||
		die "missing packages, be root or run: apt-get install ${missing[*]}"
	say "installing packages: ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	# An index that exists may be old: update when a first try fails.
	if ! apt_install "${missing[@]}" >/dev/null 2>&1 </dev/null; then
		quietly apt-update apt-get -o DPkg::Lock::Timeout=600 update
		quietly apt-install apt_install "${missing[@]}"
	fi
}

apt_install()
{
	apt-get -o DPkg::Lock::Timeout=600 install -y -q \
		--no-install-recommends "$@"
}

# set_up [tests]: packages, then the cache (QEMU, kernel, guest programs), under a
# lock, because two of the commands may be started side by side.
set_up()
{
	detect_host
	exec 9>"$CACHE/lock"
	if ! flock -n 9; then
		say "waiting for another set-up to finish"
		flock 9
	fi
	install_packages
	"$TOP/scripts/cache.sh" "$@"
	exec 9>&-
}

# build: the whole project, output shown when it fails.
build()
{
	say "building"
	quietly make make -C "$TOP" -j"$(nproc)"
}

# What the machine boots: the kernel's ELF out of Debian's bzImage, and the
# initramfs; of the host's own release, or of every kernel in the cache.
make_kernel_and_initramfs()
{
	local elf from
	mkdir -p "$TOP/build"
	for from in "$CACHE"/kernel-${1:-$KERNEL}; do
		elf=$TOP/build/vmlinux-$(cat "$from/version")
		if [ ! -e "$elf" ]; then
			say "extracting the kernel ${from##*-}"
			quietly vmlinux "$TOP/build/taproot-vmlinux" \
				"$from/vmlinuz" "$elf.new"
			mv "$elf.new" "$elf"
		fi
		"$TOP/scripts/initramfs.sh" "${from##*-}"
	done
}
