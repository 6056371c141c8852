#!/usr/bin/env bash
# What `bpf-malloc cc` adds to a compilation, side by side with the compiler alone.
#
# usage: cc.sh [ROUNDS]
#
# In every round each command runs once, one after the other, so that what else the machine does hits all
# of them; the medians of the rounds are compared. Writes fixtures/bench/cc.md.
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-31}
tool=$PWD/target/release/bpf-malloc
work=$PWD/target/bench/cc
report=fixtures/bench/cc.md
clang=$(tests/setup/clang.sh)
multiarch=/usr/include/$(uname -m)-linux-gnu
mkdir -p "$work"
cp include/dynamic_memory.h "$work"

bpftool btf dump file /sys/kernel/btf/vmlinux format c >"$work/vmlinux.h"
program() { # 1: with allocations
	cat <<-C
		#include "vmlinux.h"
		#include <bpf/bpf_helpers.h>
		#include <bpf/bpf_core_read.h>
		#include <bpf/bpf_tracing.h>
		void *malloc(__SIZE_TYPE__ size);
		void free(void *block);
		struct item { int pid; struct item *next; };
		struct item *last;
		SEC("fentry/do_exit")
		int BPF_PROG(at_exit, long code)
		{
			struct task_struct *task = (void *)bpf_get_current_task();
			int pid = BPF_CORE_READ(task, mm, owner, pid);
	C
	if [ "$1" = 1 ]; then
		cat <<-C
				struct item *item = malloc(sizeof(*item));
				item->pid = pid;
				item->next = last;
				last = item;
				if (item->next && item->next->pid == pid)
					free(item->next);
		C
	fi
	printf '\treturn pid;\n}\nchar LICENSE[] SEC("license") = "GPL";\n'
}
program 0 | grep -v 'malloc\|free' >"$work/without.bpf.c"
program 1 >"$work/with.bpf.c"
# The same program, rewritten beforehand: what a build compiles that keeps the rewritten sources.
mkdir -p "$work/rewritten"
"$tool" rewrite -q -o "$work/rewritten" "$work/with.bpf.c"

flags=(-target bpf -O2 -g -mcpu=v3 -I"$work" -I"$multiarch" -c)
run_without_alone() { "$clang" "${flags[@]}" "$work/without.bpf.c" -o "$work/a.o"; }
run_without_cc() { "$tool" cc -- "$clang" "${flags[@]}" "$work/without.bpf.c" -o "$work/b.o"; }
run_with_alone() { "$clang" "${flags[@]}" "$(find "$work/rewritten" -name with.bpf.c)" -o "$work/c.o"; }
run_with_cc() { "$tool" cc -- "$clang" "${flags[@]}" "$work/with.bpf.c" -o "$work/d.o"; }

commands=(without_alone without_cc with_alone with_cc)
for name in "${commands[@]}"; do
	: >"$work/times-$name"
	"run_$name" # brings everything into memory
done
for _ in $(seq "$rounds"); do
	for name in "${commands[@]}"; do
		start=$(date +%s%N)
		"run_$name"
		echo $((($(date +%s%N) - start) / 1000)) >>"$work/times-$name"
	done
done
cmp "$work/a.o" "$work/b.o"

median() { sort -n "$work/times-$1" | awk '{ v[NR] = $1 } END { printf "%.1f", v[int((NR + 1) / 2)] / 1000 }'; }
row() { # title, command alone, command with cc
	awk -v t="$1" -v a="$(median "$2")" -v b="$(median "$3")" \
		'BEGIN { printf "| %s | %.1f | %.1f | %.1f | %.2f |\n", t, a, b, b - a, b / a }'
}
{
	cat <<-MD
		# Cost of the compiler wrapper

		Written by \`make bench-cc\`: one program that includes vmlinux.h, compiled by the compiler alone and by
		\`bpf-malloc cc\`; medians of $rounds rounds in which the commands take turns, milliseconds of wall time.
		What has an allocation is compared with the compilation of the same program, rewritten beforehand.

		- machine: $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
		- compiler: $("$clang" --version | head -n 1)

		| program | compiler alone | \`bpf-malloc cc\` | more | times |
		|---|---|---|---|---|
	MD
	row "without an allocation" without_alone without_cc
	row "with allocations, heap in an arena" with_alone with_cc
} >"$report"
cat "$report"

fail=0
expect() { # what, alone, with cc, at most so many milliseconds more
	awk -v a="$(median "$2")" -v b="$(median "$3")" -v most="$4" 'BEGIN { exit !(b - a <= most) }' ||
		{ echo "too much: $1 takes over $4 ms more" >&2; fail=1; }
}
expect "a file without an allocation" without_alone without_cc 15
expect "a file with allocations" with_alone with_cc 100
exit $fail
