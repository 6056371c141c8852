//! Arguments of `stats`.

use std::path::PathBuf;

use clap::Args;

/// The help text behind the options.
pub const EXAMPLES: &str = "\
Examples:
  bpf-malloc stats                         every heap of every loaded object
  bpf-malloc stats --pid $(pidof loader) --watch
  bpf-malloc stats --map-id 42 --svg heap.svg
  bpf-malloc stats --check                 what was written behind blocks in use

Blocks by source line (what leaks) are known for programs built with -DDYNAMIC_MEMORY_DEBUG, and so is
what stands behind their blocks.

Exit codes:
  0  read
  1  with --check: something was written behind a block in use
  2  there is no such heap, it has another layout, or this process may not read it";

/// Arguments of `stats`.
#[derive(Args, Debug)]
pub struct Stats {
    /// Only heaps that this process holds open.
    #[arg(long, value_name = "PID", conflicts_with_all = ["map_id", "pin"])]
    pub pid: Option<u32>,
    /// The heap map with this id, as `bpftool map list` shows it.
    #[arg(long, value_name = "ID", conflicts_with = "pin")]
    pub map_id: Option<u32>,
    /// The heap map pinned at this path.
    #[arg(long, value_name = "PATH")]
    pub pin: Option<PathBuf>,
    /// Read again every SECONDS until interrupted.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1",
          value_parser = seconds)]
    pub watch: Option<f64>,
    /// Look behind every block in use for what a program wrote there; of programs built with
    /// -DDYNAMIC_MEMORY_DEBUG.
    #[arg(long)]
    pub check: bool,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Also draw the occupancy of every heap into FILE.
    #[arg(long, value_name = "FILE", conflicts_with = "watch")]
    pub svg: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("give seconds, from 0.1 to 86400".to_owned()),
    }
}
