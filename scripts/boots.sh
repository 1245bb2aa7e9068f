#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Boots the hardware domain COUNT times under load, with two and four processors
# in turn, and compares the outcomes: boots.sh COUNT (test/boot/boots.py --help).

set -eu
TOP=$(cd "$(dirname "$0")/.." && pwd)
. "$TOP/scripts/lib.sh"

set_up
build
make_kernel_and_initramfs
exec /usr/bin/python3 "$TOP/test/boot/boots.py" "$@"
