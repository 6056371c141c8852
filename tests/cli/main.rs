//! The real command, on real files.

mod common;
mod diffs;
mod example;
mod files;
mod output;
mod project;
mod reports;
mod settings;
mod usage;
