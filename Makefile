# The commands of this repository. CI calls only these.
#
#   make demo           rewrite, compile, load and run an XDP program, step by step
#   make test           every test; what cannot run on this machine is skipped and says why
#   make test-fresh     the two commands above in a bare Debian root; as root
#   make test-kernels   verdicts on every Debian kernel from 5.10 on, in virtual machines
#   make quick          lints and the tests that need neither root nor a compiler for BPF
#   make check          formatting and lints
#   make example        one C source as a BPF object and as a native executable
#   make bench          what malloc, free and linked data cost in this kernel, the memory they take
#                       beside other allocators, a dry run of the rewriter over a Linux source tree
#                       beside other tools, and the compiler wrapper; keeps the figures
#   make fuzz           the properties of the rewriter, and of what reads objects, heaps and settings, on
#                       many more inputs than in make test; and more generated programs, in user space
#                       and in the kernel
#   make soak           the allocator's random operations, 20 times as many as in make test
#   make oracle         the rewriter against clang on real C projects; writes
#                       fixtures/oracle/results.md
#   make corpus         C programs of Debian source packages, one command each, in this kernel;
#                       writes docs/evidence.md
#   make bless          write the header from its parts, and the expected files anew
#   make bless-kernels  write fixtures/kernel/matrix.md and fixtures/kernel/logs anew

CARGO ?= cargo
BPF_MALLOC := target/debug/bpf-malloc

.PHONY: demo quick test test-fresh test-kernels check example bench bench-heap bench-linked bench-recursion bench-fragmentation bench-rewrite bench-cc soak oracle corpus bless bless-kernels install-demo install-test install-fresh install-oracle install-bench install-heap-bench fuzz

demo: install-demo
	$(CARGO) build --quiet --features kernel
	@tests/setup/demo.sh $(BPF_MALLOC)

test: install-test
	tests/setup/test.sh

test-fresh: install-fresh
	tests/setup/fresh.sh

# Seconds of the processor that each property gets, and how many programs whose allocations fail.
FUZZ_SECONDS ?= 300
FUZZ_FAULTS ?= 20000

fuzz: install-test
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(CARGO) test --profile fuzz --test properties -- --nocapture --test-threads 1
	JUDGE_PROGRAMS=10 JUDGE_FAULTS=$(FUZZ_FAULTS) $(CARGO) test --release --all-features \
		--test judge generated -- --nocapture --test-threads 1

# The loop while you work: no root, no kernel, no other compilers.
quick:
	$(CARGO) fmt --check
	$(CARGO) clippy --quiet --all-targets --all-features -- -D warnings
	$(CARGO) test --quiet --all-features --lib --test rewrite --test nulls --test cli --test builder --test bless

check:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --all-features -- -D warnings

oracle: install-oracle
	$(CARGO) build --quiet --release --package bpf-malloc --package bpf-malloc-oracle
	target/release/bpf-malloc-oracle

corpus: install-oracle
	tests/setup/corpus.sh
	$(CARGO) test --all-features --test judge corpus -- --ignored --nocapture

test-kernels: install-test
	BPF_MALLOC_KERNELS=all $(CARGO) test --all-features --test kernels -- --nocapture

bless:
	$(CARGO) test --quiet --test bless -- --write
	BLESS=1 $(CARGO) test --quiet --test rewrite --test nulls
	BLESS=1 $(CARGO) test --quiet --all-features --test linked -- rewritten

bless-kernels: install-test
	BPF_MALLOC_KERNELS=all BLESS=1 $(CARGO) test --all-features --test kernels -- --nocapture

install-demo:
	@tests/setup/install.sh demo

install-test:
	@tests/setup/install.sh test

install-fresh:
	@tests/setup/install.sh fresh

install-oracle:
	@tests/setup/install.sh oracle

install-bench:
	@tests/setup/install.sh demo bench

install-heap-bench:
	@tests/setup/install.sh demo heap-bench

# The two command lines of a program that uses the allocator. ARCH tells the compiler where Debian
# keeps asm/types.h; it comes last, so that nothing else there gets in the way.
ARCH := $(shell uname -m)
LETTERS := fixtures/heap/example/letters.c

example: install-demo
	$(CARGO) build --quiet --features kernel
	mkdir -p build/example
	$$(tests/setup/clang.sh) -target bpf -mcpu=v3 -O2 -g -ffreestanding -Iinclude \
		-idirafter /usr/include/$(ARCH)-linux-gnu -c $(LETTERS) -o build/example/letters.bpf.o
	$(CC) -O2 -g -Dnative_executable -Iinclude $(LETTERS) -o build/example/letters
	build/example/letters
	$(BPF_MALLOC) verify --run build/example/letters.bpf.o

bench: bench-heap bench-fragmentation bench-linked bench-recursion bench-cc bench-rewrite

bench-heap: install-demo
	$(CARGO) bench --quiet --profile dev --features kernel --bench heap -- --write

bench-linked: install-demo
	$(CARGO) bench --quiet --profile dev --features kernel --bench linked -- --write

bench-recursion: install-demo
	$(CARGO) bench --quiet --profile dev --features kernel --bench recursion -- --write

bench-fragmentation: install-heap-bench
	$(CARGO) bench --quiet --profile dev --bench fragmentation -- --write

bench-rewrite: install-bench
	$(CARGO) build --quiet --release
	tests/bench/rewrite.sh

bench-cc: install-bench
	$(CARGO) build --quiet --release
	tests/bench/cc.sh

soak:
	HEAP_SOAK=20 $(CARGO) test --release --test heap_native
