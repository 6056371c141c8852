//! The call sites that tokens tell and the calls that the tree has are the same.

use std::collections::HashSet;
use std::path::Path;

use bpf_malloc::c::cpp::{FileId, Loc, Unit};
use bpf_malloc::c::lexer::{Kind, op};
use bpf_malloc::c::syntax::tree::{ExprId, ExprKind, Part};
use bpf_malloc::c::types::Model;
use bpf_malloc::rewrite::family::Alloc;
use bpf_malloc::rewrite::{
    Alone, Backend, EditKind, OnNull, Options, Recursion, Rule, plan, preprocess,
};
use proptest::prelude::TestCaseError;
use proptest::prop_assert;

const PATH: &str = "any.bpf.c";

/// Whether all of a unit was understood: no conditional lacks its mate, no function returns another,
/// no allocator's name stands between the head of a function and its body, no word is left beside a
/// string (the grammar takes it for a macro that makes one), and no brackets cross.
fn understood(unit: &Unit, model: &Model) -> bool {
    let tree = &model.tree;
    let conditionals = ["#else", "#endif", "conditional"];
    let lost = |text: &str| conditionals.iter().any(|word| text.contains(word));
    let is_function = |part: &Part| matches!(part, Part::Function { .. });
    // A statement ends within parentheses.
    let mut open = Vec::new();
    let crossed = unit.tokens.iter().enumerate().any(|(at, token)| {
        if ["(", "[", "{"].map(op).iter().any(|&o| token.is(o)) {
            open.push(at);
        } else if [")", "]", "}"].map(op).iter().any(|&o| token.is(o)) {
            open.pop();
        }
        let within = open
            .last()
            .filter(|&&o| token.is(op(";")) && unit.tokens[o].is(op("(")));
        within.is_some_and(|&o| {
            let before = o
                .checked_sub(1)
                .map(|b| unit.symbols.text(unit.tokens[b].symbol));
            before != Some(b"for")
        })
    });
    let displaced = unit.tokens.windows(2).any(|pair| {
        Alloc::named(unit.symbols.text(pair[0].symbol)).is_some() && pair[1].is(op("{"))
    });
    let beside_text = unit.tokens.windows(2).any(|pair| {
        pair[0].kind == Kind::Str && Alloc::named(unit.symbols.text(pair[1].symbol)).is_some()
    });
    !displaced
        && !beside_text
        && !crossed
        && !tree.items.iter().any(|i| i.broken)
        && !tree.functions.iter().any(|f| f.broken)
        && !unit.problems.iter().any(|p| lost(&p.message))
        && !tree
            .declarators
            .iter()
            .any(|d| d.parts.windows(2).any(|pair| pair.iter().all(is_function)))
}

/// Checks both ways. What brackets without mates make of the code around them is for nobody to
/// say: tokens and tree may differ there. Returns how many were compared.
pub fn check(source: &[u8]) -> Result<usize, TestCaseError> {
    let unit = preprocess(Path::new(PATH), source, &Alone::default());
    let model = Model::new(&unit, &|_| true);
    if !understood(&unit, &model) {
        return Ok(0);
    }
    let options = Options {
        on_null: OnNull::Off,
        backend: Backend::Map,
        recursion: Recursion::Off,
        explain: false,
    };
    let plan = plan(Path::new(PATH), source, &Alone::default(), &options);
    if plan.notices().iter().any(|n| n.rule == Rule::Ambiguous) {
        // What is code and what is a comment depends on an option of the compiler.
        return Ok(0);
    }
    let calls = plan.edits().iter().filter(|e| e.kind == EditKind::Call);
    let sites: HashSet<usize> = calls.map(|e| e.span.start).collect();
    let told: HashSet<usize> = plan.notices().iter().map(|n| n.span.start).collect();
    let here = |loc: Loc| loc.start as usize;
    let text = || String::from_utf8_lossy(source);

    let mut compared = 0;
    let mut named = HashSet::new();
    for at in 0..model.tree.exprs.len() as u32 {
        let expr = ExprId(at);
        let ExprKind::Name(name) = model.tree[expr].kind else {
            continue;
        };
        let tok = model.tree[expr].toks.start;
        let token = &unit.tokens[tok];
        if token.loc.file != FileId::MAIN
            || token.synthetic
            || Alloc::named(unit.symbols.text(name)).is_none()
        {
            continue;
        }
        named.insert(here(token.loc));
        let function = model.entity(expr).is_some_and(|e| model[e].is_function());
        if function && model.is_callee(expr) {
            compared += 1;
            let known = sites.contains(&here(token.loc)) || told.contains(&here(token.loc));
            prop_assert!(
                known,
                "no site and no notice for the call at {:?} in\n{}",
                token.loc,
                text()
            );
        }
    }
    for token in &unit.tokens {
        let place = here(token.loc);
        let is_site = token.loc.file == FileId::MAIN && !token.synthetic && sites.contains(&place);
        if is_site {
            compared += 1;
            prop_assert!(
                named.contains(&place),
                "the site at {place:?} is not in the tree of\n{}",
                text()
            );
        }
    }
    Ok(compared)
}
