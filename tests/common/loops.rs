//! Random small programs with bounded loops around allocations, every one of them right: each loop
//! has an end that can be seen, each result is tested, each block is freed on every path.
//!
//! They stand for what people write, and show what the allocator costs the verifier there.
#![allow(dead_code, reason = "each test file uses a part")]

use std::fmt::Write as _;

/// xorshift64*.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`.
    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 32) % end
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }

    /// True once in so many times.
    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// What stands before the programs of one file.
pub const PRELUDE: &str = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n\
    #include \"dynamic_memory.h\"\nchar LICENSE[] SEC(\"license\") = \"GPL\";\n\
    volatile unsigned int size = 100, rounds = 9, some = 5;\n\
    #define ABSENT(p) __builtin_expect(!(p), 0)\n";

/// In the place of the header: an allocator that does nothing, and of which the verifier knows as little:
/// a pointer or NULL. What is refused with it, is refused for what the program itself does.
pub const NOTHING: &str = "#pragma once\n#include <linux/bpf.h>\n\
    static unsigned char nothing[65536];\n#define __arena\n\
    static inline __attribute__((always_inline)) void *static_malloc(unsigned long size) {\n\
    unsigned char *p = (void *)0; unsigned long at = \
    ((unsigned int (*)(void))7)(); asm volatile(\"\" : \"+r\"(at), \"+r\"(size));\n\
    if (at < 60000) { asm volatile(\"\" : \"+r\"(at)); p = nothing + at; } asm volatile(\"\" : \"+r\"(p)); return p; }\n\
    static inline __attribute__((always_inline)) void static_free(void *p) {\n\
    asm volatile(\"\" : : \"r\"(p)); }\n\
    static inline __attribute__((always_inline)) void *static_calloc(unsigned long n, unsigned long m) {\n\
    return static_malloc(n * m); }\n\
    static inline __attribute__((always_inline)) void *static_realloc(void *p, unsigned long n) {\n\
    static_free(p); return static_malloc(n); }\n";

/// The program of a number.
pub struct Program {
    random: Random,
    text: String,
    functions: String,
    name: String,
    variables: u32,
    indent: usize,
}

/// The C text of the program `p` and a number, with the functions it calls.
pub fn program(number: u64) -> String {
    let mut program = Program {
        random: Random(0x9e37_79b9_7f4a_7c15 ^ (number + 1).wrapping_mul(0xd134_2543_de82_ef95)),
        text: String::new(),
        functions: String::new(),
        name: format!("p{number}"),
        variables: 0,
        indent: 1,
    };
    for _ in 0..8 {
        program.random.next();
    }
    let loops = 1 + program.random.below(2);
    for _ in 0..loops {
        let most = [8, 16, 32, 64][program.random.below(4) as usize];
        program.repeat(most, &[], 0);
    }
    format!(
        "{}SEC(\"xdp\") int {}(struct xdp_md *ctx)\n{{\n\tunsigned int sum = ctx->rx_queue_index;\n{}\
         \treturn sum & 1 ? XDP_PASS : XDP_DROP;\n}}\n",
        program.functions, program.name, program.text
    )
}

impl Program {
    fn line(&mut self, text: &str) {
        for _ in 0..self.indent {
            self.text.push('\t');
        }
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn variable(&mut self, prefix: &str) -> String {
        self.variables += 1;
        format!("{prefix}{}", self.variables)
    }

    /// A loop of 2 to `most` rounds, of any form. `held` are the blocks to free before a return.
    fn repeat(&mut self, most: u64, held: &[String], depth: u32) {
        let i = self.variable("i");
        let kind = self
            .random
            .pick(&["int", "unsigned int", "long", "unsigned long", "short"]);
        let count = 2 + self.random.below(most - 1);
        let bound = match self.random.below(4) {
            // Masked, so that the verifier knows the most there can be.
            0 => format!("(rounds & {})", (count + 1).next_power_of_two() / 2),
            1 => format!("(some & {})", (count + 1).next_power_of_two() / 2),
            _ => count.to_string(),
        };
        if self.random.once_in(3) {
            self.line("_Pragma(\"nounroll\")");
        }
        let form = self.random.below(6);
        match form {
            0 => self.line(&format!("for ({kind} {i} = 0; {i} < {bound}; {i}++) {{")),
            1 => self.line(&format!("for ({kind} {i} = {count}; {i} > 0; {i}--) {{")),
            2 => self.line(&format!("for ({kind} {i} = 0; {i} < {bound}; {i} += 2) {{")),
            // Clang's pragma wants the loop right behind it.
            3 | 4 => self.line(&format!(
                "for ({kind} {i} = 0, end{i} = {bound}; {i} < end{i}; ) {{"
            )),
            _ => self.line(&format!("for ({kind} {i} = {count}; {i}; {i} >>= 1) {{")),
        }
        self.indent += 1;
        if form == 3 || form == 4 {
            self.line(&format!("{i}++;"));
        }
        self.body(most / count.max(1), &i, held, depth);
        self.indent -= 1;
        self.line("}");
    }

    fn size(&mut self, i: &str) -> String {
        match self.random.below(6) {
            0 => "size".to_owned(),
            1 => "(size & 255) + 8".to_owned(),
            2 => format!("8 + 8 * {i}"),
            3 => format!("{}", 600 + self.random.below(3000)),
            _ => format!("{}", 8 + self.random.below(200)),
        }
    }

    fn body(&mut self, inner: u64, i: &str, held: &[String], depth: u32) {
        let mut held = held.to_vec();
        let blocks = 1 + self.random.below(2);
        let outer = held.len();
        for _ in 0..blocks {
            if self.random.once_in(5) {
                let mask = 1 + self.random.below(7);
                self.line(&format!("if (({i} + some) & {mask}) {{ sum += {i}; }}"));
            }
            let p = self.variable("p");
            let size = self.size(i);
            let call = match self.random.below(6) {
                0 => format!(
                    "static_calloc({}, {})",
                    1 + self.random.below(4),
                    8 + self.random.below(40)
                ),
                1 if !size.contains("size") => format!("static_calloc(2, {size})"),
                _ => format!("static_malloc({size})"),
            };
            self.line(&format!("char __arena *{p} = {call};"));
            let frees: String = held
                .iter()
                .rev()
                .map(|q| format!("static_free({q}); "))
                .collect();
            let own: String = held[outer..]
                .iter()
                .rev()
                .map(|q| format!("static_free({q}); "))
                .collect();
            let way = match self.random.below(3) {
                0 => format!("{{ {frees}return XDP_ABORTED; }}"),
                1 => format!("{{ {own}break; }}"),
                _ => format!("{{ {own}continue; }}"),
            };
            self.line(&format!("if (ABSENT({p})) {way}"));
            let at = 1 + self.random.below(7);
            self.line(&format!("{p}[0] = (char)sum; {p}[{at}] = (char){i};"));
            held.push(p);
        }
        match self.random.below(6) {
            0 if depth == 0 && inner >= 2 => self.repeat(inner.min(8), &held, depth + 1),
            1 if depth == 0 => self.repeat(3, &held, depth + 1),
            2 => self.call(i),
            3 => {
                let p = held[outer].clone();
                let q = self.variable("q");
                let size = self.size(i);
                self.line(&format!("char __arena *{q} = static_realloc({p}, {size});"));
                self.line(&format!("if ({q}) {{ {q}[1] = 1; {p} = {q}; }}"));
                // The do-nothing allocator and a failed realloc leave the block.
            }
            _ => self.line(&format!("sum += {}[0] + {i};", held[outer])),
        }
        for p in held[outer..].to_vec().iter().rev() {
            self.line(&format!("static_free({p});"));
        }
        match self.random.below(6) {
            0 => self.line("if (sum & 64) break;"),
            1 => {
                let frees: String = held[..outer]
                    .iter()
                    .rev()
                    .map(|q| format!("static_free({q}); "))
                    .collect();
                self.line(&format!("if (sum == 4711) {{ {frees}return XDP_TX; }}"));
            }
            _ => {}
        }
    }

    /// A function of its own with a loop and an allocation, or one that passes a block on.
    fn call(&mut self, i: &str) {
        let name = self.variable(&format!("{}_f", self.name));
        let rounds = 2 + self.random.below(6);
        let size = self.random.pick(&["40", "n & 127", "size", "900"]);
        let mut text = format!("static __attribute__((noinline)) int {name}(unsigned int n)\n{{\n");
        let _ = writeln!(
            text,
            "\tunsigned int sum = 0;\n\tfor (int k = 0; k < {rounds}; k++) {{\n\t\tchar __arena *p = \
             static_malloc({size});\n\t\tif (!p)\n\t\t\treturn -1;\n\t\tp[0] = (char)n;\n\t\tsum += \
             p[0] + k;\n\t\tstatic_free(p);\n\t}}\n\treturn (int)sum;\n}}"
        );
        self.functions.push_str(&text);
        self.line(&format!(
            "sum += (unsigned int){name}((unsigned int){i} + sum);"
        ));
    }
}
