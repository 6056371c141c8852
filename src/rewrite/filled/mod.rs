//! Variables whose initial values are addresses.
//!
//! The loader sets no addresses inside of data: what `static const struct entry list[] = {{"a", 1}}` has
//! for the address of `"a"` is a small number at run time, and zero in an arena. Where clang does not
//! see which element is used, the program reads that, and functions that take any address have it:
//! accepted, and wrong. So such values are assigned at run time, before the first use.
//!
//! Tables of nothing but literals become arrays of arrays instead ([`tables`]).

mod shared;
pub(super) mod tables;
mod values;

pub(super) use shared::filled_for_others;

use rustc_hash::FxHashSet;

use super::calls::source::{At, Changes, Source};
use super::calls::{FileEdit, Found, Stage, Trouble, in_file, is_shared, name_of};
use super::plan::{EditKind, Rule};
use super::project::Project;
use crate::c::cpp::FileId;
use crate::c::syntax::tree::{
    DeclId, DeclaratorId, ExprId, ExprKind, FunctionId, Tok, Toks, Unary,
};
use crate::c::types::{EntityId, EntityKind, Model, Parent, Storage};

/// An address in an initial value.
struct Address {
    /// What it is the value of: `list[0].name`.
    place: String,
    value: ExprId,
}

/// A variable whose initial value has addresses.
struct Variable {
    entity: EntityId,
    declarator: DeclaratorId,
    storage: Storage,
    addresses: Vec<Address>,
    /// The program assigns to it: it may be filled only once.
    written: bool,
}

/// Assignments at run time in the place of addresses in initial values.
pub(super) const FILLED: Stage = Stage {
    find,
    kind: EditKind::Memory,
    reason: (
        "the loader sets no addresses inside of data: ",
        " would hold numbers",
    ),
    said: (
        Rule::AddressInData,
        "the loader sets no addresses inside of data: assign them at run time, before the first use",
    ),
};

fn find(model: &Model, project: &dyn Project) -> Found {
    let mut found = Found::default();
    let (mut outside, mut agreed) = (Vec::new(), Vec::new());
    for index in 0..model.entities.len() {
        let entity = EntityId(index as u32);
        if let Some((tok, edits)) = table(model, entity) {
            found.edits.extend(edits);
            found
                .reasons
                .push((tok, format!("`{}`", name_of(model, entity))));
            continue;
        }
        if shared::is_agreed(model, project, entity) {
            agreed.push(entity);
            continue;
        }
        let variable = match variable(model, project, entity) {
            Ok(Some(variable)) => variable,
            Ok(None) => continue,
            Err(trouble) => {
                found.troubles.push(trouble);
                continue;
            }
        };
        let name = name_of(model, entity);
        let tok = model.tree[variable.declarator].toks.start;
        let done = match variable.storage {
            Storage::Local | Storage::LocalStatic => inside(model, &variable),
            _ => {
                let toks = declaration(model, &variable);
                let edits = Source::behind_macros(model, toks)
                    .and_then(|source| initial(model, &source, &variable))
                    .and_then(|mut edits| {
                        edits.extend(without_const(model, entity, variable.declarator)?);
                        Ok(edits)
                    });
                if edits.is_ok() {
                    outside.push(variable);
                }
                edits
            }
        };
        match done {
            Ok(edits) => {
                found.edits.extend(edits);
                found.reasons.push((tok, format!("`{name}`")));
            }
            Err(trouble) => found.troubles.push(trouble),
        }
    }
    if !outside.is_empty() {
        match fill(model, &outside) {
            Ok(edits) => found.edits.extend(edits),
            Err(trouble) => {
                // Without it the variables would stay empty.
                found.edits.clear();
                found.reasons.clear();
                found.troubles.push(trouble);
            }
        }
    }
    for entity in agreed {
        let tok = model[entity].tok.unwrap_or(0);
        match shared::edits(model, entity) {
            Ok(edits) => {
                found.edits.extend(edits);
                let name = name_of(model, entity);
                found.reasons.push((tok, format!("`{name}`")));
            }
            Err(trouble) => found.troubles.push(trouble),
        }
    }
    found
}

/// What makes an array of arrays of a variable outside of the stack that is a table of literals, and where
/// it stands.
fn table(model: &Model, entity: EntityId) -> Option<(Tok, Vec<FileEdit>)> {
    let EntityKind::Object { storage, .. } = model[entity].kind else {
        return None;
    };
    if matches!(storage, Storage::Local | Storage::Parameter) {
        return None;
    }
    let table = tables::find(model, entity)?;
    Some((table.star, table.edits(model)?))
}

/// The variable, if its initial value has addresses and clang does not see which of them are used.
fn variable(
    model: &Model,
    project: &dyn Project,
    entity: EntityId,
) -> Result<Option<Variable>, Trouble> {
    let EntityKind::Object { storage, .. } = model[entity].kind else {
        return Ok(None);
    };
    if matches!(storage, Storage::Parameter | Storage::ExternOnly) {
        return Ok(None);
    }
    let tree = &model.tree;
    let mut declared = model[entity].declarators.iter().copied();
    let Some((declarator, init)) = declared.find_map(|d| Some((d, tree[d].init?))) else {
        return Ok(None);
    };
    let Some((_, name)) = tree[declarator].name else {
        return Ok(None);
    };
    let list = matches!(tree[tree.bare(init)].kind, ExprKind::List(_));
    let file = model.unit.file(model.unit.tokens[name].loc.file);
    if !super::parsed::is_ours(file)
        || is_sectioned(model, entity)
        || storage == Storage::Local && !list
    {
        return Ok(None);
    }
    if tables::find(model, entity).is_some() {
        return Ok(None);
    }
    let (needs, written) = values::uses(model, entity, storage);
    if !needs {
        return Ok(None);
    }
    let ty = model.declarator_type(declarator);
    let addresses = values::addresses(model, init, ty, &name_of(model, entity));
    let said = |what: &str| {
        let name = name_of(model, entity);
        Trouble {
            tok: tree[declarator].name.map_or(0, |n| n.1),
            message: format!("`{name}` has addresses in its initial value, {what}"),
        }
    };
    let addresses = addresses.map_err(|what| said(&what))?;
    if addresses.is_empty() || model.uses(entity).is_empty() {
        return Ok(None);
    }
    if !in_file(model, name) {
        return Err(said("and stands in a header or a macro"));
    }
    let constant = !values::constants(model, declarator).is_empty();
    if constant && model[entity].declarators.len() > 1 {
        return Err(said(
            "and more than one declaration says that it is constant",
        ));
    }
    let elsewhere = model[entity].declarators.iter().any(|&d| {
        tree[d]
            .name
            .is_some_and(|n| is_shared(model, project, model.unit.tokens[n.1].loc.file))
    });
    if elsewhere {
        return Err(said("and other files may use it"));
    }
    Ok(Some(Variable {
        entity,
        declarator,
        storage,
        addresses,
        written,
    }))
}

/// Whether a variable has a section of its own: it is for the loader.
fn is_sectioned(model: &Model, entity: EntityId) -> bool {
    let tree = &model.tree;
    model[entity].declarators.iter().any(|&d| {
        let own = &tree[d].attributes;
        let common = &tree[tree[d].decl].specifiers.attributes;
        own.iter().chain(common).any(|toks| {
            (toks.start..toks.end).any(|t| {
                let word = model.unit.text(&model.unit.tokens[t]);
                matches!(word, b"section" | b"__section__")
            })
        })
    })
}

/// The initial value without its addresses.
fn initial(model: &Model, source: &Source, variable: &Variable) -> Result<Vec<FileEdit>, Trouble> {
    let tree = &model.tree;
    let declarator = &tree[variable.declarator];
    let tok = declarator.name.map_or(declarator.toks.start, |n| n.1);
    let mut changes = Changes::default();
    for address in &variable.addresses {
        changes.add(At::Instead(tree[address.value].toks), "0");
    }
    let init = declarator.init.expect("it has one");
    let whole = Toks::new(tree[init].toks.start, tree[init].toks.end);
    let edits = source.file_edits(whole, &changes);
    edits.map_err(|trouble| Trouble { tok, ..trouble })
}

/// A declaration that says nothing of being constant: the variable is assigned to.
fn without_const(
    model: &Model,
    entity: EntityId,
    declarator: DeclaratorId,
) -> Result<Vec<FileEdit>, Trouble> {
    let mut edits = Vec::new();
    for constant in values::constants(model, declarator) {
        if !in_file(model, constant) || !in_file(model, constant + 1) {
            return Err(Trouble {
                tok: constant,
                message: format!(
                    "`{}` has addresses in its initial value, and a macro says that it is constant",
                    name_of(model, entity)
                ),
            });
        }
        let at = |tok: Tok| model.unit.tokens[tok].loc;
        edits.push(FileEdit {
            file: at(constant).file,
            start: at(constant).start,
            end: at(constant + 1).start,
            text: String::new(),
        });
    }
    Ok(edits)
}

fn declaration(model: &Model, variable: &Variable) -> Toks {
    let tree = &model.tree;
    tree[tree[variable.declarator].decl].toks
}

/// The assignments, each in a line.
fn assignments(
    model: &Model,
    source: &Source,
    variable: &Variable,
    indent: &str,
) -> Result<String, Trouble> {
    let tree = &model.tree;
    let mut text = String::new();
    for address in &variable.addresses {
        let value = source.render(tree[address.value].toks, &Changes::default())?;
        text.push_str(&format!("{indent}{} = {value};\n", address.place));
    }
    Ok(text)
}

/// A variable of a function: filled where it is declared.
fn inside(model: &Model, variable: &Variable) -> Result<Vec<FileEdit>, Trouble> {
    let tree = &model.tree;
    let decl: DeclId = tree[variable.declarator].decl;
    let name = name_of(model, variable.entity);
    let tok = tree[variable.declarator].name.map_or(0, |n| n.1);
    let last = tree[decl].toks.end - 1;
    let block = match model.decl_parent(decl) {
        Parent::Stmt(stmt) => model.block_of(stmt).is_some(),
        _ => false,
    };
    let toks = tree[decl].toks;
    let plain = in_file(model, last) && in_file(model, toks.start);
    let function = model.decl_function(decl).map(|f| tree[f].toks);
    let source = match function {
        // A macro's use is taken apart where all of it stands in what is looked at.
        Some(function) if !plain => Source::behind_macros(model, function)?,
        _ => Source::behind_macros(model, toks)?,
    };
    if !block || !plain && !source.is_one_use(toks) {
        return Err(Trouble {
            tok,
            message: format!("`{name}` has addresses in its initial value, and stands in a macro"),
        });
    }
    let mut edits = initial(model, &source, variable)?;
    edits.extend(without_const(model, variable.entity, variable.declarator)?);
    let indent = source.indent(toks.start);
    let place = source.end_of(last);
    let text = match variable.storage {
        Storage::Local => {
            let lines = assignments(model, &source, variable, &indent)?;
            format!("\n{}", lines.trim_end_matches('\n'))
        }
        _ => {
            let inner = format!("{indent}\t");
            let flag = model.unit.unused_name(&format!("{name}_filled"));
            let lines = assignments(model, &source, variable, &inner)?;
            let (first, done) = once(&flag, variable.written, &inner);
            format!(
                "\n{indent}static int {flag};\n\n{indent}if ({first}) {{\n{lines}{done}{indent}}}"
            )
        }
    };
    edits.push(FileEdit {
        file: source.file,
        start: place,
        end: place,
        text,
    });
    Ok(edits)
}

/// The condition of the first time, and what is said after it. What the program assigns to must not be
/// filled again by a processor that came at the same time.
fn once(flag: &str, written: bool, indent: &str) -> (String, String) {
    match written {
        true => (
            format!("!__sync_lock_test_and_set(&{flag}, 1)"),
            String::new(),
        ),
        // Atomic, so that whoever sees it sees what was assigned before.
        false => (
            format!("!{flag}"),
            format!("{indent}__sync_lock_test_and_set(&{flag}, 1);\n"),
        ),
    }
}

/// The function that fills the variables of the file, and its calls.
fn fill(model: &Model, variables: &[Variable]) -> Result<Vec<FileEdit>, Trouble> {
    let name = model.unit.unused_name("addresses_fill");
    let entities: Vec<EntityId> = variables.iter().map(|v| v.entity).collect();
    let users = users(model, &entities);
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let mut edits = calls(model, &users, &name)?;
    edits.extend(function(model, variables, &name, "static ")?);
    Ok(edits)
}

/// The functions that use some variables, in their order.
fn users(model: &Model, variables: &[EntityId]) -> Vec<FunctionId> {
    let uses = variables.iter().flat_map(|&v| model.uses(v));
    let functions: FxHashSet<FunctionId> = uses.filter_map(|&u| model.function_of(u)).collect();
    let mut functions: Vec<FunctionId> = functions.into_iter().collect();
    functions.sort_by_key(|&f| model.tree[f].toks.start);
    functions
}

fn apart(tok: Tok, message: &str) -> Trouble {
    Trouble {
        tok,
        message: format!("addresses in initial values stay: {message}"),
    }
}

fn inserted(file: FileId, place: u32, text: String) -> FileEdit {
    FileEdit {
        file,
        start: place,
        end: place,
        text,
    }
}

/// Calls of a function without arguments where other functions begin.
fn calls(model: &Model, users: &[FunctionId], name: &str) -> Result<Vec<FileEdit>, Trouble> {
    let mut edits = Vec::new();
    for &user in users {
        let body = model.tree[model.tree[user].body].toks.start;
        if !in_file(model, body) {
            return Err(apart(body, "a function that uses them is not in the file"));
        }
        let body = model.unit.visible_loc(&model.unit.tokens[body]);
        edits.push(inserted(body.file, body.end, format!("\n\t{name}();")));
    }
    Ok(edits)
}

/// The function that fills variables, behind the last of them, and its declaration if one is used before.
fn function(
    model: &Model,
    variables: &[Variable],
    name: &str,
    linkage: &str,
) -> Result<Vec<FileEdit>, Trouble> {
    let tree = &model.tree;
    let written = variables.iter().any(|v| v.written);
    let (first, done) = once("filled", written, "\t");
    let mut text = format!(
        "/* The loader sets no addresses inside of data: what uses them first does. */\n\
         {linkage}void {name}(void)\n{{\n\tstatic int filled;\n\n\tif ({first}) {{\n"
    );
    for variable in variables {
        let source = Source::behind_macros(model, declaration(model, variable))?;
        text.push_str(&assignments(model, &source, variable, "\t\t")?);
    }
    text.push_str(&done.replace('\t', "\t\t"));
    text.push_str("\t}\n}");
    let last = variables.iter().map(|v| tree[tree[v.declarator].decl].toks);
    let Some(last) = last.max_by_key(|t| t.end) else {
        return Ok(Vec::new());
    };
    if !in_file(model, last.end - 1) {
        return Err(apart(last.start, "a macro declares them"));
    }
    let at = |tok: Tok| model.unit.visible_loc(&model.unit.tokens[tok]);
    let mut edits = Vec::new();
    let entities: Vec<EntityId> = variables.iter().map(|v| v.entity).collect();
    if let Some(&user) = users(model, &entities).first()
        && tree[user].toks.start < last.end
    {
        let first = at(tree[user].toks.start);
        let text = format!("{linkage}void {name}(void);\n\n");
        edits.push(inserted(first.file, first.start, text));
    }
    let last = at(last.end - 1);
    edits.push(inserted(last.file, last.end, format!("\n\n{text}")));
    Ok(edits)
}

/// `&x` and what is like it.
fn is_address_of(kind: &ExprKind) -> bool {
    matches!(kind, ExprKind::Unary(Unary::AddressOf, _))
}
