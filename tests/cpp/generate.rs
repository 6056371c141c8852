//! Sources full of macros, made by a random generator.

use std::fmt::Write;

/// A small random generator (splitmix64), the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % limit as u64) as usize
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// Macros, each with the number of its parameters if it has any: most uses are to be valid.
const MACROS: [(&str, Option<usize>); 10] = [
    ("A", None),
    ("B", None),
    ("C", None),
    ("D", Some(0)),
    ("E", Some(1)),
    ("F", Some(1)),
    ("G", Some(2)),
    ("H", Some(3)),
    ("I", Some(1)),
    ("J", Some(2)),
];
const NAMES: [&str; 10] = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J"];
/// Those that take more arguments, too.
const VARIADIC: [&str; 2] = ["I", "J"];

fn arity(name: &str) -> Option<usize> {
    MACROS.iter().find(|(known, _)| *known == name)?.1
}

const PARAMETERS: [&str; 3] = ["x", "y", "z"];

fn atom<'a>(random: &mut Random) -> &'a str {
    match random.below(10) {
        0..6 => random.one(&NAMES),
        6 => random.one(&["1", "2u", "0x10", "3.5e+1", "1e"]),
        7 => random.one(&["\"s\\\"t\"", "'c'", "'\\''", "\"\""]),
        _ => random.one(&[
            "k", "w", "+", "-", "->", "=", "<", "#", "##", "__LINE__", "<:",
        ]),
    }
}

fn arguments(random: &mut Random, name: &str, depth: usize, text: &mut String) {
    let Some(count) = arity(name) else { return };
    let more = if VARIADIC.contains(&name) {
        random.below(3)
    } else {
        0
    };
    text.push('(');
    for index in 0..count + more {
        if index > 0 {
            text.push_str(random.one(&[",", ", ", " ,\nk "]));
        }
        tokens(random, depth + 1, text);
    }
    text.push(')');
}

fn tokens(random: &mut Random, depth: usize, text: &mut String) {
    for _ in 0..random.below(4) {
        let name = atom(random);
        text.push_str(name);
        if depth < 3 && random.chance(70) {
            arguments(random, name, depth, text);
        }
        text.push_str(random.one(&["", " ", "/**/"]));
        text.push(' ');
    }
}

fn body(random: &mut Random, parameters: &[&str], variadic: Option<&str>) -> String {
    let mut text = String::new();
    let count = random.below(7);
    let mut pasting = true;
    for index in 0..count {
        let parameter = !parameters.is_empty() && random.chance(50);
        if let Some(rest) = variadic
            && random.chance(25)
        {
            match random.below(4) {
                0 => write!(text, "k, ## {rest}"),
                1 => write!(text, "# {rest}"),
                2 if rest == "__VA_ARGS__" => write!(
                    text,
                    "__VA_OPT__(k {} , w)",
                    parameters.first().unwrap_or(&"")
                ),
                _ => write!(text, "{rest}"),
            }
            .expect("memory");
            pasting = false;
        } else if parameter {
            if random.chance(15) && !parameters.is_empty() {
                text.push('#');
                pasting = false;
            }
            text.push_str(random.one(parameters));
        } else {
            let name = match atom(random) {
                "#" | "##" | "+" | "-" | "->" | "=" | "<" | "<:" => "q",
                name => name,
            };
            text.push_str(name);
            if let Some(count) = arity(name)
                && random.chance(60)
            {
                let argument = *parameters.first().unwrap_or(&"v");
                write!(text, "({})", vec![argument; count].join(",")).expect("memory");
                pasting = false;
            }
        }
        // Pasting a literal or an operator is seldom valid.
        let last = text.bytes().next_back().unwrap_or(b' ');
        let word = last.is_ascii_alphanumeric() || last == b'_';
        if pasting && word && index + 1 < count && random.chance(15) {
            text.push_str("##");
            text.push_str(random.one(&["k", "w1", "A", "B"]));
        }
        pasting = true;
        text.push(' ');
    }
    text
}

fn define(random: &mut Random, text: &mut String) {
    let name = random.one(&NAMES);
    writeln!(text, "#undef {name}").expect("memory");
    let Some(count) = arity(name) else {
        return writeln!(text, "#define {name} {}", body(random, &[], None)).expect("memory");
    };
    let parameters = &PARAMETERS[..count];
    let mut list: Vec<String> = parameters.iter().map(|p| (*p).to_owned()).collect();
    let mut variadic = None;
    if VARIADIC.contains(&name) {
        let named = random.chance(30);
        variadic = Some(if named { "rest" } else { "__VA_ARGS__" });
        list.push(if named { "rest..." } else { "..." }.to_owned());
    }
    let body = body(random, parameters, variadic);
    writeln!(text, "#define {name}({}) {body}", list.join(", ")).expect("memory");
}

fn condition(random: &mut Random, depth: usize) -> String {
    let inner = |random: &mut Random| condition(random, depth + 1);
    match random.below(if depth > 3 { 4 } else { 10 }) {
        0 => random
            .one(&["0", "1", "2u", "-1", "0x7fffffffffffffff", "'a'", "10ull"])
            .to_owned(),
        1 => format!("defined {}", random.one(&NAMES)),
        2 => format!("defined({})", random.one(&NAMES)),
        3 => random
            .one(&[
                "nothing",
                "__BPF__",
                "__has_builtin(__builtin_memcpy)",
                "__clang_major__",
            ])
            .to_owned(),
        4 => format!("!({})", inner(random)),
        5 => format!(
            "({}) ? ({}) : ({})",
            inner(random),
            inner(random),
            inner(random)
        ),
        6 => format!("-{}", inner(random)),
        _ => {
            let operator = random.one(&[
                "+", "-", "*", "<<", ">>", "<", ">", "<=", ">=", "==", "!=", "&", "|", "^", "&&",
                "||",
            ]);
            format!("({}) {operator} ({})", inner(random), inner(random))
        }
    }
}

/// A source of this number.
pub fn source(seed: u64) -> String {
    let mut random = Random(seed);
    let mut text = String::new();
    let mut open = 0;
    for _ in 0..random.below(30) + 5 {
        match random.below(10) {
            0..4 => define(&mut random, &mut text),
            4 => {
                writeln!(text, "#if {}", condition(&mut random, 0)).expect("memory");
                open += 1;
            }
            5 if open > 0 && random.chance(50) => {
                writeln!(text, "#elif {}", condition(&mut random, 0)).expect("memory");
            }
            5 if open > 0 => {
                text.push_str("#endif\n");
                open -= 1;
            }
            _ => {
                // A `#` at the start of the line would make it a directive.
                text.push_str("k ");
                tokens(&mut random, 0, &mut text);
                text.push_str(";\n");
            }
        }
    }
    text.push_str(&"#endif\n".repeat(open));
    text
}
