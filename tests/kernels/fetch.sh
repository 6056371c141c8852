#!/usr/bin/env bash
# Downloads Debian kernels for the virtual machines of tests/kernels, or the newest bpftool that
# Debian has. Nothing is installed.
#
# usage: fetch.sh DIRECTORY SERIES...      a series is 6.12, or "newest"
#        fetch.sh DIRECTORY bpftool
#
# Prints a line "SERIES VERSION VMLINUZ" for each, or "bpftool VERSION PROGRAM". The exact version of
# a series changes as Debian replaces packages, so the newest of each is taken from the package
# index, and said.
set -euo pipefail

mkdir -p "$1"
directory=$(cd "$1" && pwd)
shift

say() { printf '%s\n' "$*" >&2; }

state=$directory/apt
mkdir -p "$state/lists/partial" "$state/archives/partial"

# The machine's own mirror, with the suites the kernels are in.
mirror=http://deb.debian.org
for file in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list; do
	[ -f "$file" ] || continue
	found=$(grep -ohE 'https?://[^ ]*/debian/?( |$)' "$file" | head -n 1 || true)
	if [ -n "$found" ]; then
		mirror=${found%% *}
		mirror=${mirror%/}
		mirror=${mirror%/debian}
		break
	fi
done
key='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
cat >"$state/sources.list" <<LIST
deb $key $mirror/debian-security bullseye-security main
deb $key $mirror/debian-security bookworm-security main
deb $key $mirror/debian trixie-backports main
LIST
# What bpftool is linked with.
[ "${1-}" != bpftool ] || echo "deb $key $mirror/debian trixie main" >>"$state/sources.list"

options=(
	-qq
	-o "Dir::State=$state" -o "Dir::State::status=/dev/null" -o "Dir::Cache=$state"
	-o "Dir::Etc::sourcelist=$state/sources.list" -o "Dir::Etc::sourceparts=/dev/null"
	-o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Architecture=amd64
	-o APT::Sandbox::User=root
)

if ! apt-get "${options[@]}" update >/dev/null; then
	say "error: the package index of $mirror cannot be read; check the network"
	exit 1
fi

# bpftool with the libraries of its release, which run on any: the program that is printed starts it.
fetch_bpftool() {
	local root=$directory/root package version program=$directory/bpftool
	version=$(apt-cache "${options[@]}" show bpftool | sed -n 's/^Version: //p' | sort -V | tail -n 1)
	if [ ! -x "$program" ] || [ "$(cat "$directory/version" 2>/dev/null)" != "$version" ]; then
		rm -rf "$root"
		mkdir "$root"
		for package in "bpftool=$version" libc6 libcap2 libelf1t64 libssl3t64 libzstd1 zlib1g; do
			(cd "$state/archives" && apt-get "${options[@]}" download "$package" >/dev/null)
			for file in "$state/archives"/*.deb; do
				dpkg-deb --extract "$file" "$root"
				rm -f "$file"
			done
		done
		printf '%s\n' "$version" >"$directory/version"
		cat >"$program" <<-RUN
			#!/bin/sh
			lib=$root/usr/lib/x86_64-linux-gnu
			exec "\$lib/ld-linux-x86-64.so.2" --library-path "\$lib" $root/usr/sbin/bpftool "\$@"
		RUN
		chmod +x "$program"
	fi
	printf 'bpftool %s %s\n' "$version" "$program"
}

if [ "${1-}" = bpftool ]; then
	fetch_bpftool
	exit
fi

# Of two packages of one version, the one with the files comes first: since 6.19 that is
# linux-binary, while linux-image is an empty shell. A signed one is preferred to an unsigned one,
# which some mirrors list and do not have.
names=$(apt-cache "${options[@]}" pkgnames |
	grep -xE 'linux-(binary|image)-[0-9]+\.[0-9]+\.[0-9]+[^ ]*-cloud-amd64(-unsigned)?' |
	grep -v deb11 || true)

version_of() { sed -E 's/^linux-(binary|image)-//; s/-cloud-amd64.*//' <<<"$1"; }

packages_of() { # of a series, newest version first
	local name
	while read -r name; do
		[ -n "$name" ] || continue
		printf '%s %s\n' "$(version_of "$name")" "$name"
	done <<<"$names" | { [ "$1" = newest ] && cat || grep -E "^${1//./\\.}\." || true; } |
		sort -t ' ' -k1,1Vr -k2,2 | cut -d ' ' -f 2
}

fetch() { # SERIES
	local name version target
	while read -r name; do
		[ -n "$name" ] || continue
		version=$(version_of "$name")
		target=$directory/vmlinuz-$version
		if [ ! -s "$target" ]; then
			(cd "$state/archives" && apt-get "${options[@]}" download "$name" >/dev/null 2>&1) ||
				continue
			# Since 7.2 the image lies beside its modules, before that in /boot.
			for package in "$state/archives/${name}"_*.deb; do
				dpkg-deb --fsys-tarfile "$package" |
					tar -xO --wildcards './boot/vmlinuz-*' './usr/lib/modules/*/vmlinuz' \
						>"$target.part" 2>/dev/null || true
				rm -f "$package"
			done
			# The shell of 6.19 and later has no kernel in it.
			if [ ! -s "$target.part" ]; then
				rm -f "$target.part"
				continue
			fi
			mv "$target.part" "$target"
		fi
		printf '%s %s %s\n' "$1" "$version" "$target"
		return 0
	done < <(packages_of "$1")
	say "error: no package of Linux $1 can be downloaded from $mirror"
	return 1
}

for series in "$@"; do
	fetch "$series"
done
