//! stdout and stderr.

use std::env;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::sync::Arc;

use super::args::Color;
use super::progress::Line;
use crate::report::Reporter;
use crate::run::Fault;

/// Where reports and results go. Of a reader that has gone away nothing is said, but what follows is
/// lost, and the exit code tells that.
pub struct Console {
    out: BufWriter<io::Stdout>,
    closed: bool,
    /// What is on the terminal while a run lasts, and goes before anything is written.
    line: Arc<Line>,
    /// Colours on stdout.
    pub out_color: bool,
    /// Colours on stderr.
    pub err_color: bool,
}

impl Console {
    /// With colours as the user wants them.
    pub fn new(color: Color) -> Self {
        let wanted = |terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let set =
                    |name| env::var_os(name).is_some_and(|v: std::ffi::OsString| !v.is_empty());
                let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
                terminal && !set("NO_COLOR") && !dumb
            }
        };
        Self {
            out: BufWriter::with_capacity(1 << 16, io::stdout()),
            closed: false,
            line: Arc::new(Line::new(false)),
            out_color: wanted(io::stdout().is_terminal()),
            err_color: wanted(io::stderr().is_terminal()),
        }
    }

    /// A line that tells how far a run has got, if there is a terminal to show it on.
    pub fn line(&mut self) -> Arc<Line> {
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        self.line = Arc::new(Line::new(io::stderr().is_terminal() && !dumb));
        Arc::clone(&self.line)
    }

    /// Nobody reads stdout any more.
    pub fn closed(&self) -> bool {
        self.closed
    }

    /// Whether something that was written to stdout reached nobody.
    pub fn lost(&mut self) -> bool {
        let _ = self.flush();
        self.closed
    }

    /// Writes to stdout.
    pub fn out(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.line.clear();
        let result = self.out.write_all(bytes);
        self.settle(result)
    }

    /// Writes out what is still held back.
    pub fn flush(&mut self) -> Result<(), Fault> {
        self.line.clear();
        let result = self.out.flush();
        self.settle(result)
    }

    fn settle(&mut self, result: io::Result<()>) -> Result<(), Fault> {
        match result {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe || self.closed => {
                self.closed = true;
                Ok(())
            }
            Err(error) => {
                self.closed = true;
                Err(Fault::new(
                    "stdout",
                    format!("cannot write to stdout: {error}"),
                    "check where the output goes",
                ))
            }
        }
    }

    /// Writes to stderr. If that fails there is nobody to tell.
    pub fn err(&mut self, bytes: &[u8]) {
        self.line.clear();
        let _ = io::stderr().write_all(bytes);
    }

    /// Tells about a fault on stderr.
    pub fn fault(&mut self, fault: &Fault) {
        let text = Reporter::fault(fault, self.err_color);
        self.err(text.as_bytes());
    }
}
