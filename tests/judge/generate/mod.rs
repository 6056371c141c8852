//! Random C programs that are valid, end, and have one meaning.
//!
//! A program is made of kits (a list, a table, a tree, …: types and functions in one of several
//! spellings) and of functions whose random statements use them. The same seed gives the same
//! program everywhere. What is written never depends on what C leaves open: numbers stay within
//! bounds that the generator tracks, memory is written before it is read, and no expression has two
//! calls with effects.

mod calls;
mod expressions;
mod layout;
mod links;
mod ownership;
mod places;
mod recursion;
mod statements;
mod strings;
mod tables;
mod values;
mod words;

pub use ownership::{SMALL, owning};

use layout::Style;
use words::Random;

/// What a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Plain C: the entry is `int TAG_run(void)`.
    Plain,
    /// For the kernel: the entry is `SEC("xdp") int TAG_prog(struct xdp_md *ctx)`.
    Bpf,
    /// For the kernel, with functions that call themselves.
    Recursive,
    /// Plain C whose allocations are meant to fail: see [`owning`].
    Owning,
}

/// A generated program.
#[derive(Clone, Debug)]
pub struct Program {
    pub kind: Kind,
    /// What all of its names at file scope begin with.
    pub tag: String,
    /// Names and texts of its files; the one with the entry comes first.
    pub files: Vec<(String, String)>,
    /// The function to call.
    pub entry: String,
}

impl Program {
    /// The sources, without headers.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        let names = self.files.iter().map(|(name, _)| name.as_str());
        names.filter(|name| name.ends_with(".c"))
    }
}

/// How a function is seen from outside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Linkage {
    Static,
    External,
}

/// A function of the program.
struct Function {
    file: usize,
    prototype: Option<String>,
    text: String,
}

/// What can be done with a variable of some kit, in C with holes: `{h}` the variable, `{e}` a
/// number from 0 to 1023, `{x}` a variable that takes numbers from 0 to 0x7fff (`{r}`: the same one
/// each time), `{n}` a new name.
#[derive(Clone, Default)]
struct Kit {
    /// Declares and initialises the variable.
    declaration: Vec<String>,
    /// Expressions without effects, and the largest value (the smallest is 0).
    values: Vec<(String, i64)>,
    /// Statements, and about how many steps they take.
    statements: Vec<(String, u64)>,
    /// Gives everything back.
    end: Vec<String>,
}

/// A function that statements may call: the template of the call, its bound, its cost.
#[derive(Clone)]
struct Helper {
    call: String,
    bound: i64,
    cost: u64,
    pure: bool,
}

/// The state of a generation.
struct Generator {
    seed: u64,
    random: Random,
    tag: String,
    style: Style,
    kind: Kind,
    /// Whether there is a second source with the kits, and a header.
    split: bool,
    headers: Vec<&'static str>,
    macros: Vec<String>,
    types: Vec<String>,
    globals: Vec<(usize, String)>,
    functions: Vec<Function>,
    kits: Vec<Kit>,
    helpers: Vec<Helper>,
    body: statements::Body,
    /// The file that functions go to.
    file: usize,
    has_new: bool,
    has_wrapper: bool,
    has_old_sum: bool,
}

/// The program of a seed.
pub fn program(seed: u64, kind: Kind) -> Program {
    let mut generator = Generator::new(seed, kind);
    generator.choose_kits();
    generator.file = 0;
    generator.scalar_helpers();
    let works = generator.random.range(1, 3);
    for number in 0..works {
        generator.work(number);
    }
    generator.entry();
    generator.finish()
}

impl Generator {
    fn new(seed: u64, kind: Kind) -> Self {
        let salt = kind as u64 + 1;
        let mut random = Random::new(seed.wrapping_mul(1021).wrapping_add(salt));
        let tag = words::tag(seed, kind);
        let split = kind != Kind::Recursive && random.chance(1, 5);
        let style = Style::random(&mut random);
        Self {
            seed,
            random,
            tag,
            style,
            kind,
            split,
            headers: vec!["stdlib.h"],
            macros: Vec::new(),
            types: Vec::new(),
            globals: Vec::new(),
            functions: Vec::new(),
            kits: Vec::new(),
            helpers: Vec::new(),
            body: statements::Body::default(),
            file: usize::from(split),
            has_new: false,
            has_wrapper: false,
            has_old_sum: false,
        }
    }

    /// Replaces `@` by the tag.
    fn tagged(&self, text: &str) -> String {
        text.replace('@', &format!("{}_", self.tag))
    }

    fn include(&mut self, header: &'static str) {
        if !self.headers.contains(&header) {
            self.headers.push(header);
        }
    }

    fn type_(&mut self, text: &str) {
        let text = self.tagged(text);
        self.types.push(text);
    }

    fn global(&mut self, text: &str) {
        let text = self.tagged(text);
        self.globals.push((self.file, text));
    }

    /// A variable that statements of both files use: `type` and `declarator`, and its first value.
    fn shared(&mut self, type_: &str, declarator: &str, value: &str, static_: bool) {
        if self.split {
            self.type_(&format!("extern {type_} {declarator};"));
        }
        let linkage = if static_ && !self.split {
            "static "
        } else {
            ""
        };
        let value = if value.is_empty() {
            String::new()
        } else {
            format!(" = {value}")
        };
        self.global(&format!("{linkage}{type_} {declarator}{value};"));
    }

    /// A macro; lines after the first are continued.
    fn macro_(&mut self, text: &str) {
        let text = self.tagged(text).trim_end().replace('\n', " \\\n\t");
        self.macros.push(text);
    }

    /// Defines a function in the current file: static, external, declared before, K&R, or with a
    /// return type that is left out.
    fn function(&mut self, returns: &str, name: &str, parameters: &str, body: &str) {
        let [returns, name, parameters, body] =
            [returns, name, parameters, body].map(|text| self.tagged(text));
        let linkage = match self.file == 1 || self.random.chance(2, 5) {
            true => Linkage::External,
            false => Linkage::Static,
        };
        let prefix = match linkage {
            Linkage::Static => "static ",
            Linkage::External => "",
        };
        let space = if returns.ends_with('*') { "" } else { " " };
        let simple = parameters != "void" && !parameters.contains('(') && !parameters.contains('[');
        // In a definition of old a `char` arrives as an `int`, which a prototype with `char` contradicts.
        let narrow = parameters
            .split(", ")
            .any(|p| p.starts_with("char ") && !p.contains('*'));
        let old = simple && self.random.chance(1, 12) && !narrow;
        let implicit = returns == "int" && self.random.chance(1, 30);
        let declared = self.file == 1 || self.random.chance(1, 4);
        let prototype = declared.then(|| {
            let extern_ = linkage == Linkage::External && self.random.chance(1, 3);
            let prefix = if extern_ { "extern " } else { prefix };
            format!("{prefix}{returns}{space}{name}({parameters});")
        });
        let returned = match implicit {
            true => String::new(),
            false => format!("{returns}{space}"),
        };
        let inline = match linkage {
            Linkage::Static if !implicit && self.random.chance(1, 6) => "inline ",
            _ => "",
        };
        let head = if old {
            let names: Vec<&str> = parameters.split(", ").map(words::declared).collect();
            let declarations: Vec<String> = parameters
                .split(", ")
                .map(|parameter| format!("\t{parameter};\n"))
                .collect();
            format!(
                "{prefix}{inline}{returned}{name}({})\n{}",
                names.join(", "),
                declarations.concat()
            )
        } else if self.style.return_type_on_its_own_line && !implicit {
            format!("{prefix}{inline}{returns}\n{name}({parameters})\n")
        } else {
            format!("{prefix}{inline}{returned}{name}({parameters})\n")
        };
        let text = format!("{head}{{\n{}}}\n", self.style.lay_out(&body));
        self.functions.push(Function {
            file: self.file,
            prototype,
            text,
        });
    }

    /// Some kits, each at most once.
    fn choose_kits(&mut self) {
        // With numbers of its own, so that the others stay what they are.
        let mut random = Random::new(self.seed ^ 0x706c_6163_6573);
        if self.kind != Kind::Recursive && random.chance(1, 4) {
            return match self.split || random.chance(1, 2) {
                true => self.places(),
                false => self.pieces(),
            };
        }
        if self.random.chance(1, 2) {
            self.wrappers();
        }
        let mut makers: Vec<fn(&mut Self)> = vec![
            Self::list_head,
            Self::list_header,
            Self::doubly_linked,
            Self::macro_stack,
            Self::search_tree,
            Self::ring,
            Self::vector,
            Self::hash_table,
            Self::rows,
            Self::binary_heap,
            Self::text,
            Self::string_table,
            Self::scanner,
            Self::operations,
            Self::comparator,
            Self::record,
            Self::old_sum,
            Self::accumulator,
            Self::counters,
        ];
        if self.kind == Kind::Recursive {
            let count = self.random.range(1, 2);
            let mut recursive = Self::recursive_makers();
            for _ in 0..count {
                let index = self.random.below(recursive.len() as u64) as usize;
                recursive.swap_remove(index)(self);
            }
        }
        let count = match self.kind {
            Kind::Recursive => self.random.range(0, 1),
            _ => self.random.range(1, 4),
        };
        for _ in 0..count {
            let index = self.random.below(makers.len() as u64) as usize;
            makers.swap_remove(index)(self);
        }
    }

    /// Puts the files together.
    fn finish(mut self) -> Program {
        let entry = match self.kind {
            Kind::Plain => format!("{}_run", self.tag),
            _ => format!("{}_prog", self.tag),
        };
        let bpf = self.kind != Kind::Plain;
        let shuffled = self.random.chance(1, 2);
        if shuffled && !bpf {
            self.headers.reverse();
        }
        let mut files = Vec::new();
        let shared = format!("{}.h", self.tag);
        for file in 0..=usize::from(self.split) {
            let mut text = String::new();
            if bpf && file == 0 {
                text.push_str("#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n");
            }
            for header in &self.headers {
                text.push_str(&format!("#include <{header}>\n"));
            }
            if self.split {
                text.push_str(&format!("#include \"{shared}\"\n"));
            }
            text.push('\n');
            if !self.split {
                text.push_str(&self.declarations());
            }
            for (at, global) in &self.globals {
                if *at == file {
                    text.push_str(global);
                    text.push('\n');
                }
            }
            let here = self.functions.iter().filter(|f| f.file == file);
            for function in here.clone().filter(|_| file == 0) {
                if let Some(prototype) = &function.prototype {
                    text.push_str(prototype);
                    text.push('\n');
                }
            }
            for function in here {
                text.push('\n');
                text.push_str(&function.text);
            }
            if bpf && file == 0 {
                text.push_str("\nchar LICENSE[] SEC(\"license\") = \"GPL\";\n");
            }
            let suffix = if file == 0 { "" } else { "_kits" };
            files.push((format!("{}{suffix}.c", self.tag), text));
        }
        if self.split {
            let guard = self.tag.to_uppercase();
            let prototypes: Vec<String> = self
                .functions
                .iter()
                .filter(|f| f.file == 1)
                .filter_map(|f| f.prototype.as_ref())
                .map(|prototype| format!("{prototype}\n"))
                .collect();
            let text = format!(
                "#ifndef {guard}_H\n#define {guard}_H\n\n{}{}\n#endif\n",
                self.declarations(),
                prototypes.concat()
            );
            files.push((shared, text));
        }
        Program {
            kind: self.kind,
            tag: self.tag,
            files,
            entry,
        }
    }

    fn declarations(&self) -> String {
        let mut text = String::new();
        for item in &self.macros {
            text.push_str(&format!("#define {item}\n"));
        }
        for item in &self.types {
            text.push_str(&format!("\n{}\n", self.style.lay_out_type(item)));
        }
        text.push('\n');
        text
    }

    /// The function that is called from outside.
    fn entry(&mut self) {
        let kits: Vec<Kit> = self.kits.clone();
        let [head, name] = match self.kind {
            Kind::Plain => ["int ", "run"],
            _ => ["SEC(\"xdp\")\nint ", "prog"],
        };
        let parameters = match self.kind {
            Kind::Plain => "void",
            _ => "struct xdp_md *ctx",
        };
        self.body = statements::Body::start(6);
        if self.kind != Kind::Plain {
            self.body.lines.push("(void)ctx;".into());
        }
        self.random_body(&kits, 8);
        let body = self.body.close("return (int)(acc & 0x7fffffff);");
        let text = format!(
            "{head}@{name}({parameters})\n{{\n{}}}\n",
            self.style.lay_out(&body)
        );
        let text = self.tagged(&text);
        self.functions.push(Function {
            file: 0,
            prototype: None,
            text,
        });
    }
}
