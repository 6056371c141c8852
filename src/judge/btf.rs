//! Reads what an object's BTF says about source lines and about names. Pure: bytes in, tables out.
//! The format is that of Documentation/bpf/btf.rst.

use std::collections::BTreeSet;

/// The source line an instruction was compiled from, as BTF records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLine {
    /// Index of the first instruction of the line, in the program as it is loaded (the functions
    /// it calls are appended to it).
    pub instruction: u32,
    /// File as the compiler was given it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1; 0 if unknown.
    pub column: u32,
    /// The line's text; empty if it was not recorded.
    pub text: String,
}

/// A little-endian number of four bytes.
fn number(data: &[u8], at: usize) -> Option<usize> {
    let bytes = data.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
}

/// Bytes of a path or of a line's text that are kept: each line has copies of its own, and in a
/// damaged table all may have the same long one.
const LONGEST: usize = 4096;
/// Bytes that a line's record has at least: offset, file, text, line and column.
const RECORD: usize = 16;

/// The string at an offset of the string table of `.BTF`.
fn string(btf: &[u8], offset: usize) -> Option<String> {
    let strings = btf.get(number(btf, 4)?.checked_add(number(btf, 16)?)?..)?;
    let text = strings.get(offset..)?;
    let end = text.iter().position(|byte| *byte == 0)?.min(LONGEST);
    Some(String::from_utf8_lossy(&text[..end]).into_owned())
}

/// The source lines of all instructions, by section, of an object with these `.BTF` and `.BTF.ext`
/// sections. `None` if they are damaged.
pub(super) fn lines(btf: &[u8], ext: &[u8]) -> Option<Vec<(String, SourceLine)>> {
    // Header: magic, version and flags, its length, then offset and length of two tables.
    let mut at = number(ext, 4)? + number(ext, 16)?;
    let end = at + number(ext, 20)?;
    let size = number(ext, at).filter(|&size| size >= RECORD)?;
    at += 4;
    let mut lines = Vec::new();
    while at < end {
        let (name, count) = (string(btf, number(ext, at)?)?, number(ext, at + 4)?);
        at += 8;
        if count > ext.len() / size {
            return None;
        }
        for _ in 0..count {
            let position = number(ext, at + 12)? as u32;
            let line = SourceLine {
                instruction: (number(ext, at)? / 8) as u32,
                file: string(btf, number(ext, at + 4)?)?,
                line: position >> 10,
                column: position & 0x3ff,
                text: string(btf, number(ext, at + 8)?)?,
            };
            lines.push((name.clone(), line));
            at += size;
        }
    }
    Some(lines)
}

/// A type, a function or a variable. What the numbers mean depends on the kind.
struct Type {
    name: usize,
    kind: usize,
    /// The size in bytes, or the type meant by a variable, a typedef, a qualifier.
    size_or_type: usize,
}

/// A member of a section.
struct Member {
    /// Its number among the types.
    variable: usize,
    /// Bytes of it that the object holds.
    size: usize,
}

const INT: usize = 1;
const ARRAY: usize = 3;
const STRUCT: usize = 4;
const UNION: usize = 5;
const ENUM: usize = 6;
const TYPEDEF: usize = 8;
const RESTRICT: usize = 11;
const PROTOTYPE: usize = 13;
const VARIABLE: usize = 14;
const SECTION: usize = 15;
const DECLARATION_TAG: usize = 17;
const TYPE_TAG: usize = 18;
const ENUM64: usize = 19;

/// All types, and the members of all sections.
fn types(btf: &[u8]) -> Option<(Vec<Type>, Vec<Member>)> {
    let mut at = number(btf, 4)? + number(btf, 8)?;
    let end = at + number(btf, 12)?;
    // Types count from 1; 0 is void.
    let mut types = vec![Type {
        name: 0,
        kind: 0,
        size_or_type: 0,
    }];
    let mut members = Vec::new();
    while at < end {
        let info = number(btf, at + 4)?;
        let (kind, count) = (info >> 24 & 31, info & 0xffff);
        types.push(Type {
            name: number(btf, at)?,
            kind,
            size_or_type: number(btf, at + 8)?,
        });
        at += 12;
        let bytes = match kind {
            INT | VARIABLE | DECLARATION_TAG => 4,
            ARRAY => 12,
            STRUCT | UNION | SECTION | ENUM64 => 12 * count,
            ENUM | PROTOTYPE => 8 * count,
            _ => 0,
        };
        if kind == SECTION {
            for member in 0..count {
                members.push(Member {
                    variable: number(btf, at + 12 * member)?,
                    size: number(btf, at + 12 * member + 8)?,
                });
            }
        }
        at += bytes;
    }
    Some((types, members))
}

/// The names of functions and variables that stand in a section: what the object defines, and what
/// it declares to be found in the kernel (`__ksym`, `__kconfig`). `None` if the BTF is damaged.
pub(super) fn placed(btf: &[u8]) -> Option<BTreeSet<String>> {
    let (types, members) = types(btf)?;
    members
        .into_iter()
        .map(|member| string(btf, types.get(member.variable)?.name))
        .collect()
}

/// The static structures that clang split into variables of their own, one for each member, and
/// still describes as the whole structure. The kernel refuses all type information of such an
/// object. `None` if the BTF is damaged.
pub(super) fn split(btf: &[u8]) -> Option<BTreeSet<String>> {
    let (types, members) = types(btf)?;
    let mut names = BTreeSet::new();
    for member in members {
        let variable = types.get(member.variable)?;
        let mut described = types.get(variable.size_or_type)?;
        // No chain is longer than there are types.
        for _ in 0..types.len() {
            match described.kind {
                TYPEDEF..=RESTRICT | TYPE_TAG => described = types.get(described.size_or_type)?,
                _ => break,
            }
        }
        let whole = matches!(described.kind, STRUCT | UNION);
        if variable.kind == VARIABLE && whole && member.size < described.size_or_type {
            // clang appends the number of the part.
            let name = string(btf, variable.name)?;
            let end = name.rfind('.').unwrap_or(name.len());
            names.insert(name[..end].to_owned());
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_sections_are_no_table() {
        for bytes in [&[][..], &[0x9f, 0xeb, 1, 0], &[0xff; 40]] {
            assert!(lines(bytes, bytes).is_none());
            assert!(placed(bytes).is_none());
            assert!(split(bytes).is_none());
        }
    }

    #[test]
    fn tables_without_end_are_no_table() {
        let btf = section(&[], b"\0.text\0file.c\0");
        let ext = |size, count| {
            // The lines begin where an empty table of functions ends.
            let mut ext = bytes(&[0x1eb9f, 24, 0, 0, 0, 28, size, 1, count]);
            ext.extend(bytes(&[8, 7, 7, 5 << 10 | 2]));
            ext
        };
        let found = lines(&btf, &ext(16, 1)).expect("a table");
        assert_eq!(
            (found[0].0.as_str(), found[0].1.line, found[0].1.column),
            (".text", 5, 2)
        );
        // Four thousand million times the same record.
        for damaged in [ext(0, u32::MAX), ext(4, u32::MAX), ext(16, u32::MAX)] {
            assert!(lines(&btf, &damaged).is_none());
        }
    }

    fn bytes(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn section(types: &[u32], strings: &[u8]) -> Vec<u8> {
        let length = 4 * types.len() as u32;
        let mut btf = bytes(&[0x1eb9f, 24, 0, length, length, strings.len() as u32]);
        btf.extend(bytes(types));
        btf.extend(strings);
        btf
    }

    #[test]
    fn members_of_sections_are_named() {
        // Two functions, of which a section holds the second.
        let types = [1, 12 << 24, 0, 3, 12 << 24, 0, 5, 15 << 24 | 1, 0, 2, 0, 0];
        let btf = section(&types, b"\0a\0b\0.ksyms\0");
        assert_eq!(placed(&btf), Some(BTreeSet::from(["b".to_owned()])));
    }

    #[test]
    fn parts_of_a_structure_are_told_from_whole_ones() {
        for (held, found) in [(4, vec!["s".to_owned()]), (8, vec![])] {
            #[rustfmt::skip]
            let types = [
                0, 4 << 24, 8, // 1: a structure of 8 bytes
                0, 8 << 24, 1, // 2: a typedef of it
                1, 14 << 24, 2, 0, // 3: a variable of that type
                5, 15 << 24 | 1, 0, 3, 0, held, // a section that holds some of it
            ];
            let btf = section(&types, b"\0s.0\0.bss\0");
            assert_eq!(split(&btf), Some(BTreeSet::from_iter(found)));
        }
    }
}
