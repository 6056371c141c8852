//! The types of expressions beside clang's.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bpf_malloc::c::cpp::FileId;
use bpf_malloc::c::syntax::tree::{Binary, ExprId, ExprKind, FunctionId, Number, Unary};
use bpf_malloc::c::types::{EntityKind, Model, Parent, RecordId, Type, TypeId};

use super::clang::Bench;
use super::{root, sources};

/// How often each kind of expression has each type in a function.
type Kinds = BTreeMap<String, usize>;

/// What clang has that is more than one expression here, or none.
const LEFT_OUT: [&str; 9] = [
    "BinaryConditionalOperator",
    "AtomicExpr",
    "OffsetOfExpr",
    "VAArgExpr",
    "ShuffleVectorExpr",
    "GenericSelectionExpr",
    "ChooseExpr",
    "RecoveryExpr",
    "TypoExpr",
];

/// The functions in a dump of clang's tree; `None` for those that cannot be compared.
fn theirs(dump: &str) -> BTreeMap<String, Option<Kinds>> {
    let mut found: BTreeMap<String, Option<Kinds>> = BTreeMap::new();
    // A declaration behind the definition has no expressions, and takes none away.
    let mut add = |(name, kinds, left_out): (String, Kinds, bool)| {
        let known = found
            .get(&name)
            .is_some_and(|known| known.as_ref().is_none_or(|k| !k.is_empty()));
        if !(known && kinds.is_empty()) {
            found.insert(name, (!left_out).then_some(kinds));
        }
    };
    let mut current: Option<(String, Kinds, bool)> = None;
    for line in dump.lines() {
        let node = line.trim_start_matches(['|', '`', '-', ' ']);
        let depth = line.len() - node.len();
        let mut words = node.split(' ');
        let kind = words.next().unwrap_or_default();
        if depth <= 2 {
            current.take().into_iter().for_each(&mut add);
            if kind == "FunctionDecl"
                && let Some((before, _)) = after_place(node).split_once('\'')
                && let Some(name) = before.split_whitespace().next_back()
            {
                current = Some((name.to_owned(), Kinds::new(), false));
            }
            continue;
        }
        let Some((_, kinds, left_out)) = &mut current else {
            continue;
        };
        *left_out |= LEFT_OUT.contains(&kind);
        if let Some(shown) = their_expression(kind, after_place(node)) {
            *kinds.entry(shown).or_default() += 1;
        }
    }
    current.into_iter().for_each(&mut add);
    found
}

/// What follows the address and the place of a node.
fn after_place(node: &str) -> &str {
    let mut depth = 0usize;
    for (at, byte) in node.bytes().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' if depth == 1 => return node[at + 1..].trim_start(),
            b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    node
}

fn their_expression(kind: &str, rest: &str) -> Option<String> {
    // `'u32':'unsigned int' lvalue …`
    let mut quoted = rest.strip_prefix('\'')?.split('\'');
    let mut ty = quoted.next()?;
    let mut after = &rest[ty.len() + 2..];
    if let Some(plain) = after.strip_prefix(":'") {
        ty = plain.split('\'').next()?;
        after = &plain[ty.len() + 1..];
    }
    let operator = || after.split('\'').nth(1).unwrap_or_default();
    let what = match kind {
        "DeclRefExpr" => {
            if after.contains("EnumConstant") || ty == "<builtin fn type>" {
                return None;
            }
            format!("name {}", operator())
        }
        "MemberExpr" => {
            if after.contains("(anonymous") {
                // The step into an anonymous member.
                return None;
            }
            let name = after.split(['.', '>']).nth(1).unwrap_or_default();
            let name = name.split(' ').next().unwrap_or_default();
            format!("member {name}")
        }
        "CallExpr" => "call".to_owned(),
        "ArraySubscriptExpr" => "index".to_owned(),
        "UnaryOperator" | "BinaryOperator" | "CompoundAssignOperator" => match operator() {
            // Three operands in a row group one way or the other.
            "__extension__" | "," => return None,
            operator => format!("operator {operator}"),
        },
        "ConditionalOperator" => "conditional".to_owned(),
        "CStyleCastExpr" => "cast".to_owned(),
        "StmtExpr" => "statements".to_owned(),
        "CompoundLiteralExpr" => "compound".to_owned(),
        "UnaryExprOrTypeTraitExpr" => "sizeof".to_owned(),
        _ => return None,
    };
    Some(format!("{what}: {}", their_type(ty)))
}

/// The outermost of a type, without qualifiers.
fn their_type(ty: &str) -> String {
    let mut text = ty.to_owned();
    for word in ["const", "volatile", "restrict", "__restrict"] {
        let all: Vec<&str> = text.split(' ').filter(|w| *w != word).collect();
        text = all.join(" ");
    }
    while let Some(at) = text.find("__attribute__((address_space(1)))") {
        text.replace_range(at..at + 33, "");
    }
    let text = text.trim().replace("*const", "*").replace("*volatile", "*");
    let text = text.trim();
    // `int (*)[3]` and `int (*)(int)`, but not `int (*(void))[3]` and `void (int (*)(int))`.
    let declarator = text.find('(').map(|at| &text[at..]).unwrap_or_default();
    if text.ends_with('*') || declarator.starts_with("(*)") {
        return "pointer".to_owned();
    }
    if let Some(inner) = declarator.strip_prefix("(*") {
        // `int (*const [3])(int)`, or `int (*(int))(int)`.
        let inner = inner.trim_start_matches("const").trim_start();
        return match inner.strip_prefix('[') {
            Some(len) => format!("array [{}]", len.split(']').next().unwrap_or_default()),
            None => "function".to_owned(),
        };
    }
    if let (true, Some(open)) = (text.ends_with(']'), text.find('[')) {
        let len = text[open + 1..].split(']').next().unwrap_or_default();
        let len = if len.parse::<u64>().is_ok() { len } else { "" };
        return format!("array [{len}]");
    }
    if text.ends_with(')') && !text.contains("unnamed") && !text.contains("anonymous") {
        return "function".to_owned();
    }
    if text.contains("unnamed") || text.contains("anonymous") {
        return "untagged".to_owned();
    }
    if text.starts_with("struct") || text.starts_with("union") {
        return "record".to_owned();
    }
    if text.starts_with("enum") {
        return "enum".to_owned();
    }
    let unsigned = text.starts_with("unsigned");
    let size = match text.trim_start_matches("unsigned ") {
        "void" => return "void".to_owned(),
        "_Bool" | "bool" => return "bool".to_owned(),
        "float" => return "floating 4".to_owned(),
        "double" | "long double" => return "floating 8".to_owned(),
        "char" | "signed char" => 1,
        "short" => 2,
        "int" => 4,
        "long" | "long long" => 8,
        "__int128" => 16,
        // A record or an enumeration without a tag goes by the name of its typedef.
        _ => return "untagged".to_owned(),
    };
    format!("{}{}", if unsigned { "u" } else { "i" }, 8 * size)
}

fn our_type(m: &Model, ty: TypeId) -> String {
    match &m[ty] {
        Type::Unknown => "unknown".to_owned(),
        Type::Void => "void".to_owned(),
        Type::Number(Number { boolean: true, .. }) => "bool".to_owned(),
        Type::Number(n) if n.floating => format!("floating {}", n.size.min(8)),
        Type::Number(n) => format!("{}{}", if n.unsigned { "u" } else { "i" }, 8 * n.size),
        Type::Enum(id) if m.enums[id.0 as usize].tag.is_none() => "untagged".to_owned(),
        Type::Enum(_) => "enum".to_owned(),
        Type::Pointer { .. } => "pointer".to_owned(),
        Type::Array { len: Some(len), .. } => format!("array [{len}]"),
        Type::Array { .. } => "array []".to_owned(),
        Type::Function { .. } => "function".to_owned(),
        Type::Record(id) if m[*id].tag.is_none() => "untagged".to_owned(),
        Type::Record(_) => "record".to_owned(),
    }
}

fn our_expression(m: &Model, expr: ExprId) -> Option<String> {
    let symbol = |s| String::from_utf8_lossy(m.unit.symbols.text(s)).into_owned();
    let what = match &m.tree[expr].kind {
        ExprKind::Name(name) => {
            let kind = m[m.entity(expr)?].kind;
            match kind {
                EntityKind::Enumerator(_) | EntityKind::Function { builtin: true, .. } => {
                    return None;
                }
                _ => format!("name {}", symbol(*name)),
            }
        }
        ExprKind::Member { name, .. } => format!("member {}", symbol(*name)),
        ExprKind::Call { .. } => "call".to_owned(),
        ExprKind::Index(..) => "index".to_owned(),
        ExprKind::Unary(op, _) => format!("operator {}", unary(*op)),
        ExprKind::Postfix { increment, .. } => {
            format!("operator {}", if *increment { "++" } else { "--" })
        }
        ExprKind::Binary { op, .. } => format!("operator {}", binary(*op)),
        ExprKind::Assign { op: Some(op), .. } => format!("operator {}=", binary(*op)),
        ExprKind::Assign { op: None, .. } => "operator =".to_owned(),
        ExprKind::Conditional { .. } => "conditional".to_owned(),
        ExprKind::Cast(..) => "cast".to_owned(),
        ExprKind::Statements(_) => "statements".to_owned(),
        ExprKind::Compound(..) => "compound".to_owned(),
        ExprKind::SizeofExpr(_) | ExprKind::SizeofType(_) => "sizeof".to_owned(),
        _ => return None,
    };
    Some(format!("{what}: {}", our_type(m, m.type_of(expr))))
}

fn unary(op: Unary) -> &'static str {
    match op {
        Unary::AddressOf => "&",
        Unary::Deref => "*",
        Unary::Plus => "+",
        Unary::Minus => "-",
        Unary::Not => "!",
        Unary::BitNot => "~",
        Unary::Increment => "++",
        Unary::Decrement => "--",
    }
}

fn binary(op: Binary) -> &'static str {
    match op {
        Binary::Mul => "*",
        Binary::Div => "/",
        Binary::Rem => "%",
        Binary::Add => "+",
        Binary::Sub => "-",
        Binary::Shl => "<<",
        Binary::Shr => ">>",
        Binary::Lt => "<",
        Binary::Gt => ">",
        Binary::Le => "<=",
        Binary::Ge => ">=",
        Binary::Eq => "==",
        Binary::Ne => "!=",
        Binary::BitAnd => "&",
        Binary::BitXor => "^",
        Binary::BitOr => "|",
        Binary::And => "&&",
        Binary::Or => "||",
    }
}

/// Whether clang shows an expression: not those in sizes of arrays and in `typeof`.
fn is_shown(m: &Model, expr: ExprId) -> bool {
    let mut at = Parent::Expr(expr);
    let mut child = expr;
    loop {
        at = match at {
            Parent::Expr(expr) => {
                child = expr;
                m.parent(expr)
            }
            Parent::Declarator(declarator) => {
                if m.tree[declarator].init != Some(child) {
                    return false;
                }
                m.decl_parent(m.tree[declarator].decl)
            }
            Parent::Decl(_) => return false,
            Parent::Stmt(stmt) => m.stmt_parent(stmt),
            Parent::Function(_) | Parent::Unit => return true,
        };
    }
}

fn ours(m: &Model, function: FunctionId) -> Kinds {
    let mut kinds = Kinds::new();
    let all = (0..m.tree.exprs.len() as u32).map(ExprId);
    for expr in all.filter(|&e| m.function_of(e) == Some(function)) {
        if let Some(shown) = our_expression(m, expr).filter(|_| is_shown(m, expr)) {
            *kinds.entry(shown).or_default() += 1;
        }
    }
    kinds
}

#[test]
fn expressions_have_the_types_that_clang_gives_them() {
    let Some(bench) = Bench::new() else { return };
    let mut files = Vec::new();
    sources(&root().join("fixtures"), &mut files);
    sources(&root().join("tests"), &mut files);
    // What is rewritten has the expressions of its source.
    files.retain(|path| !path.components().any(|part| part.as_os_str() == "expected"));
    files.push(root().join("include/dynamic_memory.h"));
    files.push(root().join("tests/cpp/expressions.h"));
    let (mut compared, mut different) = (0usize, Vec::new());
    for path in &files {
        compare(&bench, path, &mut compared, &mut different);
    }
    println!("{compared} functions compared, {} differ", different.len());
    assert!(compared > 500, "only {compared} functions compared");
    assert!(different.is_empty(), "{}", different.join("\n"));
}

fn compare(bench: &Bench, path: &Path, compared: &mut usize, different: &mut Vec<String>) {
    let Some(dump) = bench.dumped(path) else {
        return;
    };
    let theirs = theirs(&dump);
    let bytes = fs::read(path).expect("a source");
    let unit = bench.ours(path, &bytes, &["__TARGET_ARCH_x86"]);
    let m = Model::new(&unit, &|file| file == FileId::MAIN);
    for at in 0..m.tree.functions.len() as u32 {
        let function = FunctionId(at);
        let Some(entity) = m.info(function).entity else {
            continue;
        };
        let name = String::from_utf8_lossy(m.unit.symbols.text(m[entity].name)).into_owned();
        let nested = m.tree[function].parent.is_some();
        let Some(Some(theirs)) = theirs.get(&name).filter(|_| !nested) else {
            continue;
        };
        *compared += 1;
        let ours = ours(&m, function);
        let mut lines = Vec::new();
        for kind in theirs.keys().chain(ours.keys()) {
            let count = |kinds: &Kinds| kinds.get(kind).copied().unwrap_or(0);
            if count(theirs) != count(&ours) {
                lines.push(format!(
                    "  {kind}: clang {}, we {}",
                    count(theirs),
                    count(&ours)
                ));
            }
        }
        lines.sort();
        lines.dedup();
        if !lines.is_empty() {
            different.push(format!("{} {name}\n{}", path.display(), lines.join("\n")));
        }
    }
}

/// Every structure and union of the kernel: sizes, and where members lie.
#[test]
fn records_lie_as_clang_lays_them_out() {
    let Some(bench) = Bench::new() else { return };
    let Some(types) = super::kernel_types() else {
        return;
    };
    let header = bench.add("vmlinux.h", &types);
    let unit = bench.ours(&header, &types, &[]);
    let m = Model::new(&unit, &|_| true);
    let text = |s| String::from_utf8_lossy(unit.symbols.text(s)).into_owned();
    let mut source = "#define BPF_NO_PRESERVE_ACCESS_INDEX 1\n#include \"vmlinux.h\"\n".to_owned();
    let mut count = 0;
    for (at, record) in m.records.iter().enumerate() {
        let (Some(tag), Some(fields)) = (record.tag, &record.fields) else {
            continue;
        };
        let keyword = if record.is_union { "union" } else { "struct" };
        let name = format!("{keyword} {}", text(tag));
        let layout = m.layout(RecordId(at as u32));
        let layout = layout.unwrap_or_else(|| panic!("no layout of {name}"));
        source += &format!(
            "_Static_assert(sizeof({name}) == {} && _Alignof({name}) == {}, \"\");\n",
            layout.size, layout.align
        );
        for (field, offset) in fields.iter().zip(&layout.offsets) {
            if let (Some(member), None) = (field.name, field.bits) {
                source += &format!(
                    "_Static_assert(__builtin_offsetof({name}, {}) * 8 == {offset}, \"\");\n",
                    text(member)
                );
                count += 1;
            }
        }
    }
    assert!(count > 30_000, "only {count} members");
    let path = bench.add("layouts.c", source.as_bytes());
    assert!(
        bench.dumped(&path).is_some(),
        "clang does not agree: {}",
        path.display()
    );
}
