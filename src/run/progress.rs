//! How far a run has got, for somebody who waits for it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What a run does with its files, one step after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It finds out what they have to know of each other.
    Looking,
    /// It plans their rewrites.
    Planning,
}

/// How far a run has got. Threads that work count, another one may look.
#[derive(Debug, Default)]
pub struct Progress {
    planning: AtomicBool,
    done: AtomicUsize,
    of: AtomicUsize,
}

impl Progress {
    /// A step over so many files begins.
    pub fn begin(&self, step: Step, files: usize) {
        self.planning
            .store(step == Step::Planning, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
        self.of.store(files, Ordering::Relaxed);
    }

    /// So many more files have been found.
    pub fn found(&self, files: usize) {
        self.of.fetch_add(files, Ordering::Relaxed);
    }

    /// So many more files are done.
    pub fn advance(&self, files: usize) {
        self.done.fetch_add(files, Ordering::Relaxed);
    }

    /// The step, how many files are done, and of how many. The three are read one after the
    /// other: at the border of two steps they may not fit, for a moment.
    pub fn now(&self) -> (Step, usize, usize) {
        let step = match self.planning.load(Ordering::Relaxed) {
            true => Step::Planning,
            false => Step::Looking,
        };
        let of = self.of.load(Ordering::Relaxed);
        (step, self.done.load(Ordering::Relaxed).min(of), of)
    }
}
