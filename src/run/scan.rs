//! The first look at all inputs: which of them matter, and what the others need to know of them.

use std::collections::HashSet;
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
use crate::rewrite::{self, Facts, Links, Mentions};

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
    /// Its own facts, without those of its functions, which are merged with those of the others.
    own: Facts,
    /// What it has to do with other files where the heap lies in an arena.
    links: Links,
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
    if scan.seen > LINKED_FILES {
        scan.facts = Facts {
            many: true,
            ..Facts::default()
        };
    } else {
        if look.facts() {
            follow_links(look, &mut scan);
            settle(look, &mut scan);
        }
        agree(look, &mut scan);
    }
    scan.candidates.retain(|c| c.matters || look.all);
    let mut view = look.view(scan.facts);
    let mattering = scan.candidates.iter().filter(|c| c.matters);
    view.rewritten = mattering.map(|c| c.found.real.clone()).collect();
    Scan {
        candidates: scan.candidates,
        view,
        faults: scan.faults,
        seen: scan.seen,
    }
}

/// Finds the files that get blocks only through functions and macros of the others.
fn follow_links(look: &Look, scan: &mut Known) {
    let mut buffer = Vec::new();
    for _ in 0..LINKS {
        let mentions = Mentions::new(&scan.facts);
        let view = look.view(mem::take(&mut scan.facts));
        let mut more = Facts::default();
        for candidate in scan.candidates.iter_mut().filter(|c| !c.matters) {
            let found = &candidate.found;
            // What cannot be read was reported at the first look.
            if let Ok(bytes) = read(&look.inputs.starts[found.start], found, &mut buffer)
                && !is_header(&found.real)
                && mentions.found_in(bytes)
            {
                candidate.matters = true;
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
    // Files without calls may follow pointers that others allocate.
    let header = |c: &Candidate| c.found.real.extension().is_some_and(|e| e == "h");
    let mut candidates = scan.candidates.iter();
    let all = candidates.any(|c| c.links.shares() || (c.matters && header(c)));
    if all {
        ask(look, scan, &view, |candidate| !candidate.matters);
    }
    for _ in 0..LINKS {
        let each = scan.candidates.iter_mut();
        let each = each.map(|c| (c.found.real.clone(), mem::take(&mut c.links)));
        let links = Links::of_all(each.collect());
        if links == view.facts.links {
            break;
        }
        view.facts.links = links;
        ask(look, scan, &view, |candidate| candidate.matters || all);
    }
    for candidate in &mut scan.candidates {
        let path = &candidate.found.real;
        candidate.matters |= !is_header(path) && view.facts.links.chooses(path);
    }
    scan.facts = view.facts;
}

/// Asks the files again what they have to do with others, which `view` knows of by now.
fn ask(look: &Look, scan: &mut Known, view: &View, whom: impl Fn(&Candidate) -> bool) {
    let asked: Vec<usize> = (0..scan.candidates.len())
        .filter(|&c| {
            let candidate = &scan.candidates[c];
            whom(candidate) && !is_header(&candidate.found.real)
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
    let facts = look.facts();
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
            let mut own = Facts::default();
            let mut links = Links::default();
            let matters = match read(start, &found, &mut buffer) {
                Ok(bytes) => {
                    let matters = !is_header(&found.real) && rewrite::may_matter(bytes);
                    let linked = seen.load(Ordering::Relaxed) <= LINKED_FILES;
                    if matters && linked && look.is_several() {
                        let backend = start.settings.options.backend;
                        links = rewrite::links(&found.real, bytes, &view, backend);
                    }
                    if matters && facts && linked {
                        own = rewrite::facts(&found.real, bytes, &view);
                        scan.facts.merge_from(&mut own);
                    }
                    matters
                }
                Err(fault) => {
                    scan.faults.push(fault);
                    continue;
                }
            };
            scan.candidates.push(Candidate {
                shown: found.shown(start),
                found,
                matters,
                own,
                links,
            });
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
