#!/usr/bin/env bash
# Runs all tests and prints how many ran, failed and were skipped.
set -uo pipefail
cd "$(dirname "$0")/../.."

# Tests that pin maps want the BPF file system, which systemd mounts and containers often lack. Our
# mount is seen by nobody else and goes with us.
bpf_files=/sys/fs/bpf
if [ "$(id -u)" -eq 0 ] && [ -d "$bpf_files" ] &&
	[ "$(stat --file-system --format %T "$bpf_files")" != bpf_fs ] &&
	[ -z "${BPF_MALLOC_MOUNTED-}" ]; then
	export BPF_MALLOC_MOUNTED=1
	exec unshare --mount --propagation private /bin/sh -c \
		"mount -t bpf bpf $bpf_files; exec tests/setup/test.sh"
fi

# One compiler for the whole run, whatever appears in PATH meanwhile.
BPF_MALLOC_CLANG=$(tests/setup/clang.sh) || exit 1
export BPF_MALLOC_CLANG
name() { "$1" --version 2>/dev/null | head -n 1; }
printf 'compilers: %s (%s) for everything\n' "$BPF_MALLOC_CLANG" "$(name "$BPF_MALLOC_CLANG")"
for version in $(cat tests/setup/clangs); do
	printf '           clang-%s (%s) on purpose\n' "$version" "$(name "clang-$version" || echo absent)"
done
printf '           %s (%s) for user space\n\n' "${CC:-cc}" "$(name "${CC:-cc}" || echo absent)"

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Where programs can be loaded, a kernel test that skips itself is a failure.
if [ "$(id -u)" -eq 0 ] && [ -z "${BPF_MALLOC_REQUIRE_KERNEL+set}" ] &&
	bpftool map list >/dev/null 2>&1; then
	export BPF_MALLOC_REQUIRE_KERNEL=1
fi

status=0
cargo test --all-features --no-fail-fast 2>&1 | tee "$log" || status=1

printf '\n'
awk '
	/^test result: / {
		for (i = 2; i <= NF; i++) {
			if ($i ~ /^passed/) passed += $(i - 1)
			if ($i ~ /^failed/) failed += $(i - 1)
		}
	}
	/SKIPPED / { skipped++; reasons = reasons "\n" $0 }
	END { printf "%d tests passed, %d failed, %d skipped%s\n", passed, failed, skipped, reasons }
' "$log"
exit "$status"
