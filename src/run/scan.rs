//! The first look at all inputs: which of them matter, and what the others need to know of them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::mem;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use super::load::{self, Demand};
use super::walk::{self, Found, Start};
use super::workspace::View;
use super::{Fault, Inputs, pool};
use crate::heap::HEADER_NAME;
use crate::rewrite::{self, Facts, Links, Mentions, Reach};

/// Files handed to a thread at once.
const BATCH: usize = 64;
/// Batches that may wait.
const WAITING: usize = 64;

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
    /// The headers that it reaches, as far as somebody asked.
    reach: Option<Reach>,
    /// It gets blocks from other files.
    linked: bool,
    /// Its own facts, without those of its functions, which are merged with those of the others.
    own: Facts,
    /// What it has to do with other files where the heap lies in an arena.
    links: Links,
}

impl Candidate {
    /// Headers have no unit of their own: what they are depends on who includes them.
    fn is_header(&self) -> bool {
        let ending = self.found.real.extension().and_then(OsStr::to_str);
        matches!(ending, Some("h" | "hh" | "hpp" | "hxx" | "inc"))
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
        View {
            workspace: &self.inputs.workspace,
            rewritten: HashSet::new(),
            facts,
        }
    }

    /// Whether there may be more than one file, so that files may have to agree.
    fn is_several(&self) -> bool {
        self.inputs.starts.len() > 1 || self.inputs.starts.iter().any(|start| start.is_dir)
    }
}

/// In larger runs each file is planned by itself. In a whole source tree nearly any name of a
/// function comes up somewhere, and files have little to do with each other.
const LINKED_FILES: usize = 1024;
/// How far blocks are followed from file to file.
const LINKS: usize = 4;

/// Looks at all inputs.
pub fn scan<'a>(look: &Look<'a>) -> Scan<'a> {
    let mut scan = first_look(look);
    let many = scan.seen > LINKED_FILES;
    let bpf = leave_out(look, &mut scan, many);
    if many {
        scan.facts = Facts {
            many: true,
            ..Facts::default()
        };
    } else {
        for candidate in scan.candidates.iter_mut().filter(|c| !c.skipped) {
            scan.facts.merge_from(&mut candidate.own);
        }
        if look.facts() {
            follow_links(look, &mut scan, &bpf);
            settle(look, &mut scan);
        }
        if scan.facts.allocates {
            agree(look, &mut scan);
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

/// The headers that code for BPF reaches, as far as there was a reason to ask.
type BpfHeaders = HashSet<PathBuf>;

/// Leaves out what directories hold besides code for BPF.
fn leave_out(look: &Look, scan: &mut Known, many: bool) -> BpfHeaders {
    let view = look.view(Facts::default());
    let guarded = |c: &Candidate| look.only_bpf(&c.found);
    // A header is code for BPF if code for BPF includes it.
    let open = |c: &Candidate| guarded(c) && c.matters && c.is_header() && !c.marked;
    let mut headers = BpfHeaders::new();
    if scan.candidates.iter().any(open) {
        // In a whole source tree only files that say so by themselves are followed.
        let asks = |c: &Candidate| c.reach.is_none() && !c.is_header() && (c.marked || !many);
        let asked: Vec<usize> = (0..scan.candidates.len())
            .filter(|&index| asks(&scan.candidates[index]))
            .collect();
        let mut found = Vec::with_capacity(asked.len());
        let candidates = &scan.candidates;
        pool::ordered(
            &asked,
            look.inputs.jobs,
            |&index| (index, reach(look, &candidates[index].found, &view)),
            |answer| {
                found.push(answer);
                ControlFlow::Continue(())
            },
        );
        for (index, reach) in found {
            scan.candidates[index].reach = Some(reach);
        }
        let units = scan.candidates.iter().filter(|c| !c.is_header());
        for reach in units.filter_map(|c| c.reach.as_ref()).filter(|r| r.bpf) {
            headers.extend(reach.headers.iter().cloned());
        }
    }
    for candidate in scan.candidates.iter_mut() {
        if !candidate.matters || !look.only_bpf(&candidate.found) {
            continue;
        }
        let bpf = match candidate.is_header() {
            true => candidate.marked || headers.contains(&candidate.found.real),
            false => candidate.reach.as_ref().is_some_and(|reach| reach.bpf),
        };
        if !bpf {
            candidate.matters = false;
            candidate.skipped = candidate.own.allocates;
        }
    }
    headers
}

/// What a file reaches. What cannot be read was reported at the first look.
fn reach(look: &Look, found: &Found, view: &View) -> Reach {
    let mut buffer = Vec::new();
    read(&look.inputs.starts[found.start], found, &mut buffer)
        .map(|bytes| rewrite::reach(&found.real, bytes, view))
        .unwrap_or_default()
}

/// Finds the files that get blocks only through functions and macros of the others.
fn follow_links(look: &Look, scan: &mut Known, bpf: &BpfHeaders) {
    let mut buffer = Vec::new();
    for _ in 0..LINKS {
        let mentions = Mentions::new(&scan.facts);
        let view = look.view(mem::take(&mut scan.facts));
        let mut more = Facts::default();
        for candidate in scan
            .candidates
            .iter_mut()
            .filter(|c| !c.matters && !c.skipped)
        {
            let found = &candidate.found;
            // What cannot be read was reported at the first look.
            if let Ok(bytes) = read(&look.inputs.starts[found.start], found, &mut buffer)
                && !is_header(&found.real)
                && mentions.found_in(bytes)
                && (!look.only_bpf(found)
                    || candidate.marked
                    || bpf.contains(&found.real)
                    || rewrite::reach(&found.real, bytes, &view).bpf)
            {
                candidate.matters = true;
                candidate.linked = true;
                candidate.own = rewrite::facts(&found.real, bytes, &view);
                more.merge_from(&mut candidate.own);
            }
        }
        scan.facts = view.facts;
        let known = scan.facts.names.len();
        scan.facts.merge(more);
        if scan.facts.names.len() == known {
            return;
        }
    }
}

/// Finds out about the functions that get blocks from other files.
fn settle(look: &Look, scan: &mut Known) {
    let view = look.view(mem::take(&mut scan.facts));
    let owing = scan.candidates.iter().filter(|c| c.own.owe(&view.facts));
    let owing: Vec<&Candidate> = owing.collect();
    let mut more = Facts::default();
    pool::ordered(
        &owing,
        look.inputs.jobs,
        |candidate| {
            let found = &candidate.found;
            let mut buffer = Vec::new();
            // What cannot be read was reported at the first look.
            read(&look.inputs.starts[found.start], found, &mut buffer)
                .map(|bytes| rewrite::facts(&found.real, bytes, &view))
                .unwrap_or_default()
        },
        |facts| {
            more.merge(facts);
            ControlFlow::Continue(())
        },
    );
    scan.facts = view.facts;
    scan.facts.merge(more);
}

/// Finds out what the files have to agree on where the heap lies in an arena.
fn agree(look: &Look, scan: &mut Known) {
    let mut view = look.view(mem::take(&mut scan.facts));
    // Files without calls may follow pointers that others allocate, where headers tell them of
    // these pointers or hand them out.
    let carriers = carriers(scan);
    let told = told(look, scan, &carriers);
    ask(look, scan, &view, |index, _| told.contains(&index));
    for _ in 0..LINKS {
        let each = scan.candidates.iter_mut();
        let each = each.map(|c| (c.found.real.clone(), mem::take(&mut c.links)));
        let links = Links::of_all(each.collect());
        if links == view.facts.links {
            break;
        }
        view.facts.links = links;
        ask(look, scan, &view, |index, candidate| {
            candidate.own.allocates || told.contains(&index)
        });
    }
    for candidate in &mut scan.candidates {
        let path = &candidate.found.real;
        candidate.matters |= !is_header(path) && view.facts.links.chooses(path);
    }
    scan.facts = view.facts;
}

/// The headers that declare pointers into the heap, or allocate.
fn carriers(scan: &Known) -> HashSet<PathBuf> {
    let mut carriers = HashSet::new();
    for candidate in &scan.candidates {
        carriers.extend(candidate.links.carriers().map(Path::to_owned));
        if candidate.own.allocates && candidate.is_header() {
            carriers.insert(candidate.found.real.clone());
        }
    }
    carriers
}

/// The files, by index, that do not allocate themselves and reach one of the `carriers`, or get
/// blocks from other files.
fn told(look: &Look, scan: &Known, carriers: &HashSet<PathBuf>) -> HashSet<usize> {
    let view = look.view(Facts::default());
    let open: Vec<usize> = (0..scan.candidates.len())
        .filter(|&index| {
            let candidate = &scan.candidates[index];
            !candidate.skipped && !candidate.own.allocates && !is_header(&candidate.found.real)
        })
        .collect();
    let mut told = HashSet::new();
    pool::ordered(
        &open,
        look.inputs.jobs,
        |&index| {
            let candidate = &scan.candidates[index];
            let known = candidate.reach.as_ref().map(Cow::Borrowed);
            let reach = match carriers.is_empty() {
                true => Cow::Owned(Reach::default()),
                false => known.unwrap_or_else(|| Cow::Owned(reach(look, &candidate.found, &view))),
            };
            let shares =
                carriers.contains(&candidate.found.real) || !reach.headers.is_disjoint(carriers);
            let ours = !look.only_bpf(&candidate.found) || candidate.is_header() || reach.bpf;
            (index, candidate.linked || (shares && ours))
        },
        |(index, is_told)| {
            if is_told {
                told.insert(index);
            }
            ControlFlow::Continue(())
        },
    );
    told
}

/// Asks the files again what they have to do with others, which `view` knows of by now.
fn ask(look: &Look, scan: &mut Known, view: &View, whom: impl Fn(usize, &Candidate) -> bool) {
    let asked: Vec<usize> = (0..scan.candidates.len())
        .filter(|&c| {
            let candidate = &scan.candidates[c];
            whom(c, candidate) && !is_header(&candidate.found.real)
        })
        .collect();
    let mut answers = Vec::with_capacity(asked.len());
    let candidates = &scan.candidates;
    pool::ordered(
        &asked,
        look.inputs.jobs,
        |&index| {
            let found = &candidates[index].found;
            let start = &look.inputs.starts[found.start];
            let backend = start.settings.options.backend;
            let mut buffer = Vec::new();
            // What cannot be read was reported at the first look.
            let links = read(start, found, &mut buffer)
                .map(|bytes| rewrite::links(&found.real, bytes, view, backend));
            (index, links.unwrap_or_default())
        },
        |answer| {
            answers.push(answer);
            ControlFlow::Continue(())
        },
    );
    for (index, links) in answers {
        scan.candidates[index].links = links;
    }
}

/// Reads all inputs once.
fn first_look(look: &Look) -> Known {
    let (sender, receiver) = mpsc::sync_channel::<Vec<Found>>(WAITING);
    let receiver = Mutex::new(receiver);
    let seen = AtomicUsize::new(0);
    let mut scan = thread::scope(|scope| {
        let workers: Vec<_> = (0..look.inputs.jobs)
            .map(|_| scope.spawn(|| work(look, &receiver, &seen)))
            .collect();
        let mut scan = Known::default();
        let mut batch = Vec::with_capacity(BATCH);
        for (index, start) in look.inputs.starts.iter().enumerate() {
            let found = |found| {
                batch.push(found);
                if batch.len() == BATCH {
                    // The workers live until the sender is dropped.
                    let _ = sender.send(mem::replace(&mut batch, Vec::with_capacity(BATCH)));
                }
            };
            walk::walk(index, start, look.output.as_deref(), found, |f| {
                scan.faults.push(f)
            });
        }
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

fn work(look: &Look, receiver: &Mutex<mpsc::Receiver<Vec<Found>>>, seen: &AtomicUsize) -> Known {
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
        seen.fetch_add(batch.len(), Ordering::Relaxed);
        for found in batch {
            let start = &look.inputs.starts[found.start];
            let bytes = match read(start, &found, &mut buffer) {
                Ok(bytes) => bytes,
                Err(fault) => {
                    scan.faults.push(fault);
                    continue;
                }
            };
            let mut candidate = Candidate {
                shown: found.shown(start),
                matters: !is_header(&found.real) && rewrite::may_matter(bytes),
                found,
                skipped: false,
                linked: false,
                marked: false,
                reach: None,
                own: Facts::default(),
                links: Links::default(),
            };
            let path = &candidate.found.real;
            let only_bpf = look.only_bpf(&candidate.found);
            if only_bpf {
                candidate.marked = rewrite::is_marked(path, bytes);
                if candidate.matters && !candidate.is_header() {
                    candidate.reach = Some(rewrite::reach(path, bytes, &view));
                }
            }
            if candidate.matters {
                let in_question = only_bpf && candidate.is_header() && !candidate.marked;
                let ours = candidate.reach.as_ref().is_none_or(|reach| reach.bpf);
                let linked = seen.load(Ordering::Relaxed) <= LINKED_FILES;
                if linked && ours {
                    candidate.own = rewrite::facts(path, bytes, &view);
                } else if in_question || !ours {
                    candidate.own.allocates = rewrite::calls(path, bytes, &view);
                }
                if linked && ours && candidate.own.allocates && look.is_several() {
                    let backend = start.settings.options.backend;
                    candidate.links = rewrite::links(path, bytes, &view, backend);
                }
            }
            scan.candidates.push(candidate);
        }
    }
}

/// The bytes of an input, read into `buffer` unless they came from stdin.
pub fn read<'a>(
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

/// The allocator itself is never rewritten.
fn is_header(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == HEADER_NAME)
}
