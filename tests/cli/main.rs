//! The real command, on real files.

mod common;
mod diffs;
mod example;
mod files;
mod links;
mod output;
mod project;
mod reports;
mod settings;
mod usage;
