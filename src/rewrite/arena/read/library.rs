//! Calls of the C library's functions that the allocator's header has too.

use super::super::numbers::{Change, changes};
use super::*;
use crate::c::syntax::tree::{Binary, ExprKind, StmtKind, Unary};
use crate::c::types::Parent;
use crate::rewrite::family::PREFIX;
use crate::rewrite::library::{Function, Text, Treatment};

impl Reading<'_> {
    /// A call of such a function, by its own name or its replacement's.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn library(
        &mut self,
        function: &Function,
        callee: ExprId,
        args: &[ExprId],
        tok: Tok,
        toks: Toks,
        renamed: Option<bool>,
    ) -> Value {
        let arguments = self.arguments(args);
        if function.finds()
            && renamed.is_some()
            && let Parent::Expr(call) = self.model.parent(callee)
            && self.untested(call)
        {
            self.wants_arena.get_or_insert(tok);
        }
        if renamed.is_some() {
            self.writes_inside(function, args, &arguments, tok);
            self.goes_on_inside(function, args, &arguments, tok);
            self.as_long_as_memory_says(function, args, &arguments, tok);
        }
        let output = match function.treatment {
            Treatment::Output(text) => Some(self.output(text, args, &arguments)),
            _ => None,
        };
        let mut spaces = Vec::new();
        for &value in &arguments {
            if let Some((to, space)) = self.types.pointer(value.ty)
                && !matches!(self.types.get(to), Type::Function { .. })
                && output.is_none()
            {
                spaces.push(space);
                self.used(value, tok);
            }
        }
        let values = match function.treatment {
            Treatment::Format(at) => args.len().saturating_sub(at + 1),
            _ => 0,
        };
        let result = self.relate(function, &arguments, tok, toks);
        if let Some(unresolved) = renamed {
            let nulls = match function.treatment {
                Treatment::Memory(_) => self.null_arguments(callee, &arguments),
                _ => Vec::new(),
            };
            self.generics.push(Generic {
                nulls,
                tok,
                name: format!("{PREFIX}{}", function.name),
                spaces,
                unresolved,
                output,
                values,
                instance: self.instance,
            });
        }
        result
    }

    /// The arguments that are null pointer constants: `memcpy(to, NULL, n)`. They are as close to a
    /// function for the one address space as to that for the other.
    fn null_arguments(&self, callee: ExprId, arguments: &[Value]) -> Vec<Tok> {
        let model = self.model;
        let ty = model.type_of(callee);
        let c::Type::Function { params, .. } = &model[model.pointee(ty).unwrap_or(ty)] else {
            return Vec::new();
        };
        let pairs = arguments.iter().zip(params);
        pairs
            .filter(|(value, param)| value.null && model.is_pointer(**param))
            .map(|(value, _)| value.start)
            .collect()
    }

    /// A number of bytes that nobody knows goes to a place inside of a block: outside of an arena
    /// the verifier sees room for them from the beginning of a block only.
    fn writes_inside(
        &mut self,
        function: &Function,
        args: &[ExprId],
        arguments: &[Value],
        tok: Tok,
    ) {
        let (Some(length), Some(&to), Some(&value)) =
            (function.writes(), args.first(), arguments.first())
        else {
            return;
        };
        let known = length.and_then(|at| self.model.value(*args.get(at)?));
        let mut place = self.model.tree.bare(to);
        while let ExprKind::Cast(_, inner) = self.model.tree[place].kind {
            place = self.model.tree.bare(inner);
        }
        let begins = matches!(self.model.tree[place].kind, ExprKind::Name(_));
        if let (None, false, Some((_, space))) = (known, begins, self.types.pointer(value.ty)) {
            self.unprovable.push((space, tok));
        }
    }

    /// Of variables on the stack as many bytes as a number in memory says: the verifier takes it for
    /// any number.
    fn as_long_as_memory_says(
        &mut self,
        function: &Function,
        args: &[ExprId],
        arguments: &[Value],
        tok: Tok,
    ) {
        let Some(Some(at)) = function.writes() else {
            return;
        };
        if !args.get(at).is_some_and(|&length| self.is_loaded(length)) {
            return;
        }
        for value in arguments {
            if let Some((_, space)) = self.types.pointer(value.ty) {
                self.sized_by_memory.push((space, tok));
            }
        }
    }

    /// Whether a number comes from memory, or is calculated from one that does.
    fn is_loaded(&self, number: ExprId) -> bool {
        match self.model.tree[number].kind {
            ExprKind::Paren(inner) | ExprKind::Cast(_, inner) => self.is_loaded(inner),
            ExprKind::Binary { left, right, .. } => self.is_loaded(left) || self.is_loaded(right),
            ExprKind::Member { .. } | ExprKind::Index(..) | ExprKind::Unary(Unary::Deref, _) => {
                true
            }
            _ => false,
        }
    }

    /// A place that a function found in a block is where another writes or searches on: each of both
    /// is somewhere in as much memory as there is behind any block, and together they may be beyond.
    fn goes_on_inside(
        &mut self,
        function: &Function,
        args: &[ExprId],
        arguments: &[Value],
        tok: Tok,
    ) {
        let (Some(&place), Some(&value)) = (args.first(), arguments.first()) else {
            return;
        };
        let known = |at: usize| args.get(at).is_some_and(|&a| self.model.value(a).is_some());
        let writes = function.writes().is_some_and(|at| !at.is_some_and(known));
        // From the end to the beginning, byte by byte, as it may be: too many branches.
        let moves = function.name == "memmove" && writes;
        if (moves || (writes || function.locates()) && self.is_located(place, 0))
            && let Some((_, space)) = self.types.pointer(value.ty)
        {
            self.unprovable.push((space, tok));
        }
    }

    /// Whether a pointer leads to a place that is known at run time only: what a function found, a
    /// sum with a number that is no constant, or a variable that was assigned one.
    pub(in super::super) fn is_located(&self, pointer: ExprId, depth: u32) -> bool {
        let model = self.model;
        let inner = |e| self.is_located(e, depth + 1);
        if depth > 8 {
            return false;
        }
        match model.tree[pointer].kind {
            ExprKind::Paren(e) | ExprKind::Cast(_, e) | ExprKind::Comma(_, e) => inner(e),
            ExprKind::Call { .. } => self.located_in(pointer).is_some(),
            ExprKind::Binary {
                op: Binary::Add | Binary::Sub,
                left,
                right,
                ..
            } if model.is_pointer(model.decay_of(left)) => {
                model.value(right).is_none() || inner(left)
            }
            ExprKind::Name(_) => model.named(pointer).is_some_and(|entity| {
                model[entity].is_automatic()
                    && changes(model, entity).iter().any(|m| match m.change {
                        Change::Set(value) => inner(value),
                        _ => false,
                    })
            }),
            _ => false,
        }
    }

    /// What a call finds a place in, or goes on from.
    pub(in super::super) fn located_in(&self, call: ExprId) -> Option<ExprId> {
        let tree = &self.model.tree;
        let ExprKind::Call {
            callee, ref args, ..
        } = tree[call].kind
        else {
            return None;
        };
        let name = self.unit.symbols.text(tree.name(callee)?);
        let function = crate::rewrite::library::function(name)?;
        args.first().copied().filter(|_| function.locates())
    }

    /// Whether the result of a call may be NULL and is followed untested: of memory outside of an
    /// arena the verifier wants a test.
    fn untested(&self, call: ExprId) -> bool {
        let model = self.model;
        let mut value = call;
        loop {
            let outer = match model.parent(value) {
                Parent::Expr(outer) => outer,
                Parent::Declarator(declarator) => {
                    let entity = model.declares(declarator);
                    return entity.is_some_and(|entity| !self.is_tested(entity));
                }
                // A condition, a result, or nothing.
                _ => return false,
            };
            match model.tree[outer].kind {
                ExprKind::Paren(_) | ExprKind::Cast(..) => value = outer,
                ExprKind::Assign { left, .. } => {
                    let entity = model.named(left).filter(|_| left != value);
                    let tested = self.is_condition(outer)
                        || entity.is_none_or(|entity| self.is_tested(entity));
                    return !tested;
                }
                // An offset from it, or what is there.
                ExprKind::Binary { .. } => return self.is_sum(outer),
                ExprKind::Index(..) | ExprKind::Member { .. } => return true,
                ExprKind::Unary(Unary::Deref, _) => return true,
                _ => return false,
            }
        }
    }

    /// Whether a variable is compared, or decides something, anywhere.
    fn is_tested(&self, entity: EntityId) -> bool {
        self.model
            .uses(entity)
            .iter()
            .any(|&u| self.is_condition(u))
    }

    /// Whether an expression decides something, or is compared.
    pub(in super::super) fn is_condition(&self, expr: ExprId) -> bool {
        let model = self.model;
        match model.parent(expr) {
            Parent::Expr(outer) => match model.tree[outer].kind {
                ExprKind::Paren(_) => self.is_condition(outer),
                ExprKind::Unary(Unary::Not, _) => true,
                ExprKind::Binary { .. } => !self.is_sum(outer),
                ExprKind::Conditional { cond, .. } => cond == expr,
                _ => false,
            },
            Parent::Stmt(stmt) => !matches!(
                model.tree[stmt].kind,
                StmtKind::Expr(_) | StmtKind::Return(_)
            ),
            _ => false,
        }
    }

    /// Whether it adds or subtracts.
    fn is_sum(&self, expr: ExprId) -> bool {
        match self.model.tree[expr].kind {
            ExprKind::Binary { op, .. } => matches!(op, Binary::Add | Binary::Sub),
            _ => false,
        }
    }

    /// What the arguments have to do with each other, and the result.
    fn relate(&mut self, function: &Function, arguments: &[Value], tok: Tok, toks: Toks) -> Value {
        if function.name.starts_with("mem")
            && let [first, second, ..] = arguments
            && let (Some((a, at)), Some((b, with))) =
                (self.types.pointer(first.ty), self.types.pointer(second.ty))
        {
            // Copied pointers point where they pointed.
            match (a == Types::VOID, b == Types::VOID) {
                (true, false) => self.goes_untyped(with, b, tok),
                (false, true) => self.goes_untyped(at, a, tok),
                _ => self.same(a, b, tok),
            }
        }
        let number = Value::number(toks);
        match (function.treatment, arguments) {
            (Treatment::Memory(Some(index)), _) => match arguments.get(index) {
                Some(&value) => Value {
                    null: false,
                    ..value
                },
                None => number,
            },
            (Treatment::Parse, [string, end, ..]) => {
                if let Some((to, _)) = self.types.pointer(end.ty) {
                    self.assign(to, *string);
                }
                number
            }
            (Treatment::Divide, [string, _, rest, ..]) => {
                self.needs_arena(*string, tok);
                let Some((to, _)) = self.types.pointer(rest.ty) else {
                    return number;
                };
                self.assign(to, *string);
                self.needs_arena(Value::of(to, toks), tok);
                Value::of(to, toks)
            }
            (Treatment::DivideKept, [string, ..]) => {
                let kept = match self.divided {
                    Some(kept) => kept,
                    None => {
                        let space = self.vars.fresh();
                        let kept = self.pointer_to(Types::NUMBER, space);
                        self.divided = Some(kept);
                        kept
                    }
                };
                self.assign(kept, *string);
                self.needs_arena(Value::of(kept, toks), tok);
                Value::of(kept, toks)
            }
            (Treatment::Format(_), [to, ..]) => {
                self.needs_arena(*to, tok);
                number
            }
            (Treatment::Sort, [base, _, _, compare, ..]) => {
                self.needs_arena(*base, tok);
                self.compares(*compare, &[*base, *base]);
                number
            }
            (Treatment::Search, [key, base, _, _, compare, ..]) => {
                self.needs_arena(*base, tok);
                self.compares(*compare, &[*key, *base]);
                Value {
                    null: false,
                    ..*base
                }
            }
            _ => number,
        }
    }

    /// What a pointer leads to lies in the arena: the verifier could prove no index there.
    fn needs_arena(&mut self, value: Value, tok: Tok) {
        if value.null {
            return;
        }
        if let Some((_, space)) = self.types.pointer(value.ty) {
            self.vars.seed(space, Seed::Arena, tok);
            self.wants_arena.get_or_insert(tok);
        }
    }

    /// A function is called with these.
    fn compares(&mut self, compare: Value, arguments: &[Value]) {
        if let Some(func) = compare.func {
            self.pass(func, arguments);
        }
        let mut ty = compare.ty;
        if let Some((to, _)) = self.types.pointer(ty) {
            ty = to;
        }
        if let Type::Function { params, .. } = self.types.get(ty).clone() {
            for (&value, &param) in arguments.iter().zip(&params) {
                // Of `const void *` only the place is the element's.
                if let (Some((_, from)), Some((_, to))) =
                    (self.types.pointer(value.ty), self.types.pointer(param))
                {
                    self.vars.join(from, to, compare.start);
                }
                self.assign(param, value);
            }
        }
    }

    /// What is written, and whether the kernel has a format for it.
    fn output(&mut self, text: Text, args: &[ExprId], arguments: &[Value]) -> Written {
        let mut written = Written {
            unfit: None,
            strings: Vec::new(),
        };
        let string = |reading: &Self, value: Option<&Value>| {
            let (_, space) = reading.types.pointer(value?.ty)?;
            Some(space)
        };
        match text {
            Text::Nothing => {}
            Text::Byte => written.unfit = Some("single characters".into()),
            Text::String => written.strings.extend(string(self, arguments.first())),
            Text::Format(at) => {
                let values = arguments.get(at + 1..).unwrap_or_default();
                let format = args.get(at).and_then(|&format| self.literal(format));
                match format.as_deref().map(conversions) {
                    None => written.unfit = Some("a format that is no literal".into()),
                    Some(Err(what)) => written.unfit = Some(what),
                    Some(Ok(list)) if list.len() != values.len() => {
                        written.unfit = Some("a format that does not fit its values".into());
                    }
                    Some(Ok(list)) if list.len() > 3 => {
                        written.unfit = Some("more than three values".into());
                    }
                    Some(Ok(list)) => {
                        let texts = list.iter().zip(values).filter(|(kind, _)| **kind == b's');
                        let texts: Vec<&Value> = texts.map(|(_, value)| value).collect();
                        for value in texts {
                            written.strings.extend(string(self, Some(value)));
                        }
                    }
                }
            }
        }
        let floats = args.iter().any(|&arg| {
            let number = self.model.number(self.model.type_of(arg));
            number.is_some_and(|number| number.floating)
        });
        if floats {
            written.unfit = Some("floating-point numbers".into());
        }
        written
    }

    /// The characters of a string literal as they are written, in one or several parts.
    fn literal(&self, expr: ExprId) -> Option<Vec<u8>> {
        let bare = self.model.tree.bare(expr);
        if !matches!(self.model.tree[bare].kind, ExprKind::Text) {
            return None;
        }
        let toks = self.toks_of(bare);
        let mut text = Vec::new();
        for token in self.unit.tokens.get(toks.start..toks.end)? {
            let part = self.unit.text(token);
            let part = part.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
            text.extend_from_slice(part);
        }
        Some(text)
    }
}

/// The conversions of a format, if `bpf_trace_printk` knows all of them; else what it does not know.
fn conversions(format: &[u8]) -> Result<Vec<u8>, String> {
    let mut found = Vec::new();
    let mut rest = format.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            continue;
        }
        let mut spelled = String::from("%");
        while let Some(&next) = rest.peek() {
            spelled.push(next as char);
            rest.next();
            match next {
                b'%' if spelled.len() == 2 => break,
                b'0'..=b'9' | b'-' | b'+' | b' ' | b'l' => {}
                // A width goes with numbers only.
                b's' | b'p' | b'c' if spelled.len() == 2 => {
                    found.push(next);
                    break;
                }
                b'd' | b'i' | b'u' | b'x' | b'X' if !spelled.contains("lll") => {
                    found.push(next);
                    break;
                }
                _ => return Err(format!("`{spelled}`")),
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::conversions;

    #[test]
    fn formats_that_the_kernel_knows() {
        assert_eq!(conversions(b"plain, 100 %%\\n"), Ok(vec![]));
        assert_eq!(conversions(b"%d %5u %-08llx"), Ok(b"dux".to_vec()));
        assert_eq!(conversions(b"%s is %p %c"), Ok(b"spc".to_vec()));
        for unknown in ["%f", "%.3d", "%zu", "%*d", "%hhx", "%-10s", "%o", "%lc"] {
            assert!(conversions(unknown.as_bytes()).is_err(), "{unknown}");
        }
    }
}
