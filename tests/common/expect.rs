//! Programs that carry the verdict they expect in comments at their top:
//!
//! ```c
//! // verdict: accepted | refused | does not compile
//! // kind: the name of the kind of refusal
//! // line: the source line to blame, without indentation
//! // kernel: 5.18 (older ones lack something the program needs)
//! // before: 6.19 (from there on the verdict may be another)
//! // clang: 19 (older ones do, too)
//! // return: 2 (of a test run on the sample packet)
//! // emulated: no, and why (left out in virtual machines)
//! // run: fill(7) 1, sum 7 (instead of return: each run, the first word of its context, its value)
//! // backend: map | arena (of programs that are rewritten first)
//! // header: uthash.h (of /usr/include, to be copied next to the program)
//! ```
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A program and what is expected of it.
pub struct Case {
    pub name: String,
    pub path: PathBuf,
    pub text: String,
    tags: BTreeMap<String, String>,
}

impl Case {
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.get(name).map(String::as_str)
    }

    /// Whether a clang is new enough, by its major version.
    pub fn compiles_with(&self, clang: u32) -> bool {
        self.tag("clang").is_none_or(|oldest| {
            let oldest: u32 = oldest.parse().expect("a major version");
            clang >= oldest
        })
    }

    /// Whether a kernel is new enough, by its release (`6.12.117+deb12-cloud-amd64`).
    pub fn runs_on(&self, release: &str) -> bool {
        self.tag("kernel")
            .is_none_or(|oldest| version(release) >= version(oldest))
            && self
                .tag("before")
                .is_none_or(|later| version(release) < version(later))
    }
}

/// Major and minor number of a kernel release.
pub fn version(release: &str) -> (u32, u32) {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|digits| digits.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The programs of a directory below `fixtures/kernel`, by name.
pub fn cases(directory: &str) -> Vec<Case> {
    cases_in(&format!("kernel/{directory}"))
}

/// The programs of a directory below `fixtures`, by name.
pub fn cases_in(directory: &str) -> Vec<Case> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(directory);
    let mut cases: Vec<_> = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(".bpf.c"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("UTF-8");
            let tags: BTreeMap<_, _> = text
                .lines()
                .map_while(|line| line.strip_prefix("// "))
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let file = path.file_name().expect("a name").to_string_lossy();
            let name = file.trim_end_matches(".bpf.c").to_owned();
            assert!(tags.contains_key("verdict"), "{name} expects no verdict");
            Case {
                name,
                path,
                text,
                tags,
            }
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!cases.is_empty(), "no programs in {}", directory.display());
    cases
}
