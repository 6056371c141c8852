#!/usr/bin/env bash
# Runs the README's two commands, `make demo` and `make test`, in a bare Debian root, and fails if
# either does, or if a test was skipped: both are what install.sh forgot.
#
# usage: fresh.sh [COMMAND...]      runs COMMAND there instead of the two
#
# The root is made by debootstrap below target/fresh and removed afterwards (KEEP=1 keeps it). It
# shares with this machine the kernel, the Rust toolchain and cargo's registry, nothing else: it
# has no target directory and no package but those of a minimal Debian, make, and what install.sh
# installs. What is tested is the last commit.
#
# SUITE and MIRROR say which Debian: by default the one that this machine runs.
set -euo pipefail
cd "$(dirname "$0")/../.."

die() { printf 'error: %s\n' "$*" >&2; exit 1; }
say() { printf '\n== %s\n' "$*"; }

[ "$(id -u)" -eq 0 ] || die "making a root needs root: sudo make test-fresh"
command -v debootstrap >/dev/null || die "debootstrap is missing: tests/setup/install.sh fresh"

# Mounts of this script are seen by nobody else, and are gone when it ends, however it ends.
if [ "${BPF_MALLOC_FRESH-}" != "$$" ]; then
	export BPF_MALLOC_FRESH=$$
	exec unshare --mount --propagation private "$0" "$@"
fi

# shellcheck disable=SC1091
suite=${SUITE:-$(. /etc/os-release && echo "${VERSION_CODENAME:-}")}
[ -n "$suite" ] || die "which Debian? Set SUITE"
mirror=${MIRROR:-http://deb.debian.org/debian}
rustup=${RUSTUP_HOME:-$HOME/.rustup}
cargo=${CARGO_HOME:-$HOME/.cargo}
[ -x "$cargo/bin/cargo" ] || die "no cargo in $cargo/bin; set CARGO_HOME"

mkdir -p target/fresh
fresh=$(mktemp -d "$PWD/target/fresh/XXXXXX")
root=$fresh/root
log=$fresh/log
finish() {
	status=$?
	# The mounts go first: what is below them is not ours.
	mount --make-rprivate /
	below() { findmnt --raw --noheadings --output TARGET | grep "^$root" | sort --reverse || true; }
	below | xargs --no-run-if-empty umount --lazy
	[ -z "$(below)" ] || { echo "$root is still mounted on; not removed" >&2; exit "$status"; }
	[ "${KEEP-}" ] && echo "kept: $root" || rm -rf --one-file-system "$fresh"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

say "a bare $suite"
debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$log" 2>&1 ||
	{ tail -n 20 "$log" >&2; die "debootstrap failed"; }
cat >"$root/etc/apt/sources.list" <<LIST
deb $mirror $suite main
deb $mirror $suite-updates main
deb ${mirror%/debian}/debian-security $suite-security main
LIST
git clone --quiet --no-hardlinks . "$root/src"
git -C "$root/src" log -1 --format='%h %s'

# --rbind of /sys brings the kernel's types, the BPF file system and the tracing one along.
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/rust/rustup" "$root/rust/cargo/registry"
mount --bind -o ro "$rustup" "$root/rust/rustup"
cp -a "$cargo/bin" "$root/rust/cargo/bin"
mkdir -p "$cargo/registry"
mount --bind "$cargo/registry" "$root/rust/cargo/registry"
# Whoever reaches the mirrors through a proxy or with certificates of their own does so there, too.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
here=(HOME=/root LANG=C.UTF-8 PATH=/rust/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	RUSTUP_HOME=/rust/rustup CARGO_HOME=/rust/cargo)
for name in http_proxy https_proxy no_proxy; do
	[ -z "${!name-}" ] || here+=("$name=${!name}")
done
# cargo asks the index of the registry for what the examples depend on beside this project.
if [ -n "${SSL_CERT_FILE-}" ] && [ -f "$SSL_CERT_FILE" ]; then
	mkdir -p "$root/rust/certificates"
	cp -L "$SSL_CERT_FILE" "$root/rust/certificates/all.pem"
	here+=(CARGO_HTTP_CAINFO=/rust/certificates/all.pem)
fi
[ ! -f "$cargo/config.toml" ] || cp -L "$cargo/config.toml" "$root/rust/cargo/"
inside() { env -i "${here[@]}" chroot "$root" /bin/sh -c "cd /src && $*"; }

# What the README asks for beside Rust.
inside "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends make" \
	>"$log" 2>&1 || { tail -n 20 "$log" >&2; die "make could not be installed"; }

[ $# -gt 0 ] || set -- "make demo" "make test"
times=()
for command in "$@"; do
	say "$command"
	SECONDS=0
	inside "$command" 2>&1 | tee "$log" || die "$command failed in a bare $suite after $SECONDS s"
	times+=("$command: $SECONDS s")
	# What this kernel or machine cannot do is no fault of install.sh.
	left_out=$(grep 'SKIPPED \|apt knows no package' "$log" | grep -v ': this \(system\|machine\) ' || true)
	if [ -n "$left_out" ]; then
		printf '%s\n' "$left_out" >&2
		die "$command left something out, see above: install.sh has to install what it needs"
	fi
done
say "a bare $suite runs it all"
printf '%s\n' "${times[@]}"
