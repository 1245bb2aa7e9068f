# SPDX-License-Identifier: MIT
# scripts/apt_sources.py on made-up folders like /etc/apt: one-line and deb822
# formats, options, disabled and foreign entries, aliases, nothing at all.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# expect NAME [--alone] CODENAME MORE: stdin is the wanted output, $work/etc
# the input.
expect()
{
	local name=$1
	shift
	cat >"$work/want"
	/usr/bin/python3 -B "$top/scripts/apt_sources.py" "$@" \
		"$work/got" "$work/etc" 2>"$work/error" || cat "$work/error" >"$work/got"
	diff -u "$work/want" "$work/got" || { echo "failed: $name"; exit 1; }
	echo "ok: $name"
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

# The other release alone, at the same mirror.
cat >"$work/etc/sources.list" <<'E'
deb [signed-by=/k.gpg,/l.gpg] http://m.example/debian bookworm main
deb http://m.example/security bookworm-security main
E
expect alone --alone bookworm trixie <<'E'
Types: deb
URIs: http://m.example/debian
Suites: trixie
Components: main
Architectures: amd64
Signed-By: /k.gpg /l.gpg
E

expect alone-nothing --alone bookworm trixie <<'E'
no apt source for bookworm main found below the apt folder
E

expect nothing bookworm bookworm-backports <<'E'
no apt source for bookworm main found below the apt folder
E
