//! The result of a rewrite, read again.
//!
//! What the tool writes has to be C that it can read, with the functions that were there before. If it
//! is not, a fault of the tool would become one of the file: so the file stays as it is, and the message
//! says where.

use std::collections::HashSet;
use std::path::Path;

use super::parsed::Parsed;
use super::plan::{EditKind, Notice, Plan, Rule, Severity};
use super::project::Project;
use crate::c::Span;
use crate::c::cpp::FileId;
use crate::c::syntax::tree::{DeclaratorId, FunctionId, Part, Tok};
use crate::c::types::{EntityKind, Model, Storage};

/// What a text says, as far as no rewrite may change it.
struct Shape {
    /// The declarations and functions that were not understood.
    broken: usize,
    /// The names of its functions, and of those that were not understood.
    functions: HashSet<Vec<u8>>,
    unread: HashSet<Vec<u8>>,
    /// The variables of functions that are said to lie in an arena, which C does not allow.
    misplaced: HashSet<Vec<u8>>,
}

impl Shape {
    fn of(model: &Model) -> Self {
        let mut shape = Self {
            broken: broken_items(model),
            functions: HashSet::new(),
            unread: HashSet::new(),
            misplaced: misplaced(model),
        };
        for index in 0..model.tree.functions.len() as u32 {
            let function = FunctionId(index);
            let Some(entity) = model.info(function).entity else {
                continue;
            };
            let name = model.unit.symbols.text(model[entity].name).to_vec();
            if model.tree[function].broken {
                shape.unread.insert(name.clone());
            }
            shape.functions.insert(name);
        }
        shape
    }
}

/// The name of a variable or parameter that is said to lie in an arena itself, if there is one: what a
/// macro of a header does in a file is seen with the header as it will be.
pub fn misplaced_in(path: &Path, source: &[u8], project: &dyn Project) -> Option<String> {
    let files = &project.cache().files;
    let found = misplaced(files.parsed(path, source, project).model());
    files.forget(path);
    let first = found.into_iter().min()?;
    Some(String::from_utf8_lossy(&first).into_owned())
}

/// The variables and parameters that are said to lie in an arena themselves.
fn misplaced(model: &Model) -> HashSet<Vec<u8>> {
    let automatic = model.entities.iter().filter(|e| {
        matches!(
            e.kind,
            EntityKind::Object {
                storage: Storage::Local | Storage::Parameter,
                ..
            }
        )
    });
    let in_arena = |declarator: DeclaratorId| {
        let declarator = &model.tree[declarator];
        let specifiers = &model.tree[declarator.decl].specifiers;
        let tokens = &model.unit.tokens[specifiers.toks.start..specifiers.toks.end];
        let mut depth = 0; // what a structure's members say is another matter
        let says = tokens.iter().any(|token| {
            match *model.unit.text(token) {
                [b'{'] => depth += 1,
                [b'}'] => depth -= 1,
                ref word => return depth == 0 && *word == *b"__arena",
            }
            false
        });
        let itself = |part: &Part| matches!(part, Part::Array { .. });
        says && declarator.parts.iter().all(itself)
    };
    automatic
        .filter(|e| e.declarators.iter().any(|&d| in_arena(d)))
        .map(|e| model.unit.symbols.text(e.name).to_vec())
        .collect()
}

/// How many declarations and functions of a unit were not understood.
pub(super) fn broken(parsed: &Parsed) -> usize {
    broken_items(parsed.model())
}

fn broken_items(model: &Model) -> usize {
    model.tree.items.iter().filter(|item| item.broken).count()
}

/// The plan, if what comes out of it can be read; else one that changes nothing and says so. Takes the
/// time of reading the result.
pub(super) fn checked(path: &Path, source: &[u8], plan: Plan, project: &dyn Project) -> Plan {
    let files = &project.cache().files;
    let before = files.parsed(path, source, project);
    let result = plan.apply(source);
    let after = files.parsed(path, &result, project);
    let (was, is) = (Shape::of(before.model()), Shape::of(after.model()));
    // Functions that call each other become one.
    let merges = plan.edits().iter().any(|e| e.kind == EditKind::Recursion);
    let mut lost = was.functions.difference(&is.functions);
    let lost = lost.next().filter(|_| !merges);
    let misplaced = is.misplaced.difference(&was.misplaced).next();
    if is.broken <= was.broken && lost.is_none() && misplaced.is_none() {
        return plan;
    }
    let unread = is.unread.difference(&was.unread).next();
    let name = lost.or(unread).or(misplaced);
    let what = name.map_or_else(
        || "a declaration".into(),
        |name| format!("`{}`", String::from_utf8_lossy(name)),
    );
    let notice = Notice {
        span: name
            .and_then(|name| place(&before, name))
            .unwrap_or(Span::at(0)),
        rule: Rule::Unparsed,
        severity: Severity::Warning,
        message: format!(
            "after the rewrite {what} would be no C that can be read; the file stays as it is"
        ),
        help: Some(
            "this is a fault of bpf-malloc: please report it with the file; the comment \
             `// bpf-malloc: keep` on a line leaves its call as it is"
                .into(),
        ),
    };
    Plan::give_up(plan.notices().iter().cloned().chain([notice]).collect())
}

/// Where a function of the file has its name.
fn place(parsed: &Parsed, name: &[u8]) -> Option<Span> {
    let model = parsed.model();
    let unit = model.unit;
    let head = |function: FunctionId| {
        let entity = model.info(function).entity?;
        let found = *unit.symbols.text(model[entity].name) == *name;
        let toks = model.tree[function].toks;
        let is_name = |&tok: &Tok| *unit.text(&unit.tokens[tok]) == *name;
        let tok = (toks.start..toks.end).find(is_name).filter(|_| found)?;
        let loc = unit.visible_loc(&unit.tokens[tok]);
        (loc.file == FileId::MAIN).then(|| Span::new(loc.start as usize, loc.end as usize))
    };
    let functions = 0..model.tree.functions.len() as u32;
    functions.map(FunctionId).find_map(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::plan::Edit;
    use crate::rewrite::project::Alone;

    const SOURCE: &str = "int a(void) { return 1; }\nint b(void) { return a(); }\n";

    fn change(what: &str, text: &str) -> Plan {
        let start = SOURCE.find(what).expect("it is there");
        let edit = Edit {
            span: Span::new(start, start + what.len()),
            text: text.into(),
            kind: EditKind::Memory,
            reason: String::new(),
        };
        let plan = Plan::new(vec![edit], Vec::new()).expect("one edit");
        checked(Path::new("a.c"), SOURCE.as_bytes(), plan, &Alone::default())
    }

    #[test]
    fn what_can_be_read_is_written() {
        let plan = change("return a()", "return 2 * a()");
        assert!(plan.changes() && plan.notices().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_not_written() {
        let place = SOURCE.find("b(void)").expect("it is there");
        for (what, text) in [("return a()", "return (a()"), ("b(void)", "c(void)")] {
            let plan = change(what, text);
            assert!(!plan.changes(), "{text}");
            let [notice] = plan.notices() else {
                panic!("{:?}", plan.notices());
            };
            assert_eq!(notice.rule, Rule::Unparsed);
            assert_eq!(notice.span, Span::new(place, place + 1), "{text}");
            assert!(notice.message.contains("`b`"), "{}", notice.message);
        }
    }
}
