//! Calls: of the allocator, of functions for memory and strings, of the kernel's, of the
//! program's own.

use super::*;
use crate::c::syntax::tree::ExprKind;
use crate::rewrite::family::{Alloc, PREFIX};
use crate::rewrite::library;

impl Reading<'_> {
    /// A call.
    pub(super) fn call(&mut self, expr: ExprId, callee: ExprId, args: &[ExprId]) -> Value {
        let toks = self.toks_of(expr);
        if let Some(name) = self.model.tree.name(callee)
            && let Some(value) = self.special(name, callee, args, toks)
        {
            return value;
        }
        let callee_value = self.value(callee);
        let arguments = self.arguments(args);
        let mut ty = callee_value.ty;
        if let Some((to, _)) = self.types.pointer(ty) {
            ty = to;
        }
        let start = self.toks_of(callee).start;
        let Type::Function { ret, params, .. } = self.types.get(ty).clone() else {
            let name = self.model.tree.name(callee);
            if name.is_some_and(|n| self.unit.symbols.text(n).starts_with(b"bpf_")) {
                for &value in &arguments {
                    self.helper_argument(expr, callee, value);
                }
            }
            return Value::of(Types::UNKNOWN, toks);
        };
        if self.is_helper(callee, callee_value) {
            return self.helper_call(expr, callee, ret, &params, &arguments, toks);
        }
        let mut ret = ret;
        let mut params = params;
        let mut flow = Flow::default();
        if let Some(func) = callee_value.func {
            if let Some(current) = self.current {
                self.functions[current.func.0 as usize].calls.push(func);
            }
            if self.unevaluated == 0
                && let Some((uses, ty)) = self.another(func)
            {
                self.calls.push(Call {
                    tok: self.name_tok(callee, start),
                    func,
                    uses,
                    instance: self.instance,
                });
                if let Type::Function {
                    ret: own,
                    params: list,
                    ..
                } = self.types.get(ty).clone()
                {
                    (ret, params) = (own, list);
                }
            }
            flow = self.pass(func, &arguments);
        }
        for (&value, &ty) in arguments.iter().zip(&params) {
            self.assign(ty, value);
        }
        Value {
            flow,
            ..Value::of(ret, toks)
        }
    }

    /// Where the name of a function that is called stands, inside of parentheses perhaps.
    fn name_tok(&self, callee: ExprId, otherwise: Tok) -> Tok {
        let bare = self.model.tree.bare(callee);
        match self.model.tree[bare].kind {
            ExprKind::Name(_) => self.toks_of(bare).start,
            _ => otherwise,
        }
    }

    /// Calls that mean something to the reader whatever their declaration says.
    fn special(
        &mut self,
        symbol: crate::c::Symbol,
        callee: ExprId,
        args: &[ExprId],
        toks: Toks,
    ) -> Option<Value> {
        let entity = self.model.named(callee);
        let own = entity.is_some_and(|e| match self.model[e].kind {
            EntityKind::Function { definition, .. } => definition.is_some(),
            _ => true,
        });
        if own {
            return None;
        }
        let unit = self.unit;
        let text = unit.symbols.text(symbol);
        if let Some(name) = text.strip_prefix(b"__builtin_")
            && let Some(value) = self.builtin(name, args, toks)
        {
            return Some(value);
        }
        if text == b"static_pointer" {
            // What it returns can be followed.
            let first = self.arguments(args).first().copied();
            return Some(Value {
                flow: Flow::default(),
                ..first.unwrap_or(Value::number(toks))
            });
        }
        // Structures that are copied so that clang converts addresses.
        match (text, args) {
            (b"static_value", [place]) => {
                let value = self.value(*place);
                return Some(Value {
                    place: None,
                    ..self.rvalue(value)
                });
            }
            (b"static_rounds", [call]) => return Some(self.value(*call)),
            (b"static_assign", [place, value]) => {
                let (place, value) = (self.value(*place), self.value(*value));
                return Some(self.stored(place, value, toks));
            }
            _ => {}
        }
        if text == b"static_as"
            && let [ty, pointer] = args
            && let ExprKind::TypeArgument(ty) = self.model.tree[*ty].kind
        {
            // A cast that keeps the address space.
            let made = self.place_of_name(ty);
            let value = self.taken(*pointer);
            let space = match self.types.pointer(value.ty) {
                Some((_, space)) => space,
                None => self.vars.fresh(),
            };
            let ty = self.pointer_to(made.map_or(Types::UNKNOWN, |m| m.ty), space);
            return Some(Value {
                flow: value.flow,
                ..Value::of(ty, toks)
            });
        }
        let tok = self.name_tok(callee, toks.start);
        let plain = text.strip_prefix(PREFIX.as_bytes()).unwrap_or(text);
        if let Some(alloc) = Alloc::named(plain) {
            let arguments = self.arguments(args);
            return Some(self.allocation(alloc, &arguments, tok, toks));
        }
        let name = text.strip_prefix(b"__builtin_").unwrap_or(plain);
        let builtin = text.starts_with(b"__builtin_");
        if let Some(function) = library::function(name).filter(|f| !builtin || !f.extra) {
            // One that clang has built in is renamed only where its memory is the arena's.
            let renamed = !text.starts_with(PREFIX.as_bytes());
            return Some(self.library(
                function,
                callee,
                args,
                tok,
                toks,
                renamed.then_some(!builtin),
            ));
        }
        None
    }

    /// `__builtin_…` of which an argument is the result, or that are no call.
    fn builtin(&mut self, name: &[u8], args: &[ExprId], toks: Toks) -> Option<Value> {
        match name {
            b"preserve_field_info"
            | b"constant_p"
            | b"preserve_type_info"
            | b"btf_type_id"
            | b"preserve_enum_value"
            | b"object_size" => Some(Value {
                constant: true,
                ..Value::number(toks)
            }),
            b"expect"
            | b"preserve_access_index"
            | b"expect_with_probability"
            | b"assume_aligned" => {
                let arguments = self.arguments(args);
                Some(arguments.first().copied().unwrap_or(Value::number(toks)))
            }
            b"choose_expr" => {
                let condition = args.first().and_then(|&c| self.model.value(c));
                let chosen = match condition {
                    Some(0) => args.get(2),
                    _ => args.get(1),
                };
                Some(match chosen {
                    Some(&chosen) => self.value(chosen),
                    None => Value::number(toks),
                })
            }
            _ => None,
        }
    }

    /// The value of an expression becomes an argument, a result or a part of a structure: one that is a
    /// structure is copied.
    pub(super) fn copied_value(&mut self, expr: ExprId, value: Value) {
        if self.is_record(value.ty)
            && let Some(place) = value.place
        {
            let toks = self.toks_of(expr);
            self.copies.push(Copied {
                to: (toks.start, toks.start),
                place,
                from: (toks.start, toks.end),
                whole: (toks.start, toks.end),
                used: false,
                source: Some(place),
                ty: self.model.type_of(expr),
                kind: CopyKind::Value,
                instance: self.instance,
            });
        }
    }

    /// The value of an expression as that of one around it which is no object itself: a structure is
    /// copied.
    pub(super) fn no_object(&mut self, expr: ExprId, value: Value) -> Value {
        if !self.is_record(value.ty) {
            return value;
        }
        self.copied_value(expr, value);
        let place = None;
        Value { place, ..value }
    }

    /// The values of arguments.
    pub(super) fn arguments(&mut self, args: &[ExprId]) -> Vec<Value> {
        let mut list = Vec::new();
        for &arg in args {
            let value = self.value(arg);
            self.copied_value(arg, value);
            let mut value = self.rvalue(value);
            let toks = self.toks_of(arg);
            (value.start, value.end) = (toks.start, toks.end);
            list.push(value);
        }
        list
    }

    /// A call of the allocator.
    fn allocation(&mut self, alloc: Alloc, arguments: &[Value], tok: Tok, toks: Toks) -> Value {
        self.allocations.push(tok);
        self.grows |= matches!(alloc, Alloc::Realloc | Alloc::Reallocarray);
        if let Some(current) = self.current {
            self.functions[current.func.0 as usize].allocates = true;
        }
        let given = match alloc {
            Alloc::Free | Alloc::Realloc | Alloc::Reallocarray | Alloc::UsableSize => {
                arguments.first()
            }
            _ => None,
        };
        if let Some(&value) = given
            && let Some((_, space)) = self.types.pointer(value.ty)
            && !value.null
        {
            self.vars.seed(space, Seed::Arena, tok);
            if alloc != Alloc::Free {
                // The block is followed, but nothing has to be turned back for that.
                self.used(
                    Value {
                        end: value.start,
                        ..value
                    },
                    tok,
                );
            }
        }
        if alloc == Alloc::PosixMemalign
            && let Some(&value) = arguments.first()
            && let Some((to, _)) = self.types.pointer(value.ty)
            && let Some((_, space)) = self.types.pointer(to)
        {
            self.vars.seed(space, Seed::Arena, tok);
        }
        if !alloc.returns_block() || alloc == Alloc::PosixMemalign {
            return Value::number(toks);
        }
        if matches!(alloc, Alloc::Strdup | Alloc::Strndup)
            && let Some(&value) = arguments.first()
        {
            self.used(value, tok);
        }
        let space = self.vars.fresh();
        self.vars.seed(space, Seed::Arena, tok);
        let to = match alloc {
            Alloc::Strdup | Alloc::Strndup => Types::NUMBER,
            _ => Types::VOID,
        };
        let ty = self.pointer_to(to, space);
        Value::of(ty, toks)
    }

    /// A pointer is followed by a function that is called.
    pub(super) fn used(&mut self, value: Value, tok: Tok) {
        if let Some((_, space)) = self.types.pointer(value.ty) {
            self.follows.push(Follow {
                tok,
                flow: value.flow,
                space,
                pointer: (value.start, value.end),
                instance: self.instance,
            });
        }
    }

    /// The values of arguments go to the parameters; what the result is.
    pub(super) fn pass(&mut self, func: FuncId, arguments: &[Value]) -> Flow {
        while self.functions[func.0 as usize].params.len() < arguments.len() {
            let flow = self.new_flow();
            self.functions[func.0 as usize].params.push(flow);
        }
        for (index, value) in arguments.iter().enumerate() {
            let to = self.functions[func.0 as usize].params[index];
            self.flows_to(value.flow, to);
        }
        self.functions[func.0 as usize].ret
    }

    /// Whether a function is the kernel's: declared only in headers of the system.
    fn is_helper(&self, callee: ExprId, value: Value) -> bool {
        match value.func {
            Some(func) => self.functions[func.0 as usize].system,
            None => {
                let entity = self.model.named(callee);
                let tok = entity.and_then(|e| self.model[e].tok);
                tok.is_some_and(|tok| self.in_system(tok))
            }
        }
    }

    fn helper_call(
        &mut self,
        call: ExprId,
        callee: ExprId,
        ret: TypeId,
        params: &[TypeId],
        arguments: &[Value],
        toks: Toks,
    ) -> Value {
        for (index, &value) in arguments.iter().enumerate() {
            if params.get(index).is_none_or(|&p| self.types.is_pointer(p)) {
                self.helper_argument(call, callee, value);
            }
        }
        let Some((to, _)) = self.types.pointer(ret) else {
            return Value::of(ret, toks);
        };
        let space = self.vars.fresh();
        self.seed(space, Plain::Helper, toks.start);
        let ty = self.pointer_to(to, space);
        Value::of(ty, toks)
    }

    fn helper_argument(&mut self, call: ExprId, callee: ExprId, value: Value) {
        let Some((_, space)) = self.types.pointer(value.ty) else {
            return;
        };
        // What it reads from may be a number.
        let name = self.model.tree.name(callee);
        let reads = name.is_some_and(|name| {
            let name = self.unit.symbols.text(name);
            name.starts_with(b"bpf_probe_read") && self.is(value.end, ")")
        });
        if !reads {
            let tok = self.toks_of(callee).start;
            self.used(value, tok);
        }
        self.arguments.push(HelperArgument {
            call: Some(call),
            start: value.start,
            space,
        });
    }
}
