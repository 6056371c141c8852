//! `bpf-malloc stats`: what the heaps of loaded programs hold, as a table, JSON, a drawing.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::args::Stats;
use super::console::Console;
use super::exit;
use crate::heap::walk::{Damage, Overflow, Snapshot};
use crate::kernel::heaps::{self, Checked, Selection};
use crate::kernel::privilege;
use crate::kernel::stats::{Figures, by_line, occupancy};
use crate::run::{Fault, replace};

/// Characters of an occupancy bar.
const BAR: usize = 64;
/// Source lines named per heap.
const LINES: usize = 10;
/// Programs named per heap.
const USERS: usize = 4;

/// A heap as read: the map it is in, who uses that, how many of their loops ended early and how many of
/// their calls found no function, its number there, what it holds and what is behind its blocks.
struct Heap {
    map: u32,
    programs: Rc<[String]>,
    cut_short: u64,
    unknown: u64,
    number: usize,
    found: Result<Snapshot, Damage>,
    /// `None` unless it was asked for.
    checked: Option<Result<Option<Checked>, Damage>>,
}

impl Heap {
    /// Whether it was understood, all that was asked for.
    fn is_readable(&self) -> bool {
        self.found.is_ok() && !matches!(self.checked, Some(Err(_)))
    }

    /// What was found behind its blocks.
    fn overflows(&self) -> &[Overflow] {
        match &self.checked {
            Some(Ok(Some(checked))) => &checked.overflows,
            _ => &[],
        }
    }
}

/// The command.
pub fn run(arguments: &Stats, console: &mut Console) -> ExitCode {
    let done = show(arguments, console);
    match done {
        Ok((readable, overflows)) => exit::code(!readable, overflows),
        Err(fault) => {
            console.fault(&fault);
            exit::code(true, false)
        }
    }
}

/// Shows the heaps once or again and again. Whether all of them were understood, and whether something
/// was found behind a block, the last time.
fn show(arguments: &Stats, console: &mut Console) -> Result<(bool, bool), Fault> {
    privilege::check()
        .map_err(|unable| Fault::new("privilege", "heaps cannot be read", unable.to_string()))?;
    loop {
        let heaps = read(arguments, console)?;
        let text = match arguments.json {
            true => format!("{:#}\n", json(&heaps)),
            false => table(&heaps),
        };
        if arguments.watch.is_some() && console.out_color {
            // Clears the terminal.
            console.out(b"\x1b[H\x1b[2J")?;
        }
        console.out(text.as_bytes())?;
        console.flush()?;
        if let Some(path) = &arguments.svg {
            write_svg(path, &heaps)?;
        }
        match arguments.watch {
            Some(seconds) if !console.closed() => thread::sleep(Duration::from_secs_f64(seconds)),
            _ => {
                let overflows = heaps.iter().any(|heap| !heap.overflows().is_empty());
                return Ok((heaps.iter().all(Heap::is_readable), overflows));
            }
        }
    }
}

fn read(arguments: &Stats, console: &mut Console) -> Result<Vec<Heap>, Fault> {
    let selection = match (arguments.pid, arguments.map_id, &arguments.pin) {
        (Some(pid), ..) => Selection::Process(pid),
        (_, Some(id), _) => Selection::Map(id),
        (.., Some(path)) => Selection::Pinned(path.clone()),
        _ => Selection::All,
    };
    let fault = |error: heaps::Error| {
        let help = match &error {
            heaps::Error::NotAHeap { .. } => {
                "name the map of the heaps: `bpftool map list name dynmem_heaps` shows its id"
            }
            _ => {
                "the program has to be loaded and include dynamic_memory.h; `bpftool map list` \
                 shows all maps"
            }
        };
        Fault::new("heap", error.to_string(), help)
    };
    let mut found = Vec::new();
    for map in heaps::find(&selection).map_err(fault)? {
        let snapshots = match map.read() {
            Ok(snapshots) => snapshots,
            // Of many maps one may be gone by now, or be closed to user space.
            Err(error) if matches!(selection, Selection::All | Selection::Process(_)) => {
                console.fault(&fault(error).into_note());
                continue;
            }
            Err(error) => return Err(fault(error)),
        };
        let mut checked = match arguments.check {
            true => map.check().map_err(fault)?.into_iter().map(Some).collect(),
            false => Vec::new(),
        };
        let (cut_short, unknown) = (map.loops_cut_short(), map.unknown_functions());
        let programs: Rc<[String]> = map.programs.into();
        for (number, snapshot) in snapshots.into_iter().enumerate() {
            found.push(Heap {
                map: map.id,
                programs: Rc::clone(&programs),
                cut_short,
                unknown,
                number,
                found: snapshot,
                checked: checked.get_mut(number).and_then(Option::take),
            });
        }
    }
    Ok(found)
}

fn table(heaps: &[Heap]) -> String {
    let mut text = String::new();
    for heap in heaps {
        if heap.number == 0 && heap.cut_short > 0 {
            let _ = writeln!(
                text,
                "map {}{}: {} loop{} ended early, at can_loop: their results may be incomplete",
                heap.map,
                users(heap),
                heap.cut_short,
                if heap.cut_short == 1 { "" } else { "s" },
            );
        }
        if heap.number == 0 && heap.unknown > 0 {
            let _ = writeln!(
                text,
                "map {}{}: {} call{} through a pointer found no function, and returned 0",
                heap.map,
                users(heap),
                heap.unknown,
                if heap.unknown == 1 { "" } else { "s" },
            );
        }
        let name = format!("map {} heap {}{}", heap.map, heap.number, users(heap));
        match &heap.found {
            Ok(snapshot) if snapshot.granules == 0 => {
                let _ = writeln!(text, "{name}: not used yet");
            }
            Ok(snapshot) => {
                one(&mut text, &name, snapshot);
                text.push_str(&behind_blocks(heap));
            }
            Err(damage) => {
                let _ = writeln!(
                    text,
                    "{name}: cannot be read: {damage}; use the bpf-malloc that its header came \
                     from"
                );
            }
        }
    }
    text
}

/// What stands behind the blocks of a heap, if that was asked for.
fn behind_blocks(heap: &Heap) -> String {
    match &heap.checked {
        None => String::new(),
        Some(Err(damage)) => format!("  its blocks cannot be checked: {damage}\n"),
        Some(Ok(None)) => "  its blocks cannot be checked: compile the program with \
                           -DDYNAMIC_MEMORY_DEBUG\n"
            .to_owned(),
        Some(Ok(Some(checked))) => {
            let mut text = format!(
                "  checked {} in use: something was written behind {}\n",
                blocks(checked.blocks as u64),
                checked.overflows.len()
            );
            for overflow in &checked.overflows {
                let _ = writeln!(text, "  error: {overflow}");
            }
            text
        }
    }
}

/// The programs that use a heap, in brackets, if the kernel knows names.
fn users(heap: &Heap) -> String {
    let names: Vec<&str> = heap.programs.iter().map(String::as_str).collect();
    match names.split_at_checked(USERS) {
        _ if names.is_empty() => String::new(),
        Some((first, rest)) if !rest.is_empty() => {
            format!(" ({} and {} more)", first.join(", "), rest.len())
        }
        _ => format!(" ({})", names.join(", ")),
    }
}

fn one(text: &mut String, name: &str, snapshot: &Snapshot) {
    let (figures, counters) = (Figures::of(snapshot), &snapshot.counters);
    let bar: String = occupancy(snapshot, BAR).into_iter().map(shade).collect();
    let percent = |part: u64| 100.0 * part as f64 / figures.pool_bytes as f64;
    let rows = [
        format!(
            "{name}: {} in {} ({:.1} % of {}), at most {}",
            bytes(figures.used_bytes),
            blocks(figures.used_blocks),
            percent(figures.used_bytes),
            bytes(figures.pool_bytes),
            bytes(counters.high_water_bytes),
        ),
        format!("  |{bar}|"),
        format!(
            "  free {}, largest {} (fragmentation {:.0} %), waiting {}",
            bytes(figures.free_bytes),
            bytes(figures.largest_free_bytes),
            100.0 * figures.fragmentation(),
            bytes(figures.waiting_bytes),
        ),
        format!(
            "  allocations {}, frees {} (from other CPUs {}, handed over {}), resized in place {}",
            counters.allocations,
            counters.allocations.saturating_sub(counters.used_blocks),
            counters.remote_frees,
            counters.handed_over,
            counters.resizes,
        ),
        format!(
            "  failed: size {}, memory {}, busy {}; refused frees: double {}, invalid {}",
            counters.failed_size,
            counters.failed_memory,
            counters.failed_busy,
            counters.double_frees,
            counters.invalid_frees,
        ),
    ];
    for row in rows {
        text.push_str(&row);
        text.push('\n');
    }
    for error in &snapshot.errors {
        let _ = writeln!(text, "  error: {error}");
    }
    for (line, count, size) in by_line(snapshot).into_iter().take(LINES) {
        let _ = writeln!(text, "  line {line}: {}, {}", blocks(count), bytes(size));
    }
}

/// A character as dark as a part of the pool is full.
fn shade(filled: f64) -> char {
    match filled {
        f if f <= 0.0 => ' ',
        f if f < 0.25 => '░',
        f if f < 0.5 => '▒',
        f if f < 1.0 => '▓',
        _ => '█',
    }
}

fn blocks(count: u64) -> String {
    format!("{count} block{}", if count == 1 { "" } else { "s" })
}

/// A size in the largest binary unit that keeps it above 1.
fn bytes(size: u64) -> String {
    match size {
        0..0x400 => format!("{size} B"),
        0x400..0x10_0000 => format!("{:.1} KiB", size as f64 / 1024.0),
        _ => format!("{:.1} MiB", size as f64 / (1024.0 * 1024.0)),
    }
}

/// One JSON object: `heaps`, each with the map's id, the programs that use it, its number there and
/// its figures. Sizes are in bytes.
fn json(heaps: &[Heap]) -> Value {
    let heaps: Vec<Value> = heaps
        .iter()
        .map(|heap| match &heap.found {
            Err(damage) => json!({
                "map_id": heap.map,
                "programs": &*heap.programs,
                "heap": heap.number,
                "loops_cut_short": heap.cut_short,
                "unknown_functions": heap.unknown,
                "error": damage.to_string(),
            }),
            Ok(snapshot) => {
                let (figures, counters) = (Figures::of(snapshot), &snapshot.counters);
                let lines: Vec<Value> = by_line(snapshot)
                    .into_iter()
                    .map(|(line, blocks, bytes)| {
                        json!({ "line": line, "blocks": blocks, "bytes": bytes })
                    })
                    .collect();
                let mut report = json!({
                    "map_id": heap.map,
                    "programs": &*heap.programs,
                    "heap": heap.number,
                    "pool_bytes": figures.pool_bytes,
                    "used_bytes": figures.used_bytes,
                    "used_blocks": figures.used_blocks,
                    "high_water_bytes": counters.high_water_bytes,
                    "waiting_bytes": figures.waiting_bytes,
                    "free_bytes": figures.free_bytes,
                    "largest_free_bytes": figures.largest_free_bytes,
                    "fragmentation": figures.fragmentation(),
                    "loops_cut_short": heap.cut_short,
                    "unknown_functions": heap.unknown,
                    "lines": lines,
                    "errors": snapshot.errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
                    "checked": checked_json(heap),
                });
                for (name, count) in counters.named() {
                    report[name] = count.into();
                }
                report
            }
        })
        .collect();
    json!({ "heaps": heaps })
}

/// What stands behind the blocks: `null` if that was not asked for, or there is nothing to compare with.
fn checked_json(heap: &Heap) -> Value {
    match &heap.checked {
        None | Some(Ok(None)) => Value::Null,
        Some(Err(damage)) => json!({ "error": damage.to_string() }),
        Some(Ok(Some(checked))) => json!({
            "blocks": checked.blocks,
            "overflows": checked.overflows.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }),
    }
}

/// Cells of a drawn heap in a row, and the side of a cell in pixels.
const COLUMNS: usize = 64;
const ROWS: usize = 8;
const SIDE: usize = 10;

fn write_svg(path: &Path, heaps: &[Heap]) -> Result<(), Fault> {
    replace::create(path, path, svg(heaps).as_bytes(), None).map(|_| ())
}

/// A rectangle of cells per heap, each as dark as its part of the pool is full.
fn svg(heaps: &[Heap]) -> String {
    let readable: Vec<_> = heaps
        .iter()
        .filter_map(|heap| Some((heap, heap.found.as_ref().ok()?)))
        .filter(|(_, snapshot)| snapshot.granules > 0)
        .collect();
    let step = ROWS * SIDE + 30;
    let (width, height) = (COLUMNS * SIDE + 20, readable.len() * step + 10);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (index, (heap, snapshot)) in readable.iter().enumerate() {
        let top = index * step + 20;
        let figures = Figures::of(snapshot);
        let _ = writeln!(
            text,
            "<text x=\"10\" y=\"{top}\">map {} heap {}{}: {} of {} in {}</text>",
            heap.map,
            heap.number,
            users(heap),
            bytes(figures.used_bytes),
            bytes(figures.pool_bytes),
            blocks(figures.used_blocks),
        );
        for (cell, filled) in occupancy(snapshot, COLUMNS * ROWS).into_iter().enumerate() {
            let (x, y) = (10 + cell % COLUMNS * SIDE, top + 6 + cell / COLUMNS * SIDE);
            let light = 240.0 - 190.0 * filled;
            let _ = writeln!(
                text,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{SIDE}\" height=\"{SIDE}\" \
                 fill=\"rgb({light:.0},{light:.0},{:.0})\"/>",
                light.max(120.0)
            );
        }
    }
    text.push_str("</svg>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_counts_are_readable() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(3 << 20), "3.0 MiB");
        assert_eq!(
            (blocks(1), blocks(2)),
            ("1 block".into(), "2 blocks".into())
        );
    }

    #[test]
    fn shades_go_from_empty_to_full() {
        let shades: String = [0.0, 0.1, 0.3, 0.7, 1.0].map(shade).iter().collect();
        assert_eq!(shades, " ░▒▓█");
    }
}
