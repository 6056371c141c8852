//! A line on the terminal that tells how far a run has got.

use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::run::progress::{Progress, Step};

/// Runs that last shorter show no line: it would only flicker.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the line is drawn. A reader wants to see that it moves, not each file.
const EVERY: Duration = Duration::from_millis(100);
/// Columns of the bar itself. With what stands around it the line fits on any terminal.
const COLUMNS: usize = 30;

/// Back to the start of the line, and nothing on it.
const CLEAR: &[u8] = b"\r\x1b[K";

/// The line. Whoever writes to the terminal clears it first.
#[derive(Debug)]
pub struct Line {
    wanted: bool,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    drawn: bool,
    over: bool,
}

impl Line {
    /// A line that is drawn if it is `wanted`: on a terminal, and where the user did not ask for
    /// silence.
    pub fn new(wanted: bool) -> Self {
        Self {
            wanted,
            state: Mutex::default(),
            wake: Condvar::new(),
        }
    }

    /// Draws the line while something runs.
    pub fn during<R>(&self, progress: &Progress, run: impl FnOnce() -> R) -> R {
        if !self.wanted {
            return run();
        }
        self.state().over = false;
        thread::scope(|scope| {
            scope.spawn(|| self.watch(progress));
            // Also when `run` panics: the scope waits for the thread.
            let _end = End(self);
            run()
        })
    }

    /// Takes the line off the terminal, up to when it is drawn again.
    pub fn clear(&self) {
        if self.wanted {
            erase(&mut self.state());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self, progress: &Progress) {
        let mut state = self.state();
        let mut wait = PATIENCE;
        while !state.over {
            let waited = self.wake.wait_timeout(state, wait);
            let (held, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = held;
            if timeout.timed_out() && !state.over {
                let (step, done, of) = progress.now();
                // A terminal that is gone needs no line.
                let text = [CLEAR, text(step, done, of).as_bytes()].concat();
                state.drawn = io::stderr().write_all(&text).is_ok();
                wait = EVERY;
            }
        }
        erase(&mut state);
    }
}

struct End<'a>(&'a Line);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.state().over = true;
        self.0.wake.notify_all();
    }
}

fn erase(state: &mut State) {
    if std::mem::take(&mut state.drawn) {
        let _ = io::stderr().write_all(CLEAR);
    }
}

fn text(step: Step, done: usize, of: usize) -> String {
    let what = match step {
        Step::Looking => "reading ",
        Step::Planning => "planning",
    };
    let filled = (done * COLUMNS).checked_div(of).unwrap_or(0).min(COLUMNS);
    let bar = "=".repeat(filled);
    format!("{what} [{bar:<COLUMNS$}] {done} of {of} files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        let bars =
            [(0, 0), (0, 9), (3, 9), (9, 9)].map(|(done, of)| text(Step::Planning, done, of));
        let filled = bars.each_ref().map(|bar| bar.matches('=').count());
        assert_eq!(filled, [0, 0, 10, 30]);
        assert!(bars.iter().all(|bar| bar.len() < 79));
        assert!(bars[2].ends_with("] 3 of 9 files"));
    }

    #[test]
    fn a_run_that_panics_ends_the_line() {
        let line = Line::new(true);
        let progress = Progress::default();
        let run = || line.during(&progress, || panic!("as it should"));
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        assert!(result.is_err() && line.state().over);
    }
}
