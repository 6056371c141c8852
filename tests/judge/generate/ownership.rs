//! Programs whose blocks' lives end in many ways, for a run in which an allocation fails.
//!
//! Nothing looks at the result of an allocation, or few do. A block below [`SMALL`] bytes is one
//! that its function certainly owns at each allocation after it, until it certainly does not: an
//! inserted exit has to give it back. Larger ones are those of which a reader has to know more
//! (stored elsewhere, freed on one way only, in an array filled by a loop): an exit may leave them
//! behind, but never free them twice.

use super::layout::Style;
use super::words::{Random, tag};
use super::{Kind, Program};

/// Bytes from which on a block may be left behind.
pub const SMALL: usize = 4096;

/// A block of the function that is being written.
#[derive(Clone)]
struct Block {
    name: String,
    /// Whether it may be left behind.
    loose: bool,
}

struct Writer {
    random: Random,
    lines: Vec<String>,
    owned: Vec<Block>,
    names: u64,
    /// How often something was allocated so far.
    allocations: u64,
}

/// The program of a seed; `TAG_drop` gives back what it keeps.
pub fn owning(seed: u64) -> Program {
    let mut random = Random::new(seed.wrapping_mul(77_003).wrapping_add(13));
    let tag = tag(seed, Kind::Owning);
    let style = Style::random(&mut random);
    let mut text = prelude(&mut random);
    let count = random.range(2, 4);
    for number in 0..count {
        let mut writer = Writer {
            random,
            lines: Vec::new(),
            owned: Vec::new(),
            names: 0,
            allocations: 0,
        };
        writer.function();
        let body = style.lay_out(&writer.lines.join("\n"));
        random = writer.random;
        let linkage = random.pick(&["static ", "", "static "]);
        text.push_str(&format!(
            "\n{linkage}int @work{number}(int a)\n{{\n{body}}}\n"
        ));
    }
    let calls: Vec<_> = (0..count)
        .map(|number| {
            let a = random.below(9);
            format!("\tr = r * 7 + (unsigned)@work{number}({a});\n\tr = r * 7 + (unsigned)@work{number}({});\n", a + 1)
        })
        .collect();
    text.push_str(&format!(
        "\nint @run(void)\n{{\n\tunsigned r = 1;\n\n{}\treturn (int)(r & 0x7fffffff);\n}}\n",
        calls.concat()
    ));
    let text = text.replace('@', &format!("{tag}_"));
    Program {
        kind: Kind::Owning,
        files: vec![(format!("{tag}.c"), text)],
        entry: format!("{tag}_run"),
        tag,
    }
}

/// Types, and the helpers that blocks go through.
fn prelude(random: &mut Random) -> String {
    let old = random.chance(1, 6);
    let release = match old {
        true => "static void @release(r)\n\tstruct @rec *r;\n{\n\tfree(r);\n}\n",
        false => "static void @release(struct @rec *r)\n{\n\tfree(r);\n}\n",
    };
    let deeper = random.pick(&[
        "static void @give_up(struct @rec *r)\n{\n\t@release(r);\n}\n",
        "static void @give_up(struct @rec *r)\n{\n\tif (r)\n\t\t@release(r);\n}\n",
    ]);
    let box_new = random.pick(&[
        "static struct @box *@box_new(int n)\n{\n\tstruct @box *b = malloc(sizeof(*b));\n\n\tb->n = n;\n\tb->data = malloc(4 * sizeof(int));\n\tb->data[0] = n;\n\tb->data[3] = n + 1;\n\treturn b;\n}\n",
        "static struct @box *@box_new(int n)\n{\n\tstruct @box *b;\n\tint *data = calloc(4, sizeof(int));\n\n\tdata[0] = n;\n\tdata[3] = n + 1;\n\tb = malloc(sizeof(struct @box));\n\tb->n = n;\n\tb->data = data;\n\treturn b;\n}\n",
    ]);
    let keep = random.pick(&[
        "static void @keep(struct @big *b)\n{\n\tfree(@kept);\n\t@kept = b;\n}\n",
        "static int @keep(struct @big *b)\n{\n\tif (@kept)\n\t\tfree(@kept);\n\t@kept = b;\n\treturn 1;\n}\n",
    ]);
    format!(
        "#include <stdlib.h>\n#include <string.h>\n\n\
         #define @DROP(p) free(p)\n\n\
         struct @rec {{\n\tint id;\n\tint len;\n\tchar name[24];\n}};\n\n\
         struct @big {{\n\tint id;\n\tchar room[{SMALL}];\n}};\n\n\
         struct @box {{\n\tint *data;\n\tint n;\n}};\n\n\
         struct @pair {{\n\tstruct @rec *left;\n\tstruct @big *right;\n}};\n\n\
         static struct @big *@kept;\n\n\
         {release}\n{deeper}\n\
         static void @freep(struct @rec **r)\n{{\n\tfree(*r);\n}}\n\n\
         static void @clear(struct @rec **r)\n{{\n\tfree(*r);\n\t*r = NULL;\n}}\n\n\
         static void @big_free(struct @big *b)\n{{\n\tfree(b);\n}}\n\n\
         {box_new}\n\
         static void @box_free(struct @box *b)\n{{\n\tfree(b->data);\n\tfree(b);\n}}\n\n\
         static int @make(struct @rec **out, int id)\n{{\n\t*out = malloc(sizeof(struct @rec));\n\tif (!*out)\n\t\treturn -1;\n\t(*out)->id = id;\n\treturn 0;\n}}\n\n\
         {keep}\n\
         void @drop(void)\n{{\n\tfree(@kept);\n\t@kept = NULL;\n}}\n"
    )
}

impl Writer {
    fn line(&mut self, text: &str) {
        self.lines.extend(text.lines().map(str::to_owned));
    }

    fn name(&mut self, stem: &str) -> String {
        self.names += 1;
        format!("{stem}{}", self.names)
    }

    fn function(&mut self) {
        self.line("int acc = a;");
        for _ in 0..self.random.range(4, 9) {
            self.step();
        }
        // All that is left, in any order.
        while !self.owned.is_empty() {
            let at = self.random.below(self.owned.len() as u64) as usize;
            let block = self.owned.swap_remove(at);
            let name = &block.name;
            self.line(&format!("acc += {name}->id;"));
            match block.loose {
                true => self.line(&format!("free({name});")),
                false => self.end_small(&block.name.clone()),
            }
        }
        self.line("return acc & 0x7fff;");
    }

    fn step(&mut self) {
        match self.random.below(24) {
            0..=7 => self.allocate(),
            8..=13 => self.end_one(),
            14..=15 => self.in_a_branch(),
            16..=17 => self.in_a_loop(),
            18..=19 => self.array(),
            20..=22 => self.through_functions(),
            _ => self.attribute(),
        }
    }

    /// A block for a variable of its own.
    fn allocate(&mut self) {
        if self.owned.len() >= 4 || self.allocations >= 8 {
            return self.end_one();
        }
        self.allocations += 1;
        let loose = self.random.chance(1, 3);
        let name = self.name(if loose { "big" } else { "p" });
        let type_ = if loose { "struct @big" } else { "struct @rec" };
        let call = match self.random.below(7) {
            0 => format!("calloc(1, sizeof({type_}))"),
            1 => format!("({type_} *)malloc(sizeof({type_}))"),
            2 => format!("a & 1 ? malloc(sizeof({type_})) : calloc(1, sizeof({type_}))"),
            3 => format!("({{ {type_} *t = malloc(sizeof({type_})); t; }})"),
            _ => format!("malloc(sizeof({type_}))"),
        };
        match self.random.below(4) {
            0 => self.line(&format!("{type_} *{name};\n{name} = {call};")),
            _ => self.line(&format!("{type_} *{name} = {call};")),
        }
        if self.owned.is_empty() && self.random.chance(1, 5) {
            self.line(&format!("if (!{name})\nreturn -1;"));
        }
        self.line(&format!("{name}->id = a + {};", self.names));
        if self.random.chance(1, 3) {
            self.line(&format!("acc += {name}->id * 2;"));
        }
        self.owned.push(Block { name, loose });
    }

    /// One of the blocks is given away or back.
    fn end_one(&mut self) {
        if self.owned.is_empty() {
            return self.line("acc ^= 5;");
        }
        let at = self.random.below(self.owned.len() as u64) as usize;
        let block = self.owned.swap_remove(at);
        match block.loose {
            true => self.end_large(&block.name),
            false => self.end_small(&block.name),
        }
    }

    /// Ways that a reader of the function sees through.
    fn end_small(&mut self, p: &str) {
        let q = self.name("q");
        let text = match self.random.below(12) {
            0 => format!("(free)({p});"),
            1 => format!("@DROP({p});"),
            2 => format!("@release({p});"),
            3 => format!("@give_up({p});"),
            4 => format!("@freep(&{p});"),
            5 => format!("@clear(&{p});"),
            6 => format!("struct @rec *{q} = {p};\nacc += {q}->id;\nfree({q});"),
            7 => format!(
                "struct @pair {q} = {{ {p}, NULL }};\nacc += {q}.left->id;\nfree({q}.left);"
            ),
            8 => format!("struct @rec *{q}[2];\n{q}[0] = {p};\nfree({q}[0]);"),
            9 => format!("if (a > 2) {{\nacc++;\nfree({p});\n}} else {{\nfree({p});\n}}"),
            10 => format!("if ({p})\nfree({p});"),
            _ => format!("free({p});"),
        };
        self.line(&text);
    }

    /// Ways of which more has to be known.
    fn end_large(&mut self, p: &str) {
        let q = self.name("q");
        let inner = self.short();
        let text = match self.random.below(9) {
            0 => format!("@keep({p});"),
            1 => format!("@keep({p});\n{inner}"),
            2 => format!("if (a & 2)\nfree({p});\n{inner}\nif (!(a & 2))\nfree({p});"),
            3 => format!(
                "struct @pair *{q} = malloc(sizeof(*{q}));\n{q}->right = {p};\n{q}->left = NULL;\n{inner}\nacc += {q}->right->id;\nfree({q}->right);\nfree({q});"
            ),
            4 => format!("void (*{q})(struct @big *) = @big_free;\n{q}({p});\n{inner}"),
            5 => format!(
                "struct @pair {q};\n{q}.right = {p};\n{q}.left = NULL;\n{inner}\nfree({q}.right);"
            ),
            6 => format!(
                "switch (a & 3) {{\ncase 0:\nfree({p});\nbreak;\ncase 1:\nacc++;\n/* fall through */\ndefault:\nfree({p});\n}}\n{inner}"
            ),
            7 => format!(
                "struct @big *{q} = a > 3 ? {p} : NULL;\n{inner}\nif (!{q})\nfree({p});\nelse\nfree({q});"
            ),
            _ => format!("free({p});"),
        };
        self.line(&text);
    }

    /// A short life: allocated, used, freed.
    fn short(&mut self) -> String {
        let s = self.name("s");
        self.allocations += 1;
        match self.random.below(4) {
            0 => format!("char *{s} = strdup(\"short\");\nacc += {s}[1];\nfree({s});"),
            1 => format!(
                "int *{s} = malloc(3 * sizeof(int));\n{s}[2] = acc;\nacc = {s}[2] + 1;\nfree({s});"
            ),
            2 => format!(
                "int *{s} = calloc(2, sizeof(int));\n{s} = realloc({s}, 8 * sizeof(int));\n{s}[7] = 3;\nacc += {s}[7];\nfree({s});"
            ),
            _ => format!(
                "struct @rec *{s} = malloc(sizeof(*{s}));\n{s}->len = a;\nacc += {s}->len;\n@release({s});"
            ),
        }
    }

    fn in_a_branch(&mut self) {
        let inner = self.short();
        let text = match self.random.below(3) {
            0 => format!("if (a > 1) {{\n{inner}\n}}"),
            1 => {
                let other = self.short();
                format!("if (a & 1) {{\n{inner}\n}} else {{\n{other}\n}}")
            }
            _ => {
                format!("switch (a & 1) {{\ncase 0: {{\n{inner}\nbreak;\n}}\ndefault:\nacc--;\n}}")
            }
        };
        self.line(&text);
    }

    fn in_a_loop(&mut self) {
        let inner = self.short();
        let i = self.name("i");
        let jump = self.random.pick(&[
            "",
            "\nif (acc & 1)\ncontinue;\nacc++;",
            "\nif (acc > 500)\nbreak;",
        ]);
        let text = match self.random.below(3) {
            0 => format!("for (int {i} = 0; {i} < 3; {i}++) {{\n{inner}{jump}\n}}"),
            1 => format!("int {i} = 2;\nwhile ({i}-- > 0) {{\n{inner}{jump}\n}}"),
            _ => format!("int {i} = 0;\ndo {{\n{inner}\n}} while (++{i} < 2);"),
        };
        self.line(&text);
    }

    /// An array of blocks: those of earlier rounds may stay behind.
    fn array(&mut self) {
        if self.allocations >= 8 {
            return self.end_one();
        }
        self.allocations += 3;
        let (r, i) = (self.name("rows"), self.name("i"));
        let text = match self.random.below(2) {
            0 => format!(
                "struct @big *{r}[3];\nfor (int {i} = 0; {i} < 3; {i}++) {{\n{r}[{i}] = malloc(sizeof(struct @big));\n{r}[{i}]->id = {i};\n}}\nfor (int {i} = 0; {i} < 3; {i}++) {{\nacc += {r}[{i}]->id;\nfree({r}[{i}]);\n}}"
            ),
            _ => format!(
                "struct @big **{r} = malloc(3 * sizeof(*{r}));\nint {i};\nfor ({i} = 0; {i} < 3; {i}++) {{\n{r}[{i}] = calloc(1, sizeof(struct @big));\n{r}[{i}]->id = {i} + 1;\n}}\nwhile ({i}--) {{\nacc += {r}[{i}]->id;\nfree({r}[{i}]);\n}}\nfree({r});"
            ),
        };
        self.line(&text);
    }

    /// Blocks that functions make, with blocks of their own inside or through an out-parameter.
    fn through_functions(&mut self) {
        self.allocations += 2;
        let b = self.name("b");
        let inner = if self.random.chance(1, 2) {
            self.short()
        } else {
            String::new()
        };
        let text = match self.random.below(3) {
            0 => format!(
                "struct @box *{b} = @box_new(a);\nacc += {b}->data[3] + {b}->n;\n@box_free({b});"
            ),
            1 => format!(
                "struct @rec *{b};\nif (@make(&{b}, a))\nacc += 3;\nelse {{\nacc += {b}->id;\nfree({b});\n}}\n{inner}"
            ),
            _ => format!(
                "struct @rec *{b} = NULL;\n@make(&{b}, a);\nacc += {b}->id;\nfree({b});\n{inner}"
            ),
        };
        self.line(&text);
    }

    /// A block that goes when its variable does.
    fn attribute(&mut self) {
        if self.allocations >= 8 {
            return self.end_one();
        }
        self.allocations += 1;
        let c = self.name("c");
        let inner = self.short();
        self.line(&format!(
            "{{\n__attribute__((cleanup(@freep))) struct @rec *{c} = malloc(sizeof(*{c}));\n{c}->id = a;\n{inner}\nacc += {c}->id;\n}}"
        ));
    }
}
