#!/usr/bin/env bash
# A dry run of the rewriter over a Linux source tree, side by side with other tools; over libbpf's
# sources, all of which count as code for BPF; and over one program.
#
# usage: rewrite.sh [ROUNDS]
#
# Every round runs each tool once, one after the other, so that what else the machine does hits
# all of them; the medians of the rounds are compared. What takes minutes runs once, and the sed
# loop only on a sample. Downloads and unpacked sources lie below target/bench. Writes
# fixtures/bench/rewrite.md.
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-5}
package=linux-source-6.1
cache=$PWD/target/bench
tree=$cache/$package
tool=$PWD/target/release/bpf-malloc
report=fixtures/bench/rewrite.md

get_tree() {
	[ -e "$tree/.git" ] && return
	sh tests/oracle/sources.sh extract "$cache/apt" "$cache/linux" "$package"
	tar -C "$cache" -xf "$cache/linux/usr/src/$package.tar.xz"
	# Debian's source package ignores everything, and this repository ignores target/: the tree
	# has to be a repository of its own that ignores nothing, for every tool.
	find "$tree" -name .gitignore -delete
	mkdir "$tree/.git"
}

get_ast_grep() {
	if ! [ -x "$cache/venv/bin/ast-grep" ]; then
		python3 -m venv "$cache/venv"
		"$cache/venv/bin/pip" --quiet --disable-pip-version-check install ast-grep-cli
	fi
	# By itself `free($$$A)` is the use of a macro for the grammar; in a function it is a call.
	cat >"$cache/rules.yml" <<-'YAML'
		id: malloc
		language: C
		rule: {pattern: {context: 'void f() { malloc($$$A); }', selector: call_expression}}
		fix: static_malloc($$$A)
		---
		id: free
		language: C
		rule: {pattern: {context: 'void f() { free($$$A); }', selector: call_expression}}
		fix: static_free($$$A)
	YAML
}

# The kernel's types, and a program that needs them for a line.
get_program() {
	bpftool btf dump file /sys/kernel/btf/vmlinux format c >"$cache/vmlinux.h"
	cat >"$cache/program.bpf.c" <<-'C'
		#include "vmlinux.h"
		#include <bpf/bpf_helpers.h>
		#include <bpf/bpf_core_read.h>
		#include <bpf/bpf_tracing.h>
		void *malloc(__u64 size);
		void free(void *block);
		struct item { int key; struct item *next; };
		struct item *last;
		SEC("fentry/do_exit")
		int BPF_PROG(at_exit, long code)
		{
			struct task_struct *task = (void *)bpf_get_current_task();
			struct item *item = malloc(sizeof(*item));
			item->key = BPF_CORE_READ(task, mm, owner, pid);
			item->next = last;
			last = item;
			if (item->next && item->next->key == item->key)
				free(item->next);
			return 0;
		}
		char LICENSE[] SEC("license") = "GPL";
	C
}

# Each takes its own way through the tree and prints what it finds.
run_ripgrep() { rg -lw 'malloc|free' -g '*.[ch]' "$tree"; }
run_ours() { "$tool" rewrite --check -q "$tree"; }
run_ours_diff() { "$tool" rewrite --diff -q "$tree"; }
run_ast_grep() { "$cache/venv/bin/ast-grep" scan --rule "$cache/rules.yml" --json=stream "$@"; }
run_ast_grep_filtered() {
	rg -l0 '\b(malloc|free)[ \t]*\(' -g '*.[ch]' "$tree" | xargs -0 "$cache/venv/bin/ast-grep" \
		scan --rule "$cache/rules.yml" --json=stream
}
run_ast_grep_all() { run_ast_grep --globs '*.[ch]' "$tree"; }
run_sed_sample() {
	while IFS= read -r file; do
		sed -E 's/\bmalloc[ \t]*\(/static_malloc(/g' "$file" |
			sed -E 's/\bfree[ \t]*\(/static_free(/g' >/dev/null
	done <"$cache/sample"
}
# libbpf itself: C for user space, with headers that all of its files share.
libbpf=$tree/tools/lib/bpf
run_libbpf() { "$tool" rewrite --diff -q --all "$libbpf"; }
run_libbpf_map() { "$tool" rewrite --diff -q --all --backend map "$libbpf"; }
run_program() { "$tool" rewrite --diff -q "$cache/program.bpf.c"; }
run_clang() { "$clang" -target bpf -O2 -fsyntax-only -I"$cache" "$cache/program.bpf.c"; }
export -f run_libbpf run_libbpf_map run_program run_clang run_ripgrep run_ours run_ours_diff run_ast_grep run_ast_grep_filtered run_ast_grep_all run_sed_sample
clang=$(tests/setup/clang.sh)
export tree tool cache libbpf clang

# seconds and peak memory in KiB of the largest process, appended to a file per tool
measure() {
	/usr/bin/time -a -o "$cache/times-$1" -f "%e %M" bash -c "run_$1 || true" >"$cache/out-$1" 2>/dev/null ||
		true # Tools say by their status that they found something.
}

median() { sort -n "$cache/times-$1" | awk -v c="$2" '{ v[NR] = $c } END { print v[int((NR + 1) / 2)] }'; }
peak() { awk '$2 > most { most = $2 } END { printf "%.0f", most / 1024 }' "$cache/times-$1"; }

get_tree
get_ast_grep
get_program
rm -f "$cache"/times-*
find "$tree" -name '*.[ch]' -type f | sort >"$cache/files"
files=$(wc -l <"$cache/files")
megabytes=$(tr '\n' '\0' <"$cache/files" | xargs -0 cat | wc -c | awk '{ printf "%.0f", $1 / 1e6 }')
awk 'NR % 50 == 1' "$cache/files" >"$cache/sample"
sample=$(wc -l <"$cache/sample")

# Counting the bytes has brought the tree into memory; one more pass for the programs.
run_ripgrep >/dev/null
for _ in $(seq "$rounds"); do
	for name in ripgrep ours ours_diff ast_grep_filtered libbpf libbpf_map program clang; do measure "$name"; done
done
measure ast_grep_all
measure sed_sample
sed_all=$(awk -v s="$(median sed_sample 1)" -v f="$files" -v n="$sample" 'BEGIN { print s * f / n }')

floor=$(median ripgrep 1)
row() { # title, seconds, MB, note
	awk -v t="$1" -v s="$2" -v m="$3" -v f="$floor" \
		'BEGIN { printf "| %s | %.2f | %.1f | %s |\n", t, s, s / f, m }'
}
matches=$(wc -l <"$cache/out-ast_grep_filtered")
mkdir -p "$(dirname "$report")"
{
	cat <<-MD
		# Speed of the rewriter

		Written by \`make bench-rewrite\`: dry runs over the $files C files and headers of Debian's
		\`$package\` $(cat "$cache/linux/.$package") ($megabytes MB), all in memory. Medians of $rounds rounds in which the
		tools take turns; the slow ones ran once.

		- machine: $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(awk '/MemTotal/ { printf "%.0f GB", $2 / 1e6 }' /proc/meminfo)
		- kernel: $(uname -sr)
		- tools: $("$tool" --version | head -n 1), $(rg --version | head -n 1 | cut -d ' ' -f 1,2), $("$cache/venv/bin/ast-grep" --version), $(sed --version | head -n 1)

		| tool | seconds | × ripgrep | peak MB |
		|---|---|---|---|
	MD
	row "ripgrep, lists the files with either word" "$floor" "$(peak ripgrep)"
	row "\`bpf-malloc rewrite --check -q\`: the code for BPF in it" "$(median ours 1)" "$(peak ours)"
	row "\`bpf-malloc rewrite --diff -q\`, the same" "$(median ours_diff 1)" "$(peak ours_diff)"
	row "ast-grep, two rules, only files with \`malloc(\` or \`free(\`" "$(median ast_grep_filtered 1)" "$(peak ast_grep_filtered)"
	row "ast-grep, two rules" "$(median ast_grep_all 1)" "$(peak ast_grep_all)"
	row "sed, file by file (from a sample of $sample files)" "$sed_all" "$(peak sed_sample)"
	cat <<-MD

		bpf-malloc follows the includes of the files to find out which are code for BPF, and leaves the others alone.
		The two rules of ast-grep match $matches calls of two functions in all of them.

		| tool | seconds | × the line above | peak MB |
		|---|---|---|---|
	MD
	floor=$(median libbpf_map 1)
	row "\`rewrite --diff --all --backend map\` of tools/lib/bpf ($(find "$libbpf" -name '*.c' | wc -l) C files)" "$floor" "$(peak libbpf_map)"
	row "\`rewrite --diff --all\`, with the inference for arenas" "$(median libbpf 1)" "$(peak libbpf)"
	floor=$(median clang 1)
	row "\`clang -fsyntax-only\` of a program with vmlinux.h ($(wc -c <"$cache/vmlinux.h" | awk '{ printf "%.1f", $1 / 1e6 }') MB)" "$floor" "$(peak clang)"
	row "\`rewrite --diff\` of the same program, heap in an arena" "$(median program 1)" "$(peak program)"
	cat <<-MD

		Commands:

		    rg -lw 'malloc|free' -g '*.[ch]' $package
		    bpf-malloc rewrite --check -q $package
		    bpf-malloc rewrite --diff -q $package
		    rg -l0 '\\b(malloc|free)[ \\t]*\\(' -g '*.[ch]' $package | xargs -0 ast-grep scan --rule rules.yml --json=stream
		    ast-grep scan --rule rules.yml --json=stream --globs '*.[ch]' $package
		    for each file: sed -E 's/\\bmalloc[ \\t]*\\(/static_malloc(/g' | sed -E 's/\\bfree[ \\t]*\\(/static_free(/g'
	MD
} >"$report"
cat "$report"

ratio() { awk -v a="$(median ours 1)" -v b="$1" 'BEGIN { print a / b }'; }
fail=0
expect() { awk -v v="$2" -v m="$3" 'BEGIN { exit !(v <= m) }' || { echo "too much: $1 is $2, at most $3" >&2; fail=1; }; }
expect "time against ripgrep" "$(ratio "$(median ripgrep 1)")" 6
expect "time against ast-grep on filtered files" "$(ratio "$(median ast_grep_filtered 1)")" 1
against() { awk -v a="$(median "$1" 1)" -v b="$(median "$2" 1)" 'BEGIN { print a / b }'; }
expect "the inference for arenas against --backend map" "$(against libbpf libbpf_map)" 3
expect "a program with vmlinux.h against clang" "$(against program clang)" 1
expect "memory in MB" "$(peak ours)" 300
exit $fail
