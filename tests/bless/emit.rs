//! The header from its parts, the C block of its layout from `layout.rs`, and the numbers that parts
//! name from `limits.rs` and `layout.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::{Attribute, Expr, Fields, Item, Lit, LitInt, Meta, Type};

/// The file that both C and Rust get the layout from.
const LAYOUT: &str = include_str!("../../src/heap/layout.rs");
/// What C and Rust say about what may be chosen.
const LIMITS: &str = include_str!("../../src/heap/limits.rs");
/// Where the layout stands among the parts, which go into the header in the order of their names.
const LAYOUT_PART: &str = "40_layout.h";
/// Lines of a part at most, so that each can be read at one go.
const PART_LINES: usize = 370;

/// The header made of the parts in a directory.
pub fn header(parts: &Path) -> String {
    let mut names: Vec<String> = fs::read_dir(parts)
        .expect("the parts can be listed")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .filter(|name| name.ends_with(".h"))
        .chain([LAYOUT_PART.to_owned()])
        .collect();
    names.sort();
    let mut text = String::new();
    let mut used = BTreeSet::new();
    for (number, name) in names.iter().enumerate() {
        let (from, part) = if name == LAYOUT_PART {
            ("src/heap/layout.rs".to_owned(), c_block())
        } else {
            let part = fs::read_to_string(parts.join(name)).expect("a part can be read");
            assert!(
                part.lines().count() <= PART_LINES,
                "{name} has more than {PART_LINES} lines: split it"
            );
            (format!("src/heap/c/{name}"), with_numbers(&part, &mut used))
        };
        if number > 0 {
            text.push_str(&format!("\n/* BEGIN {from} */\n"));
        }
        text.push_str(&part);
    }
    for (limit, _) in constants(LIMITS) {
        assert!(used.contains(&limit), "no part of the header names {limit}");
    }
    text
}

/// A part with `@NAME@` replaced by the number of that name, as it is written in Rust without `_`, and
/// `@bytes NAME@` by it in the largest unit of which it is a multiple; notes the names.
fn with_numbers(part: &str, used: &mut BTreeSet<String>) -> String {
    let known: BTreeMap<String, String> =
        [LIMITS, LAYOUT].into_iter().flat_map(constants).collect();
    let mut text = String::new();
    for (number, piece) in part.split('@').enumerate() {
        if number % 2 == 0 {
            text.push_str(piece);
            continue;
        }
        let name = piece.strip_prefix("bytes ").unwrap_or(piece);
        let digits = known
            .get(name)
            .unwrap_or_else(|| panic!("{name} is in neither limits.rs nor layout.rs"));
        used.insert(name.to_owned());
        text.push_str(&match name == piece {
            true => digits.clone(),
            false => bytes(digits.parse().expect("a decimal number")),
        });
    }
    text
}

fn bytes(number: u64) -> String {
    [(30, "GiB"), (20, "MiB"), (10, "KiB")]
        .into_iter()
        .find(|(log, _)| number.is_multiple_of(1 << log))
        .map_or(format!("{number} bytes"), |(log, unit)| {
            format!("{} {unit}", number >> log)
        })
}

/// The constants of a file of literals, by name.
fn constants(file: &str) -> Vec<(String, String)> {
    items(file)
        .into_iter()
        .filter_map(|item| match item {
            Item::Const(item) => Some((item.ident.to_string(), digits(&item.expr))),
            _ => None,
        })
        .collect()
}

/// The layout as C: constants, structures, and an assertion on every size and offset.
fn c_block() -> String {
    let mut text = String::new();
    for item in items(LAYOUT) {
        match item {
            Item::Const(item) => {
                comment(&mut text, &item.attrs, "");
                let value = digits(&item.expr);
                text.push_str(&format!("#define {} {value}U\n", item.ident));
            }
            Item::Struct(item) => {
                comment(&mut text, &item.attrs, "");
                let tag = format!("dynmem_{}", item.ident.to_string().to_lowercase());
                let mut asserts = String::new();
                let mut offset = 0;
                text.push_str(&format!("struct {tag} {{\n"));
                let Fields::Named(fields) = &item.fields else {
                    unreachable!("layout.rs has structures with named fields only");
                };
                for field in &fields.named {
                    let name = field.ident.as_ref().expect("a named field");
                    let c = c_type(&field.ty);
                    comment(&mut text, &field.attrs, "\t");
                    if c.name == "DYNMEM_TABLES" {
                        text.push_str("\tDYNMEM_TABLES\n");
                        asserts.push_str(&assertion(&format!(
                            "__builtin_offsetof(struct {tag}, pending_words) == {offset}"
                        )));
                        continue;
                    }
                    assert_eq!(offset % c.align, 0, "{name} would need padding");
                    let count = c.count.map_or(String::new(), |count| format!("[{count}]"));
                    text.push_str(&format!("\t{} {name}{count};\n", c.name));
                    asserts.push_str(&assertion(&format!(
                        "__builtin_offsetof(struct {tag}, {name}) == {offset}"
                    )));
                    let size = c.align * c.count.unwrap_or(1);
                    asserts.push_str(&assertion(&format!(
                        "sizeof(((struct {tag} *)0)->{name}) == {size}"
                    )));
                    offset += size;
                }
                text.push_str("};\n");
                text.push_str(&asserts);
            }
            _ => {}
        }
    }
    text
}

fn items(file: &str) -> Vec<Item> {
    syn::parse_file(file)
        .expect("it is Rust, and compiled beside this")
        .items
}

fn assertion(condition: &str) -> String {
    format!(
        "_Static_assert({condition},\n\t       \"{}\");\n",
        condition.replace("struct ", "")
    )
}

struct CType {
    name: &'static str,
    /// Of one element, which is its size too.
    align: u64,
    count: Option<u64>,
}

fn c_type(ty: &Type) -> CType {
    let scalar = |name, align| CType {
        name,
        align,
        count: None,
    };
    match ty {
        Type::Array(array) => CType {
            count: Some(number(&array.len)),
            ..c_type(&array.elem)
        },
        Type::Path(path) => match path
            .path
            .require_ident()
            .map(ToString::to_string)
            .as_deref()
        {
            Ok("u8") => scalar("dynmem_u8", 1),
            Ok("u16") => scalar("dynmem_u16", 2),
            Ok("u32") => scalar("dynmem_u32", 4),
            Ok("u64") => scalar("dynmem_u64", 8),
            Ok("Lock") => scalar("dynmem_lock", 4),
            Ok("Tables") => scalar("DYNMEM_TABLES", 8),
            other => unreachable!("layout.rs has no type {other:?}"),
        },
        _ => unreachable!("layout.rs has integers and arrays only"),
    }
}

fn number(expr: &Expr) -> u64 {
    literal(expr)
        .base10_parse()
        .expect("rustc takes it for an integer too")
}

/// A number as C takes it.
fn digits(expr: &Expr) -> String {
    literal(expr).to_string().replace('_', "")
}

fn literal(expr: &Expr) -> &LitInt {
    let Expr::Lit(literal) = expr else {
        unreachable!("layout.rs has literals only")
    };
    let Lit::Int(value) = &literal.lit else {
        unreachable!("layout.rs has integers only")
    };
    value
}

/// The doc comment of an item as a C comment, wrapped at 88 columns.
fn comment(text: &mut String, attributes: &[Attribute], indent: &str) {
    let words: Vec<String> = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(literal) => match &literal.lit {
                    Lit::Str(line) => Some(line.value()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        })
        .flat_map(|line| {
            line.replace('`', "")
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    let mut lines = vec![String::new()];
    for word in words {
        let last = lines.last_mut().expect("never empty");
        if !last.is_empty() && last.len() + word.len() > 84 {
            lines.push(word);
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(&word);
        }
    }
    if let [line] = lines.as_slice() {
        text.push_str(&format!("{indent}/* {line} */\n"));
        return;
    }
    text.push_str(&format!("{indent}/*\n"));
    for line in lines {
        text.push_str(&format!("{indent} * {line}\n"));
    }
    text.push_str(&format!("{indent} */\n"));
}
