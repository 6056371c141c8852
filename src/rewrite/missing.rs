//! Headers that were not found: one cause of much that cannot be read.

use std::path::Path;

use super::plan::{Notice, Rule};
use super::preprocess::preprocess;
use super::project::Project;
use crate::c::cpp::Unit;

/// How many headers a message names.
const NAMED: usize = 3;

/// The headers that were not found, each once.
fn missing(unit: &Unit) -> Vec<&str> {
    let mut names = Vec::new();
    for problem in &unit.problems {
        let name = problem.message.strip_suffix("' file not found");
        if let Some(name) = name.and_then(|name| name.strip_prefix('\''))
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// What to do about a header that is missing.
pub fn remedy(name: &str) -> &'static str {
    match name.ends_with("vmlinux.h") {
        true => {
            "make it: bpftool btf dump file /sys/kernel/btf/vmlinux format c >vmlinux.h; and name \
             its directory with -I"
        }
        false => "name the directory that holds it with -I, or install its package",
    }
}

/// Where headers are missing, one notice that names them instead of one for each place that could not
/// be read.
pub(super) fn named(
    path: &Path,
    source: &[u8],
    project: &dyn Project,
    notices: &mut Vec<Notice>,
    more: &mut Vec<Notice>,
) {
    if !project.has_headers() {
        return;
    }
    let unread = |notice: &Notice| notice.rule == Rule::Unparsed;
    let all = notices.iter().chain(&*more).filter(|n| unread(n));
    let places = all.clone().count();
    let Some(first) = all.min_by_key(|notice| notice.span).cloned() else {
        return;
    };
    let unit = preprocess(path, source, project);
    let missing = missing(&unit);
    let Some(header) = missing.first() else {
        return;
    };
    let names = &missing[..missing.len().min(NAMED)];
    let rest = match missing.len() - names.len() {
        0 => String::new(),
        rest => format!(" and {rest} more"),
    };
    let verb = if missing.len() == 1 { "was" } else { "were" };
    let noun = if places == 1 { "place" } else { "places" };
    notices.retain(|notice| !unread(notice));
    more.retain(|notice| !unread(notice));
    notices.push(Notice {
        message: format!(
            "{}{rest} {verb} not found, and {places} {noun} from here on could not be read",
            names.join(", ")
        ),
        help: Some(remedy(header).into()),
        ..first
    });
}
