//! What fails today, with its cause: `expected-failures` beside this file.
//!
//! A line is `SUITE NAME CAUSE`. What fails and has no line makes the test fail. What has a line and
//! passes is told on standard error: then the line can go. `JUDGE_BLESS=1` writes the lines of the
//! names that were judged anew, `JUDGE_BLESS=shrink` only takes out those that pass.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

use crate::toolchain::root;

/// Tests of one process write the file one after the other.
static FILE: Mutex<()> = Mutex::new(());

fn path() -> PathBuf {
    root().join("tests/judge/expected-failures")
}

/// The lines by suite and name; comments stay at the top.
fn read() -> (String, BTreeMap<(String, String), String>) {
    let text = fs::read_to_string(path()).unwrap_or_default();
    let comments: String = text
        .lines()
        .take_while(|line| line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            let key = (words.next()?.to_owned(), words.next()?.to_owned());
            Some((key, words.next().unwrap_or_default().to_owned()))
        })
        .collect();
    (comments, lines)
}

/// One line of a complaint: what it is listed with.
fn cause(complaint: &str) -> String {
    let line = complaint.lines().find(|line| !line.trim().is_empty());
    // Directories are other ones each time.
    let words = line.unwrap_or("fails").trim().split(' ');
    let words = words.map(|word| match word.strip_prefix('/') {
        Some(path) => path.rsplit('/').next().unwrap_or(path),
        None => word,
    });
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().take(160).collect()
}

/// Compares what was found with what is expected.
///
/// # Panics
///
/// If something failed that is not listed.
pub fn compare(suite: &str, found: &[(String, Result<(), String>)]) {
    let (comments, mut lines) = {
        let _file = FILE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        read()
    };
    let key = |name: &str| (suite.to_owned(), name.to_owned());
    let bless = std::env::var("JUDGE_BLESS").unwrap_or_default();
    if !bless.is_empty() {
        let _file = FILE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        (_, lines) = read();
        for (name, result) in found {
            match result {
                Ok(()) => drop(lines.remove(&key(name))),
                Err(complaint) if bless != "shrink" => {
                    lines.insert(key(name), cause(complaint));
                }
                Err(_) => {}
            }
        }
        let text: String = lines
            .iter()
            .map(|((suite, name), cause)| format!("{suite} {name} {cause}\n"))
            .collect();
        fs::write(path(), comments + &text).expect("the list can be written");
    }
    let mut unexpected = Vec::new();
    let mut passes = Vec::new();
    let mut failed = 0;
    for (name, result) in found {
        match (result, lines.contains_key(&key(name))) {
            (Ok(()), true) => passes.push(name.as_str()),
            (Err(complaint), listed) => {
                failed += 1;
                if !listed {
                    unexpected.push(format!("{name}: {complaint}"));
                }
            }
            (Ok(()), false) => {}
        }
    }
    let mut told = format!(
        "{suite}: {} of {} pass\n",
        found.len() - failed,
        found.len()
    );
    if !passes.is_empty() {
        told.push_str(&format!(
            "{suite}: UNEXPECTED PASS of {}; JUDGE_BLESS=shrink takes the lines out of \
             tests/judge/expected-failures\n",
            passes.join(", ")
        ));
    }
    let _ = std::io::stderr().write_all(told.as_bytes());
    if unexpected.is_empty() {
        return;
    }
    // Of many, the causes are worth more than the words.
    let mut causes: BTreeMap<String, usize> = BTreeMap::new();
    for complaint in &unexpected {
        let text = complaint.split_once(": ").map_or("", |(_, text)| text);
        *causes.entry(cause(text)).or_default() += 1;
    }
    let causes: Vec<_> = causes
        .iter()
        .map(|(cause, n)| format!("{n:6} {cause}"))
        .collect();
    panic!(
        "{suite}: {} of {} fail without being listed in tests/judge/expected-failures:\n{}\n{}",
        unexpected.len(),
        found.len(),
        unexpected[..unexpected.len().min(20)].join("\n"),
        causes.join("\n")
    );
}
