//! Functions of the kernel that call back: `bpf_loop(count, step, &context, 0)`.
//!
//! Linux 6.17 and 6.18 free states of the verifier that they still use where such a callback loops with
//! `can_loop` and its rounds differ ("verifier bug: stack slot 0", and memory of the kernel is overwritten):
//! by their sources they keep states for the loops in a program's text, and the rounds of a callback are none.
//! 6.16 and 6.19 are right (docs/evidence.md). `static_rounds` makes the call a part of a loop that ends at once.

use super::edits::{Editor, Trouble};
use crate::c::syntax::tree::{ExprId, ExprKind, FunctionId, Unary};
use crate::c::types::Model;
use crate::rewrite::plan::EditKind;

/// The functions that call back before they return.
const CALLING: [&[u8]; 5] = [
    b"bpf_loop",
    b"bpf_for_each_map_elem",
    b"bpf_find_vma",
    b"bpf_user_ringbuf_drain",
    b"bpf_rbtree_add",
];

const ROUNDS: &str = "static_rounds";

impl Editor<'_> {
    /// Puts calls of what calls back into loops, where the callback loops.
    pub(super) fn rounds(&mut self) {
        let model = self.reading().model;
        for index in 0..model.tree.exprs.len() {
            let call = ExprId(index as u32);
            let ExprKind::Call {
                callee, ref args, ..
            } = model.tree[call].kind
            else {
                continue;
            };
            let name = match model.tree[model.tree.bare(callee)].kind {
                ExprKind::Name(name) => model.unit.symbols.text(name),
                _ => continue,
            };
            let loops = || {
                let mut callbacks = args.iter().filter_map(|&arg| callback(model, arg));
                callbacks.any(|function| self.search().loops(function))
            };
            if !CALLING.contains(&name) || model.function_of(call).is_none() || !loops() {
                continue;
            }
            let toks = model.tree[call].toks;
            let said = toks.start >= 2 && self.word(toks.start - 2) == ROUNDS.as_bytes();
            if said {
                continue;
            }
            if !self.editable(toks.start) || !self.together(toks.start, toks.end - 1) {
                self.troubles.insert(Trouble {
                    tok: toks.start,
                    message:
                        "a callback that loops is called here, and Linux 6.17 and 6.18 overwrite \
                              memory of their own when they verify that"
                            .into(),
                    help: "write static_rounds(…) around the call".into(),
                });
                continue;
            }
            let (first, last) = (self.location(toks.start), self.location(toks.end - 1));
            let kind = EditKind::Loop;
            let reason = "Linux 6.17 and 6.18 cannot verify callbacks that loop outside of a loop";
            let open = format!("{ROUNDS}(");
            self.change(first.file, first.start, first.start, open, kind, reason);
            self.change(last.file, last.end, last.end, ")".into(), kind, reason);
        }
    }
}

/// The function of the unit that an argument names.
fn callback(model: &Model, arg: ExprId) -> Option<FunctionId> {
    let mut at = model.tree.bare(arg);
    while let ExprKind::Cast(_, inner) | ExprKind::Unary(Unary::AddressOf, inner) =
        model.tree[at].kind
    {
        at = model.tree.bare(inner);
    }
    model[model.named(at)?].definition()
}
