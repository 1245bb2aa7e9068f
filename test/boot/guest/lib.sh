# SPDX-License-Identifier: MIT
#
# What /init and the scenarios share. Result lines for the judges begin with
#   T: pass NAME detail   T: fail NAME detail   one step's result
#   L: KEY text           facts: BARs, memory map, vector tables, lists
#   K: text               kernel messages since /init began
#   H: NAME               the guest waits for a line on its console
#   T: done               the scenario is over

pass()
{
	echo "T: pass $*"
}

fail()
{
	echo "T: fail $*"
}

# check NAME DETAIL COMMAND...: pass when the command succeeds.
check()
{
	local name=$1 detail=$2
	shift 2
	if "$@"; then
		pass "$name" "$detail"
	else
		fail "$name" "$detail"
	fi
}

cmdline_value()
{
	tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p" | tail -n 1
}

# wait_for SECONDS COMMAND...
wait_for()
{
	local tries=$(($1 * 10))
	shift
	while ! "$@" 2>/dev/null; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		usleep 100000
	done
}

# hold NAME: stands still until the judge sends a line.
hold()
{
	local line
	echo "H: $1"
	read -r line </dev/console
}

kernel_log()
{
	dmesg | sed '1,/taproot-init: start/d;s/^/K: /'
}

finish()
{
	if [ -n "$scenario" ]; then
		kernel_log
		echo "T: done"
	fi
	# The last characters may still be on their way through the UART.
	sleep 1
	poweroff -f
	sleep 60
}

# The first PCI function with this vendor:device, as 0000:00:00.0.
bdf_of()
{
	lspci -D -n -d "$1" | cut -d' ' -f1 | head -n 1
}

start_nvme()
{
	modprobe nvme
	wait_for 60 [ -b /dev/nvme0n1 ]
}

start_network()
{
	modprobe igb
	wait_for 30 [ -e /sys/class/net/eth0 ] || return 1
	ip link set lo up
	ip link set eth0 up
	ip addr add 10.0.2.15/24 dev eth0
	wait_for 60 grep -q 1 /sys/class/net/eth0/carrier
}

# exchange NAME INTERFACE ADDRESS BYTES: data from and to the peer (peer.py)
# over this interface alone.
exchange()
{
	local port sum
	port=$(cmdline_value peer)
	ip route replace 10.0.2.2/32 dev "$2" src "$3" || return 1
	echo "get $1-down $4" | nc 10.0.2.2 "$port" >/tmp/down
	sum=$(sha256sum </tmp/down)
	echo "L: moved $1 down ${sum%% *}"
	tr '\000-\377' '\001-\377\000' </tmp/down >/tmp/up
	{ echo "put $1-up $4"; cat /tmp/up; } |
		nc 10.0.2.2 "$port" >/tmp/answer
	sum=$(sha256sum </tmp/up)
	echo "L: moved $1 up ${sum%% *}"
	[ "$(cat /tmp/answer)" = "${sum%% *}" ]
}

# register DEVICE NAME: the offset and value of a register.
register()
{
	setpci -v -s "$1" "$2" 2>/dev/null | sed -n 's/.*@\([0-9a-f]*\) = /\1 /p'
}

# For judge_invisible.py: kinds of headers, and where messages are kept.
list_functions()
{
	local dev word msix
	for dev in /sys/bus/pci/devices/*; do
		dev=${dev##*/}
		echo "L: function $dev $(setpci -s "$dev" CLASS_DEVICE.w)" \
			"$(setpci -s "$dev" HEADER_TYPE.b)"
		word=$(register "$dev" CAP_MSI+2.w)
		[ -z "$word" ] || echo "L: msi $dev $word"
		word=$(register "$dev" ECAP_SRIOV.l)
		[ -z "$word" ] || echo "L: sriov $dev $word"
		word=$(setpci -s "$dev" CAP_MSIX+4.l 2>/dev/null)
		[ -n "$word" ] || continue
		msix=$(sed -n "$(((0x$word & 7) + 1))s/ .*//p" \
			"/sys/bus/pci/devices/$dev/resource")
		echo "L: msix $dev $(printf %x $((msix + (0x$word & ~7))))" \
			"$(setpci -s "$dev" CAP_MSIX+2.w)"
	done
}

bar0_of()
{
	sed -n '1s/ .*//p' "/sys/bus/pci/devices/$1/resource"
}

# 1 MiB that no line of /proc/iomem below the root bus claims.
is_free()
{
	awk -v lo="$1" 'function hex(s,  i, v) {
		v = 0
		for (i = 1; i <= length(s); i++) {
			v = v * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
		}
		return v
	}
	/^ / || !/PCI Bus/ {
		split($1, r, "-")
		if (hex(r[1]) <= lo + 1048575 && hex(r[2]) >= lo) {
			bad = 1
		}
	}
	END { exit bad }' /proc/iomem
}

# free_place ADDRESS...: the first of them where there is nothing.
free_place()
{
	local place
	for place in "$@"; do
		if is_free $((place)); then
			echo "$place"
			return
		fi
	done
}

# print_interrupts DRIVER [WHICH]: for its devices the MSI-X control register,
# and each vector's number, kind and count over all processors; with WHICH the
# device's name before that.
print_interrupts()
{
	local dev irq
	for dev in /sys/bus/pci/drivers/"$1"/0*; do
		echo "L: msix-control $1 ${dev##*/}" \
			"$(setpci -s "${dev##*/}" CAP_MSIX+2.w)"
		for irq in "$dev"/msi_irqs/*; do
			echo "L: vector $1 ${2:+${dev##*/} }${irq##*/}" \
				"$(cat "$irq") $(interrupt_count "${irq##*/}")"
		done
	done
}

interrupt_count()
{
	awk -v line="$1:" '$1 == line {
		for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) {
			n += $i
		}
	}
	END { print n + 0 }' /proc/interrupts
}

# interrupts_of DEVICE: those of all its messages.
interrupts_of()
{
	local irq n=0
	for irq in "/sys/bus/pci/devices/$1"/msi_irqs/*; do
		n=$((n + $(interrupt_count "${irq##*/}")))
	done
	echo $n
}

# The port that a device is behind.
port_of()
{
	basename "$(dirname "$(readlink -f "/sys/bus/pci/devices/$1")")"
}

# disk_of DEVICE: an NVMe controller's disk.
disk_of()
{
	echo "/dev/$(ls "/sys/bus/pci/devices/$1/nvme" | head -n 1)n1"
}

has_disk()
{
	[ -b "$(disk_of "$1")" ]
}

has_driver()
{
	[ -e "/sys/bus/pci/devices/$1/driver" ]
}

# sum_of DISK [BLOCKS]: of its first 8 MiB, or so many times 128 KiB.
sum_of()
{
	dd if="$1" bs=128k count=${2:-64} iflag=direct 2>/dev/null | sha256sum | cut -d' ' -f1
}

# What userspace needs to reach the hypervisor: xenfs, and xencall's device.
start_xen()
{
	modprobe xen-privcmd
	modprobe xenfs
	mount -t xenfs xenfs /proc/xen
}
