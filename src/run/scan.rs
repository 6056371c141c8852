//! The first look at all inputs: which of them matter, and what the others need to know of them.

mod links;
mod lower;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::mem;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use super::load::{self, Demand};
use super::progress::Step;
use super::walk::{self, Found, Start};
use super::workspace::View;
use super::{Fault, Inputs, pool};
use crate::heap::{self, HEADER_NAME};
use crate::rewrite::{self, Facts, Links, Mentions, Project, Reach};

/// Files handed to a thread at once: few, for a single one can keep a thread busy for as long as
/// hundreds of others do.
const BATCH: usize = 8;
/// Batches that may wait.
const WAITING: usize = 512;

/// An input that there is something to do with.
#[derive(Debug)]
pub struct Candidate {
    /// Where it is.
    pub found: Found,
    /// Its name for the user.
    pub shown: PathBuf,
    /// It may hold something to rewrite. Others are only copied.
    pub matters: bool,
    /// It would matter, but it was found in a directory and is no code for BPF.
    skipped: bool,
    /// Whether it is code for BPF by itself, as far as somebody asked.
    marked: bool,
    /// The last parts of the names it includes, as hashes, if it counts only as code for BPF.
    includes: Box<[u32]>,
    /// It counts in any case, or may reach a header that is code for BPF.
    near: bool,
    /// The headers that it reaches, as far as somebody asked.
    reach: Option<Reach>,
    /// It gets blocks from other files.
    linked: bool,
    /// Code for BPF includes it, whatever its name.
    included: bool,
    /// Its own facts, without those of its functions, which are merged with those of the others.
    own: Facts,
    /// What it has to do with other files where the heap lies in an arena.
    pub links: Arc<Links>,
}

impl Candidate {
    /// Headers have no unit of their own: what they are depends on who includes them.
    pub fn is_header(&self) -> bool {
        let ending = self.found.real.extension().and_then(OsStr::to_str);
        self.included || matches!(ending, Some("h" | "hh" | "hpp" | "hxx" | "inc"))
    }
}

/// What was found out about all inputs.
pub struct Scan<'a> {
    /// In the order of the command line, then of their names.
    pub candidates: Vec<Candidate>,
    /// What each plan may know of the other files.
    pub view: View<'a>,
    /// What could not be read, by name.
    pub faults: Vec<Fault>,
    /// How many files were looked at.
    pub seen: usize,
    /// How many files of directories call the allocator but are no code for BPF.
    pub skipped: usize,
}

/// What is known so far.
#[derive(Default)]
struct Known {
    candidates: Vec<Candidate>,
    /// What their functions do with blocks.
    facts: Facts,
    faults: Vec<Fault>,
    seen: usize,
}

/// How to look.
pub struct Look<'a> {
    /// The inputs.
    pub inputs: &'a Inputs,
    /// Where the run writes to: no input.
    pub output: Option<PathBuf>,
    /// Keep the files that do not matter too.
    pub all: bool,
}

impl<'a> Look<'a> {
    /// Whether it is of interest what functions do with blocks.
    fn facts(&self) -> bool {
        self.inputs.starts.iter().any(Start::looks_for_checks)
    }

    /// Whether a file counts only as code for BPF: it was found in a directory, not named.
    fn only_bpf(&self, found: &Found) -> bool {
        let start = &self.inputs.starts[found.start];
        start.is_dir && !start.settings.all
    }

    fn view(&self, facts: Facts) -> View<'a> {
        self.inputs.workspace.view(facts)
    }

    /// Whether there may be more than one file, so that files may have to agree.
    fn is_several(&self) -> bool {
        self.inputs.starts.len() > 1 || self.inputs.starts.iter().any(|start| start.is_dir)
    }
}

/// Looks at all inputs.
pub fn scan<'a>(look: &Look<'a>) -> Scan<'a> {
    let mut scan = first_look(look);
    find_neighbours(look, &mut scan);
    let bpf = bpf_headers(look, &mut scan);
    leave_out(look, &mut scan, &bpf);
    find_facts(look, &mut scan, &bpf);
    if scan.facts.allocates {
        if !look.inputs.workspace.knows_units() && lower::lower(look, &mut scan, &bpf) {
            look_again(look, &mut scan);
            find_facts(look, &mut scan, &bpf);
        }
        for candidate in &mut scan.candidates {
            candidate.matters |= scan.facts.agreed.concerns(&candidate.found.real);
        }
        if scan.facts.allocates {
            links::agree(look, &mut scan, &bpf);
        }
    }
    let skipped = scan.candidates.iter().filter(|c| c.skipped).count();
    scan.candidates.retain(|c| c.matters || look.all);
    let mut view = look.view(scan.facts);
    let mattering = scan.candidates.iter().filter(|c| c.matters);
    view.rewritten = mattering.map(|c| c.found.real.clone()).collect();
    Scan {
        candidates: scan.candidates,
        view,
        faults: scan.faults,
        seen: scan.seen,
        skipped,
    }
}

/// Finds out what functions do with blocks, in the files that matter and in those that get blocks from
/// them.
fn find_facts(look: &Look, scan: &mut Known, bpf: &BpfHeaders) {
    for candidate in &mut scan.candidates {
        scan.facts.merge_from(&mut candidate.own);
    }
    if look.facts() || !scan.facts.names.is_empty() {
        links::follow_links(look, scan, bpf);
        links::settle(look, scan);
    }
}

/// The headers that code for BPF reaches.
type BpfHeaders = HashSet<PathBuf>;

/// Finds the files that may reach a header that is code for BPF, by the names that their includes
/// end in. The others need not be followed to tell that they do not: of a source tree those are
/// nearly all.
fn find_neighbours(look: &Look, scan: &mut Known) {
    let view = look.view(Facts::default());
    let headers = (0..scan.candidates.len()).filter(|&index| scan.candidates[index].is_header());
    let headers: Vec<usize> = headers.collect();
    let name = |index: usize| {
        let name = scan.candidates[index].found.real.file_name();
        name.map(|name| hash(name.as_encoded_bytes()))
    };
    let reaches = |index: usize, names: &HashSet<u32>| {
        let mut includes = scan.candidates[index].includes.iter();
        includes.any(|include| names.contains(include))
    };
    let marked = headers
        .iter()
        .filter(|&&index| scan.candidates[index].marked);
    let marked: HashSet<u32> = marked.filter_map(|&index| name(index)).collect();
    let mut names = marked.clone();
    loop {
        let known = names.len();
        let more = headers.iter().filter(|&&index| reaches(index, &names));
        let more: Vec<u32> = more.filter_map(|&index| name(index)).collect();
        names.extend(more);
        if names.len() == known {
            break;
        }
    }
    // By their names alone, headers as frequent as `common.h` lead from anywhere to anywhere: those in
    // question are followed, and the names of the ones that really do are few.
    let open: Vec<usize> = headers
        .iter()
        .copied()
        .filter(|&index| reaches(index, &names))
        .collect();
    let leading = pool::results(&open, look.inputs.jobs, |&index| {
        let reach = reach(look, &scan.candidates[index].found, &view);
        name(index).filter(|_| reach.bpf)
    });
    let mut names = marked;
    names.extend(leading.into_iter().flatten());
    let near: Vec<bool> = (0..scan.candidates.len())
        .map(|index| {
            let candidate = &scan.candidates[index];
            candidate.marked
                || view.compiled_for_bpf(&candidate.found.real)
                || !look.only_bpf(&candidate.found)
                || reaches(index, &names)
        })
        .collect();
    for (candidate, near) in scan.candidates.iter_mut().zip(near) {
        candidate.near = near;
    }
}

/// The last parts of the names that a file includes, as hashes. Comments are not told from code.
fn included_names(bytes: &[u8]) -> Box<[u32]> {
    let mut names = Vec::new();
    for at in memchr::memmem::find_iter(bytes, b"include") {
        let before = bytes[..at].trim_ascii_end();
        if !before.ends_with(b"#") && !before.ends_with(b"%:") {
            continue;
        }
        let name = &bytes[at + b"include".len()..];
        let name = name
            .strip_prefix(b"_next")
            .unwrap_or(name)
            .trim_ascii_start();
        // What the macro in `#include MACRO` stands for is not known.
        let Some((b'"' | b'<', name)) = name.split_first() else {
            continue;
        };
        let end = memchr::memchr3(b'"', b'>', b'\n', name).unwrap_or(name.len());
        let last = name[..end].rsplit(|&byte| byte == b'/').next();
        names.push(hash(last.unwrap_or_default()));
    }
    names.into()
}

fn hash(name: &[u8]) -> u32 {
    use std::hash::Hasher;
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write(name);
    hasher.finish() as u32
}

/// Finds the headers that code for BPF reaches. Nobody asks for them where nothing matters.
fn bpf_headers(look: &Look, scan: &mut Known) -> BpfHeaders {
    let in_question = scan.candidates.iter().any(|c| look.only_bpf(&c.found));
    if !in_question || !scan.candidates.iter().any(|c| c.matters || c.own.allocates) {
        return BpfHeaders::new();
    }
    let view = look.view(Facts::default());
    let asks = |c: &Candidate| c.reach.is_none() && !c.is_header() && c.near;
    let asked: Vec<usize> = (0..scan.candidates.len())
        .filter(|&index| asks(&scan.candidates[index]))
        .collect();
    let candidates = &scan.candidates;
    let found = pool::results(&asked, look.inputs.jobs, |&index| {
        (index, reach(look, &candidates[index].found, &view))
    });
    for (index, reach) in found {
        scan.candidates[index].reach = Some(reach);
    }
    let units = scan.candidates.iter().filter(|c| !c.is_header());
    let reaches = units.filter_map(|c| c.reach.as_ref()).filter(|r| r.bpf);
    let headers = view.cache().graph.headers(reaches);
    for candidate in &mut scan.candidates {
        candidate.included = headers.contains(&candidate.found.real);
    }
    headers
}

/// Leaves out what directories hold besides code for BPF. A header is code for BPF if code for BPF
/// includes it. Nothing that the others do is of any concern to code for BPF.
fn leave_out(look: &Look, scan: &mut Known, headers: &BpfHeaders) {
    for candidate in scan.candidates.iter_mut() {
        let bpf = match candidate.is_header() {
            true => candidate.marked || headers.contains(&candidate.found.real),
            false => candidate.reach.as_ref().is_some_and(|reach| reach.bpf),
        };
        if look.only_bpf(&candidate.found) && !bpf {
            candidate.skipped = mem::take(&mut candidate.matters) && candidate.own.allocates;
            candidate.own = Facts::default();
        }
    }
}

/// What a file reaches. What cannot be read was reported at the first look.
fn reach(look: &Look, found: &Found, view: &View) -> Reach {
    let mut buffer = Vec::new();
    read(look, found, &mut buffer)
        .map(|bytes| rewrite::reach(&found.real, &bytes, view))
        .unwrap_or_default()
}

/// Reads all inputs once.
fn first_look(look: &Look) -> Known {
    let (sender, receiver) = mpsc::sync_channel::<Vec<Found>>(WAITING);
    let receiver = Mutex::new(receiver);
    let mut scan = thread::scope(|scope| {
        let workers: Vec<_> = (0..look.inputs.jobs)
            .map(|_| scope.spawn(|| work(look, &receiver)))
            .collect();
        let mut scan = Known::default();
        let mut batch = Vec::with_capacity(BATCH);
        for (index, start) in look.inputs.starts.iter().enumerate() {
            let found = |found| {
                batch.push(found);
                if batch.len() == BATCH {
                    look.inputs.progress.found(BATCH);
                    // The workers live until the sender is dropped.
                    let _ = sender.send(mem::replace(&mut batch, Vec::with_capacity(BATCH)));
                }
            };
            walk::walk(index, start, look.output.as_deref(), found, |f| {
                scan.faults.push(f)
            });
        }
        look.inputs.progress.found(batch.len());
        let _ = sender.send(batch);
        drop(sender);
        for worker in workers {
            let part = worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            scan.candidates.extend(part.candidates);
            scan.faults.extend(part.faults);
            scan.seen += part.seen;
            scan.facts.merge(part.facts);
        }
        scan
    });
    scan.candidates
        .sort_by(|a, b| (a.found.start, &a.found.inner).cmp(&(b.found.start, &b.found.inner)));
    let mut known = HashSet::new();
    scan.candidates
        .retain(|c| known.insert(c.found.real.clone()));
    scan.faults.sort_by(|a, b| a.path.cmp(&b.path));
    scan.faults
        .dedup_by(|a, b| a.path.is_some() && a.message == b.message);
    scan
}

fn work(look: &Look, receiver: &Mutex<mpsc::Receiver<Vec<Found>>>) -> Known {
    let view = look.view(Facts::default());
    let mut scan = Known::default();
    let mut buffer = Vec::new();
    loop {
        let batch = receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(batch) = batch else { return scan };
        scan.seen += batch.len();
        for found in batch {
            look.inputs.progress.advance(1);
            let start = &look.inputs.starts[found.start];
            let bytes = match read(look, &found, &mut buffer) {
                Ok(bytes) => bytes,
                Err(fault) => {
                    scan.faults.push(fault);
                    continue;
                }
            };
            if is_header(&found.real) {
                scan.faults
                    .extend(other_version(&found.shown(start), &bytes));
            }
            let bytes = &*bytes;
            let mut candidate = Candidate {
                shown: found.shown(start),
                matters: matters(look, &found, bytes),
                found,
                skipped: false,
                linked: false,
                included: false,
                marked: false,
                includes: Box::default(),
                near: false,
                reach: None,
                own: Facts::default(),
                links: Arc::default(),
            };
            let path = &candidate.found.real;
            let only_bpf = look.only_bpf(&candidate.found);
            if only_bpf {
                candidate.marked = rewrite::is_marked(path, bytes);
                candidate.includes = included_names(bytes);
                if candidate.matters && !candidate.is_header() {
                    candidate.reach = Some(rewrite::reach(path, bytes, &view));
                }
            }
            if candidate.matters {
                match candidate.reach.as_ref().is_none_or(|reach| reach.bpf) {
                    true => candidate.own = rewrite::facts(path, bytes, &view),
                    false => candidate.own.allocates = rewrite::calls(path, bytes, &view),
                }
            }
            scan.candidates.push(candidate);
        }
    }
}

/// Looks once more at the files that matter, since lowering has changed some of them: what was found out
/// about any does not hold any more. Which are code for BPF does.
fn look_again(look: &Look, scan: &mut Known) {
    let view = look.view(Facts::default());
    scan.facts = Facts {
        agreed: mem::take(&mut scan.facts.agreed),
        ..Facts::default()
    };
    let touched =
        |c: &Candidate| c.matters || look.inputs.workspace.lowered(&c.found.real).is_some();
    let asked: Vec<usize> = (0..scan.candidates.len())
        .filter(|&index| touched(&scan.candidates[index]))
        .collect();
    for candidate in &mut scan.candidates {
        candidate.linked = false;
        candidate.own = Facts::default();
    }
    let candidates = &scan.candidates;
    let answers = pool::results(&asked, look.inputs.jobs, |&index| {
        let candidate = &candidates[index];
        let mut buffer = Vec::new();
        // What cannot be read was reported at the first look.
        let bytes = read(look, &candidate.found, &mut buffer).unwrap_or_default();
        let matters = matters(look, &candidate.found, &bytes);
        let own = match matters {
            true => rewrite::facts(&candidate.found.real, &bytes, &view),
            false => Facts::default(),
        };
        (index, matters, own)
    });
    for (index, matters, own) in answers {
        let candidate = &mut scan.candidates[index];
        (candidate.matters, candidate.own) = (matters, own);
    }
}

/// Whether a file may hold something to rewrite, by itself.
fn matters(look: &Look, found: &Found, bytes: &[u8]) -> bool {
    !is_header(&found.real)
        && !rewrite::reach::is_kernel_types(&found.real, bytes)
        && (rewrite::may_matter(bytes) || look.inputs.workspace.lowered(&found.real).is_some())
}

/// The text of an input, as the rest of the run is to see it.
fn read<'a>(
    look: &'a Look,
    found: &Found,
    buffer: &'a mut Vec<u8>,
) -> Result<Cow<'a, [u8]>, Fault> {
    if let Some((_, text)) = look.inputs.workspace.lowered(&found.real) {
        return Ok(Cow::Borrowed(text));
    }
    read_input(&look.inputs.starts[found.start], found, buffer).map(Cow::Borrowed)
}

/// The bytes of an input, read into `buffer` unless they came from stdin.
pub fn read_input<'a>(
    start: &'a Start,
    found: &Found,
    buffer: &'a mut Vec<u8>,
) -> Result<&'a [u8], Fault> {
    let max_size = start.settings.max_size;
    if let Some(bytes) = &start.stdin {
        load::check(|| start.shown.clone(), bytes)?;
        return match bytes.len() as u64 > max_size {
            true => Err(load::too_large(&start.shown, max_size)),
            false => Ok(bytes),
        };
    }
    let demand = Demand {
        max_size,
        named: found.inner.as_os_str().is_empty(),
    };
    load::read(&found.real, || found.shown(start), demand, buffer)?;
    Ok(buffer)
}

/// A note on a header that another version of this tool wrote: what the rewrite puts into the
/// sources is what this version's header has.
fn other_version(shown: &Path, text: &[u8]) -> Option<Fault> {
    let there = heap::header_version(text)?;
    let ours = heap::header_version(heap::HEADER.as_bytes())?;
    let (code, age, help) = match there.cmp(&ours) {
        Ordering::Equal => return None,
        Ordering::Less => (
            "old-header",
            "an older",
            "write it anew with --emit-header or `bpf-malloc header`, after moving it away if it \
             was changed by hand",
        ),
        Ordering::Greater => (
            "new-header",
            "a newer",
            "install the version of bpf-malloc that wrote it: cargo install bpf-malloc",
        ),
    };
    let message = format!("this header is of {age} version than this tool");
    Some(Fault::of(shown, code, message, help).into_note())
}

/// The allocator itself is never rewritten.
fn is_header(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == HEADER_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_included_headers() {
        let names = included_names(
            b"#include <bpf/bpf_helpers.h>\n# include \"a.h\"\n%:include_next \"x/b.h\"\n\
              // include \"c.h\"\n#include NAME\n#include \"open\nint include;\n#include",
        );
        let of = |name: &str| hash(name.as_bytes());
        assert_eq!(
            *names,
            [of("bpf_helpers.h"), of("a.h"), of("b.h"), of("open")]
        );
    }
}
