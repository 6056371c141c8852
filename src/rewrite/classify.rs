//! What an identifier with a name of the allocator is, from the tokens around it.

use super::outline::is_annotation;
use super::stream::{Stream, is_statement_word, is_tag_word, is_type_word};
use crate::c::lexer::op;
use crate::c::words::Word;

/// What an occurrence of a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The callee of a call, possibly in brackets.
    Call,
    /// An expression that is not a call.
    Value,
    /// A member, a designator, a tag, a label, the name of an attribute: another name space.
    OtherNameSpace,
    /// The name that a function declaration or definition declares.
    Prototype,
    /// The name of a variable, parameter or type that a declaration declares.
    Declared,
    /// The name of an enumerator.
    Enumerator,
    /// An argument of an attribute.
    AttributeArgument,
}

/// In what kind of place an occurrence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Between declarations at file level.
    File,
    /// In brackets of a declaration at file level.
    FileParen,
    /// Among statements.
    Statement,
    /// In brackets of a statement.
    StatementParen,
    /// In an initialiser, or between square brackets.
    Initialiser,
    /// Among members of a struct or union.
    Members,
    /// Among enumerators.
    Enumerators,
}

/// Decides what the occurrence at `index` is; `place` tells where a token stands.
pub fn role(stream: &Stream, index: usize, place: impl Fn(usize) -> Place) -> Role {
    let wrapped = Wrapped::around(stream, index);
    // The brackets of `void (free)(void *);` are no place of their own.
    let place = place(wrapped.start);
    let prev = stream.prev(index);
    let next = stream.next(index);
    if stream.is(prev, op(".")) || stream.is(prev, op("->")) {
        return Role::OtherNameSpace;
    }
    if let Some(prev) = prev
        && stream.is_ident(prev)
    {
        let word = stream.word(prev);
        if is_tag_word(&word) || Word::of(&word) == Some(Word::Goto) {
            return Role::OtherNameSpace;
        }
    }
    if let Some(role) = in_attribute(stream, index) {
        return role;
    }
    if stream.is(next, op(":")) && is_label_or_designator(stream, prev, place) {
        return Role::OtherNameSpace;
    }
    if is_member_name(stream, index) {
        return Role::OtherNameSpace;
    }
    match place {
        Place::Enumerators if stream.is(prev, op("{")) || stream.is(prev, op(",")) => {
            return Role::Enumerator;
        }
        Place::Members => return Role::OtherNameSpace,
        _ => {}
    }
    let called = stream.is(wrapped.right, op("("));
    if place != Place::Initialiser && place != Place::Enumerators {
        let declares = declares(stream, index, &wrapped, called, place);
        if declares {
            if is_prototype_in_macro(stream, next) {
                return Role::Prototype;
            }
            let function = called && !(wrapped.brackets && wrapped.pointer);
            let in_brackets = matches!(place, Place::FileParen | Place::StatementParen);
            return if function && !in_brackets {
                Role::Prototype
            } else {
                Role::Declared
            };
        }
    }
    if called && !(wrapped.brackets && is_type_bracket(stream, &wrapped)) {
        Role::Call
    } else {
        Role::Value
    }
}

/// `void free OF((voidpf ptr));`: parameters in a macro that drops them for old compilers.
fn is_prototype_in_macro(stream: &Stream, next: Option<usize>) -> bool {
    let Some(name) = next.filter(|&n| stream.is_ident(n)) else {
        return false;
    };
    let open = stream.next(name);
    !is_annotation(&stream.word(name))
        && stream.is(open, op("("))
        && stream.is(open.and_then(|o| stream.next(o)), op("("))
}

/// The brackets directly around a name, as in `(free)(p)`, `(*free)(p)` or `void (*free)(void *)`.
struct Wrapped {
    /// The token before it all.
    left: Option<usize>,
    /// The token behind it all.
    right: Option<usize>,
    /// There are brackets.
    brackets: bool,
    /// `*` stands in the brackets.
    pointer: bool,
    /// The outermost bracket, or the name itself.
    start: usize,
}

impl Wrapped {
    fn around(stream: &Stream, index: usize) -> Self {
        let mut found = Self {
            left: stream.prev(index),
            right: stream.next(index),
            brackets: false,
            pointer: false,
            start: index,
        };
        loop {
            let mut left = found.left;
            let mut pointer = false;
            while let Some(at) = left {
                let token = stream.token(at);
                let qualifier = stream.is_ident(at)
                    && Word::of(&stream.word(at)).is_some_and(Word::is_qualifier);
                if !(token.is(op("*")) || token.is(op("&")) || token.is(op("^")) || qualifier) {
                    break;
                }
                pointer |= token.is(op("*"));
                left = stream.prev(at);
            }
            let Some(open) = left.filter(|&l| stream.token(l).is(op("("))) else {
                return found;
            };
            if found.right.is_none() || stream.mate(open) != found.right {
                return found;
            }
            // In `use(malloc)` and `sizeof(free)` the brackets belong to what stands before them.
            let before = stream.prev(open);
            let applied = before.is_some_and(|b| {
                stream.is_ident(b)
                    && !is_type_word(&stream.word(b))
                    && !is_statement_word(&stream.word(b))
            });
            let behind = found.right.and_then(|r| stream.next(r));
            if applied && !stream.is(behind, op("(")) {
                return found;
            }
            found = Self {
                left: before,
                right: behind,
                brackets: true,
                pointer: found.pointer || pointer,
                start: open,
            };
        }
    }
}

/// `f(free)(x)`: the brackets are an argument list, so what is called is `f`'s result.
fn is_type_bracket(stream: &Stream, wrapped: &Wrapped) -> bool {
    wrapped.left.is_some_and(|left| {
        stream.is_ident(left)
            && !is_statement_word(&stream.word(left))
            && !is_type_word(&stream.word(left))
    })
}

/// Names in `__attribute__((…))` and `[[…]]`.
fn in_attribute(stream: &Stream, index: usize) -> Option<Role> {
    let mut at = index;
    let mut depth = 0;
    while let Some(open) = stream.opener(at) {
        let token = stream.token(open);
        if token.is(op("{")) || depth > 6 {
            return None;
        }
        depth += 1;
        let before = stream.prev(open);
        let starts = token.is(op("("))
            && before.is_some_and(|b| {
                stream.is_ident(b) && Word::of(&stream.word(b)) == Some(Word::Attribute)
            });
        let square = token.is(op("["))
            && depth > 1
            && stream
                .next(open)
                .is_some_and(|n| stream.token(n).is(op("[")));
        if starts || square {
            // `__attribute__((` and `[[` are two brackets; an attribute's arguments are a third.
            return Some(if depth > 2 {
                Role::AttributeArgument
            } else {
                Role::OtherNameSpace
            });
        }
        at = open;
    }
    None
}

/// `free:` as a label, as an old-style designator, or as a bit-field.
fn is_label_or_designator(stream: &Stream, prev: Option<usize>, place: Place) -> bool {
    let Some(prev) = prev else {
        return place == Place::Statement;
    };
    let token = stream.token(prev);
    match place {
        Place::Initialiser => token.is(op("{")) || token.is(op(",")),
        Place::Statement => {
            token.is(op(";"))
                || token.is(op("{"))
                || token.is(op("}"))
                || token.is(op(":"))
                || token.is(op(")"))
                || (stream.is_ident(prev)
                    && matches!(
                        Word::of(&stream.word(prev)),
                        Some(Word::Else | Word::Do | Word::LocalLabel)
                    ))
        }
        _ => false,
    }
}

/// The name of a member as an argument of one of the macros that take one.
fn is_member_name(stream: &Stream, index: usize) -> bool {
    let next = stream.next(index);
    if !stream.is(next, op(")")) && !stream.is(next, op(",")) {
        return false;
    }
    let Some(open) = stream
        .opener(index)
        .filter(|&o| stream.token(o).is(op("(")))
    else {
        return false;
    };
    let Some(before) = stream.prev(open).filter(|&b| stream.is_ident(b)) else {
        return false;
    };
    if stream.is(stream.prev(index), op("(")) {
        return false;
    }
    let word = stream.word(before);
    matches!(
        &*word,
        b"offsetof"
            | b"__builtin_offsetof"
            | b"offsetofend"
            | b"container_of"
            | b"list_entry"
            | b"sizeof_field"
            | b"FIELD_SIZEOF"
            | b"typeof_member"
            | b"struct_size"
            | b"field_sizeof"
    ) || word.starts_with(b"BPF_CORE_READ")
        || word.starts_with(b"BPF_PROBE_READ")
        || word.starts_with(b"bpf_core_field_")
        || word.starts_with(b"BPF_CORE_WRITE")
}

/// Whether the name is what a declaration declares.
fn declares(stream: &Stream, index: usize, wrapped: &Wrapped, called: bool, place: Place) -> bool {
    let in_brackets = matches!(place, Place::FileParen | Place::StatementParen);
    let start = stream.start_of_part(wrapped.start, in_brackets);
    let specifiers = match Specifiers::read(stream, start, wrapped.start) {
        Some(specifiers) => specifiers,
        None => return false,
    };
    match place {
        Place::File => {
            if start == wrapped.start {
                // `free(p);` with nothing before it is a call where the brackets of the file could
                // not be followed. `free(p) char *p; {` is an old-style definition, and C of before
                // 1999 declares with `free(void *);` and `(*free)(void *);` too.
                return called
                    && (looks_like_parameters(stream, wrapped)
                        || !ends_as_statement(stream, wrapped));
            }
            true
        }
        Place::FileParen => specifiers.certain || specifiers.words > 0,
        Place::Statement => {
            if specifiers.certain {
                return true;
            }
            match specifiers.words {
                0 => false,
                _ if specifiers.stars > 0 => true,
                _ if called => looks_like_parameters(stream, wrapped),
                _ => !stream.is(stream.next(index), op(")")),
            }
        }
        Place::StatementParen => {
            specifiers.certain || (specifiers.words > 0 && specifiers.stars == 0 && !called)
        }
        Place::Initialiser | Place::Members | Place::Enumerators => false,
    }
}

/// What stands before a declarator.
#[derive(Default)]
struct Specifiers {
    /// A keyword makes it a declaration for sure.
    certain: bool,
    /// Identifiers that may be names of types.
    words: usize,
    /// `*` before the name.
    stars: usize,
}

impl Specifiers {
    /// Reads the tokens `start..end`; `None` if no declaration looks like that.
    fn read(stream: &Stream, start: usize, end: usize) -> Option<Self> {
        let mut found = Self::default();
        let mut at = start;
        let mut listed = false;
        while at < end {
            let token = stream.token(at);
            if stream.is_ident(at) {
                let word = stream.word(at);
                if is_statement_word(&word) {
                    return None;
                }
                let opens = stream
                    .next(at)
                    .filter(|&n| n < end && stream.token(n).is(op("(")));
                if let Some(open) = opens {
                    let close = stream.mate(open).filter(|&c| c < end)?;
                    if !is_annotation(&word) && !listed && found.words == 0 && !found.certain {
                        // `T(int) free`, `for_each(i) free(p)`, `if (x) free(p)`: what stands
                        // before the name is a macro or a statement.
                        return None;
                    }
                    found.certain |= Word::of(&word) == Some(Word::Typeof);
                    at = close + 1;
                    continue;
                }
                found.certain |= is_type_word(&word);
                found.words += usize::from(!is_type_word(&word));
            } else if token.is(op("*")) || token.is(op("^")) {
                found.stars += 1;
            } else if token.is(op("[")) || token.is(op("{")) {
                at = stream.mate(at).filter(|&c| c < end)?;
            } else if token.is(op(",")) && (found.certain || found.words > 0) {
                // A list of declarators: only what stands behind the last comma matters, if what
                // stands before the first is a declaration.
                if !found.certain && found.words < 2 && found.stars == 0 {
                    return None;
                }
                found.certain = true;
                found.stars = 0;
                listed = true;
                at = last_comma(stream, at, end);
            } else if token.is(op("(")) && listed {
                at = stream.mate(at).filter(|&c| c < end)?;
            } else if token.is(op("=")) && (found.certain || found.words > 1 || found.stars > 0) {
                let comma = last_comma(stream, at, end);
                if comma == at {
                    return None;
                }
                found.certain = true;
                found.stars = 0;
                listed = true;
                at = comma;
            } else {
                return None;
            }
            at += 1;
        }
        Some(found)
    }
}

/// The last comma in `at..end` outside of brackets, or `at`.
fn last_comma(stream: &Stream, at: usize, end: usize) -> usize {
    let mut last = at;
    let mut i = at;
    while i < end {
        let token = stream.token(i);
        if token.is(op(",")) {
            last = i;
        } else if (token.is(op("(")) || token.is(op("[")) || token.is(op("{")))
            && let Some(close) = stream.mate(i)
        {
            i = close;
        }
        i += 1;
    }
    last
}

/// `free(p);` rather than `free(p) char *p; {`.
fn ends_as_statement(stream: &Stream, wrapped: &Wrapped) -> bool {
    let close = wrapped.right.and_then(|open| stream.mate(open));
    let behind = close.and_then(|c| stream.next(c));
    stream.is(behind, op(";"))
}

/// Whether the brackets behind a name hold parameters rather than arguments.
fn looks_like_parameters(stream: &Stream, wrapped: &Wrapped) -> bool {
    let Some(open) = wrapped.right else {
        return false;
    };
    let Some(close) = stream.mate(open) else {
        return false;
    };
    let Some(first) = stream.next(open) else {
        return false;
    };
    if first == close {
        return false;
    }
    if !stream.is_ident(first) {
        return stream.token(first).is(op("..."));
    }
    if is_type_word(&stream.word(first)) {
        return true;
    }
    // `T x`, `T *x`
    stream
        .next(first)
        .is_some_and(|second| stream.is_ident(second))
}
