//! Calls: of the allocator, of functions for memory and strings, of the kernel's, of the
//! program's own.

use super::super::types::{Type, TypeId, Types};
use super::super::vars::{Plain, Seed, Tok};
use super::{Confused, Copied, CopyKind, FuncId, Generic, HelperArgument, Parsed, Reading, Value};
use crate::c::Symbol;
use crate::rewrite::family::{Alloc, PREFIX};

/// Functions that the allocator's header has for arena memory too, and which argument they
/// return.
const GENERICS: &[(&str, Option<usize>)] = &[
    ("memchr", Some(0)),
    ("memcmp", None),
    ("memcpy", Some(0)),
    ("memmove", Some(0)),
    ("memset", Some(0)),
    ("strcat", Some(0)),
    ("strchr", Some(0)),
    ("strcmp", None),
    ("strcpy", Some(0)),
    ("strlen", None),
    ("strncat", Some(0)),
    ("strncmp", None),
    ("strncpy", Some(0)),
    ("strnlen", None),
    ("strrchr", Some(0)),
];

impl Reading<'_> {
    /// Calls that mean something to the reader whatever their declaration says. The name is not
    /// read yet; it is followed by `(`.
    pub(super) fn special(&mut self, symbol: Symbol, start: Tok) -> Parsed<Option<Value>> {
        let defined = matches!(self.by_name.get(&symbol), Some(f)
            if self.functions[f.0 as usize].definition.is_some()
                || self.several.contains_key(&symbol));
        if defined || self.is_object(symbol) {
            return Ok(None);
        }
        let unit = self.unit;
        let text = unit.symbols.text(symbol);
        if let Some(name) = text.strip_prefix(b"__builtin_")
            && let Some(value) = self.builtin(name, start)?
        {
            return Ok(Some(value));
        }
        if text == b"static_pointer" {
            // What it returns can be followed.
            self.pos += 1;
            let arguments = self.arguments()?;
            let first = arguments.first().map(|&(value, _)| value);
            return Ok(Some(Value {
                flow: super::Flow::default(),
                ..first.unwrap_or(Value::number(start))
            }));
        }
        if text == b"static_as" {
            return self.cast_in_place(start).map(Some);
        }
        let plain = text.strip_prefix(PREFIX.as_bytes()).unwrap_or(text);
        if let Some(alloc) = Alloc::named(plain) {
            self.pos += 1;
            let arguments = self.arguments()?;
            return Ok(Some(self.allocation(alloc, &arguments, start)));
        }
        let name = text.strip_prefix(b"__builtin_").unwrap_or(plain);
        if let Some((name, returns)) = GENERICS.iter().find(|(g, _)| g.as_bytes() == name) {
            self.pos += 1;
            let arguments = self.arguments()?;
            let renamed = !text.starts_with(PREFIX.as_bytes());
            let builtin = text.starts_with(b"__builtin_");
            return Ok(Some(
                self.generic(name, *returns, &arguments, start, renamed, builtin),
            ));
        }
        Ok(None)
    }

    /// `static_as(type, pointer)`: a cast that keeps the address space.
    fn cast_in_place(&mut self, start: Tok) -> Parsed<Value> {
        self.pos += 1;
        self.expect("(")?;
        let to = self.specifiers()?.ok_or(Confused)?.ty;
        self.expect(",")?;
        let value = self.assignment()?;
        let value = self.rvalue(value);
        self.expect(")")?;
        let space = match self.types.pointer(value.ty) {
            Some((_, space)) => space,
            None => self.vars.fresh(),
        };
        let ty = self.pointer_to(to, space);
        Ok(Value {
            flow: value.flow,
            ..Value::of(ty, start)
        })
    }

    fn is_object(&self, symbol: Symbol) -> bool {
        matches!(self.lookup(symbol), Some(super::Entity::Object(_)))
    }

    /// `__builtin_…` with arguments that are not expressions, or of which one is the result.
    fn builtin(&mut self, name: &[u8], start: Tok) -> Parsed<Option<Value>> {
        match name {
            b"offsetof"
            | b"types_compatible_p"
            | b"preserve_field_info"
            | b"constant_p"
            | b"preserve_type_info"
            | b"btf_type_id"
            | b"preserve_enum_value"
            | b"object_size" => {
                self.pos += 1;
                self.skip_group();
                Ok(Some(Value {
                    constant: true,
                    ..Value::number(start)
                }))
            }
            b"va_arg" => {
                self.pos += 2;
                self.assignment()?;
                self.expect(",")?;
                let (ty, _) = self.type_name()?;
                self.expect(")")?;
                Ok(Some(Value::of(ty, start)))
            }
            b"expect"
            | b"preserve_access_index"
            | b"expect_with_probability"
            | b"assume_aligned" => {
                self.pos += 1;
                let arguments = self.arguments()?;
                let first = arguments.first().copied();
                Ok(Some(first.map_or(Value::number(start), |(v, _)| v)))
            }
            b"choose_expr" => {
                self.pos += 1;
                let arguments = self.arguments()?;
                // Which one it is would take evaluating the first.
                let second = arguments.get(1).copied();
                Ok(Some(second.map_or(Value::number(start), |(v, _)| v)))
            }
            _ => Ok(None),
        }
    }

    /// `(…)` of a call, with the token behind each argument.
    fn arguments(&mut self) -> Parsed<Vec<(Value, Tok)>> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        if self.eat(")") {
            return Ok(arguments);
        }
        loop {
            let start = self.pos;
            let value = self.assignment()?;
            if self.is_record(value.ty)
                && let Some(place) = value.place
            {
                self.copies.push(Copied {
                    to: (start, start),
                    place,
                    from: (start, self.pos),
                    source: Some(place),
                    kind: CopyKind::Value,
                    instance: self.instance,
                });
            }
            let mut value = self.rvalue(value);
            value.start = start;
            arguments.push((value, self.pos));
            if self.eat(")") {
                return Ok(arguments);
            }
            self.expect(",")?;
        }
    }

    /// A call of the allocator.
    fn allocation(&mut self, alloc: Alloc, arguments: &[(Value, Tok)], start: Tok) -> Value {
        self.allocations.push(start);
        if let Some((func, ..)) = self.current {
            self.functions[func.0 as usize].allocates = true;
        }
        let given = match alloc {
            Alloc::Free | Alloc::Realloc | Alloc::Reallocarray | Alloc::UsableSize => {
                arguments.first()
            }
            _ => None,
        };
        if let Some(&(value, _)) = given
            && let Some((_, space)) = self.types.pointer(value.ty)
            && !value.null
        {
            self.vars.seed(space, Seed::Arena, start);
            if alloc != Alloc::Free {
                self.used(value, value.start, start);
            }
        }
        if alloc == Alloc::PosixMemalign
            && let Some(&(value, _)) = arguments.first()
            && let Some((to, _)) = self.types.pointer(value.ty)
            && let Some((_, space)) = self.types.pointer(to)
        {
            self.vars.seed(space, Seed::Arena, start);
        }
        if !alloc.returns_block() || alloc == Alloc::PosixMemalign {
            return Value::number(start);
        }
        if matches!(alloc, Alloc::Strdup | Alloc::Strndup)
            && let Some(&(value, end)) = arguments.first()
        {
            self.used(value, end, start);
        }
        let space = self.vars.fresh();
        self.vars.seed(space, Seed::Arena, start);
        let to = match alloc {
            Alloc::Strdup | Alloc::Strndup => Types::NUMBER,
            _ => Types::VOID,
        };
        let ty = self.pointer_to(to, space);
        Value::of(ty, start)
    }

    /// A pointer is followed by a function that is called.
    fn used(&mut self, value: Value, end: Tok, tok: Tok) {
        if let Some((_, space)) = self.types.pointer(value.ty) {
            self.follows.push(super::Follow {
                tok,
                flow: value.flow,
                space,
                pointer: (value.start, end),
                instance: self.instance,
            });
        }
    }

    /// `memcpy` and the like: each pointer has its own address space.
    fn generic(
        &mut self,
        name: &str,
        returns: Option<usize>,
        arguments: &[(Value, Tok)],
        start: Tok,
        renamed: bool,
        builtin: bool,
    ) -> Value {
        let mut spaces = Vec::new();
        for &(value, end) in arguments {
            if let Some((_, space)) = self.types.pointer(value.ty) {
                spaces.push(space);
                self.used(value, end, start);
            }
        }
        if name.starts_with("mem")
            && let [(first, _), (second, _), ..] = arguments
            && let (Some((a, _)), Some((b, _))) =
                (self.types.pointer(first.ty), self.types.pointer(second.ty))
        {
            // Copied pointers point where they pointed.
            self.same(a, b, start);
        }
        if renamed {
            self.generics.push(Generic {
                tok: start,
                name: format!("{PREFIX}{name}"),
                spaces,
                unresolved: !builtin,
                instance: self.instance,
            });
        }
        match returns.and_then(|index| arguments.get(index)) {
            Some(&(value, _)) => Value {
                start,
                null: false,
                ..value
            },
            None => Value::number(start),
        }
    }

    /// A call of anything else; the next token is `(`.
    pub(super) fn call(&mut self, callee: Value) -> Parsed<Value> {
        let start = callee.start;
        let arguments = self.arguments()?;
        let mut ty = callee.ty;
        if let Some((to, _)) = self.types.pointer(ty) {
            ty = to;
        }
        let Type::Function { ret, params, .. } = self.types.get(ty).clone() else {
            let name = self.ident(start);
            if name.is_some_and(|n| self.unit.symbols.text(n).starts_with(b"bpf_")) {
                for &(value, end) in &arguments {
                    self.helper_argument(start, value, end);
                }
            }
            return Ok(Value::of(Types::UNKNOWN, start));
        };
        if self.is_helper(callee) {
            return Ok(self.helper_call(start, ret, &params, &arguments));
        }
        let mut ret = ret;
        let mut params = params;
        let mut flow = super::Flow::default();
        if let Some(func) = callee.func {
            if let Some((caller, ..)) = self.current {
                self.functions[caller.0 as usize].calls.push(func);
            }
            if self.unevaluated == 0
                && let Some((uses, ty)) = self.another(func)
            {
                self.calls.push(super::Call {
                    tok: start,
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
        for (&(value, _), &ty) in arguments.iter().zip(&params) {
            self.assign(ty, value);
        }
        Ok(Value {
            flow,
            ..Value::of(ret, start)
        })
    }

    /// The values of arguments go to the parameters; what the result is.
    fn pass(&mut self, func: FuncId, arguments: &[(Value, Tok)]) -> super::Flow {
        while self.functions[func.0 as usize].params.len() < arguments.len() {
            let flow = self.new_flow();
            self.functions[func.0 as usize].params.push(flow);
        }
        for (index, &(value, _)) in arguments.iter().enumerate() {
            let to = self.functions[func.0 as usize].params[index];
            self.flows_to(value.flow, to);
        }
        self.functions[func.0 as usize].ret
    }

    /// Whether a function is the kernel's: declared only in headers of the system.
    fn is_helper(&self, callee: Value) -> bool {
        match callee.func {
            Some(func) => self.functions[func.0 as usize].system,
            None => self
                .ident(callee.start)
                .and_then(|name| match self.lookup(name) {
                    Some(super::Entity::Object(index)) => Some(self.objects[index as usize].tok),
                    _ => None,
                })
                .is_some_and(|tok| self.in_system(tok)),
        }
    }

    fn helper_call(
        &mut self,
        start: Tok,
        ret: TypeId,
        params: &[TypeId],
        arguments: &[(Value, Tok)],
    ) -> Value {
        for (index, &(value, end)) in arguments.iter().enumerate() {
            if params.get(index).is_none_or(|&p| self.types.is_pointer(p)) {
                self.helper_argument(start, value, end);
            }
        }
        let Some((to, _)) = self.types.pointer(ret) else {
            return Value::of(ret, start);
        };
        let space = self.vars.fresh();
        self.seed(space, Plain::Helper, start);
        let ty = self.pointer_to(to, space);
        Value::of(ty, start)
    }

    fn helper_argument(&mut self, callee: Tok, value: Value, end: Tok) {
        let Some((_, space)) = self.types.pointer(value.ty) else {
            return;
        };
        // What it reads from may be a number.
        let reads = self.ident(callee).is_some_and(|name| {
            let name = self.unit.symbols.text(name);
            name.starts_with(b"bpf_probe_read") && self.at_op(end, ")")
        });
        if !reads {
            self.used(value, end, callee);
        }
        self.arguments.push(HelperArgument {
            start: value.start,
            space,
        });
    }
}
