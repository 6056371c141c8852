//! Units whose headers have to change with them, before anything else is made of either.

use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::rewrite::{Agreed, Changed, Shares};

/// Finds out which headers more than one unit includes, and [lowers](rewrite::lower) the units. Whether
/// texts have changed by that: what was found out about them does not hold any more.
pub(super) fn lower(look: &Look, scan: &mut Known, bpf: &BpfHeaders) -> bool {
    let mut view = look.view(mem::take(&mut scan.facts));
    let units = units(look, scan, bpf, &view);
    let mut includers: HashMap<&Path, usize> = HashMap::new();
    for path in units.iter().flat_map(|unit| &unit.headers) {
        *includers.entry(path).or_default() += 1;
    }
    let shared = includers.iter().filter(|(_, count)| **count > 1);
    look.inputs
        .workspace
        .set_shared(shared.map(|(path, _)| path.to_path_buf()).collect());
    let allocating = scan.candidates.iter().filter(|c| c.own.allocates);
    let allocating: HashSet<&Path> = allocating.map(|c| c.found.real.as_path()).collect();
    let (allocating, others): (Vec<&Unit>, Vec<&Unit>) = units.iter().partition(|unit| {
        let mut headers = unit.headers.iter();
        scan.candidates[unit.candidate].own.allocates
            || headers.any(|path| allocating.contains(path.as_path()))
    });
    view.facts.agreed = agreed(look, scan, &view, &allocating, &others);
    let changes = |unit: &&Unit| {
        let mut headers = unit.headers.iter();
        headers.any(|path| !is_header(path) && view.may_rewrite(path))
    };
    let agrees = |unit: &&Unit| {
        let path = &scan.candidates[unit.candidate].found.real;
        view.facts.agreed.changes(path)
    };
    let others = others.into_iter().filter(agrees);
    let asked = allocating.into_iter().chain(others).filter(changes);
    let asked: Vec<&Unit> = asked.collect();
    let mut lowered = Vec::new();
    pool::ordered(
        &asked,
        look.inputs.jobs,
        |unit| {
            let found = &scan.candidates[unit.candidate].found;
            let start = &look.inputs.starts[found.start];
            let mut buffer = Vec::new();
            // What cannot be read was reported at the first look.
            read(look, found, &mut buffer)
                .map(|bytes| rewrite::lower(&found.real, &bytes, &view, &start.settings.options))
                .unwrap_or_default()
        },
        |files| {
            lowered.extend((!files.is_empty()).then_some(files));
            ControlFlow::Continue(())
        },
    );
    scan.facts = view.facts;
    let (lowered, apart) = united(lowered);
    scan.faults.extend(apart.into_iter().map(disagreed));
    let some = !lowered.is_empty();
    if some {
        look.inputs.workspace.set_lowered(lowered);
    }
    some
}

/// What the units agree on of what several of them have. Those that allocate nothing are read only if
/// one that allocates has such a thing.
fn agreed(
    look: &Look,
    scan: &Known,
    view: &View,
    allocating: &[&Unit],
    others: &[&Unit],
) -> Agreed {
    let ask = |units: &[&Unit]| -> Vec<(PathBuf, Shares)> {
        let mut all = pool::results(units, look.inputs.jobs, |unit| {
            let found = &scan.candidates[unit.candidate].found;
            let mut buffer = Vec::new();
            // What cannot be read was reported at the first look.
            let shares = read(look, found, &mut buffer)
                .map(|bytes| rewrite::shares(&found.real, &bytes, view))
                .unwrap_or_default();
            (found.real.clone(), shares)
        });
        all.retain(|(_, shares)| !shares.is_empty());
        all
    };
    if allocating.len() + others.len() < 2 {
        return Agreed::default();
    }
    let mut each = ask(allocating);
    if !each.is_empty() {
        each.extend(ask(others));
    }
    each.sort_by(|a, b| a.0.cmp(&b.0));
    Agreed::of(&each)
}

/// A translation unit of the run.
struct Unit {
    /// Its place among the candidates.
    candidate: usize,
    /// The headers that it reaches.
    headers: HashSet<PathBuf>,
}

/// The files that may be compiled for BPF and that no other file includes.
fn units(look: &Look, scan: &mut Known, bpf: &BpfHeaders, view: &View) -> Vec<Unit> {
    let open: Vec<usize> = (0..scan.candidates.len())
        .filter(|&index| {
            let candidate = &scan.candidates[index];
            let path = &candidate.found.real;
            let ours = candidate.near || bpf.contains(path);
            ours && !candidate.skipped && !candidate.is_header()
        })
        .collect();
    let candidates = &scan.candidates;
    let mut units = pool::results(&open, look.inputs.jobs, |&candidate| {
        let of = &candidates[candidate];
        let known = of.reach.as_ref().map(Cow::Borrowed);
        let reach = known.unwrap_or_else(|| Cow::Owned(reach(look, &of.found, view)));
        Unit {
            candidate,
            headers: view.cache().graph.headers([&*reach].into_iter()),
        }
    });
    let included: HashSet<PathBuf> = units.iter().flat_map(|u| u.headers.clone()).collect();
    for candidate in &mut scan.candidates {
        candidate.included |= included.contains(&candidate.found.real);
    }
    units.retain(|unit| !scan.candidates[unit.candidate].included);
    units
}

/// A note on a header that stays as it is.
fn disagreed(header: PathBuf) -> Fault {
    let fault = Fault::of(
        &header,
        "header-apart",
        "stays as it is: files that include it need calls in it changed in different ways",
        "rewrite the programs one by one, each with `bpf-malloc cc` or `verify`, or give them headers of \
         their own",
    );
    fault.into_note()
}

/// What becomes of each file where the units agree. Those that want a header in different ways keep it,
/// and what depends on it; these headers are told, too.
fn united(
    mut units: Vec<BTreeMap<PathBuf, Changed>>,
) -> (HashMap<PathBuf, Changed>, BTreeSet<PathBuf>) {
    let mut disputed = BTreeSet::new();
    loop {
        let mut of_file: HashMap<&Path, Vec<&Changed>> = HashMap::new();
        for (path, changed) in units.iter().flatten() {
            of_file.entry(path).or_default().push(changed);
        }
        let mut united = HashMap::new();
        let mut apart: HashSet<PathBuf> = HashSet::new();
        for (path, all) in of_file {
            match Changed::united(&all) {
                Some(changed) => drop(united.insert(path.to_owned(), changed)),
                None => drop(apart.insert(path.to_owned())),
            }
        }
        if apart.is_empty() {
            return (united, disputed);
        }
        units.retain(|unit| !unit.keys().any(|path| apart.contains(path)));
        disputed.extend(apart);
    }
}
