//! Functions of the kernel that read or fill memory of the arena, which they do not take.
//!
//! What they read is copied to the stack before (`static_in`), what they fill is copied from there
//! after (`static_out` around the call, `static_to` around the argument). The table below says which
//! arguments that is and how many bytes each is about.

use super::edits::Editor;
use super::facts::HelperArgument;
use crate::c::syntax::tree::{ExprId, ExprKind, Unary};
use crate::c::types::Field;
use crate::rewrite::plan::EditKind;

/// How many bytes of the stack one argument may take. BPF has 512 for all functions of a call chain.
const MOST: i128 = 256;

const REASON: &str = "functions of the kernel take no memory of the arena";

/// What a function of the kernel does with an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Reads(Size),
    Fills(Size),
}

/// How many bytes an argument is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    /// Another argument says so.
    Argument(usize),
    /// A key of the map that is the first argument.
    Key,
    /// A value of that map.
    Value,
}

use Size::{Argument, Key, Value};
use Use::{Fills, Reads};

/// Sources: `include/uapi/linux/bpf.h` of Linux 6.18.
const HELPERS: &[(&str, &[(usize, Use)])] = &[
    ("bpf_copy_from_user", &[(0, Fills(Argument(1)))]),
    ("bpf_d_path", &[(1, Fills(Argument(2)))]),
    ("bpf_dynptr_read", &[(0, Fills(Argument(1)))]),
    ("bpf_dynptr_write", &[(2, Reads(Argument(3)))]),
    ("bpf_get_current_comm", &[(0, Fills(Argument(1)))]),
    ("bpf_get_ns_current_pid_tgid", &[(2, Fills(Argument(3)))]),
    ("bpf_get_stack", &[(1, Fills(Argument(2)))]),
    ("bpf_get_task_stack", &[(1, Fills(Argument(2)))]),
    ("bpf_map_delete_elem", &[(1, Reads(Key))]),
    ("bpf_map_lookup_elem", &[(1, Reads(Key))]),
    ("bpf_map_lookup_percpu_elem", &[(1, Reads(Key))]),
    ("bpf_map_peek_elem", &[(1, Fills(Value))]),
    ("bpf_map_pop_elem", &[(1, Fills(Value))]),
    ("bpf_map_push_elem", &[(1, Reads(Value))]),
    ("bpf_map_update_elem", &[(1, Reads(Key)), (2, Reads(Value))]),
    ("bpf_perf_event_output", &[(3, Reads(Argument(4)))]),
    ("bpf_perf_event_read_value", &[(2, Fills(Argument(3)))]),
    ("bpf_probe_read", &[(0, Fills(Argument(1)))]),
    ("bpf_probe_read_kernel", &[(0, Fills(Argument(1)))]),
    ("bpf_probe_read_kernel_str", &[(0, Fills(Argument(1)))]),
    ("bpf_probe_read_str", &[(0, Fills(Argument(1)))]),
    ("bpf_probe_read_user", &[(0, Fills(Argument(1)))]),
    ("bpf_probe_read_user_str", &[(0, Fills(Argument(1)))]),
    ("bpf_probe_write_user", &[(1, Reads(Argument(2)))]),
    ("bpf_ringbuf_output", &[(1, Reads(Argument(2)))]),
    ("bpf_skb_get_tunnel_key", &[(1, Fills(Argument(2)))]),
    ("bpf_skb_load_bytes", &[(2, Fills(Argument(3)))]),
    ("bpf_skb_load_bytes_relative", &[(2, Fills(Argument(3)))]),
    ("bpf_skb_output", &[(3, Reads(Argument(4)))]),
    ("bpf_skb_set_tunnel_key", &[(1, Reads(Argument(2)))]),
    ("bpf_skb_store_bytes", &[(2, Reads(Argument(3)))]),
    ("bpf_xdp_load_bytes", &[(2, Fills(Argument(3)))]),
    ("bpf_xdp_output", &[(3, Reads(Argument(4)))]),
    ("bpf_xdp_store_bytes", &[(2, Reads(Argument(3)))]),
];

impl Editor<'_> {
    /// Copies what functions of the kernel read or fill. Returns the arguments for which there is no
    /// way: unknown functions, sizes that are not constant or more than 256 bytes.
    pub(super) fn helpers(&mut self) -> Vec<HelperArgument> {
        let reading = self.reading();
        let mut left = Vec::new();
        for argument in &reading.arguments {
            if self.arena(argument.space) && !self.lend(argument) {
                left.push(*argument);
            }
        }
        left
    }

    fn lend(&mut self, argument: &HelperArgument) -> bool {
        let model = self.reading().model;
        let Some(call) = argument.call else {
            return false;
        };
        let ExprKind::Call {
            callee, ref args, ..
        } = model.tree[call].kind
        else {
            return false;
        };
        let Some(name) = model.tree.name(callee) else {
            return false;
        };
        if self.is_of_c_library(callee) {
            return self.convert(args, argument);
        }
        let name = model.unit.symbols.text(name);
        let known = HELPERS.iter().find(|h| h.0.as_bytes() == name);
        let index = args
            .iter()
            .position(|&a| model.tree[a].toks.start == argument.start);
        let used = known
            .zip(index)
            .and_then(|(known, index)| known.1.iter().find(|a| a.0 == index));
        let (Some(&(index, used)), Some(function)) = (used, model.function_of(call)) else {
            return false;
        };
        if model.info(function).entity.is_none() {
            return false;
        }
        let size = match used {
            Reads(size) | Fills(size) => size,
        };
        let Some(size) = self.bytes(args, index, size) else {
            return false;
        };
        let whole = model.tree[call].toks;
        let arg = model.tree[args[index]].toks;
        if !self.editable(whole.start)
            || !self.together(whole.start, whole.end - 1)
            || !self.together(arg.start, arg.end - 1)
            || !self.together(whole.start, arg.start)
        {
            return false;
        }
        let (first, last) = (self.location(arg.start), self.location(arg.end - 1));
        let open = match used {
            Reads(_) => "static_in(",
            Fills(_) => "static_to(",
        };
        let close = format!(", {size})");
        let kind = EditKind::Memory;
        if let Fills(_) = used {
            let (from, to) = (self.location(whole.start), self.location(whole.end - 1));
            let out = "static_out(".to_owned();
            self.change(from.file, from.start, from.start, out, kind, REASON);
            self.change(to.file, to.end, to.end, ")".into(), kind, REASON);
        }
        self.change(
            first.file,
            first.start,
            first.start,
            open.into(),
            kind,
            REASON,
        );
        self.change(last.file, last.end, last.end, close, kind, REASON);
        true
    }

    /// Whether a function is declared in a header of the C library and nowhere defined: a program that
    /// calls it is refused, but perhaps none does.
    fn is_of_c_library(&self, callee: ExprId) -> bool {
        let model = self.reading().model;
        let Some(entity) = model.named(callee).filter(|&e| model[e].is_function()) else {
            return false;
        };
        let declared = &model[entity].declarators;
        model[entity].definition().is_none()
            && declared.iter().all(|&declarator| {
                let unit = model.unit;
                let loc = unit.tokens[model.tree[declarator].toks.start].loc;
                let path = &unit.file(loc.file).path;
                // The kernel's own functions are declared in vmlinux.h.
                !path.ends_with("vmlinux.h") && !self.reading().is_ours(loc.file)
            })
    }

    /// Converts an argument to a pointer outside of the arena, for the compiler.
    fn convert(&mut self, args: &[ExprId], argument: &HelperArgument) -> bool {
        let tree = &self.reading().model.tree;
        let Some(&arg) = args.iter().find(|&&a| tree[a].toks.start == argument.start) else {
            return false;
        };
        let toks = tree[arg].toks;
        if !self.editable(toks.start) || !self.together(toks.start, toks.end - 1) {
            return false;
        }
        let (first, last) = (self.location(toks.start), self.location(toks.end - 1));
        let sum = matches!(
            tree[arg].kind,
            ExprKind::Binary { .. } | ExprKind::Conditional { .. } | ExprKind::Assign { .. }
        );
        let (open, close) = if sum {
            ("(void *)(", ")")
        } else {
            ("(void *)", "")
        };
        let reason = "functions of the C library take no memory of the arena";
        let kind = EditKind::Memory;
        self.change(
            first.file,
            first.start,
            first.start,
            open.into(),
            kind,
            reason,
        );
        if !close.is_empty() {
            self.change(last.file, last.end, last.end, close.into(), kind, reason);
        }
        true
    }

    /// The size as text, if it is constant and no more than the stack takes.
    fn bytes(&self, args: &[ExprId], index: usize, size: Size) -> Option<String> {
        let model = self.reading().model;
        match size {
            Argument(size) => {
                let size = *args.get(size)?;
                let value = model.value(size).filter(|v| (1..=MOST).contains(v))?;
                let toks = model.tree[size].toks;
                let written = !self.names_block((toks.start, toks.end))
                    && self.together(toks.start, toks.end - 1);
                Some(match written {
                    true => self.source(toks.start, toks.end - 1),
                    false => value.to_string(),
                })
            }
            Key => self.pointee(args[index], self.map_bytes(args[0], "key")),
            Value => self.pointee(args[index], self.map_bytes(args[0], "value")),
        }
    }

    /// The size of what an argument points to, or `wanted` if that is another one. A cast says nothing
    /// about the size, and neither does a pointer to anything.
    fn pointee(&self, arg: ExprId, wanted: Option<u64>) -> Option<String> {
        let model = self.reading().model;
        let tree = &model.tree;
        let mut arg = tree.bare(arg);
        while let ExprKind::Cast(_, inner) = tree[arg].kind {
            arg = tree.bare(inner);
        }
        // Of an array all of it, of what a pointer points to one.
        let array = model.is_array(model.type_of(arg));
        let to = match array {
            true => Some(model.type_of(arg)),
            false => model.pointee(model.decay_of(arg)),
        };
        let own = to.and_then(|to| model.size_of(to));
        let bytes = wanted.or(own.filter(|&size| size > 1))?;
        if !(1..=MOST).contains(&i128::from(bytes)) {
            return None;
        }
        // `sizeof(*p)`, `sizeof(p->key)` for `&p->key`.
        let (inner, star) = match tree[arg].kind {
            ExprKind::Unary(Unary::AddressOf, inner) => (inner, ""),
            _ if array => (arg, ""),
            ExprKind::Name(_)
            | ExprKind::Member { .. }
            | ExprKind::Index(..)
            | ExprKind::Call { .. }
            | ExprKind::Unary(..) => (arg, "*"),
            _ => return Some(bytes.to_string()),
        };
        let toks = tree[inner].toks;
        let written = own == Some(bytes)
            && !self.names_block((toks.start, toks.end))
            && self.together(toks.start, toks.end - 1);
        Some(match written {
            true => format!("sizeof({star}{})", self.source(toks.start, toks.end - 1)),
            false => bytes.to_string(),
        })
    }

    /// The size of the keys or values of a map, `&map`: `__type(key, T)` is a member `T *key`,
    /// `__uint(key_size, 8)` a member `int (*key_size)[8]`.
    fn map_bytes(&self, map: ExprId, part: &str) -> Option<u64> {
        let model = self.reading().model;
        let ExprKind::Unary(Unary::AddressOf, inner) = model.tree[model.tree.bare(map)].kind else {
            return None;
        };
        let record = model.record(model.type_of(inner))?;
        let fields = model[record].fields.as_deref()?;
        let pointee = |name: &str| {
            let named = |f: &&Field| {
                let field = f.name.map(|name| model.unit.symbols.text(name));
                field == Some(name.as_bytes())
            };
            model.pointee(fields.iter().find(named)?.ty)
        };
        match pointee(part) {
            Some(ty) => model.size_of(ty),
            None => model.array_len(pointee(&format!("{part}_size"))?),
        }
    }
}
