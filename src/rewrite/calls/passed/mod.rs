//! Functions of several files whose arguments or result BPF cannot pass.
//!
//! A function of BPF takes five arguments in registers and returns one. In one file, a function with more
//! becomes a part of its callers ([`super::inline`]). Where others call it, the arguments are in a
//! structure, and the result goes to where the caller says, as one would write it by hand:
//!
//! ```c
//! struct point scaled(struct point by, int x);
//!
//! void scaled(struct point *result, const struct scaled_arguments *arguments);
//! ```
//!
//! What becomes of a function is told by its declaration alone, so that all files do the same.

mod agreed;
mod calls;

use std::fmt::Write as _;

pub(in crate::rewrite) use agreed::passed_to_others;

use super::inline::REGISTERS;
use super::source::{At, Changes, Source};
use super::{FileEdit, Found, Trouble, name_of, types};
use crate::c::syntax::tree::{
    Base, DeclId, DeclaratorId, FunctionId, Part, StmtId, StmtKind, Tok, Toks,
};
use crate::c::types::{EntityId, Model, Parent, Type};
use crate::rewrite::project::Project;

/// A function whose arguments or result go through memory.
struct Function {
    entity: EntityId,
    name: String,
    /// The result, as it is declared: `struct point`.
    result: Option<String>,
    /// The structure for the arguments, and its members, as they are declared.
    arguments: Option<(String, Vec<(String, String)>)>,
}

/// Changes the functions that the files of the run have agreed on, and their calls.
pub(super) fn passed(model: &Model, project: &dyn Project) -> Found {
    let mut found = Found::default();
    let agreed = &project.facts().agreed.functions;
    let mut functions = Vec::new();
    for index in 0..model.entities.len() {
        let entity = EntityId(index as u32);
        let agreed = agreed.holds(&name_of(model, entity));
        if !agreed || !agreed::is_impossible(model, entity) {
            continue;
        }
        match Function::new(model, entity) {
            Ok(function) => functions.push(function),
            Err(trouble) => found.troubles.push(trouble),
        }
    }
    match edits(model, &functions) {
        Ok(edits) => found.edits = edits,
        Err(trouble) => {
            found.troubles.push(trouble);
            return found;
        }
    }
    for function in &functions {
        let first = function.first(model);
        let tok = model.tree[model.tree[first].decl].toks.start;
        found.reasons.push((tok, format!("`{}`", function.name)));
    }
    found
}

/// All edits of the functions' declarations, bodies and calls: each function of the file once.
fn edits(model: &Model, functions: &[Function]) -> Result<Vec<FileEdit>, Trouble> {
    let mut found = Vec::new();
    for index in 0..model.tree.functions.len() {
        let at = FunctionId(index as u32);
        let own = functions
            .iter()
            .find(|f| model[f.entity].definition() == Some(at));
        let calls = calls::of(model, functions, at);
        if own.is_none() && calls.is_empty() {
            continue;
        }
        let known = &model.tree[at];
        let source = Source::behind_macros(model, known.toks)?;
        let mut changes = Changes::default();
        for (call, of) in calls {
            calls::change(model, &source, of, call, &mut changes);
        }
        if let Some(of) = own {
            of.head(model, &source, known.decl, &mut changes)?;
            of.body(model, &source, at, &mut changes)?;
        }
        found.extend(source.file_edits(source.toks, &changes)?);
    }
    for function in functions {
        for &declarator in &model[function.entity].declarators {
            let decl = model.tree[declarator].decl;
            if model.tree.functions.iter().any(|f| f.decl == decl) {
                continue;
            }
            let toks = model.tree[decl].toks;
            let source = Source::behind_macros(model, toks)?;
            let mut changes = Changes::default();
            function.head(model, &source, decl, &mut changes)?;
            found.extend(source.file_edits(source.toks, &changes)?);
        }
    }
    found.extend(functions.iter().filter_map(|f| f.structure(model)));
    Ok(found)
}

impl Function {
    fn new(model: &Model, entity: EntityId) -> Result<Self, Trouble> {
        let name = name_of(model, entity);
        let unknown = Trouble::at(
            model[entity].tok.unwrap_or(0),
            format!("`{name}` takes or returns what has no name here"),
        );
        let Type::Function {
            ret, ref params, ..
        } = model[model[entity].ty]
        else {
            return Err(unknown);
        };
        let mut function = Self {
            entity,
            name,
            result: None,
            arguments: None,
        };
        let first = function.first(model);
        if model.record(ret).is_some() {
            let text = types::declare(model, ret, "").ok_or_else(|| unknown.clone())?;
            function.result = Some(text);
        }
        let many = params.len() + usize::from(function.result.is_some()) > REGISTERS;
        if many || params.iter().any(|&p| model.record(p).is_some()) {
            let decl = model.tree[first].decl;
            let source = Source::behind_macros(model, declaration(model, decl))?;
            let mut members = Vec::new();
            for (at, param) in parameters(model, first).iter().zip(params).enumerate() {
                let (decl, &ty) = param;
                let declarator = model.tree[*decl].declarators.first().copied();
                let named = declarator.and_then(|d| Some((d, model.tree[d].name?.0)));
                let name = match named {
                    Some((_, name)) => {
                        String::from_utf8_lossy(model.unit.symbols.text(name)).into_owned()
                    }
                    None => format!("argument{}", at + 1),
                };
                let written = named.and_then(|(d, _)| {
                    let entity = model.declares(d)?;
                    types::member(model, &source, entity, &name).ok()
                });
                let text = written.or_else(|| types::declare(model, ty, &name));
                members.push((name, text.ok_or_else(|| unknown.clone())?));
            }
            let structure = format!("{}_arguments", function.name);
            function.arguments = Some((model.unit.unused_name(&structure), members));
        }
        Ok(function)
    }

    /// Its first declaration, which all files that include it see.
    fn first(&self, model: &Model) -> DeclaratorId {
        let all = model[self.entity].declarators.iter().copied();
        let first = all.min_by_key(|&d| model.tree[d].toks.start);
        first.expect("what is declared has a declaration")
    }

    /// The names of its parameters, for its result and its arguments.
    fn names(model: &Model) -> (String, String) {
        let name = |wanted: &str| model.unit.unused_name(wanted);
        (name("result"), name("arguments"))
    }

    /// What it returns and takes, in a declaration or a definition.
    fn head(
        &self,
        model: &Model,
        source: &Source,
        decl: DeclId,
        changes: &mut Changes,
    ) -> Result<(), Trouble> {
        let of = &model.tree[decl];
        let declarator = of.declarators[0];
        let Some(Part::Function { toks: list, .. }) = model.tree[declarator].parts.first() else {
            return Err(Trouble::at(of.toks.start, "its parameters are unknown"));
        };
        let defines = model.tree.functions.iter().any(|f| f.decl == decl);
        let (result, arguments) = match defines {
            true => Self::names(model),
            false => ("result".into(), "arguments".into()),
        };
        let mut takes = Vec::new();
        if let Some(ty) = &self.result {
            let words = returned(model, decl);
            let (Some(&first), Some(&last)) = (words.first(), words.last()) else {
                return Err(Trouble::at(of.toks.start, "what it returns is unknown"));
            };
            if last - first + 1 != words.len() {
                let message = "what it returns is declared in several parts";
                return Err(Trouble::at(of.toks.start, message));
            }
            changes.add(At::Instead(Toks::new(first, last + 1)), "void");
            takes.push(format!("{ty} *{result}"));
        }
        match &self.arguments {
            Some((structure, _)) => takes.push(format!("const struct {structure} *{arguments}")),
            None => {
                let inner = Toks::new(list.start + 1, list.end - 1);
                let text = source.render(inner, &Changes::default())?;
                takes.extend((!matches!(text.trim(), "" | "void")).then_some(text));
            }
        }
        changes.add(At::Instead(*list), format!("({})", takes.join(", ")));
        Ok(())
    }

    /// The parameters as variables, and where the result goes.
    fn body(
        &self,
        model: &Model,
        source: &Source,
        at: FunctionId,
        changes: &mut Changes,
    ) -> Result<(), Trouble> {
        let known = &model.tree[at];
        let StmtKind::Block(stmts) = &model.tree[known.body].kind else {
            return Err(Trouble::at(known.toks.start, "its body is not understood"));
        };
        let open = model.tree[known.body].toks.start;
        let (result, arguments) = Self::names(model);
        if let Some((_, members)) = &self.arguments {
            let indent = match stmts.first().map(|&s| model.tree[s].toks.start) {
                Some(tok) if source.starts_line(tok) => source.indent(tok),
                _ => "\t".into(),
            };
            let mut text = String::new();
            let declarator = model.tree[known.decl].declarators[0];
            for (decl, (member, _)) in parameters(model, declarator).iter().zip(members) {
                let declared = model.tree[*decl].declarators.first();
                let Some(entity) = declared.and_then(|&d| model.declares(d)) else {
                    continue;
                };
                if model.uses(entity).is_empty() {
                    continue;
                }
                let name = name_of(model, entity);
                let declared = types::member(model, source, entity, &name)?;
                let _ = write!(text, "\n{indent}{declared} = {arguments}->{member};");
            }
            changes.add(At::After(open), text);
        }
        if self.result.is_none() {
            return Ok(());
        }
        let last = stmts.last().copied();
        for (index, node) in model.tree.stmts.iter().enumerate() {
            let stmt = StmtId(index as u32);
            let returns = matches!(node.kind, StmtKind::Return(Some(_)));
            if !returns || model.stmt_function(stmt) != Some(at) {
                continue;
            }
            let keyword = node.toks.start;
            let after = node.toks.end - 1;
            changes.add(
                At::Instead(Toks::new(keyword, keyword + 1)),
                format!("*{result} ="),
            );
            if Some(stmt) == last {
                continue;
            }
            match (model.block_of(stmt).is_some(), source.starts_line(keyword)) {
                (true, true) => {
                    let indent = source.indent(keyword);
                    changes.add(At::After(after), format!("\n{indent}return;"));
                }
                (true, false) => changes.add(At::After(after), " return;"),
                (false, true) => {
                    // The one statement of an `if` or a loop.
                    let indent = source.indent(keyword);
                    let outer = match model.stmt_parent(stmt) {
                        Parent::Stmt(outer) => source.indent(model.tree[outer].toks.start),
                        _ => String::new(),
                    };
                    changes.add(At::After(keyword - 1), " {");
                    let text = format!("\n{indent}return;\n{outer}}}");
                    changes.add(At::After(after), text);
                }
                (false, false) => {
                    changes.add(At::Before(keyword), "{ ");
                    changes.add(At::After(after), " return; }");
                }
            }
        }
        Ok(())
    }

    /// The structure of the arguments, above the first declaration and what is said of it.
    fn structure(&self, model: &Model) -> Option<FileEdit> {
        let (name, members) = self.arguments.as_ref()?;
        let tok = declaration(model, model.tree[self.first(model)].decl).start;
        let loc = model.unit.visible_loc(&model.unit.tokens[tok]);
        let bytes = &model.unit.file(loc.file).bytes;
        let place = super::lent::above(bytes, loc.start as usize) as u32;
        let members: String = members.iter().map(|m| format!("\t{};\n", m.1)).collect();
        Some(FileEdit {
            file: loc.file,
            start: place,
            end: place,
            text: format!("struct {name} {{\n{members}}};\n\n"),
        })
    }
}

/// All tokens of a declaration, or of the definition that it is the head of.
fn declaration(model: &Model, decl: DeclId) -> Toks {
    let mut functions = model.tree.functions.iter();
    let defines = functions.find(|f| f.decl == decl);
    defines.map_or(model.tree[decl].toks, |f| f.toks)
}

/// The declarations of a function's parameters.
fn parameters<'m>(model: &'m Model, declarator: DeclaratorId) -> &'m [DeclId] {
    match model.tree[declarator].parts.first() {
        Some(Part::Function { params, .. }) => params,
        _ => &[],
    }
}

/// The tokens of the type that a declaration begins with.
fn returned(model: &Model, decl: DeclId) -> Vec<Tok> {
    let specifiers = &model.tree[decl].specifiers;
    let storage = specifiers.storage;
    let words = [
        storage.r#extern,
        storage.r#static,
        storage.inline,
        storage.register,
    ];
    let toks = specifiers.toks;
    let kept = (toks.start..toks.end).filter(|t| !words.contains(&Some(*t)));
    kept.collect()
}

/// Whether a declaration's specifiers define nothing and say nothing but a type.
fn is_plain(model: &Model, decl: DeclId) -> bool {
    let specifiers = &model.tree[decl].specifiers;
    let defines = match &specifiers.base {
        Base::Record(record) => record.fields.is_some(),
        Base::Enum(of) => of.body.is_some(),
        Base::Unknown | Base::Auto => true,
        _ => false,
    };
    !defines && specifiers.attributes.is_empty()
}
