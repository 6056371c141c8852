//! What stands in the way of an object that no kernel has to be asked about. Pure: bytes in,
//! findings out.

use std::collections::{BTreeMap, BTreeSet};

use object::{
    Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SectionKind, SymbolKind,
};

use super::SourceLine;
use super::btf;
use super::explain::Kind;

/// Bytes of stack that the kernel allows along a chain of calls.
const STACK_LIMIT: u32 = 512;
/// The kernel counts a frame in steps of this many bytes.
const STACK_STEP: u32 = 32;
/// A call of a function of the object, of a helper, or (with [`CALL_REGISTER`]) of an address.
const CALL: u8 = 0x85;
/// A call of the address in a register, which the kernel does not have.
const CALL_REGISTER: u8 = 0x8d;
/// In the source register of [`CALL`]: the target is a function of the object.
const PSEUDO_CALL: u8 = 1;
/// The register that holds the address of the frame's end.
const FRAME: u8 = 10;
/// Loads an address.
const LOAD_ADDRESS: u8 = 0x18;
/// `r1 += constant`, with 64 bits.
const ADD_CONSTANT: u8 = 0x07;
/// `r1 = r2`, with 64 bits.
const MOVE: u8 = 0xbf;

/// Something that every kernel refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub kind: Kind,
    /// What is wrong, with names.
    pub message: String,
    /// Where: the name of the ELF section and the offset of the instruction in it, in bytes.
    pub place: (String, u64),
    /// The source line of the instruction, if the object was compiled with `-g`.
    pub line: Option<SourceLine>,
}

/// A function of the object.
struct Function {
    name: String,
    section: String,
    /// Offset of its first instruction.
    start: u64,
    /// Bytes of stack it uses.
    frame: u32,
    /// Where it calls which function.
    calls: Vec<(u64, usize)>,
}

/// Looks for recursion, indirect calls, too much stack, and names that nothing defines.
///
/// # Errors
///
/// The bytes are no ELF object.
pub fn inspect(bytes: &[u8]) -> Result<Vec<Finding>, object::Error> {
    let file = object::File::parse(bytes)?;
    let mut findings = Vec::new();
    let (mut functions, ranges) = functions(&file);
    let find = |section: SectionIndex, offset: u64| {
        ranges
            .iter()
            .position(|(index, start, end)| *index == section && (*start..*end).contains(&offset))
    };
    let placed = btf::placed(section(&file, ".BTF"));
    for section in file.sections().filter(|s| s.kind() == SectionKind::Text) {
        let Ok(data) = section.data() else { continue };
        let name = section.name().unwrap_or_default();
        let targets: BTreeMap<u64, RelocationTarget> = section
            .relocations()
            .map(|(offset, relocation)| (offset, relocation.target()))
            .collect();
        // The register that points below the end of the frame, if the last move made one.
        let mut pointer = None;
        for (index, code) in data.chunks_exact(8).enumerate() {
            let offset = index as u64 * 8;
            let (destination, source) = (code[1] & 15, code[1] >> 4);
            let jump = i64::from(i16::from_le_bytes([code[2], code[3]]));
            let constant = i32::from_le_bytes([code[4], code[5], code[6], code[7]]);
            let Some(caller) = find(section.index(), offset) else {
                continue;
            };
            if let (CALL | LOAD_ADDRESS, Some(placed), Some(RelocationTarget::Symbol(symbol))) =
                (code[0], &placed, targets.get(&offset))
                && let Ok(symbol) = file.symbol_by_index(*symbol)
                && let Ok(wanted) = symbol.name()
                && symbol.is_undefined()
                && !placed.contains(wanted)
            {
                let verb = ["uses", "calls"][usize::from(code[0] == CALL)];
                let caller = &functions[caller].name;
                findings.push(Finding {
                    kind: Kind::UnresolvedExtern,
                    message: format!("{caller} {verb} {wanted}, which nothing defines"),
                    place: (name.to_owned(), offset),
                    line: None,
                });
            }
            match code[0] {
                CALL_REGISTER => findings.push(Finding {
                    kind: Kind::IndirectCall,
                    message: format!("{} calls through a pointer", functions[caller].name),
                    place: (name.to_owned(), offset),
                    line: None,
                }),
                CALL if source == PSEUDO_CALL => {
                    let callee = match targets.get(&offset) {
                        None => find(
                            section.index(),
                            offset.wrapping_add_signed((i64::from(constant) + 1) * 8),
                        ),
                        Some(RelocationTarget::Symbol(symbol)) => file
                            .symbol_by_index(*symbol)
                            .ok()
                            .and_then(|symbol| Some((symbol.section_index()?, symbol.address())))
                            .and_then(|(section, address)| {
                                find(
                                    section,
                                    address.wrapping_add_signed((i64::from(constant) + 1) * 8),
                                )
                            }),
                        Some(_) => None,
                    };
                    functions[caller]
                        .calls
                        .extend(callee.map(|callee| (offset, callee)));
                }
                _ => {}
            }
            let class = code[0] & 7;
            let through = match class {
                1 => Some(source),          // loads
                2 | 3 => Some(destination), // stores
                _ => None,
            };
            let depth = match (code[0], pointer) {
                _ if through == Some(FRAME) => -jump,
                (ADD_CONSTANT, Some(register)) if register == destination => -i64::from(constant),
                _ => 0,
            };
            let frame = &mut functions[caller].frame;
            *frame = (*frame).max(u32::try_from(depth).unwrap_or(0));
            pointer = (code[0] == MOVE && source == FRAME).then_some(destination);
        }
    }
    for start in 0..functions.len() {
        let mut chain = vec![start];
        walk(&functions, &mut chain, &mut findings);
    }
    findings.sort_by(|a, b| a.place.cmp(&b.place));
    findings.dedup_by(|a, b| a.kind == b.kind && a.place == b.place);
    let lines = btf::lines(section(&file, ".BTF"), section(&file, ".BTF.ext")).unwrap_or_default();
    for finding in &mut findings {
        let (section, offset) = &finding.place;
        let before = lines
            .iter()
            .filter(|(name, line)| name == section && u64::from(line.instruction) * 8 <= *offset);
        finding.line = before
            .max_by_key(|(_, l)| l.instruction)
            .map(|(_, l)| l.clone());
    }
    Ok(findings)
}

/// The static structures of an object that clang split into their members and describes wrongly, so
/// that the kernel refuses the object's type information. A program may be accepted without it,
/// which is why [`inspect`] says nothing about them.
///
/// # Errors
///
/// The bytes are no ELF object.
pub fn split_structures(bytes: &[u8]) -> Result<BTreeSet<String>, object::Error> {
    let file = object::File::parse(bytes)?;
    Ok(btf::split(section(&file, ".BTF")).unwrap_or_default())
}

/// The contents of a section; empty if there is none.
fn section<'a>(file: &object::File<'a>, name: &str) -> &'a [u8] {
    let section = file.section_by_name(name);
    section.and_then(|s| s.data().ok()).unwrap_or_default()
}

type Range = (SectionIndex, u64, u64);

/// The functions, and the section and offsets of each.
fn functions(file: &object::File<'_>) -> (Vec<Function>, Vec<Range>) {
    let mut found = (Vec::new(), Vec::new());
    for symbol in file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text)
    {
        let Some(index) = symbol.section_index() else {
            continue;
        };
        let section = file.section_by_index(index).ok();
        let section = section.and_then(|s| s.name().ok().map(str::to_owned));
        found.0.push(Function {
            name: symbol.name().unwrap_or_default().to_owned(),
            section: section.unwrap_or_default(),
            start: symbol.address(),
            frame: 0,
            calls: Vec::new(),
        });
        found
            .1
            .push((index, symbol.address(), symbol.address() + symbol.size()));
    }
    found
}

/// Follows the calls of the last function of `chain`. Deep chains end where the kernel ends them,
/// so that no graph takes long.
fn walk(functions: &[Function], chain: &mut Vec<usize>, findings: &mut Vec<Finding>) {
    const DEEPEST: usize = 8;
    let names = |part: &[usize]| {
        let names: Vec<&str> = part.iter().map(|f| functions[*f].name.as_str()).collect();
        names.join(" calls ")
    };
    let step = |function: &usize| {
        functions[*function]
            .frame
            .max(1)
            .next_multiple_of(STACK_STEP)
    };
    let total: u32 = chain.iter().map(step).sum();
    let last = *chain.last().expect("never empty");
    if total > STACK_LIMIT {
        findings.push(Finding {
            kind: Kind::Stack,
            message: format!("{} with {total} bytes of stack together", names(chain)),
            place: (
                functions[chain[0]].section.clone(),
                functions[chain[0]].start,
            ),
            line: None,
        });
        return;
    }
    for (offset, callee) in &functions[last].calls {
        if let Some(from) = chain.iter().position(|function| function == callee) {
            if from == 0 {
                findings.push(Finding {
                    kind: Kind::Recursion,
                    message: format!("{} calls {}", names(chain), functions[*callee].name),
                    place: (functions[last].section.clone(), *offset),
                    line: None,
                });
            }
            continue;
        }
        if chain.len() < DEEPEST {
            chain.push(*callee);
            walk(functions, chain, findings);
            chain.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, frame: u32, calls: &[usize]) -> Function {
        Function {
            name: name.to_owned(),
            section: ".text".to_owned(),
            start: 0,
            frame,
            calls: calls.iter().map(|callee| (8, *callee)).collect(),
        }
    }

    fn findings(functions: &[Function]) -> Vec<(Kind, String)> {
        let mut findings = Vec::new();
        for start in 0..functions.len() {
            walk(functions, &mut vec![start], &mut findings);
        }
        findings.into_iter().map(|f| (f.kind, f.message)).collect()
    }

    #[test]
    fn recursion_through_another_function_is_found() {
        let found = findings(&[function("a", 0, &[1]), function("b", 0, &[0])]);
        assert_eq!(found[0], (Kind::Recursion, "a calls b calls a".to_owned()));
    }

    #[test]
    fn frames_along_a_chain_are_added_up_in_steps() {
        // 481 counts as 512: with the smallest frame of the callee it is too much.
        let found = findings(&[function("a", 481, &[1]), function("b", 0, &[])]);
        assert_eq!(
            found,
            [(
                Kind::Stack,
                "a calls b with 544 bytes of stack together".to_owned()
            )]
        );
        assert!(findings(&[function("a", 480, &[1]), function("b", 32, &[])]).is_empty());
    }

    #[test]
    fn bytes_that_are_no_object_are_an_error() {
        assert!(inspect(b"int main;").is_err());
    }
}
