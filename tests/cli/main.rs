//! The real command, on real files.

mod common;
mod diffs;
mod example;
mod explain;
mod files;
mod included;
mod linked;
mod links;
mod output;
mod project;
mod reports;
#[path = "../common/sarif.rs"]
mod sarif;
mod scope;
mod settings;
mod together;
mod usage;
