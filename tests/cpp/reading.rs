//! The tree and the types of whole programs: nothing is misunderstood in what a compiler accepts.

use std::fs;

use bpf_malloc::c::cpp::{FileId, FileKind, Unit};
use bpf_malloc::c::syntax::tree::{ExprId, ItemKind, Toks};
use bpf_malloc::c::types::Model;

use super::clang::Bench;
use super::{root, sources};

/// What was read of some units.
#[derive(Default)]
struct Count {
    functions: usize,
    broken: Vec<String>,
    unresolved: Vec<String>,
}

fn spelled(unit: &Unit, toks: Toks) -> String {
    let tokens = unit.tokens[toks.start..toks.end].iter().take(12);
    let texts = tokens.map(|t| String::from_utf8_lossy(unit.text(t)).into_owned());
    texts.collect::<Vec<_>>().join(" ")
}

fn place(unit: &Unit, toks: Toks) -> String {
    let Some(token) = unit.tokens.get(toks.start) else {
        return "at the end".to_owned();
    };
    let loc = unit.visible_loc(token);
    let file = unit.file(loc.file);
    let before = &file.bytes[..loc.start as usize];
    let line = 1 + before.iter().filter(|&&b| b == b'\n').count();
    format!("{}:{line}: {}", file.path.display(), spelled(unit, toks))
}

impl Count {
    fn add(&mut self, model: &Model) {
        let unit = model.unit;
        self.functions += model.tree.functions.len();
        for function in model.tree.functions.iter().filter(|f| f.broken) {
            self.broken.push(place(unit, function.toks));
        }
        for item in &model.tree.items {
            if item.broken && !matches!(item.kind, ItemKind::Function(_)) {
                self.broken.push(place(unit, item.toks));
            }
        }
        // Names of macros that are kept on purpose.
        let kept = |e: &&ExprId| spelled(unit, model.tree[**e].toks) != "can_loop";
        for &name in model.unresolved().iter().filter(kept) {
            self.unresolved.push(place(unit, model.tree[name].toks));
        }
    }
}

#[test]
fn programs_that_compile_are_understood() {
    let Some(bench) = Bench::new() else { return };
    let mut files = Vec::new();
    sources(&root().join("fixtures"), &mut files);
    sources(&root().join("tests"), &mut files);
    let mut all = Count::default();
    let mut wrong = Vec::new();
    for path in &files {
        let bytes = fs::read(path).expect("a source");
        let unit = bench.ours(path, &bytes, &["__TARGET_ARCH_x86"]);
        let model = Model::new(&unit, &|file| file == FileId::MAIN);
        let mut count = Count::default();
        count.add(&model);
        all.functions += count.functions;
        if (!count.broken.is_empty() || !count.unresolved.is_empty())
            && bench.dumped(path).is_some()
        {
            all.broken.extend(count.broken.iter().cloned());
            wrong.extend(count.broken);
            wrong.extend(count.unresolved);
        }
    }
    println!(
        "{} files, {} functions, {} broken",
        files.len(),
        all.functions,
        all.broken.len()
    );
    assert!(all.functions > 1_000, "only {} functions", all.functions);
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

/// The allocator itself, all of it.
#[test]
fn the_allocator_is_understood() {
    let Some(bench) = Bench::new() else { return };
    let header = root().join("include/dynamic_memory.h");
    let bytes = fs::read(&header).expect("a header");
    for macros in [
        &[][..],
        &["DYNAMIC_MEMORY_ARENA=1"],
        &["native_executable=1"],
        &["POOL_SIZE=65536", "DYNAMIC_MEMORY_DEBUG=1"],
    ] {
        let unit = bench.ours(&header, &bytes, macros);
        let model = Model::new(&unit, &|_| true);
        let mut count = Count::default();
        count.add(&model);
        assert!(count.functions > 20, "{}", count.functions);
        assert!(count.broken.is_empty(), "{:?}", count.broken);
        assert!(count.unresolved.is_empty(), "{:?}", count.unresolved);
    }
}

/// All declarations of the kernel's types, and a program that uses a few of them.
#[test]
fn the_types_of_the_kernel_are_understood() {
    let Some(bench) = Bench::new() else { return };
    let Some(types) = super::kernel_types() else {
        return;
    };
    let header = bench.add("vmlinux.h", &types);
    let unit = bench.ours(&header, &types, &[]);
    let model = Model::new(&unit, &|_| true);
    let mut count = Count::default();
    count.add(&model);
    assert!(
        model.records.len() > 5_000,
        "{} records",
        model.records.len()
    );
    let broken = &count.broken;
    assert!(
        broken.is_empty(),
        "{} {}",
        broken.len(),
        broken[..broken.len().min(20)].join("\n")
    );
    assert!(count.unresolved.is_empty(), "{:?}", count.unresolved);

    let source = bench.add("types.c", super::KERNEL_PROGRAM);
    let unit = bench.ours(&source, super::KERNEL_PROGRAM, &["__TARGET_ARCH_x86"]);
    let project = |file: FileId| unit.file(file).kind == FileKind::Main;
    let model = Model::new(&unit, &project);
    assert!(model.unresolved().is_empty());
    let read = model.tree.items.len();
    assert!(read < 200, "{read} external declarations are read");
}

/// Other files and directories that a person names in `BPF_MALLOC_READ`, with directories for
/// headers in `BPF_MALLOC_READ_INCLUDE`: says how many functions are read with an error.
#[test]
fn files_by_hand() {
    let Some(list) = std::env::var_os("BPF_MALLOC_READ") else {
        return;
    };
    let Some(bench) = Bench::new() else { return };
    let mut files = Vec::new();
    for path in std::env::split_paths(&list) {
        match path.is_dir() {
            true => sources(&path, &mut files),
            false => files.push(path),
        }
    }
    let mut count = Count::default();
    for path in &files {
        let bytes = fs::read(path).expect("a source");
        let unit = bench.ours(path, &bytes, &["__TARGET_ARCH_x86"]);
        count.add(&Model::new(&unit, &|file| file == FileId::MAIN));
    }
    println!(
        "{} files, {} functions, {} broken",
        files.len(),
        count.functions,
        count.broken.len()
    );
    println!("{}", count.broken.join("\n"));
    println!("-- unresolved {}", count.unresolved.len());
    println!("{}", count.unresolved.join("\n"));
}
