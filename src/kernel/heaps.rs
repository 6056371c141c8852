//! Finds the heaps of programs that are loaded, and reads them.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::os::fd::AsFd;
use std::path::PathBuf;

use libbpf_rs::query::{MapInfoIter, ProgInfoIter, ProgInfoQueryOptions};
use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType};

use super::reader::Reader;
use crate::heap::walk::{self, Damage, Fence, Overflow, Snapshot, SourceLine};

/// Name of the map whose values are the heaps of an object, number by number.
pub const MAP_NAME: &str = "dynmem_heaps";

/// Name of the map that counts the loops of an object that ended early, at `can_loop`.
pub const LOOPS_MAP_NAME: &str = ".data.dynloops";

/// Name of the map that counts an object's calls of functions by numbers that stand for none.
pub const CALLS_MAP_NAME: &str = ".data.dyncalls";

/// How often a heap is read again that a program was changing meanwhile.
const TRIES: usize = 10;

/// Which heaps to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Those of every object that is loaded.
    All,
    /// Those a process holds open, directly or through a program.
    Process(u32),
    /// The map with this id, as `bpftool map list` shows it.
    Map(u32),
    /// The map pinned at this path.
    Pinned(PathBuf),
}

/// Why no heap can be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// There is no such map.
    Absent {
        /// What was looked for.
        what: String,
        /// What the system said, if it did.
        reason: String,
    },
    /// The map is none of the heap's.
    NotAHeap {
        /// The map.
        what: String,
        /// Its name.
        name: String,
    },
    /// A value of the map cannot be read.
    Read {
        /// Id of the map.
        map: u32,
        /// What the kernel said.
        reason: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Absent { what, reason } if reason.is_empty() => write!(f, "no heap in {what}"),
            Error::Absent { what, reason } => write!(f, "{what} cannot be opened: {reason}"),
            Error::NotAHeap { what, name } => {
                write!(
                    f,
                    "{what} is none of heaps: those are arrays named {MAP_NAME}, and it is named \
                     {name}"
                )
            }
            Error::Read { map, reason } => write!(f, "map {map} cannot be read: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// A heap map of a loaded object.
#[derive(Debug)]
pub struct HeapMap {
    /// Its id.
    pub id: u32,
    /// Names of the loaded programs that use it, as the kernel keeps them: at most 15 bytes each.
    pub programs: Vec<String>,
    /// Ids of the other maps of these programs.
    beside: Vec<u32>,
    handle: MapHandle,
}

/// Finds heap maps, by id.
///
/// # Errors
///
/// [`Error::Absent`] if there is none, [`Error::NotAHeap`] if the one named is another map.
pub fn find(selection: &Selection) -> Result<Vec<HeapMap>, Error> {
    let absent = |what: String, reason: String| Error::Absent { what, reason };
    let mut maps = match selection {
        Selection::All => MapInfoIter::default()
            .filter(|info| info.name == MAP_NAME)
            .filter_map(|info| by_id(info.id).ok())
            .filter(HeapMap::has_heaps)
            .collect(),
        Selection::Process(pid) => of_process(*pid)?,
        Selection::Map(id) => {
            let what = format!("map {id}");
            let map = by_id(*id).map_err(|error| absent(what.clone(), error.to_string()))?;
            vec![checked(map, what)?]
        }
        Selection::Pinned(path) => {
            let what = path.display().to_string();
            let map = MapHandle::from_pinned_path(path)
                .and_then(|handle| {
                    let id = handle.info()?.info.id;
                    Ok(HeapMap::new(id, handle))
                })
                .map_err(|error| absent(what.clone(), error.to_string()))?;
            vec![checked(map, what)?]
        }
    };
    if maps.is_empty() {
        let what = match selection {
            Selection::Process(pid) => format!("process {pid}"),
            _ => "any object that is loaded".to_owned(),
        };
        return Err(absent(what, String::new()));
    }
    maps.sort_by_key(|map| map.id);
    maps.dedup_by_key(|map| map.id);
    for program in programs() {
        let name = program.name.to_string_lossy();
        for map in maps.iter_mut().filter(|m| program.map_ids.contains(&m.id)) {
            map.programs.push(name.clone().into_owned());
            map.beside.extend(&program.map_ids);
        }
    }
    Ok(maps)
}

/// Every loaded program, with the maps it uses.
fn programs() -> ProgInfoIter {
    ProgInfoIter::with_query_opts(ProgInfoQueryOptions::default().include_map_ids(true))
}

fn by_id(id: u32) -> libbpf_rs::Result<HeapMap> {
    Ok(HeapMap::new(id, MapHandle::from_map_id(id)?))
}

fn checked(map: HeapMap, what: String) -> Result<HeapMap, Error> {
    match map.has_heaps() {
        true => Ok(map),
        false => Err(Error::NotAHeap {
            what,
            name: map.handle.name().to_string_lossy().into_owned(),
        }),
    }
}

/// The heap maps among the descriptors of a process. The kernel tells about each in `fdinfo`; a
/// process that keeps only programs open is found through the maps these use.
fn of_process(pid: u32) -> Result<Vec<HeapMap>, Error> {
    let directory = format!("/proc/{pid}/fdinfo");
    let entries = fs::read_dir(&directory).map_err(|error| Error::Absent {
        what: format!("process {pid}"),
        reason: error.to_string(),
    })?;
    let (mut maps, mut opened) = (Vec::new(), Vec::new());
    for entry in entries.filter_map(Result::ok) {
        // A descriptor may be closed by now.
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        for line in text.lines() {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            match (name, value.trim().parse::<u32>()) {
                ("map_id", Ok(id)) => maps.push(id),
                ("prog_id", Ok(id)) => opened.push(id),
                _ => {}
            }
        }
    }
    for program in programs().filter(|program| opened.contains(&program.id)) {
        maps.extend(program.map_ids);
    }
    let opened = maps.into_iter().filter_map(|id| by_id(id).ok());
    Ok(opened.filter(HeapMap::has_heaps).collect())
}

/// The sum of the numbers in a map of counters.
pub fn count(map: &impl MapCore) -> u64 {
    let value = map.lookup(&0_u32.to_ne_bytes(), MapFlags::ANY);
    let value = value.ok().flatten().unwrap_or_default();
    let words = value.chunks_exact(8);
    let words = words.map(|word| word.try_into().expect("eight bytes"));
    words.map(u64::from_ne_bytes).sum()
}

impl HeapMap {
    fn new(id: u32, handle: MapHandle) -> Self {
        Self {
            id,
            programs: Vec::new(),
            beside: Vec::new(),
            handle,
        }
    }

    /// How many loops of the programs that use these heaps ended early, at `can_loop`: 0 too where
    /// their loader did not keep the name of the map that counts them.
    pub fn loops_cut_short(&self) -> u64 {
        self.counted(LOOPS_MAP_NAME)
    }

    /// How many calls of the same programs through pointers found no function; 0 likewise.
    pub fn unknown_functions(&self) -> u64 {
        self.counted(CALLS_MAP_NAME)
    }

    /// The sum of a map of counters beside the heaps.
    fn counted(&self, name: &str) -> u64 {
        // One map for each object, and in it one number for each source linked into it.
        self.beside()
            .filter(|map| map.name() == name)
            .map(|map| count(&map))
            .sum()
    }

    /// The other maps of the programs that use these heaps.
    fn beside(&self) -> impl Iterator<Item = MapHandle> {
        let mut ids = self.beside.clone();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter()
            .filter_map(|id| MapHandle::from_map_id(id).ok())
    }

    /// Whether it is an array of values that heaps can be. The name is free for anybody to use.
    fn has_heaps(&self) -> bool {
        self.handle.name() == MAP_NAME
            && self.handle.map_type() == MapType::Array
            && self.handle.key_size() == 4
            && self.handle.value_size() as usize >= walk::FIXED
    }

    /// Reads the heaps, by number.
    ///
    /// Programs go on meanwhile. A heap that was caught between two steps is read again; one that
    /// stays wrong, or has another layout, is the inner error.
    ///
    /// # Errors
    ///
    /// [`Error::Read`].
    pub fn read(&self) -> Result<Vec<Result<Snapshot, Damage>>, Error> {
        (0..self.handle.max_entries())
            .map(|number| {
                let mut tries = 1;
                loop {
                    match walk::read(&self.heap(number)?) {
                        Err(_) if tries < TRIES => tries += 1,
                        snapshot => return Ok(snapshot),
                    }
                }
            })
            .collect()
    }

    /// Looks behind every block in use, heap by heap; `None` for one without fences, as it was built
    /// without `DYNAMIC_MEMORY_DEBUG` or is not used yet. Nothing is changed, so that a write is found
    /// again by the call that frees the block.
    ///
    /// Programs go on meanwhile. A fence is wrong if it is so while no block of the heap is allocated or
    /// freed or, in a heap where that happens all the time, whenever it is read.
    ///
    /// # Errors
    ///
    /// [`Error::Read`]; of a heap that cannot be understood, the inner error.
    ///
    /// # Complexity
    ///
    /// Three system calls for each block, and a few for each heap.
    pub fn check(&self) -> Result<Vec<Result<Option<Checked>, Damage>>, Error> {
        let mut reader = None;
        (0..self.handle.max_entries())
            .map(|number| self.check_heap(number, &mut reader))
            .collect()
    }

    /// What reads blocks.
    fn reader(&self) -> Result<Reader, Error> {
        let arena = self.beside().find(|map| map.map_type() == MapType::Arena);
        let reader = Reader::new(arena.as_ref().map(|map| map.as_fd()));
        reader.map_err(|errno| {
            let reason = std::io::Error::from_raw_os_error(errno);
            self.failed(format!(
                "no program that reads its blocks can be loaded: {reason}"
            ))
        })
    }

    fn check_heap(
        &self,
        number: u32,
        reader: &mut Option<Reader>,
    ) -> Result<Result<Option<Checked>, Damage>, Error> {
        let (mut wrong, mut blocks): (Option<BTreeSet<(Fence, u64)>>, _) = (None, 0);
        let mut damage = None;
        for _ in 0..TRIES {
            let before = match walk::fences(&self.heap(number)?) {
                Ok(Some(fences)) => fences,
                Ok(None) => return Ok(Ok(None)),
                Err(reason) => {
                    damage = Some(reason);
                    continue;
                }
            };
            let reader = match &reader {
                Some(reader) => reader,
                None => reader.insert(self.reader()?),
            };
            let mut found = BTreeSet::new();
            for fence in &before.fences {
                let word = reader.word(fence.address(), before.in_arena);
                let word = word.ok_or_else(|| {
                    self.failed(format!("nothing is at {:#x}, a block of it", fence.block))
                })?;
                if word != Fence::WHOLE {
                    found.insert((*fence, word));
                }
            }
            let Ok(Some(after)) = walk::fences(&self.heap(number)?) else {
                continue;
            };
            found.retain(|(fence, _)| after.fences.binary_search(fence).is_ok());
            blocks = before.fences.len();
            if before.activity == after.activity {
                wrong = Some(found);
                break;
            }
            if let Some(wrong) = &wrong {
                found.retain(|one| wrong.contains(one));
            }
            wrong = Some(found);
        }
        let (Some(wrong), Some(reader)) = (wrong, &reader) else {
            return Ok(damage.map_or(Ok(None), Err));
        };
        let overflows = wrong.into_iter().map(|(fence, _)| Overflow {
            address: fence.block,
            size: fence.size,
            allocated: SourceLine {
                file: reader.name(fence.file).unwrap_or_default(),
                line: fence.line,
            },
        });
        Ok(Ok(Some(Checked {
            blocks,
            overflows: overflows.collect(),
        })))
    }

    /// The bytes of a heap.
    fn heap(&self, number: u32) -> Result<Vec<u8>, Error> {
        self.handle
            .lookup(&number.to_ne_bytes(), MapFlags::ANY)
            .map_err(|error| self.failed(error.to_string()))?
            .ok_or_else(|| self.failed(format!("it has no value {number}")))
    }

    fn failed(&self, reason: String) -> Error {
        Error::Read {
            map: self.id,
            reason,
        }
    }
}

/// What was found behind the blocks of a heap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Blocks in use that were looked behind.
    pub blocks: usize,
    /// Those behind which something was written, by address.
    pub overflows: Vec<Overflow>,
}
