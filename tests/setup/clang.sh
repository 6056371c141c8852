#!/usr/bin/env bash
# Prints the newest clang in PATH.
set -euo pipefail
best=0 program=
for name in $(compgen -c clang | grep -xE 'clang(-[0-9]+)?' | sort -u); do
	version=$("$name" --version 2>/dev/null | sed -n 's/.*clang version \([0-9]*\).*/\1/p')
	if [ "${version:-0}" -gt "$best" ]; then best=$version program=$name; fi
done
if [ -z "$program" ]; then
	echo "error: no clang found; tests/setup/install.sh demo installs one" >&2
	exit 1
fi
if [ "${1-}" = --version ]; then echo "$best"; else echo "$program"; fi
