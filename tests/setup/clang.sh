#!/usr/bin/env bash
# Prints the clang that everything here is compiled with: $BPF_MALLOC_CLANG if it is set, else
# clang-19, else the newest in PATH. With --version its major version.
set -euo pipefail

version() { "$1" --version 2>/dev/null | sed -n 's/.*clang version \([0-9]*\).*/\1/p'; }

program=${BPF_MALLOC_CLANG:-clang-19}
best=$(version "$program" || true)
if [ -z "$best" ] && [ -z "${BPF_MALLOC_CLANG:-}" ]; then
	best=0 program=
	for name in $(compgen -c clang | grep -xE 'clang(-[0-9]+)?' | sort -u); do
		found=$(version "$name" || true)
		if [ "${found:-0}" -gt "$best" ]; then best=$found program=$name; fi
	done
fi
if [ -z "$program" ] || [ -z "$best" ]; then
	echo "error: no ${BPF_MALLOC_CLANG:-clang} found; tests/setup/install.sh demo installs one" >&2
	exit 1
fi
if [ "${1-}" = --version ]; then echo "$best"; else echo "$program"; fi
