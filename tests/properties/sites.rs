//! The call sites that tokens tell and the calls that the tree has are the same.

use std::collections::HashSet;
use std::path::Path;

use bpf_malloc::c::cpp::{FileId, Loc};
use bpf_malloc::c::syntax::tree::{ExprId, ExprKind};
use bpf_malloc::c::types::Model;
use bpf_malloc::rewrite::family::Alloc;
use bpf_malloc::rewrite::{
    Alone, Backend, EditKind, OnNull, Options, Recursion, Rule, plan, preprocess,
};
use proptest::prelude::TestCaseError;

use crate::compiler::{self, Source};

const PATH: &str = "any.bpf.c";

/// Checks both ways. What no compiler takes is for nobody to say: tokens and tree may differ there.
/// Returns how many were compared.
pub fn check(input: &Source) -> Result<usize, TestCaseError> {
    let source = &input.text[..];
    let unit = preprocess(Path::new(PATH), source, &Alone::default());
    let model = Model::new(&unit, &|_| true);
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
    let broken = |words: String| compiler::broken_if_taken(&[(PATH, input)], words);

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
            if !known {
                let words = format!("no site and no notice for the call at {:?}", token.loc);
                return broken(format!("{words} in\n{input:?}")).map(|()| 0);
            }
        }
    }
    for token in &unit.tokens {
        let place = here(token.loc);
        let is_site = token.loc.file == FileId::MAIN && !token.synthetic && sites.contains(&place);
        if is_site {
            compared += 1;
            if !named.contains(&place) {
                let words = format!("the site at {place:?} is not in the tree of\n{input:?}");
                return broken(words).map(|()| 0);
            }
        }
    }
    Ok(compared)
}
