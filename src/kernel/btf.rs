//! Reads what an object's BTF says about source lines and about names. Pure: bytes in, tables out.
//! The format is that of Documentation/bpf/btf.rst.

use std::collections::BTreeSet;

use super::raw::SourceLine;

/// A little-endian number of four bytes.
fn number(data: &[u8], at: usize) -> Option<usize> {
    let bytes = data.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
}

/// The string at an offset of the string table of `.BTF`.
fn string(btf: &[u8], offset: usize) -> Option<String> {
    let strings = btf.get(number(btf, 4)?.checked_add(number(btf, 16)?)?..)?;
    let text = strings.get(offset..)?;
    let end = text.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&text[..end]).into_owned())
}

/// The source lines of all instructions, by section, of an object with these `.BTF` and `.BTF.ext`
/// sections. `None` if they are damaged.
pub(super) fn lines(btf: &[u8], ext: &[u8]) -> Option<Vec<(String, SourceLine)>> {
    // Header: magic, version and flags, its length, then offset and length of two tables.
    let mut at = number(ext, 4)? + number(ext, 16)?;
    let end = at + number(ext, 20)?;
    let size = number(ext, at)?;
    at += 4;
    let mut lines = Vec::new();
    while at < end {
        let (name, count) = (string(btf, number(ext, at)?)?, number(ext, at + 4)?);
        at += 8;
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

/// The names of functions and variables that stand in a section: what the object defines, and what
/// it declares to be found in the kernel (`__ksym`, `__kconfig`). `None` if the BTF is damaged.
pub(super) fn placed(btf: &[u8]) -> Option<BTreeSet<String>> {
    const INT: usize = 1;
    const ARRAY: usize = 3;
    const STRUCT: usize = 4;
    const UNION: usize = 5;
    const ENUM: usize = 6;
    const PROTOTYPE: usize = 13;
    const VARIABLE: usize = 14;
    const SECTION: usize = 15;
    const DECLARATION_TAG: usize = 17;
    const ENUM64: usize = 19;

    let mut at = number(btf, 4)? + number(btf, 8)?;
    let end = at + number(btf, 12)?;
    // Types count from 1; 0 is void.
    let mut names = vec![0];
    let mut members = Vec::new();
    while at < end {
        let (name, info) = (number(btf, at)?, number(btf, at + 4)?);
        let (kind, count) = (info >> 24 & 31, info & 0xffff);
        names.push(name);
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
                members.push(number(btf, at + 12 * member)?);
            }
        }
        at += bytes;
    }
    members
        .into_iter()
        .map(|member| string(btf, *names.get(member)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_sections_are_no_table() {
        for bytes in [&[][..], &[0x9f, 0xeb, 1, 0], &[0xff; 40]] {
            assert!(lines(bytes, bytes).is_none());
            assert!(placed(bytes).is_none());
        }
    }

    #[test]
    fn members_of_sections_are_named() {
        let words = |words: &[u32]| -> Vec<u8> {
            words.iter().flat_map(|word| word.to_le_bytes()).collect()
        };
        // Two functions, of which a section holds the second.
        let types = words(&[1, 12 << 24, 0, 3, 12 << 24, 0, 5, 15 << 24 | 1, 0, 2, 0, 0]);
        let strings = b"\0a\0b\0.ksyms\0";
        let mut btf = words(&[0x1eb9f, 24, 0, 48, 48, strings.len() as u32]);
        btf.extend(types);
        btf.extend(strings);
        assert_eq!(placed(&btf), Some(BTreeSet::from(["b".to_owned()])));
    }
}
