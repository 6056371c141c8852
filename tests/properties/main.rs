//! What holds for any input of the rewriter, however broken.
//!
//! `PROPTEST_CASES` sets how many inputs each property gets; `make fuzz` runs many.

#[path = "../../src/c/cpp/tests/cpu.rs"]
mod cpu;
#[cfg(feature = "cli")]
mod files;
mod generate;
mod hostile;
mod invariants;
mod sites;

use invariants::check;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

/// Inputs per property in a plain test run.
const CASES: u32 = 300;

/// Runs a check on many inputs; on one in `share` of the usual number where they take long.
fn run<S: Strategy>(
    share: u32,
    strategy: &S,
    check: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let mut config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 500,
        ..ProptestConfig::default()
    };
    let fuzz = std::env::var_os("PROPTEST_CASES").is_some();
    if !fuzz {
        config.cases = CASES;
    }
    config.cases = config.cases.div_ceil(share);
    let cases = config.cases;
    // A plain test run is the same every time; a long one looks for what nobody has seen.
    let mut runner = match fuzz {
        true => TestRunner::new(config),
        false => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    match runner.run(strategy, check) {
        Ok(()) => eprintln!("{cases} inputs"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn any_bytes() {
    run(1, &prop::collection::vec(any::<u8>(), 0..800), |source| {
        check(&source)
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
        let text = String::from_utf8(source).expect("programs are text");
        check(text.replace('\n', ending).as_bytes())
    });
}

#[test]
fn mutated_fixtures() {
    run(1, &generate::mutated(generate::fixtures()), |source| {
        check(&source)
    });
}

#[test]
fn fixtures_as_they_are() {
    for source in generate::fixtures() {
        if let Err(error) = check(&source) {
            panic!("{error}\n{}", String::from_utf8_lossy(&source));
        }
    }
}

#[test]
fn calls_in_the_tree_are_the_sites_of_fixtures() {
    let mut fixtures = generate::fixtures();
    assert!(fixtures.len() > 100);
    fixtures.push(b"#define GET(n) malloc(n)\nvoid *f(void) { return GET(4); }\n".to_vec());
    let mut compared = 0;
    for source in fixtures {
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
    run(1, &generate::mutated(generate::fixtures()), |source| {
        sites::check(&source).map(drop)
    });
}
