use std::fmt::Write;
use std::path::Path;

use super::Reader;
use super::tree::*;
use crate::c::cpp::{Cache, Included, Includes, Kept, Setup, Unit, preprocess};

struct Nothing;

impl Includes for Nothing {
    fn find(&self, _: &Path, _: &str, _: bool, _: bool) -> Option<Included> {
        None
    }
}

fn unit(source: &str) -> Unit {
    let setup = Setup {
        includes: &Nothing,
        command_line: &[],
        forced: &[],
        kept: Kept::default(),
        wanted: None,
        cache: &Cache::default(),
    };
    preprocess(Path::new("a.c"), source.as_bytes(), &setup)
}

/// Reads a source without an error node, and shows its tree.
fn shown(source: &str) -> String {
    let unit = unit(source);
    let mut tree = Tree::default();
    let mut reader = Reader::new(&unit);
    let mut text = String::new();
    for index in 0..reader.items().len() as u32 {
        let item = reader.read(&mut tree, index);
        assert!(!item.broken, "not understood: {source}");
        let show = Show {
            unit: &unit,
            tree: &tree,
        };
        match item.kind {
            ItemKind::Function(function) => {
                let f = &tree[function];
                let _ = write!(text, "{}{}", show.decl(f.decl), show.stmt(f.body));
            }
            ItemKind::Decl(decl) => text += &format!("{};", show.decl(decl)),
            ItemKind::Unknown => {}
        }
    }
    text
}

struct Show<'a> {
    unit: &'a Unit,
    tree: &'a Tree,
}

impl Show<'_> {
    fn text(&self, toks: Toks) -> String {
        let toks = &self.unit.tokens[toks.start..toks.end];
        let texts: Vec<_> = toks
            .iter()
            .map(|t| String::from_utf8_lossy(self.unit.text(t)))
            .collect();
        texts.join(" ")
    }

    fn sym(&self, symbol: crate::c::Symbol) -> String {
        String::from_utf8_lossy(self.unit.symbols.text(symbol)).into_owned()
    }

    fn decl(&self, id: DeclId) -> String {
        let decl = &self.tree[id];
        let mut text = match &decl.specifiers.base {
            Base::Implicit => "implicit".to_owned(),
            Base::Void => "void".into(),
            Base::Number(n) => format!("{}{}", if n.unsigned { "u" } else { "i" }, n.size * 8),
            Base::Typedef(name, _) => self.sym(*name),
            Base::Record(record) => {
                let tag = record.tag.map_or(String::new(), |t| self.sym(t.0));
                let fields = record.fields.as_ref().map_or(String::new(), |f| {
                    let list: Vec<_> = f.list.iter().map(|d| self.decl(*d) + ";").collect();
                    format!("{{{}}}", list.concat())
                });
                format!("struct {tag}{fields}")
            }
            Base::Enum(spec) => format!("enum/{}", spec.constants.len()),
            Base::TypeofExpr(e) => format!("typeof<{}>", self.expr(*e)),
            Base::TypeofType(d) => format!("typeof<{}>", self.decl(*d)),
            Base::Auto => "auto".into(),
            Base::Unknown => "?".into(),
        };
        if decl.specifiers.storage.r#static.is_some() {
            text = format!("static {text}");
        }
        if decl.specifiers.storage.typedef.is_some() {
            text = format!("typedef {text}");
        }
        for attribute in &decl.specifiers.attributes {
            let _ = write!(text, "@[{}]", self.text(*attribute));
        }
        for &id in &decl.declarators {
            let declarator = &self.tree[id];
            let name = declarator.name.map_or("_".into(), |n| self.sym(n.0));
            let _ = write!(text, " {name}");
            for part in &declarator.parts {
                match part {
                    Part::Pointer { is_const, .. } => {
                        text += if *is_const { "*const" } else { "*" };
                    }
                    Part::Array { size, .. } => {
                        let size = size.map_or(String::new(), |s| self.expr(s));
                        let _ = write!(text, "[{size}]");
                    }
                    Part::Function {
                        params,
                        names,
                        variadic,
                        unknown,
                        ..
                    } => {
                        let mut list: Vec<_> = params.iter().map(|p| self.decl(*p)).collect();
                        list.extend(names.iter().map(|n| self.sym(n.0)));
                        if *variadic {
                            list.push("...".into());
                        }
                        if *unknown {
                            list.push("?".into());
                        }
                        let _ = write!(text, "({})", list.join(", "));
                    }
                }
            }
            if let Some(bits) = declarator.bits {
                let _ = write!(text, ":{}", self.expr(bits));
            }
            for attribute in &declarator.attributes {
                let _ = write!(text, "@[{}]", self.text(*attribute));
            }
            if let Some(init) = declarator.init {
                let _ = write!(text, " = {}", self.expr(init));
            }
        }
        text
    }

    fn stmt(&self, id: StmtId) -> String {
        let stmt = &self.tree[id];
        assert!(!stmt.broken, "{}", self.text(stmt.toks));
        match &stmt.kind {
            StmtKind::Empty => ";".into(),
            StmtKind::Expr(e) => self.expr(*e) + ";",
            StmtKind::Decl(d) => self.decl(*d) + ";",
            StmtKind::Function(f) => {
                let f = &self.tree[*f];
                self.decl(f.decl) + &self.stmt(f.body)
            }
            StmtKind::Block(list) => {
                let list: Vec<_> = list.iter().map(|s| self.stmt(*s)).collect();
                format!("{{{}}}", list.concat())
            }
            StmtKind::If {
                cond,
                then,
                otherwise,
            } => {
                let otherwise =
                    otherwise.map_or(String::new(), |o| format!("else {}", self.stmt(o.1)));
                format!("if {} {}{otherwise}", self.expr(*cond), self.stmt(*then))
            }
            StmtKind::While { cond, body } => {
                format!("while {} {}", self.expr(*cond), self.stmt(*body))
            }
            StmtKind::Do { cond, body, .. } => {
                format!("do {} while {};", self.stmt(*body), self.expr(*cond))
            }
            StmtKind::For {
                init,
                cond,
                step,
                body,
                first,
                second,
                close,
            } => {
                let at = |tok: &Tok| self.text(Toks::new(*tok, tok + 1));
                assert_eq!(
                    (at(first), at(second), at(close)),
                    (";".into(), ";".into(), ")".into())
                );
                let init = init.map_or(";".into(), |s| self.stmt(s));
                let expr = |e: &Option<ExprId>| e.map_or(String::new(), |e| self.expr(e));
                format!(
                    "for({init}{};{}) {}",
                    expr(cond),
                    expr(step),
                    self.stmt(*body)
                )
            }
            StmtKind::Switch { value, body } => {
                format!("switch {} {}", self.expr(*value), self.stmt(*body))
            }
            StmtKind::Case { value, range } => {
                let value = value.map_or("default".into(), |v| self.expr(v));
                format!("case {value}{}:", if *range { ".." } else { "" })
            }
            StmtKind::Label(name) => self.sym(*name) + ":",
            StmtKind::Goto(name) => format!("goto {};", self.sym(*name)),
            StmtKind::GotoComputed(e) => format!("goto *{};", self.expr(*e)),
            StmtKind::Break => "break;".into(),
            StmtKind::Continue => "continue;".into(),
            StmtKind::Return(e) => {
                e.map_or("return;".into(), |e| format!("return {};", self.expr(e)))
            }
        }
    }

    fn expr(&self, id: ExprId) -> String {
        let expr = &self.tree[id];
        let list = |parts: &[ExprId]| {
            let parts: Vec<_> = parts.iter().map(|p| self.expr(*p)).collect();
            parts.join(", ")
        };
        match &expr.kind {
            ExprKind::Name(name) => self.sym(*name),
            ExprKind::Number | ExprKind::Char | ExprKind::Text => self.text(expr.toks),
            ExprKind::Paren(e) => format!("({})", self.expr(*e)),
            ExprKind::Call { callee, args, .. } => {
                format!("{}({})", self.expr(*callee), list(args))
            }
            ExprKind::Index(a, i) => format!("{}[{}]", self.expr(*a), self.expr(*i)),
            ExprKind::Member {
                object,
                arrow,
                name,
                ..
            } => format!(
                "{}{}{}",
                self.expr(*object),
                if *arrow { "->" } else { "." },
                self.sym(*name)
            ),
            ExprKind::Unary(op, e) => format!("{op:?}<{}>", self.expr(*e)),
            ExprKind::Postfix { increment, operand } => {
                format!(
                    "{}{}",
                    self.expr(*operand),
                    if *increment { "++" } else { "--" }
                )
            }
            ExprKind::Binary {
                op, left, right, ..
            } => format!("{op:?}<{}, {}>", self.expr(*left), self.expr(*right)),
            ExprKind::Assign {
                op, left, right, ..
            } => {
                let op = op.map_or(String::new(), |o| format!("{o:?}"));
                format!("{} {op}= {}", self.expr(*left), self.expr(*right))
            }
            ExprKind::Conditional {
                cond,
                then,
                otherwise,
            } => format!(
                "{} ? {} : {}",
                self.expr(*cond),
                then.map_or(String::new(), |t| self.expr(t)),
                self.expr(*otherwise)
            ),
            ExprKind::Comma(a, b) => format!("{}, {}", self.expr(*a), self.expr(*b)),
            ExprKind::Cast(ty, e) => format!("cast<{}>{}", self.decl(*ty), self.expr(*e)),
            ExprKind::Compound(ty, e) => format!("new<{}>{}", self.decl(*ty), self.expr(*e)),
            ExprKind::List(elements) => {
                let mut parts = Vec::new();
                for element in elements {
                    let mut text = String::new();
                    for d in &element.designators {
                        match d {
                            Designator::Field(name, _) => {
                                let _ = write!(text, ".{}=", self.sym(*name));
                            }
                            Designator::Index(e) => {
                                let _ = write!(text, "[{}]=", self.expr(*e));
                            }
                            Designator::Range(a, b) => {
                                let _ = write!(text, "[{}..{}]=", self.expr(*a), self.expr(*b));
                            }
                        }
                    }
                    parts.push(text + &self.expr(element.value));
                }
                format!("{{{}}}", parts.join(", "))
            }
            ExprKind::SizeofExpr(e) => format!("sizeof {}", self.expr(*e)),
            ExprKind::SizeofType(ty) => format!("sizeof<{}>", self.decl(*ty)),
            ExprKind::Generic { control, choices } => {
                let choices: Vec<_> = choices
                    .iter()
                    .map(|(ty, e)| {
                        let ty = ty.map_or("default".into(), |t| self.decl(t));
                        format!("{ty}: {}", self.expr(*e))
                    })
                    .collect();
                format!("generic<{}; {}>", self.expr(*control), choices.join("; "))
            }
            ExprKind::Statements(s) => format!("({})", self.stmt(*s)),
            ExprKind::Asm(parts) => format!("asm<{}>", list(parts)),
            ExprKind::TypeArgument(ty) => format!("type<{}>", self.decl(*ty)),
            ExprKind::VaArg(ty) => format!("va_arg<{}>", self.decl(*ty)),
            ExprKind::Constant => "constant".into(),
            ExprKind::Unknown(parts) => format!("?<{}>", list(parts)),
        }
    }
}

#[track_caller]
fn reads(source: &str, tree: &str) {
    assert_eq!(shown(source), tree, "{source}");
}

#[test]
fn names_of_types_are_no_names_of_values() {
    reads(
        "typedef int T; int f(int x) { return (T)(x); }",
        "typedef i32 T;i32 f(i32 x){return cast<T _>(x);}",
    );
    reads(
        "typedef int T; int f(int *x) { return (T) * x; }",
        "typedef i32 T;i32 f(i32 x*){return cast<T _>Deref<x>;}",
    );
    reads(
        "typedef long T; long f(int x) { return (T) & x; }",
        "typedef i64 T;i64 f(i32 x){return cast<T _>AddressOf<x>;}",
    );
    reads(
        "typedef int T; void f(void) { T (x); T *y; x * 2; }",
        "typedef i32 T;void f(){T x;T y*;Mul<x, 2>;}",
    );
    reads(
        "typedef int T; int f(int x) { return sizeof(T) * x + sizeof x; }",
        "typedef i32 T;i32 f(i32 x){return Add<Mul<sizeof<T _>, x>, sizeof x>;}",
    );
    reads(
        "typedef struct list list; struct list { list *list; }; int f(list *list) { return list->list != (list + 1); }",
        "typedef struct list list;struct list{list list*;};i32 f(list list*){return Ne<list->list, (Add<list, 1>)>;}",
    );
    reads(
        "int f(int a, int b) { a * b; return (a) * b; }",
        "i32 f(i32 a, i32 b){Mul<a, b>;return Mul<(a), b>;}",
    );
    reads(
        "int f(int (*g)(int), int a, int *p) { (g)(a); (*g)(a); (a) - a; (a) & a; (p)[1] = (a) ? a : 1; return sizeof (a) * a; }",
        "i32 f(i32 g*(i32 _), i32 a, i32 p*){(g)(a);(Deref<g>)(a);Sub<(a), a>;BitAnd<(a), a>;(p)[1] = (a) ? a : 1;return Mul<sizeof (a), a>;}",
    );
    reads(
        "void free(void *); int f(int **p) { free(*p); free(*p + 1); int (x), (*y)[2]; *p = 0; a & b; return -(*p)[1]; }",
        "void free(void _*);i32 f(i32 p**){free(Deref<p>);free(Add<Deref<p>, 1>);i32 x y*[2];Deref<p> = 0;BitAnd<a, b>;return Minus<(Deref<p>)[1]>;}",
    );
}

#[test]
fn declarators_from_the_name_outward() {
    reads(
        "int *a[3], (*b)[3], *(*c)(int, char *), d;",
        "i32 a[3]* b*[3] c*(i32 _, i8 _*)* d;",
    );
    reads(
        "int (*f(int x))(void) { return 0; }",
        "i32 f(i32 x)*(){return 0;}",
    );
    reads(
        "char *const p; const char *q;",
        "i8 p*const q*;".replace(" q", ";i8 q").as_str(),
    );
    reads(
        "unsigned long long x; long double y; unsigned char c; _Bool b;",
        "u64 x;i128 y;u8 c;u8 b;",
    );
    reads(
        "void f(void); void g(); int h(int, ...);",
        "void f();void g(?);i32 h(i32 _, ...);",
    );
    reads(
        "struct s { int a : 3, : 2, b; struct { int c; }; };",
        "struct s{i32 a:3 _:2 b;struct {i32 c;};};",
    );
    reads("enum e { A, B = 3, C } x = B;", "enum/3 x = B;");
    reads(
        "typedef int (*fn)(int), T[4]; fn f; T t;",
        "typedef i32 fn*(i32 _) T[4];fn f;T t;",
    );
}

#[test]
fn gnu_forms() {
    reads(
        "static __attribute__((noinline)) int f(void) __attribute__((used));",
        "static i32@[( noinline )] f()@[( used )];",
    );
    reads(
        "int x; typeof(x) y; typeof(int *) z; typeof(({ x; })) w;",
        "i32 x;typeof<x> y;typeof<i32 _*> z;typeof<({x;})> w;",
    );
    reads(
        "void f(int a) { __label__ out; __extension__ int b = ({ int c = a; c + 1; }); goto out; out: ; }",
        "void f(i32 a){i32 b = ({i32 c = a;Add<c, 1>;});goto out;out:;}",
    );
    reads(
        "void f(int a) { asm volatile(\"\" : \"+r\"(a) : [x] \"r\"(a + 1) : \"memory\"); }",
        "void f(i32 a){asm<a, Add<a, 1>>;}",
    );
    reads(
        "int f(int a) { switch (a) { case 1 ... 3: return 1; default: return a ?: 2; } }",
        "i32 f(i32 a){switch a {case 1..:return 1;case default:return a ?  : 2;}}",
    );
    reads(
        "int f(void *p) { return __builtin_offsetof(struct s, a) + sizeof(struct s) + _Alignof(int); }",
        "i32 f(void p*){return Add<Add<constant, sizeof<struct s _>>, sizeof<i32 _>>;}",
    );
    reads(
        "int f(int a) { void *l = &&out; goto *l; out: return a && a; }",
        "i32 f(i32 a){void l* = constant;goto *l;out:return And<a, a>;}",
    );
    reads(
        "int f(int x) { return _Generic(x, int: 1, char *: 2, default: 3); }",
        "i32 f(i32 x){return generic<x; i32 _: 1; i8 _*: 2; default: 3>;}",
    );
    reads(
        "int f(__builtin_va_list l) { return *__builtin_va_arg(l, int *); }",
        "i32 f(i64 l){return Deref<va_arg<i32 _*>>;}",
    );
    reads(
        "int a[] = { [0 ... 2] = 1, [5] = 2, }; struct p q = { .x = 1, .y.z[1] = 2, w: 3 };",
        "i32 a[] = {[0..2]=1, [5]=2};struct p q = {.x=1, .y=.z=[1]=2, .w=3};",
    );
    reads(
        "int f(void) { return (struct p){ 1, 2 }.x + ((int[]){ 1, 2 })[0]; }",
        "i32 f(){return Add<new<struct p _>{1, 2}.x, (new<i32 _[]>{1, 2})[0]>;}",
    );
    reads(
        "_Static_assert(1, \"x\"); asm(\".text\"); int x asm(\"y\");",
        "i32 x@[\"y\"];",
    );
    reads(
        "int f(int a) { int g(int b) { return a + b; } return g(1); }",
        "i32 f(i32 a){i32 g(i32 b){return Add<a, b>;}return g(1);}",
    );
    reads(
        "char *s = \"a\" \"b\"; int n = sizeof \"a\" \"b\";",
        "i8 s* = \"a\" \"b\";i32 n = sizeof \"a\" \"b\";",
    );
    reads("[[nodiscard]] int f(void);", "i32@[nodiscard] f();");
}

#[test]
fn old_c() {
    reads("fill() { return 1; }", "implicit fill(?){return 1;}");
    reads(
        "static n; main() { register i; for (i = 0; i < n; i++) ; }",
        "static implicit n;implicit main(?){implicit i;for(i = 0;Lt<i, n>;i++) ;}",
    );
    reads(
        "int f(a, b) int a; char *b; { return a; }",
        "i32 f(a, b){return a;}",
    );
    reads("*name() { return 0; }", "implicit name(?)*{return 0;}");
    reads(
        "typedef int T; T f(a) T a; { return a; }",
        "typedef i32 T;T f(a){return a;}",
    );
    reads(
        "int f(a, b) int a; struct s { int i; } *b; { return a; }",
        "i32 f(a, b){return a;}",
    );
}

#[test]
fn statements() {
    reads(
        "void f(int n) { for (int i = 0, *p = 0; i < n; i++, n--) if (i) continue; else break; for (;;) { } }",
        "void f(i32 n){for(i32 i = 0 p* = 0;Lt<i, n>;i++, n--) if i continue;else break;for(;;) {}}",
    );
    reads(
        "void f(int n) { do n--; while (n > 0); while (n) { n -= 2; } a: b: n++; if (n) c: n = 3; goto a; }",
        "void f(i32 n){do n--; while Gt<n, 0>;while n {n Sub= 2;}a:b:n++;if n {c:n = 3;}goto a;}",
    );
    reads(
        "int f(int n) { switch (n) { case 1: case 2: { n = 1; } break; default: n = 2; } return n; x: }",
        "i32 f(i32 n){switch n {case 1:case 2:{n = 1;}break;case default:n = 2;}return n;x:}",
    );
    reads(
        "void f(struct s *p) { static struct s *q; struct s *r = p, *t; q = p->a ? r : 0; }",
        "void f(struct s p*){static struct s q*;struct s r* = p t*;q = p->a ? r : 0;}",
    );
}

#[test]
fn what_nobody_declares() {
    reads(
        "u32 f(u64 x, foo_t *p) { foo_t y; return (u32)x + (foo_t *)p; }",
        "u32 f(u64 x, foo_t p*){foo_t y;return Add<cast<u32 _>x, cast<foo_t _*>p>;}",
    );
    reads(
        "SEC(\"xdp\") int f(struct xdp_md *c) { return 0; }",
        "i32@[SEC ( \"xdp\" )] f(struct xdp_md c*){return 0;}",
    );
    reads(
        "static __noinline int f(struct x __user *p) { return 0; }",
        "static i32@[__noinline] f(struct x@[__user] p*){return 0;}",
    );
}

#[test]
fn what_is_declared_is_no_type_that_everybody_knows() {
    reads(
        "void f(void) { int *s8 = g(4); if (s8) *s8 = 1; h(s8); (s8)[0] = 2; { u8 *u16; u16 * u16; } }",
        "void f(){i32 s8* = g(4);if s8 Deref<s8> = 1;h(s8);(s8)[0] = 2;{u8 u16*;Mul<u16, u16>;}}",
    );
    reads(
        "void f(char *u32) { *u32 = 1; k(u32, (u32)); } u32 y;",
        "void f(i8 u32*){Deref<u32> = 1;k(u32, (u32));}u32 y;",
    );
    reads(
        "static int *u64; void f(void) { u64 = g(u64); *u64 = 3; }",
        "static i32 u64*;void f(){u64 = g(u64);Deref<u64> = 3;}",
    );
}

#[test]
fn types_as_arguments() {
    reads(
        "int f(void *p) { struct s *q = as(struct s, p); int g(int), *h = of(p, int *, m); return q == as(u32, p + 1); }",
        "i32 f(void p*){struct s q* = as(type<struct s _>, p);i32 g(i32 _) h* = of(p, type<i32 _*>, m);return Eq<q, as(type<u32 _>, Add<p, 1>)>;}",
    );
}

#[test]
fn a_declaration_is_the_body_of_nothing() {
    for (source, broken) in [
        ("void f(int a) { if (a) int b = 1; }", true),
        ("void f(int a) { while (a) int b; }", true),
        ("void f(int a) { int b; else free(a); }", true),
        ("void f(int a) { if (a) { int b = 1; } }", false),
        (
            "void f(int a) { switch (a) { case 1: int b; } for (int c;;) a++; }",
            false,
        ),
    ] {
        let unit = unit(source);
        let mut tree = Tree::default();
        Reader::new(&unit).read(&mut tree, 0);
        assert_eq!(tree.functions[0].broken, broken, "{source}");
    }
}

#[test]
fn deep_and_long() {
    let chain = format!("int f(int a) {{ return {}a; }}", "a + ".repeat(20_000));
    let unit_ = unit(&chain);
    let mut tree = Tree::default();
    assert!(!Reader::new(&unit_).read(&mut tree, 0).broken);
    assert!(tree.exprs.len() > 20_000);
    for open in ["(", "{", "if (1) ", "-", "a ? b : ", "*", "a = ", "a, "] {
        let text = format!("int f(int a) {{ {}", open.repeat(30_000));
        let unit = unit(&text);
        Reader::new(&unit).read(&mut Tree::default(), 0);
    }
}

#[test]
fn seen_in_programs() {
    reads(
        "static int (*squares(void))[3] { return 0; }",
        "static i32 squares()*[3]{return 0;}",
    );
    reads(
        "void f(struct s *p) { void *d = (void *)(long)p->d, *e = (void *)(long)p->e; }",
        "void f(struct s p*){void d* = cast<void _*>cast<i64 _>p->d e* = cast<void _*>cast<i64 _>p->e;}",
    );
}

#[test]
fn attributes_that_nobody_defines() {
    assert_eq!(
        shown("void f(void) { int *x[3] LOCAL = {0}, (*y)[2] LOCAL; }"),
        shown("void f(void) { int *x[3] = {0}, (*y)[2]; }")
    );
}

#[test]
fn old_style_parameters_of_named_types() {
    for param in [
        "l *n",
        "l const *n",
        "l (*n)",
        "l __attribute__((address_space(1))) *n",
    ] {
        let text = format!("typedef struct l l; void f(c, n) int *c; {param}; {{ c = 0; }}");
        assert_eq!(
            shown(&text),
            "typedef struct l l;void f(c, n){c = 0;}",
            "{param}"
        );
    }
}

#[test]
fn old_style_definitions_return_and_take_pointers() {
    let shown = shown(
        "static struct t *const *f(a, b) int a, *b; struct t *c; { return c; } *g(n) char *n; { return n; }",
    );
    assert_eq!(
        shown,
        "static struct t f(a, b)**const{return c;}implicit g(n)*{return n;}"
    );
}
