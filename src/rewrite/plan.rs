//! What a rewrite consists of: edits and notices, in offsets of the original file.

use std::fmt;

use crate::c::Span;

/// What an edit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EditKind {
    /// A call of the C library's allocator gets the prefix `static_`.
    Call,
    /// A missing NULL check is inserted.
    NullCheck,
    /// The result of an allocation inside an expression moves to a variable that can be checked.
    Temporary,
    /// `#include "dynamic_memory.h"` is inserted.
    Include,
    /// `#include <stdlib.h>` or `<malloc.h>`, of which nothing else is used, goes.
    DropInclude,
    /// The backend of the allocator is chosen.
    Backend,
    /// `__arena` says that a pointer points into the arena, or that a variable lies there.
    Qualifier,
    /// `can_loop` bounds a loop.
    Loop,
    /// A function with pointers among its parameters gets internal linkage.
    Linkage,
    /// A function for memory or strings gets the name of the one that takes arena memory.
    Memory,
    /// A program mentions the arena.
    UseArena,
    /// A function is needed a second time, for arena memory.
    Version,
    /// A stored pointer is turned back into one that can be followed.
    Pointer,
    /// Functions that call each other in circles become a loop.
    Recursion,
    /// A call that ends a program in user space leaves the function.
    Exit,
    /// A function that BPF cannot call becomes a part of its callers.
    Inline,
    /// Pointers to functions become numbers, calls through them comparisons.
    Pointers,
}

impl EditKind {
    /// Every kind, in the order of this enumeration.
    pub const ALL: [Self; 17] = [
        Self::Call,
        Self::NullCheck,
        Self::Temporary,
        Self::Include,
        Self::DropInclude,
        Self::Backend,
        Self::Qualifier,
        Self::Loop,
        Self::Linkage,
        Self::Memory,
        Self::UseArena,
        Self::Version,
        Self::Pointer,
        Self::Recursion,
        Self::Exit,
        Self::Inline,
        Self::Pointers,
    ];

    /// One sentence that describes the kind, for rule tables (SARIF) and the manual.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Call => {
                "A call of the C library's allocator becomes one of static_malloc's family."
            }
            Self::NullCheck => "A missing NULL check is inserted.",
            Self::Temporary => {
                "The result of an allocation moves to a variable that can be checked."
            }
            Self::Include => "The header of the allocator is included.",
            Self::DropInclude => "A C library header of which nothing is used any more goes.",
            Self::Backend => "The backend of the allocator is chosen.",
            Self::Qualifier => "A declaration says that what it points to lies in the arena.",
            Self::Loop => "A loop whose end the verifier cannot see is bounded.",
            Self::Linkage => "A function with pointers as parameters gets internal linkage.",
            Self::Memory => "A function for memory or strings becomes one that takes arena memory.",
            Self::UseArena => "A program that only follows pointers mentions the arena.",
            Self::Version => "A function gets a second version, for memory of the arena.",
            Self::Pointer => "A stored pointer is turned back into one that can be followed.",
            Self::Recursion => "Functions that call each other in circles become a loop.",
            Self::Exit => "A call that ends a program in user space leaves the function.",
            Self::Inline => "A function that BPF cannot call becomes a part of its callers.",
            Self::Pointers => {
                "Pointers to functions become numbers, which what calls them compares."
            }
        }
    }

    /// The stable name used in machine-readable reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::NullCheck => "null-check",
            Self::Temporary => "temporary",
            Self::Include => "include",
            Self::DropInclude => "drop-include",
            Self::Backend => "backend",
            Self::Qualifier => "arena",
            Self::Loop => "can-loop",
            Self::Linkage => "linkage",
            Self::Memory => "memory",
            Self::UseArena => "use-arena",
            Self::Version => "version",
            Self::Pointer => "pointer",
            Self::Recursion => "recursion",
            Self::Exit => "exit",
            Self::Inline => "inline",
            Self::Pointers => "function-pointers",
        }
    }
}

/// One replacement: the bytes in `span` become `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty for an insertion.
    pub span: Span,
    /// What stands there afterwards.
    pub text: Vec<u8>,
    /// What the edit is for.
    pub kind: EditKind,
    /// Why, in a sentence for the user.
    pub reason: String,
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Something was left alone for a good reason; nobody has to act.
    Note,
    /// A person has to look: the program will probably not load as it is.
    Warning,
    /// The user asked for this to be an error (`--on-null error`).
    Error,
}

impl Severity {
    /// The stable name used in machine-readable reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a notice is about. The name of each is the rule identifier in reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The program defines the function itself: its calls stay.
    OwnDefinition,
    /// A macro of the program maps the name to something else: its calls stay.
    MappedByMacro,
    /// The function is used as a value (`&free`, `= malloc`, an argument): BPF has no such calls.
    FunctionPointer,
    /// A macro is an alias of the bare name (`#define my_free free`).
    MacroAlias,
    /// The name takes part in token pasting.
    TokenPaste,
    /// The name stands in an attribute (`cleanup(free)`, `malloc(free, 1)`).
    Attribute,
    /// `__builtin_malloc` and its family.
    Builtin,
    /// A comment asks to keep the call.
    Suppressed,
    /// What the token is depends on an option of the compiler (trigraphs).
    Ambiguous,
    /// `<stdlib.h>` stays because something else of it is used.
    KeptInclude,
    /// The header has to be included but no safe place was found.
    NoIncludePlace,
    /// A NULL check is missing and could not be inserted.
    MissingNullCheck,
    /// The surrounding code could not be understood well enough to look for NULL checks.
    Unparsed,
    /// `realloc` overwrites the only pointer to its block.
    ReallocLeak,
    /// Why the heap lies in an arena.
    Backend,
    /// Memory of the arena and other memory meet, or memory of the arena goes where it cannot.
    MixedMemory,
    /// A header needs edits but is not rewritten.
    HeaderNotRewritten,
    /// Why a declaration says `__arena` (`--explain`).
    Explained,
    /// Functions call each other in circles, and no loop could be made of them.
    Recursion,
    /// A block may stay behind where an inserted check leaves.
    StaysBehind,
    /// A call that ends a program in user space only leaves its function, or stays.
    Exit,
    /// Output that the kernel has no format for goes.
    Output,
    /// Calls through pointers, and what they call is not told by comparisons.
    IndirectCall,
    /// An initial value has addresses, which the loader does not set.
    AddressInData,
    /// A jump to a label whose address is kept stays.
    ComputedGoto,
}

impl Rule {
    /// Every rule, in the order of this enumeration.
    pub const ALL: [Self; 25] = [
        Self::OwnDefinition,
        Self::MappedByMacro,
        Self::FunctionPointer,
        Self::MacroAlias,
        Self::TokenPaste,
        Self::Attribute,
        Self::Builtin,
        Self::Suppressed,
        Self::Ambiguous,
        Self::KeptInclude,
        Self::NoIncludePlace,
        Self::MissingNullCheck,
        Self::Unparsed,
        Self::ReallocLeak,
        Self::Backend,
        Self::MixedMemory,
        Self::HeaderNotRewritten,
        Self::Explained,
        Self::Recursion,
        Self::StaysBehind,
        Self::Exit,
        Self::Output,
        Self::IndirectCall,
        Self::AddressInData,
        Self::ComputedGoto,
    ];

    /// The stable name used in machine-readable reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::OwnDefinition => "own-definition",
            Self::MappedByMacro => "mapped-by-macro",
            Self::FunctionPointer => "function-pointer",
            Self::MacroAlias => "macro-alias",
            Self::TokenPaste => "token-paste",
            Self::Attribute => "attribute",
            Self::Builtin => "builtin",
            Self::Suppressed => "suppressed",
            Self::Ambiguous => "ambiguous",
            Self::KeptInclude => "kept-include",
            Self::NoIncludePlace => "no-include-place",
            Self::MissingNullCheck => "missing-null-check",
            Self::Unparsed => "unparsed",
            Self::ReallocLeak => "realloc-leak",
            Self::Backend => "backend-choice",
            Self::MixedMemory => "mixed-memory",
            Self::HeaderNotRewritten => "header-not-rewritten",
            Self::Explained => "explained",
            Self::Recursion => "recursion",
            Self::StaysBehind => "stays-behind",
            Self::Exit => "exit",
            Self::Output => "output",
            Self::IndirectCall => "indirect-call",
            Self::AddressInData => "address-in-data",
            Self::ComputedGoto => "computed-goto",
        }
    }

    /// One sentence that describes the rule, for rule tables (SARIF) and the manual.
    pub fn summary(self) -> &'static str {
        match self {
            Self::OwnDefinition => "The program defines the allocation function itself.",
            Self::MappedByMacro => "A macro maps the allocation function to another one.",
            Self::FunctionPointer => "The allocation function is used as a value.",
            Self::MacroAlias => "A macro is an alias of an allocation function.",
            Self::TokenPaste => "The name of an allocation function takes part in token pasting.",
            Self::Attribute => "An attribute names an allocation function.",
            Self::Builtin => "A compiler builtin allocates or frees.",
            Self::Suppressed => "A comment keeps the call as it is.",
            Self::Ambiguous => "What the name means depends on an option of the compiler.",
            Self::KeptInclude => "A C library header stays because something else of it is used.",
            Self::NoIncludePlace => "No safe place for the include was found.",
            Self::MissingNullCheck => "The result of an allocation is used without a NULL check.",
            Self::Unparsed => "The code around an allocation could not be understood.",
            Self::ReallocLeak => "A failing realloc would lose the old block.",
            Self::Backend => "Linked data: the heap lies in an arena.",
            Self::MixedMemory => "Memory of the arena goes where it cannot.",
            Self::HeaderNotRewritten => "A header needs edits but is not rewritten.",
            Self::Explained => "Why a declaration says __arena.",
            Self::Recursion => "Functions that call each other in circles stay as they are.",
            Self::StaysBehind => "A block may stay behind where an inserted check leaves.",
            Self::Exit => "Only a function ends where a program would end in user space.",
            Self::Output => "Output that the kernel has no format for goes.",
            Self::IndirectCall => "Calls through pointers stay, which BPF does not have.",
            Self::AddressInData => "An initial value has addresses, which the loader does not set.",
            Self::ComputedGoto => "A jump to a label whose address is kept stays.",
        }
    }
}

/// Something to tell the user about a place that was kept, or that needs a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The place.
    pub span: Span,
    /// What it is about.
    pub rule: Rule,
    /// How much it matters.
    pub severity: Severity,
    /// What was found, in a sentence.
    pub message: String,
    /// What to do next, if anything.
    pub help: Option<String>,
}

/// All that a rewrite of one file does and says. Sorted by position; edits are disjoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    edits: Vec<Edit>,
    notices: Vec<Notice>,
    given_up: bool,
}

/// Two edits touch the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The edit that comes first.
    pub first: Span,
    /// The edit that reaches into it.
    pub second: Span,
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "edits overlap: {}..{} and {}..{}",
            self.first.start, self.first.end, self.second.start, self.second.end
        )
    }
}

impl std::error::Error for Overlap {}

impl Plan {
    /// Puts edits and notices in order.
    ///
    /// Insertions at one offset keep the order in which they were given, but the prefix of a call
    /// follows all others.
    ///
    /// # Errors
    /// [`Overlap`] if two edits touch the same bytes.
    pub fn new(mut edits: Vec<Edit>, mut notices: Vec<Notice>) -> Result<Self, Overlap> {
        // Lines of their own go first; a prefix to a name goes last: what else is inserted there
        // stands before the name.
        edits.sort_by_key(|e| {
            let rank = match e.kind {
                EditKind::Include | EditKind::Backend => 0,
                // The end of a wrapped expression comes before what follows the expression, its
                // beginning after what stands before it.
                EditKind::Pointer if e.text.starts_with(b")") => 1,
                EditKind::Pointer => 3,
                EditKind::Call => 4,
                _ => 2,
            };
            (e.span.start, e.span.end, rank)
        });
        for pair in edits.windows(2) {
            if pair[1].span.start < pair[0].span.end {
                return Err(Overlap {
                    first: pair[0].span,
                    second: pair[1].span,
                });
            }
        }
        notices.sort_by_key(|n| (n.span, n.rule));
        notices.dedup();
        Ok(Self {
            edits,
            notices,
            given_up: false,
        })
    }

    /// A plan that changes nothing, in place of one whose result would be wrong.
    pub(crate) fn give_up(notices: Vec<Notice>) -> Self {
        Self {
            given_up: true,
            ..Self::new(Vec::new(), notices).unwrap_or_default()
        }
    }

    /// Whether it stands for one whose result would be wrong, so that what goes with the file has to stay,
    /// too.
    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up
    }

    /// The edits, by position.
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// The notices, by position.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Whether applying the plan changes anything.
    pub fn changes(&self) -> bool {
        !self.edits.is_empty()
    }

    /// Whether a person has to look at something.
    pub fn needs_human(&self) -> bool {
        self.notices.iter().any(|n| n.severity >= Severity::Warning)
    }

    /// The source with all edits applied. Linear in the length of the source.
    ///
    /// # Panics
    /// If `source` is shorter than the source that was planned.
    pub fn apply(&self, source: &[u8]) -> Vec<u8> {
        let grown: usize = self.edits.iter().map(|e| e.text.len()).sum();
        let mut out = Vec::with_capacity(source.len() + grown);
        let mut from = 0;
        for edit in &self.edits {
            out.extend_from_slice(&source[from..edit.span.start]);
            out.extend_from_slice(&edit.text);
            from = edit.span.end;
        }
        out.extend_from_slice(&source[from..]);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(start: usize, end: usize, text: &str) -> Edit {
        Edit {
            span: Span::new(start, end),
            text: text.into(),
            kind: EditKind::Call,
            reason: String::new(),
        }
    }

    #[test]
    fn applies_in_order_of_position() {
        let plan = Plan::new(
            vec![edit(4, 5, "E"), edit(0, 0, "x"), edit(0, 0, "y")],
            vec![],
        );
        assert_eq!(plan.unwrap().apply(b"abcdef"), b"xyabcdEf");
    }

    #[test]
    fn refuses_overlaps() {
        assert!(Plan::new(vec![edit(0, 3, ""), edit(2, 4, "")], vec![]).is_err());
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = Rule::ALL.iter().map(|r| r.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Rule::ALL.len());
    }
}
