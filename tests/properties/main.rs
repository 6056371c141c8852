//! What holds for any input of the rewriter, however broken.
//!
//! With `FUZZ_SECONDS` each property gets new inputs until it has used so many seconds of the
//! processor, as in `make fuzz`; with `FUZZ_SEED` those of this seed, then of the next. Promises for C
//! count then only where a compiler takes the input.

#[cfg(feature = "cli")]
#[path = "../common/cc.rs"]
mod cc;
mod compiler;
#[path = "../../src/c/cpp/tests/cpu.rs"]
mod cpu;
#[cfg(feature = "cli")]
mod directories;
#[cfg(feature = "cli")]
mod files;
mod generate;
#[cfg(feature = "cli")]
#[path = "../common/heap.rs"]
#[allow(dead_code)]
mod heap;
mod hostile;
mod invariants;
mod sites;

use std::time::UNIX_EPOCH;

use compiler::Source;
use invariants::check;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};

/// Inputs per property in a plain test run, and per seed in a long one.
const CASES: u32 = 300;

/// Runs a check on many inputs; on one in `share` of the usual number where they take long.
fn run<S: Strategy>(
    share: u32,
    strategy: &S,
    check: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let Some(seconds) = number("FUZZ_SECONDS") else {
        // A plain test run is the same every time; a long one looks for what nobody has seen.
        let fixed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        return batch(share, fixed, strategy, &check).unwrap_or_else(|error| panic!("{error}"));
    };
    let first = number("FUZZ_SEED").unwrap_or_else(|| {
        let since = UNIX_EPOCH.elapsed().expect("a time after 1970");
        since.as_secs()
    });
    // Runs over directories have threads of their own.
    let used = || cpu::seconds_in("/proc/self/stat");
    let (begin, mut seed) = (used(), first);
    loop {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        if let Err(error) = batch(share, random, strategy, &check) {
            panic!("FUZZ_SEED={seed} FUZZ_SECONDS=0 shows it again: {error}");
        }
        if used() - begin >= seconds as f64 {
            break;
        }
        seed += 1;
    }
    let inputs = (seed - first + 1) * u64::from(CASES.div_ceil(share));
    let dismissed = compiler::dismissed();
    eprintln!(
        "{inputs} inputs, seeds {first} to {seed}; {dismissed} that no compiler takes broke a promise"
    );
}

/// Runs a check on the inputs that `random` gives.
fn batch<S: Strategy>(
    share: u32,
    random: TestRng,
    strategy: &S,
    check: &impl Fn(S::Value) -> Result<(), TestCaseError>,
) -> Result<(), TestError<S::Value>> {
    let config = ProptestConfig {
        cases: CASES.div_ceil(share),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    };
    TestRunner::new_with_rng(config, random).run(strategy, check)
}

#[test]
fn any_bytes() {
    run(1, &prop::collection::vec(any::<u8>(), 0..800), |source| {
        check(&source.into())
    });
}

#[test]
fn soup_of_tokens() {
    run(1, &generate::soup(), |source| check(&source));
}

#[test]
fn programs() {
    run(4, &generate::program(), |source| check(&source));
}

#[test]
fn programs_with_other_line_endings() {
    let endings = prop::sample::select(vec!["\r\n", "\r"]);
    run(4, &(generate::program(), endings), |(source, ending)| {
        let text = String::from_utf8(source.text).expect("programs are text");
        check(&text.replace('\n', ending).into_bytes().into())
    });
}

#[test]
fn mutated_fixtures() {
    run(1, &generate::mutated(), |source| check(&source));
}

#[test]
fn fixtures_as_they_are() {
    for (path, source) in generate::fixtures() {
        if let Err(error) = check(&source) {
            panic!("{}: {error}\n{source:?}", path.display());
        }
    }
}

#[test]
fn calls_in_the_tree_are_the_sites_of_fixtures() {
    let fixtures = generate::fixtures();
    assert!(fixtures.len() > 100);
    let mut sources: Vec<Source> = fixtures.into_iter().map(|(_, source)| source).collect();
    let in_macro = "#define GET(n) malloc(n)\nvoid *f(void) { return GET(4); }\n";
    sources.push(in_macro.as_bytes().to_vec().into());
    let mut compared = 0;
    for source in sources {
        match sites::check(&source) {
            Ok(count) => compared += count,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(compared > 500, "only {compared} compared");
}

#[test]
fn calls_in_the_tree_are_the_sites_of_programs() {
    run(1, &generate::program(), |source| {
        sites::check(&source).map(drop)
    });
}

#[test]
fn calls_in_the_tree_are_the_sites_of_mutated_fixtures() {
    run(1, &generate::mutated(), |source| {
        sites::check(&source).map(drop)
    });
}
