# SPDX-License-Identifier: MIT
# scripts/apt_sources.py on made-up folders like /etc/apt: one-line and deb822
# formats, options, disabled and foreign entries, aliases, nothing at all.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# expect NAME CODENAME MORE: stdin is the wanted output, $work/etc the input.
expect()
{
	cat >"$work/want"
	/usr/bin/python3 -B "$top/scripts/apt_sources.py" "$2" "$3" \
		"$work/got" "$work/etc" 2>"$work/error" || cat "$work/error" >"$work/got"
	diff -u "$work/want" "$work/got" || { echo "failed: $1"; exit 1; }
	echo "ok: $1"
	rm -rf "$work/etc"
	mkdir -p "$work/etc/sources.list.d"
}

mkdir -p "$work/etc/sources.list.d"
cat >"$work/etc/sources.list" <<'E'
# deb http://commented.example/debian bookworm main
deb [signed-by=/k.gpg arch=amd64] http://m.example/debian bookworm main contrib # mine
deb-src http://m.example/debian bookworm main
deb cdrom:[Debian]/ bookworm main
deb http://m.example/security bookworm-security main
deb http://other.example/tools bookworm main
E
echo "deb http://aaa.example/repo bookworm main" >"$work/etc/sources.list.d/aaa.list"
expect one-line bookworm bookworm-backports <<'E'
Types: deb
URIs: http://m.example/debian
Suites: bookworm
Components: main
Architectures: amd64
Signed-By: /k.gpg

Types: deb
URIs: http://m.example/security
Suites: bookworm-security
Components: main
Architectures: amd64

Types: deb
URIs: http://m.example/debian
Suites: bookworm-backports
Components: main
Architectures: amd64
Signed-By: /k.gpg
E

cat >"$work/etc/sources.list.d/debian.sources" <<'E'
Types: deb deb-src
# a comment between fields
URIs: https://m.example/debian
Suites: trixie trixie-updates trixie-backports
Components: main non-free-firmware
Signed-By: /usr/share/keyrings/debian.gpg

Enabled: no
Types: deb
URIs: https://off.example/debian
Suites: trixie
Components: main

Types: deb-src
URIs: https://src.example/debian
Suites: trixie
Components: main
E
echo "deb http://ignored.example trixie main" \
	>"$work/etc/sources.list.d/x.list.disabled"
expect deb822 trixie none <<'E'
Types: deb
URIs: https://m.example/debian
Suites: trixie trixie-updates
Components: main
Architectures: amd64
Signed-By: /usr/share/keyrings/debian.gpg
E

printf 'Types: deb\nURIs: http://k.example/d\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN-----\n .\n abc\n' \
	>"$work/etc/sources.list.d/inline-key.sources"
expect inline-key bookworm none <<'E'
Types: deb
URIs: http://k.example/d
Suites: bookworm
Components: main
Architectures: amd64
Signed-By: 
 -----BEGIN-----
 .
 abc
E

expect nothing bookworm bookworm-backports <<'E'
no apt source for bookworm main found below the apt folder
E
