#!/usr/bin/env bash
# Installs what building and testing need and the machine lacks. Prints what it installs.
#
# usage: install.sh [demo|test|fresh|oracle|bench|heap-bench]...
#   demo  what `make demo` needs: clang, the headers of libbpf, the build of the bundled libbpf
#   test  what `make test` needs on top: bpftool, other build systems, other compilers
#   fresh  what `make test-fresh` needs: making a Debian root
#   oracle  what `make oracle` needs: clang, a compiler for its plugin, unpacking source packages
#   bench  what `make bench-rewrite` needs: the other tools, unpacking the Linux source package
#   heap-bench  what `make bench-fragmentation` needs on top of demo: another allocator
#
# Knows Debian and its kin (apt-get). Elsewhere it names the packages and fails if a program that
# is needed is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Rust first: no package of Debian 12 is new enough, so a person has to act.
check_rust() {
	local want have
	want=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
	if ! command -v cargo >/dev/null; then
		die "no cargo found. Install Rust $want or later:
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal
  . \"\$HOME/.cargo/env\""
	fi
	have=$(rustc --version | cut -d ' ' -f 2)
	if [ "$(printf '%s\n%s\n' "$want" "$have" | sort -V | head -n 1)" != "$want" ]; then
		die "Rust $have is too old, $want or later is needed: rustup update"
	fi
}

# The package of the clang that everything is compiled with: clang-19 where there is one, else the
# newest with a version, else `clang`.
clang_package() {
	local name
	for name in clang-19 clang-22 clang-21 clang-20 clang-18 clang-17 clang-16; do
		if [ -n "$(candidate "$name")" ]; then echo "$name"; return; fi
	done
	echo clang
}

candidate() {
	apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: //p' | grep -vx '(none)' || true
}

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

demo_packages=(
	gcc libc6-dev linux-libc-dev make pkg-config # the crate's C parts
	libbpf-dev                                   # bpf/bpf_helpers.h
	autoconf automake autopoint bison flex gawk gettext libtool m4 # the bundled libelf
)
# Compilers that are tested on purpose, one package each.
read -ra tested_clangs <tests/setup/clangs

test_packages=(
	"${tested_clangs[@]/#/clang-}"
	bpftool libelf-dev zlib1g-dev   # programs with a skeleton
	golang-go golang-github-cilium-ebpf-dev # another loader
	busybox-static qemu-system-x86  # other kernels in virtual machines
	uthash-dev                      # macro libraries in programs with linked data
	cmake git meson ninja-build pre-commit # the examples for other build systems
)

fresh_packages=(
	debootstrap util-linux
)

oracle_packages=(
	bzip2 dpkg-dev g++ gcc libc6-dev make patch pkg-config xz-utils
)

bench_packages=(
	bpftool python3-venv ripgrep time xz-utils
)

heap_bench_packages=(
	libmimalloc2.0
)

packages=()
[ $# -gt 0 ] || set -- demo
for group in "$@"; do
	case $group in
	demo) packages+=("${demo_packages[@]}") ;;
	test) packages+=("${demo_packages[@]}" "${test_packages[@]}") ;;
	fresh) packages+=("${fresh_packages[@]}") ;;
	oracle) packages+=("${oracle_packages[@]}") ;;
	bench) packages+=("${bench_packages[@]}") ;;
	heap-bench) packages+=("${heap_bench_packages[@]}") ;;
	*) die "unknown group $group; usage: install.sh [demo|test|fresh|oracle|bench|heap-bench]..." ;;
	esac
done

check_rust

# Arenas need clang 19; anything from 14 on compiles the rest.
clang=$(tests/setup/clang.sh --version 2>/dev/null || echo 0)

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	missing=()
	for program in cc make pkg-config autoreconf autopoint bison flex gawk; do
		command -v "$program" >/dev/null || missing+=("$program")
	done
	[ "$clang" -ge 14 ] || missing+=("clang (14 or later, 19 for arenas)")
	if [ ${#missing[@]} -gt 0 ]; then
		die "not a Debian system, and missing: ${missing[*]}.
Install them with your package manager; Debian calls the packages: ${packages[*]} clang-19"
	fi
	say "not a Debian system; everything needed to build was found"
	exit 0
fi

missing=()
for package in "${packages[@]}"; do
	installed "$package" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ] && [ "$clang" -ge 19 ]; then
	exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null ||
		die "missing packages: ${missing[*]} clang-19. Install them as root, or install sudo"
	as_root=(sudo)
fi
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)

# A fresh system has no package index; an old index asks for versions that are gone.
"${apt[@]}" update || die "apt-get update failed; check the network and the sources of apt"
if [ "$clang" -lt 19 ]; then
	package=$(clang_package)
	installed "$package" || missing+=("$package")
fi
# A package may exist under another release's name only (bpftool); say which, keep the rest.
wanted=()
for package in "${missing[@]}"; do
	if [ -n "$(candidate "$package")" ]; then
		wanted+=("$package")
	else
		say "apt knows no package $package; going on without it"
	fi
done
if [ ${#wanted[@]} -gt 0 ]; then
	say "installing: ${wanted[*]}"
	"${apt[@]}" install -y --no-install-recommends "${wanted[@]}" >/dev/null ||
		die "apt-get could not install: ${wanted[*]}"
fi
