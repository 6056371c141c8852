#!/usr/bin/env bash
# Shows what the project does on fixtures/demo/packet_log.bpf.c: the diff of the rewrite, the
# compiler, the verifier's verdict and the program at work.
#
# usage: demo.sh BPF_MALLOC
set -euo pipefail
cd "$(dirname "$0")/../.."
bpf_malloc=$1
source=fixtures/demo/packet_log.bpf.c
build=build/demo

step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || step() { printf '\n%s\n' "$*"; }

step "1. What the rewrite changes: bpf-malloc rewrite --diff $source"
"$bpf_malloc" rewrite --diff "$source"

step "2. The rewrite: bpf-malloc rewrite --output $build/packet_log.bpf.c --emit-header $source"
rm -rf "$build"
mkdir -p "$build"
"$bpf_malloc" rewrite --output "$build/packet_log.bpf.c" --emit-header "$source"

clang=$(tests/setup/clang.sh)
arch=$(uname -m)
flags=(-target bpf -mcpu=v3 -O2 -g -ffreestanding -Wall -idirafter "/usr/include/$arch-linux-gnu")
step "3. The compiler: $clang ${flags[*]} -c packet_log.bpf.c"
"$clang" "${flags[@]}" -c "$build/packet_log.bpf.c" -o "$build/packet_log.bpf.o"
ls -l "$build"

step "4. The verifier, and 1000 runs on a DNS packet: bpf-malloc verify --run --repeat 1000"
status=0
"$bpf_malloc" verify --run --repeat 1000 "$build/packet_log.bpf.o" || status=$?
case $status in
0)
	printf '\nThe verifier accepts the program. It logged and counted the packet in memory from\n'
	printf 'malloc, and returned XDP_DROP because the packet goes to port 53.\n'
	;;
2)
	printf '\nRewritten and compiled, but not loaded: see above for what is missing.\n'
	;;
*)
	exit "$status"
	;;
esac
