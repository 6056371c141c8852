//! What files have to do with each other: blocks that one gets through functions and macros of
//! another, and pointers into the heap that a header declares.

use super::*;

/// How far blocks are followed from file to file.
const LINKS: usize = 4;

/// Finds the files that get blocks only through functions and macros of the others.
pub(super) fn follow_links(look: &Look, scan: &mut Known, bpf: &BpfHeaders) {
    let mut buffer = Vec::new();
    for _ in 0..LINKS {
        let mentions = Mentions::new(scan.facts.names.iter().map(Vec::as_slice));
        let view = look.view(mem::take(&mut scan.facts));
        let mut more = Facts::default();
        for candidate in &mut scan.candidates {
            let bytes = match candidate.matters {
                true => None, // it was asked
                false => mentioning(look, candidate, bpf, &mentions, &mut buffer),
            };
            if let Some(bytes) = bytes {
                candidate.own = rewrite::facts(&candidate.found.real, &bytes, &view);
                candidate.matters = true;
                candidate.linked = true;
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

/// What a file holds, if it may have to do with blocks and mentions one of some names of other files.
fn mentioning<'b>(
    look: &'b Look,
    candidate: &Candidate,
    bpf: &BpfHeaders,
    mentions: &Mentions,
    buffer: &'b mut Vec<u8>,
) -> Option<Cow<'b, [u8]>> {
    let found = &candidate.found;
    let in_bpf = bpf.contains(&found.real);
    let open = !candidate.skipped && (candidate.near || in_bpf);
    let ours = || {
        !look.only_bpf(found)
            || candidate.marked
            || in_bpf
            || candidate.reach.as_ref().is_some_and(|reach| reach.bpf)
    };
    if !open || is_header(&found.real) || !ours() {
        return None;
    }
    // What cannot be read was reported at the first look.
    let bytes = read(look, found, buffer).ok()?;
    mentions.found_in(&bytes).then_some(bytes)
}

/// Finds out about the functions that get blocks from other files.
pub(super) fn settle(look: &Look, scan: &mut Known) {
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
            read(look, found, &mut buffer)
                .map(|bytes| rewrite::facts(&found.real, &bytes, &view))
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
pub(super) fn agree(look: &Look, scan: &mut Known, bpf: &BpfHeaders) {
    if look.is_several() {
        let alone = look.view(Facts::default());
        ask(look, scan, &alone, |_, candidate| {
            candidate.matters && candidate.own.allocates
        });
    }
    let mut view = look.view(mem::take(&mut scan.facts));
    // Files without calls may follow pointers that others allocate, where headers tell them of
    // these pointers or hand them out.
    let carriers = carriers(scan);
    let mut told = told(look, scan, &carriers, bpf);
    ask(look, scan, &view, |index, _| told.contains(&index));
    for _ in 0..LINKS {
        let each = scan.candidates.iter();
        let each = each.map(|c| (c.found.real.as_path(), Arc::clone(&c.links)));
        let mut links = Links::of_all(&each.collect::<Vec<_>>());
        // A header that allocates says where the heap lies, for all that include it.
        let (headers, files): (Vec<_>, Vec<_>) =
            scan.candidates.iter().partition(|c| c.is_header());
        let allocating = headers.iter().filter(|c| c.own.allocates);
        let allocating = allocating.map(|c| c.found.real.as_path());
        let arenas: BTreeSet<&Path> = allocating.filter(|path| links.chooses(path)).collect();
        let files = files.iter().filter(|c| c.links.includes(&arenas));
        links.choose(files.map(|c| c.found.real.clone()));
        if links == view.facts.links {
            break;
        }
        // Nor may a file give such a function what lies elsewhere; and what is built with one that
        // has its heap there has the same header, with the same options.
        let mentions = Mentions::new(links.functions().chain(links.names_of_chosen()));
        let mut buffer = Vec::new();
        told.extend((0..scan.candidates.len()).filter(|&index| {
            let candidate = &scan.candidates[index];
            !candidate.own.allocates
                && mentioning(look, candidate, bpf, &mentions, &mut buffer).is_some()
        }));
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
fn told(
    look: &Look,
    scan: &Known,
    carriers: &HashSet<PathBuf>,
    bpf: &BpfHeaders,
) -> HashSet<usize> {
    let view = look.view(Facts::default());
    let open: Vec<usize> = (0..scan.candidates.len())
        .filter(|&index| {
            let candidate = &scan.candidates[index];
            let path = &candidate.found.real;
            let ours = candidate.near || bpf.contains(path);
            ours && !candidate.skipped && !candidate.own.allocates && !is_header(path)
        })
        .collect();
    let reaches = pool::results(&open, look.inputs.jobs, |&index| {
        let candidate = &scan.candidates[index];
        let known = candidate.reach.as_ref().map(Cow::Borrowed);
        let reach = match carriers.is_empty() {
            true => Cow::Owned(Reach::default()),
            false => known.unwrap_or_else(|| Cow::Owned(reach(look, &candidate.found, &view))),
        };
        (index, reach)
    });
    // Once for all of them: a header that many include leads to hundreds of others.
    let leading = view.cache().graph.leading_to(carriers);
    let told = reaches.into_iter().filter(|(index, reach)| {
        let candidate = &scan.candidates[*index];
        let shares = carriers.contains(&candidate.found.real) || leading.is_reached(reach);
        let ours = !look.only_bpf(&candidate.found) || candidate.is_header() || reach.bpf;
        candidate.linked || (shares && ours)
    });
    told.map(|(index, _)| index).collect()
}

/// Asks the files again what they have to do with others, which `view` knows of by now.
fn ask(look: &Look, scan: &mut Known, view: &View, whom: impl Fn(usize, &Candidate) -> bool) {
    let asked: Vec<usize> = (0..scan.candidates.len())
        .filter(|&c| {
            let candidate = &scan.candidates[c];
            whom(c, candidate) && !is_header(&candidate.found.real)
        })
        .collect();
    let candidates = &scan.candidates;
    let progress = &look.inputs.progress;
    progress.begin(Step::Looking, asked.len());
    let answers = pool::results(&asked, look.inputs.jobs, |&index| {
        let found = &candidates[index].found;
        let start = &look.inputs.starts[found.start];
        let options = &start.settings.options;
        let mut buffer = Vec::new();
        // What cannot be read was reported at the first look.
        let links = read(look, found, &mut buffer)
            .map(|bytes| rewrite::links(&found.real, &bytes, view, options));
        progress.advance(1);
        (index, links.unwrap_or_default())
    });
    for (index, links) in answers {
        scan.candidates[index].links = links;
    }
}
