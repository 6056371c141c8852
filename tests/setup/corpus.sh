#!/usr/bin/env bash
# Gets the source packages that `make corpus` judges, below target/corpus. What the archive lacks is
# left out, and said.
set -euo pipefail
cd "$(dirname "$0")/../.."

into=target/corpus/src
for package in gcc-12 tcc uthash valgrind; do
	sh tests/oracle/sources.sh source target/corpus/apt "$into" "$package" ||
		echo "going on without the source package $package" >&2
done

# Debian's package of gcc holds the release as an archive.
for archive in "$into"/gcc-12/gcc-*.tar.xz; do
	[ -e "$archive" ] && [ ! -e "$into/gcc-12/gcc" ] || continue
	tar -C "$into/gcc-12" -xf "$archive" --strip-components 1 --wildcards \
		'gcc-*/gcc/testsuite/gcc.c-torture/execute/*' 'gcc-*/gcc/testsuite/gcc.dg/*'
done
