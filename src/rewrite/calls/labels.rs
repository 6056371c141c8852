//! Jumps to labels whose addresses are kept (GNU C), as numbers and a `switch`.
//!
//! BPF has no jump to an address that is known at run time only (before Linux 6.19 and clang 22), but
//! an interpreter's table of labels works as well with their numbers:
//!
//! ```c
//! enum { at_add = 1, at_halt };
//! long jump_to;
//! static void *const table[] = { (void *)at_add, (void *)at_halt };
//!
//! { jump_to = (long)(table[*pc++]); goto jump; }
//! …
//! jump:
//!         static_hide(top);
//!         switch (can_loop ? jump_to : 0) {
//!         case at_add:
//!                 goto add;
//!         case at_halt:
//!                 goto halt;
//!         }
//!         return 0;
//! ```
//!
//! All jumps back are in that one `switch`, where the verifier learns that they come to an end, and
//! numbers that change on the way are any numbers to it. Where all labels come after all jumps, each
//! of these becomes a `switch` where it stands. Differences of labels are differences of numbers,
//! which are as good as those of addresses.

use super::{FileEdit, Found, Trouble, is_ours};
use crate::c::cpp::{FileId, Loc, Token};
use crate::c::syntax::tree::{ExprId, ExprKind, FunctionId, StmtId, StmtKind, Tok, Toks, Unary};
use crate::c::types::{EntityId, Model, Parent, Storage, Type};

/// Turns the addresses of labels into numbers, and the jumps to them into `switch` statements.
pub(super) fn labels(model: &Model) -> Found {
    let mut found = Found::default();
    let mut taken: Vec<(FunctionId, Tok)> = Vec::new();
    for (index, expr) in model.tree.exprs.iter().enumerate() {
        let start = expr.toks.start;
        if expr.kind == ExprKind::Constant
            && model.unit.text(&model.unit.tokens[start]) == b"&&"
            && let Some(function) = model.function_of(ExprId(index as u32))
            && !model.tree[function].broken
        {
            taken.push((function, start));
        }
    }
    let mut functions: Vec<FunctionId> = taken.iter().map(|t| t.0).collect();
    functions.dedup();
    for function in functions {
        let taken = taken.iter().filter(|t| t.0 == function).map(|t| t.1);
        match numbered(model, function, taken.collect()) {
            Ok(edits) => {
                let entity = model.info(function).entity;
                let name = entity.map_or(&b""[..], |e| model.unit.symbols.text(model[e].name));
                let name = format!("`{}`", String::from_utf8_lossy(name));
                found.reasons.push((model.tree[function].toks.start, name));
                found.edits.extend(edits);
            }
            Err(trouble) => found.troubles.push(trouble),
        }
    }
    found.edits.sort_by_key(|e| (e.file, e.start, e.end));
    found.edits.dedup();
    // One text for several functions: a macro that both use.
    let apart = |pair: &[FileEdit]| {
        pair[0].file < pair[1].file || pair[0].end <= pair[1].start && pair[0].start < pair[1].start
    };
    if !found.edits.windows(2).all(apart) {
        let tok = found.reasons[0].0;
        let message = "a macro jumps in several functions, each of which has labels of its own";
        found.troubles.push(Trouble::at(tok, message));
    }
    // Functions may share macros, so it is all of them or none.
    if !found.troubles.is_empty() {
        found.edits.clear();
    }
    found
}

/// The edits of one function; `taken` are the `&&` in it.
fn numbered(
    model: &Model,
    function: FunctionId,
    mut taken: Vec<Tok>,
) -> Result<Vec<FileEdit>, Trouble> {
    taken.sort_unstable();
    let text = |tok: Tok| model.unit.text(&model.unit.tokens[tok]);
    let mut labels: Vec<&[u8]> = Vec::new();
    for label in taken.iter().map(|&t| text(t + 1)) {
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    let mut prefix = "at_".to_owned();
    let is_known = |prefix: &str| {
        let name = |label: &&[u8]| [prefix.as_bytes(), label].concat();
        labels
            .iter()
            .any(|l| model.unit.symbols.get(&name(l)).is_some())
    };
    while is_known(&prefix) {
        prefix.insert_str(0, "label_");
    }
    let labels: Vec<String> = labels
        .iter()
        .map(|l| String::from_utf8_lossy(l).into_owned())
        .collect();

    let mut edits = Vec::new();
    let body = model.tree[function].body;
    let open = model.unit.tokens[model.tree[body].toks.start];
    let file = open.loc.file;
    if !is_ours(model, file) || open.expansion.is_some() {
        return Err(Trouble::at(
            taken[0],
            "the function is no text of a file that may change",
        ));
    }
    let mut names = labels.iter().map(|label| format!("{prefix}{label}"));
    let first = names.next().unwrap_or_default();
    let rest: String = names.map(|name| format!(", {name}")).collect();
    let tabs = model.unit.file(file).bytes.contains(&b'\t');
    let unit = if tabs { "\t" } else { "    " };
    let mut top = format!("\n{unit}enum {{ {first} = 1{rest} }};");
    for &tok in &taken {
        edits.push(address(model, tok, &prefix)?);
    }
    let jumps: Vec<(Toks, Toks)> = jumps(model, function);
    let cases = Cases {
        labels: &labels,
        prefix: &prefix,
        unit,
    };
    let toks = model.tree[body].toks;
    if let Some(last) = jumps
        .last()
        .filter(|l| goes_back(model, toks, l.0.start, &labels))
    {
        let close = model.unit.tokens[toks.end - 1];
        if close.loc.file != file || close.expansion.is_some() {
            return Err(Trouble::at(last.0.start, "a macro ends the function"));
        }
        let target = model.unit.unused_name("jump_to");
        let label = model.unit.unused_name("jump");
        top += &format!("\n{unit}long {target};");
        for &(stmt, address) in &jumps {
            edits.extend(jump_via(model, stmt, address, (&target, &label))?);
        }
        let dispatch = dispatch(model, function, (&target, &label), &cases)?;
        edits.push(edit(file, close.loc.start, close.loc.start, dispatch));
    } else {
        for &(stmt, address) in &jumps {
            edits.extend(jump(model, stmt, address, &cases)?);
        }
    }
    edits.push(edit(file, open.loc.end, open.loc.end, top));
    Ok(edits)
}

fn edit(file: FileId, start: u32, end: u32, text: String) -> FileEdit {
    FileEdit {
        file,
        start,
        end,
        text,
    }
}

/// The computed jumps of a function in their order, and the addresses that they jump to.
fn jumps(model: &Model, function: FunctionId) -> Vec<(Toks, Toks)> {
    let stmts = model.tree.stmts.iter().enumerate();
    let jumps = stmts.filter_map(|(index, stmt)| match stmt.kind {
        StmtKind::GotoComputed(expr)
            if model.stmt_function(StmtId(index as u32)) == Some(function) =>
        {
            Some((stmt.toks, model.tree[expr].toks))
        }
        _ => None,
    });
    let mut jumps: Vec<(Toks, Toks)> = jumps.collect();
    jumps.sort_by_key(|j| j.0.start);
    jumps
}

/// Whether one of the labels stands before the last jump.
fn goes_back(model: &Model, body: Toks, last: Tok, labels: &[String]) -> bool {
    model.tree.stmts.iter().any(|stmt| match stmt.kind {
        StmtKind::Label(name) => {
            let name = model.unit.symbols.text(name);
            body.contains(stmt.toks.start)
                && stmt.toks.start < last
                && labels.iter().any(|l| l.as_bytes() == name)
        }
        _ => false,
    })
}

/// Where all jumps of a function lead through.
fn dispatch(
    model: &Model,
    function: FunctionId,
    (target, label): (&str, &str),
    cases: &Cases,
) -> Result<String, Trouble> {
    let unit = cases.unit;
    let hides: String = changing(model, function)
        .iter()
        .map(|name| format!("{unit}static_hide({name});\n"))
        .collect();
    let start = model.tree[function].toks.start;
    let returns = match model.info(function).entity.map(|e| &model[model[e].ty]) {
        Some(&Type::Function { ret, .. }) => ret,
        _ => return Err(Trouble::at(start, "what the function returns is not known")),
    };
    let (before, after) = match (model[returns] == Type::Void, model.record(returns)) {
        (true, _) => (format!("{unit}return;\n"), String::new()),
        (false, None) => (String::new(), format!("{unit}return 0;\n")),
        (false, Some(_)) => match super::declare(model, returns) {
            Some(name) => (String::new(), format!("{unit}return ({name}){{0}};\n")),
            None => return Err(Trouble::at(start, "what the function returns has no name")),
        },
    };
    let list = cases.list(unit);
    Ok(format!(
        "{before}{label}:\n{hides}{unit}switch (can_loop ? {target} : 0) \
         {{\n{list}{unit}}}\n{after}"
    ))
}

/// The numbers that a function changes, of those that all of it sees.
fn changing(model: &Model, function: FunctionId) -> Vec<String> {
    let body = model.tree[function].body;
    let outermost = |entity: EntityId| {
        let declarator = model[entity].declarators.first();
        let decl = declarator.map(|&d| model.tree[d].decl);
        match (model[entity].storage(), decl.map(|d| model.decl_parent(d))) {
            (Some(Storage::Parameter), _) => true,
            (_, Some(Parent::Stmt(stmt))) => matches!(model.stmt_parent(stmt),
                Parent::Stmt(block) if block == body),
            _ => false,
        }
    };
    let mut found: Vec<EntityId> = Vec::new();
    for (index, expr) in model.tree.exprs.iter().enumerate() {
        let place = match expr.kind {
            ExprKind::Assign { left, .. } => left,
            ExprKind::Postfix { operand, .. }
            | ExprKind::Unary(Unary::Increment | Unary::Decrement, operand) => operand,
            _ => continue,
        };
        if model.function_of(ExprId(index as u32)) != Some(function) {
            continue;
        }
        if let Some(entity) = model.named(place)
            && model[entity].is_automatic()
            && model.number(model[entity].ty).is_some_and(|n| !n.floating)
            && outermost(entity)
            && !found.contains(&entity)
        {
            found.push(entity);
        }
    }
    let name = |e: &EntityId| model.unit.symbols.text(model[*e].name);
    found
        .iter()
        .map(|e| String::from_utf8_lossy(name(e)).into_owned())
        .collect()
}

/// `&&label` as `(void *)at_label`, also where a macro has the label or a part of it as a parameter.
fn address(model: &Model, tok: Tok, prefix: &str) -> Result<FileEdit, Trouble> {
    let and = &model.unit.tokens[tok];
    let label = &model.unit.tokens[tok + 1];
    let bytes = &model.unit.file(and.loc.file).bytes;
    let behind = &bytes[and.loc.end as usize..];
    let blanks = behind
        .iter()
        .take_while(|b| b.is_ascii_whitespace())
        .count();
    let start = and.loc.end + blanks as u32;
    let here = label.loc.file == and.loc.file && label.loc.start == start;
    let name = &bytes[start as usize..];
    let name = &name[name.iter().take_while(|b| is_word(**b)).count()..];
    let pasted = name.trim_ascii_start().starts_with(b"##");
    let paste = match and.expansion {
        None if here && label.expansion.is_none() => "",
        Some(_) if here || pasted => "",
        // A parameter: what is given is the label itself.
        Some(_) if !label.synthetic && label.expansion.is_none() => "##",
        _ => return Err(Trouble::at(tok, "a macro makes the label's name")),
    };
    if !is_ours(model, and.loc.file) || and.synthetic {
        return Err(Trouble::at(tok, "a header has the label's address"));
    }
    Ok(FileEdit {
        file: and.loc.file,
        start: and.loc.start,
        end: start,
        text: format!("(void *){prefix}{paste}"),
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What a jump leads to.
struct Cases<'c> {
    labels: &'c [String],
    prefix: &'c str,
    unit: &'c str,
}

impl Cases<'_> {
    /// On lines of their own.
    fn list(&self, indent: &str) -> String {
        let Self {
            labels,
            prefix,
            unit,
        } = self;
        let each = |l: &String| format!("{indent}case {prefix}{l}:\n{indent}{unit}goto {l};\n");
        labels.iter().map(each).collect()
    }
}

/// Where a computed jump is written: its beginning, with `goto *`, and its end.
enum Written {
    /// In the code itself, with its semicolon.
    Code { goto: Loc, semicolon: Loc },
    /// In a macro, whose use may have the semicolon.
    Macro { goto: Loc, end: u32 },
}

fn written(model: &Model, stmt: Toks, address: Toks) -> Result<Written, Trouble> {
    let tokens = &model.unit.tokens;
    let first = &tokens[stmt.start];
    let last = &tokens[stmt.end - 1];
    let before = &tokens[address.start - 1];
    let together =
        |t: &Token| t.loc.file == first.loc.file && !t.synthetic && t.expansion == first.expansion;
    if !is_ours(model, first.loc.file) || first.synthetic || !together(before) {
        return Err(Trouble::at(
            stmt.start,
            "a header or several macros have the jump",
        ));
    }
    let goto = Loc {
        end: before.loc.end,
        ..first.loc
    };
    let value = &tokens[address.end - 1];
    match (first.expansion, together(last), together(value)) {
        (None, true, _) => Ok(Written::Code {
            goto,
            semicolon: last.loc,
        }),
        (Some(_), true, _) => Ok(Written::Macro {
            goto,
            end: last.loc.start,
        }),
        (Some(_), false, true) => Ok(Written::Macro {
            goto,
            end: value.loc.end,
        }),
        _ => Err(Trouble::at(
            stmt.start,
            "a macro has only a part of the jump",
        )),
    }
}

/// `goto *address;` as a jump to where the address is looked at.
fn jump_via(
    model: &Model,
    stmt: Toks,
    address: Toks,
    (target, label): (&str, &str),
) -> Result<[FileEdit; 2], Trouble> {
    let sets = format!("{target} = (long)(");
    let leads = format!("); goto {label};");
    Ok(match written(model, stmt, address)? {
        Written::Code { goto, semicolon } => [
            edit(goto.file, goto.start, goto.end, format!("{{ {sets}")),
            edit(
                semicolon.file,
                semicolon.start,
                semicolon.end,
                format!("{leads} }}"),
            ),
        ],
        Written::Macro { goto, end } => [
            edit(goto.file, goto.start, goto.end, format!("do {{ {sets}")),
            edit(goto.file, end, end, format!("{leads} }} while (0)")),
        ],
    })
}

/// `goto *address;` as a `switch`.
fn jump(model: &Model, stmt: Toks, address: Toks, cases: &Cases) -> Result<[FileEdit; 2], Trouble> {
    Ok(match written(model, stmt, address)? {
        Written::Code { goto, semicolon } => {
            let bytes = &model.unit.file(goto.file).bytes[..goto.start as usize];
            let line = bytes.rsplit(|&b| b == b'\n').next().unwrap_or_default();
            let blanks = line
                .iter()
                .take_while(|b| matches!(b, b' ' | b'\t'))
                .count();
            let indent = String::from_utf8_lossy(&line[..blanks]);
            let list = cases.list(&indent);
            let tail = format!(")) {{\n{list}{indent}}}");
            [
                edit(goto.file, goto.start, goto.end, "switch ((long)(".into()),
                edit(semicolon.file, semicolon.start, semicolon.end, tail),
            ]
        }
        Written::Macro { goto, end } => {
            let Cases { labels, prefix, .. } = cases;
            let each = |l: &String| format!("case {prefix}{l}: goto {l}; ");
            let list: String = labels.iter().map(each).collect();
            [
                edit(
                    goto.file,
                    goto.start,
                    goto.end,
                    "do { switch ((long)(".into(),
                ),
                edit(goto.file, end, end, format!(")) {{ {list}}} }} while (0)")),
            ]
        }
    })
}
