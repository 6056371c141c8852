//! The header with other sizes than its defaults, checked against the limits of the kernels.

use std::fmt;

use super::HEADER;
use super::layout::DYNMEM_LIST_SHIFT;
use super::limits::*;

const _: () = assert!(MOST_GRANULES == 1 << DYNMEM_LIST_SHIFT);

/// A release of Linux, as far as the limits of maps depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelVersion {
    /// The 6 of 6.1.
    pub major: u32,
    /// The 1 of 6.1.
    pub minor: u32,
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What to change in the header; `None` keeps the default and leaves the macro to the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Bytes of a heap's pool: 1 KiB to 256 MiB, a multiple of the granule. `POOL_SIZE` in C.
    pub pool_size: Option<u64>,
    /// Number of heaps: a power of two, 1 to 64. `DYNAMIC_MEMORY_HEAPS` in C.
    pub heaps: Option<u32>,
    /// Bytes a block's size and alignment are rounded up to: a power of two, 16 to 4096.
    /// `DYNAMIC_MEMORY_GRANULE` in C.
    pub granule: Option<u32>,
    /// Bytes behind a pool that make accesses to blocks of variable size provable: a multiple of
    /// 4096. `DYNAMIC_MEMORY_GUARD` in C.
    pub guard: Option<u64>,
    /// Use `bpf_spin_lock`, for Linux before 5.17. `DYNAMIC_MEMORY_SPIN_LOCK` in C.
    pub spin_lock: bool,
    /// Have the pools in a BPF arena, for pointers that are stored and followed later; Linux 6.9.
    /// `DYNAMIC_MEMORY_ARENA` in C.
    pub arena: bool,
    /// Record the source line of each block, poison freed memory, fill new memory.
    /// `DYNAMIC_MEMORY_DEBUG` in C.
    pub debug: bool,
    /// The oldest kernel the header is for; `None` means 6.1, in an arena 6.9. Only limits are checked with it.
    pub min_kernel: Option<KernelVersion>,
}

/// Why a combination of overrides cannot work, and what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OverrideError {
    /// A pool outside 1 KiB to 256 MiB.
    PoolSize {
        /// The size asked for, in bytes.
        bytes: u64,
    },
    /// A pool that is no multiple of the granule.
    PoolGranule {
        /// The size asked for, in bytes.
        bytes: u64,
        /// The granule it has to be a multiple of, in bytes.
        granule: u32,
    },
    /// A pool of more granules than the heap's tables can count.
    Granules {
        /// The size asked for, in bytes.
        bytes: u64,
        /// The granule with which it has too many, in bytes.
        granule: u32,
    },
    /// A number of heaps that is not 1, 2, 4, 8, 16, 32 or 64.
    Heaps {
        /// The number asked for.
        heaps: u32,
    },
    /// A granule that is no power of two from 16 to 4096.
    Granule {
        /// The granule asked for, in bytes.
        bytes: u32,
    },
    /// A guard that is zero or no multiple of a page.
    Guard {
        /// The guard asked for, in bytes.
        bytes: u64,
    },
    /// A guard below a 256th of the pool.
    GuardFraction {
        /// The guard asked for, in bytes.
        bytes: u64,
        /// The least that works with this pool, in bytes.
        least: u64,
    },
    /// Pool and guard together reach the verifier's limit for variable offsets (any kernel).
    Offset {
        /// Pool and guard in bytes.
        bytes: u64,
    },
    /// A pool with its guard is larger than a value of an array map may be in that kernel.
    ValueSize {
        /// Pool and guard in bytes.
        bytes: u64,
        /// The kernel whose limit is meant.
        kernel: KernelVersion,
    },
    /// The kernel has no `bpf_loop`, or no atomic exchange either, for BPF programs.
    Atomics {
        /// The kernel whose limit is meant.
        kernel: KernelVersion,
    },
    /// The kernel has no arenas.
    Arena {
        /// The kernel whose limit is meant.
        kernel: KernelVersion,
    },
    /// The pools do not fit into an arena.
    ArenaSize {
        /// All pools in bytes.
        bytes: u64,
    },
    /// The kernel lacks something every build of the header needs.
    Kernel {
        /// The kernel asked for.
        kernel: KernelVersion,
    },
}

impl OverrideError {
    /// What to do about it, in one sentence.
    pub fn help(&self) -> String {
        match self {
            Self::PoolSize { .. } => {
                format!("choose a pool from {LEAST_POOL_SIZE} to {MOST_POOL_SIZE} bytes")
            }
            Self::PoolGranule { bytes, granule } => format!(
                "the next size that works is {}",
                bytes.next_multiple_of(u64::from(*granule))
            ),
            Self::Granules { granule, .. } => {
                format!("use a granule of {} bytes", 2 * granule)
            }
            Self::Heaps { .. } => format!(
                "choose {} heaps; about as many as the machine has CPUs is best",
                powers(1, MOST_HEAPS)
            ),
            Self::Granule { .. } => format!("choose {}", powers(LEAST_GRANULE, MOST_GRANULE)),
            Self::Guard { bytes } => format!(
                "the next guard that works is {}",
                bytes.max(&1).next_multiple_of(PAGE)
            ),
            Self::GuardFraction { least, .. } => {
                format!("use a guard of {least} bytes, or a smaller pool")
            }
            Self::Offset { .. } => "make the pool or the guard smaller".into(),
            Self::ValueSize { .. } => format!(
                "keep pool and guard together within {MOST_VALUE_BEFORE_6_0} bytes, or require \
                 Linux 6.0"
            ),
            Self::Atomics { .. } => "use the build with bpf_spin_lock \
                                     (DYNAMIC_MEMORY_SPIN_LOCK), or require Linux 5.17"
                .into(),
            Self::Arena { .. } => "require Linux 6.9; on older ones linked data needs \
                                   DYNAMIC_MEMORY_LINKED"
                .into(),
            Self::ArenaSize { .. } => "make the pools smaller, or fewer heaps".into(),
            Self::Kernel { .. } => "require Linux 5.10 or later".into(),
        }
    }
}

impl fmt::Display for OverrideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PoolSize { bytes } => {
                write!(
                    f,
                    "a pool of {bytes} bytes is outside of {LEAST_POOL_SIZE} to {MOST_POOL_SIZE}"
                )
            }
            Self::PoolGranule { bytes, granule } => write!(
                f,
                "a pool of {bytes} bytes is not a multiple of the granule of {granule} bytes"
            ),
            Self::Granules { bytes, granule } => write!(
                f,
                "a pool of {bytes} bytes has more than {MOST_GRANULES} granules of {granule} bytes, \
                 the most that the lists of parked blocks can tell apart"
            ),
            Self::Heaps { heaps } => {
                write!(
                    f,
                    "{heaps} heaps: the number must be a power of two up to {MOST_HEAPS}"
                )
            }
            Self::Granule { bytes } => write!(
                f,
                "a granule of {bytes} bytes: it must be a power of two from {LEAST_GRANULE} to \
                 {MOST_GRANULE}"
            ),
            Self::Guard { bytes } => write!(
                f,
                "a guard of {bytes} bytes: it must be a multiple of a page ({PAGE}) and not zero"
            ),
            Self::GuardFraction { bytes, least } => write!(
                f,
                "a guard of {bytes} bytes: with this pool calloc and realloc would copy in more \
                 than {GUARD_PART} pieces, which the verifier of every kernel follows one by \
                 one; {least} bytes are the least"
            ),
            Self::Offset { bytes } => write!(
                f,
                "pool and guard take {bytes} bytes, but the verifier of every kernel refuses \
                 offsets of {VARIABLE_OFFSET_END} bytes and more into a map value"
            ),
            Self::ValueSize { bytes, kernel } => write!(
                f,
                "pool and guard take {bytes} bytes, but Linux {kernel} allows at most \
                 {MOST_VALUE_BEFORE_6_0} bytes in a value of an array map (since 6.0: 2 GiB)"
            ),
            Self::Atomics { kernel } => write!(
                f,
                "Linux {kernel} has no bpf_loop (it came with 5.17; atomic exchange with 5.12)"
            ),
            Self::Arena { kernel } => {
                write!(f, "Linux {kernel} has no arenas (they came with 6.9)")
            }
            Self::ArenaSize { bytes } => write!(
                f,
                "all pools together take {bytes} bytes, but an arena of any kernel has at most \
                 {}, of which {} are for the program's variables",
                MOST_ARENA_PAGES * PAGE,
                ARENA_VARIABLE_PAGES * PAGE
            ),
            Self::Kernel { kernel } => write!(
                f,
                "Linux {kernel} is too old: mappable array maps and global functions need 5.6"
            ),
        }
    }
}

impl std::error::Error for OverrideError {}

/// The header with these overrides written into it as macro definitions.
///
/// A program that defines such a macro itself before the include keeps its own value.
///
/// # Errors
/// The first limit the combination breaks; [`OverrideError::help`] says what to change.
pub fn header(overrides: &Overrides) -> Result<String, OverrideError> {
    check(overrides)?;
    let mut block = String::new();
    let mut define = |name: &str, value: String| {
        block.push_str(&format!("#ifndef {name}\n#define {name}{value}\n#endif\n"));
    };
    if let Some(bytes) = overrides.pool_size {
        define("POOL_SIZE", format!(" {bytes}"));
    }
    if let Some(heaps) = overrides.heaps {
        define("DYNAMIC_MEMORY_HEAPS", format!(" {heaps}"));
    }
    if let Some(bytes) = overrides.granule {
        define("DYNAMIC_MEMORY_GRANULE", format!(" {bytes}"));
    }
    if let Some(bytes) = overrides.guard {
        define("DYNAMIC_MEMORY_GUARD", format!(" {bytes}"));
    }
    if overrides.spin_lock {
        define("DYNAMIC_MEMORY_SPIN_LOCK", String::new());
    }
    if overrides.arena {
        define("DYNAMIC_MEMORY_ARENA", String::new());
    }
    if overrides.debug {
        define("DYNAMIC_MEMORY_DEBUG", String::new());
    }
    if needs_pool_map(overrides) {
        define("DYNAMIC_MEMORY_POOL_MAP", String::new());
    }
    if block.is_empty() {
        return Ok(HEADER.to_owned());
    }
    let guard = "#define DYNAMIC_MEMORY_H\n";
    let at = HEADER
        .find(guard)
        .expect("the header has its include guard")
        + guard.len();
    Ok(format!(
        "{}\n/* Chosen when this copy of the header was written. */\n{block}{}",
        &HEADER[..at],
        &HEADER[at..]
    ))
}

/// The powers of two from one to another, as a choice.
fn powers(least: u32, most: u32) -> String {
    let powers = std::iter::successors(Some(least), |power| power.checked_mul(2));
    let powers: Vec<String> = powers
        .take_while(|power| *power < most)
        .map(|power| power.to_string())
        .collect();
    format!("{} or {most}", powers.join(", "))
}

/// Whether the pools are too large, in a variable, for the oldest kernel that is meant.
fn needs_pool_map(overrides: &Overrides) -> bool {
    let pool = overrides.pool_size.unwrap_or(DEFAULT_POOL_SIZE);
    let least = (pool / GUARD_PART).next_multiple_of(PAGE).max(PAGE);
    let stride = (pool + overrides.guard.unwrap_or(least)).next_multiple_of(PAGE);
    let bytes = stride * u64::from(overrides.heaps.unwrap_or(DEFAULT_HEAPS));
    let before_6_0 = overrides.min_kernel.is_some_and(|kernel| kernel.major < 6);
    before_6_0 && !overrides.arena && bytes > MOST_IN_VARIABLE_BEFORE_6_0
}

fn check(overrides: &Overrides) -> Result<(), OverrideError> {
    let kernel = overrides.min_kernel.unwrap_or(KernelVersion {
        major: 6,
        minor: if overrides.arena { 9 } else { 1 },
    });
    let at_least = |major, minor| kernel >= KernelVersion { major, minor };
    let pool = overrides.pool_size.unwrap_or(DEFAULT_POOL_SIZE);
    let granule = overrides.granule.unwrap_or(if pool < LARGE_POOL_SIZE {
        DEFAULT_GRANULE
    } else {
        LARGE_POOL_GRANULE
    });
    let least = (pool / GUARD_PART).next_multiple_of(PAGE).max(PAGE);
    let guard = overrides.guard.unwrap_or(least);
    let heaps = overrides.heaps.unwrap_or(DEFAULT_HEAPS);

    if !granule.is_power_of_two() || !(LEAST_GRANULE..=MOST_GRANULE).contains(&granule) {
        return Err(OverrideError::Granule { bytes: granule });
    }
    if !(LEAST_POOL_SIZE..=MOST_POOL_SIZE).contains(&pool) {
        return Err(OverrideError::PoolSize { bytes: pool });
    }
    if !pool.is_multiple_of(u64::from(granule)) || pool < 2 * u64::from(granule) {
        return Err(OverrideError::PoolGranule {
            bytes: pool,
            granule,
        });
    }
    if pool / u64::from(granule) > MOST_GRANULES {
        return Err(OverrideError::Granules {
            bytes: pool,
            granule,
        });
    }
    if !heaps.is_power_of_two() || heaps > MOST_HEAPS {
        return Err(OverrideError::Heaps { heaps });
    }
    if guard == 0 || !guard.is_multiple_of(PAGE) {
        return Err(OverrideError::Guard { bytes: guard });
    }
    if guard < least {
        return Err(OverrideError::GuardFraction {
            bytes: guard,
            least,
        });
    }
    let bytes = pool.saturating_add(guard);
    if bytes >= VARIABLE_OFFSET_END {
        return Err(OverrideError::Offset { bytes });
    }
    if !at_least(5, 10) {
        return Err(OverrideError::Kernel { kernel });
    }
    if !at_least(6, 0) && bytes > MOST_VALUE_BEFORE_6_0 - PAGE {
        return Err(OverrideError::ValueSize { bytes, kernel });
    }
    if !at_least(5, 17) && !overrides.spin_lock {
        return Err(OverrideError::Atomics { kernel });
    }
    if overrides.arena {
        if !at_least(6, 9) {
            return Err(OverrideError::Arena { kernel });
        }
        let bytes = pool.next_multiple_of(PAGE) * u64::from(heaps) + PAGE;
        if bytes > (MOST_ARENA_PAGES - ARENA_VARIABLE_PAGES) * PAGE {
            return Err(OverrideError::ArenaSize { bytes });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_override_is_the_committed_header() {
        assert_eq!(header(&Overrides::default()).unwrap(), HEADER);
    }

    #[test]
    fn an_override_stands_before_the_default() {
        let text = header(&Overrides {
            pool_size: Some(4096),
            ..Overrides::default()
        })
        .unwrap();
        let chosen = text.find("#define POOL_SIZE 4096\n").unwrap();
        let default = text.find("#define POOL_SIZE 65536\n").unwrap();
        assert!(chosen < default);
        assert!(!text.contains("DYNAMIC_MEMORY_HEAPS 0"));
    }

    #[test]
    fn each_limit_is_named() {
        let old = Some(KernelVersion {
            major: 5,
            minor: 18,
        });
        let oldest = Some(KernelVersion {
            major: 5,
            minor: 10,
        });
        let none = Overrides::default();
        let cases = [
            (
                Overrides {
                    pool_size: Some(512),
                    ..none
                },
                "1024 to 268435456",
                "1024",
            ),
            (
                Overrides {
                    pool_size: Some(1030),
                    ..none
                },
                "multiple of the granule",
                "1056",
            ),
            (
                Overrides {
                    heaps: Some(3),
                    ..none
                },
                "power of two",
                "CPUs",
            ),
            (
                Overrides {
                    granule: Some(24),
                    ..none
                },
                "power of two",
                "32",
            ),
            (
                Overrides {
                    pool_size: Some(256 << 20),
                    granule: Some(16),
                    ..none
                },
                "8388608 granules",
                "32",
            ),
            (
                Overrides {
                    guard: Some(100),
                    ..none
                },
                "multiple of a page",
                "4096",
            ),
            (
                Overrides {
                    guard: Some(1 << 29),
                    ..none
                },
                "verifier",
                "smaller",
            ),
            (
                Overrides {
                    pool_size: Some(8 << 20),
                    min_kernel: old,
                    ..none
                },
                "Linux 5.18",
                "Linux 6.0",
            ),
            (
                Overrides {
                    arena: true,
                    min_kernel: old,
                    ..none
                },
                "no arenas",
                "6.9",
            ),
            (
                Overrides {
                    arena: true,
                    pool_size: Some(256 << 20),
                    heaps: Some(16),
                    ..none
                },
                "4294967296",
                "smaller",
            ),
            (
                Overrides {
                    min_kernel: oldest,
                    ..none
                },
                "Linux 5.10",
                "bpf_spin_lock",
            ),
            (
                Overrides {
                    min_kernel: Some(KernelVersion {
                        major: 4,
                        minor: 19,
                    }),
                    spin_lock: true,
                    ..none
                },
                "too old",
                "5.10",
            ),
        ];
        for (overrides, message, help) in cases {
            let error = header(&overrides).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            assert!(error.help().contains(help), "{}", error.help());
        }
    }
}
