//! How a function leaves where an allocation failed: [`OnNull::Auto`](super::super::OnNull::Auto)
//! says in which order, and lists the verdicts.
//!
//! A name stands for the number only where the file can see it; else the number is written, with
//! the name in a comment.

use super::super::ast::{Stmt, StmtKind};
use super::head::{Head, Returns};
use super::place;
use super::unit::Files;

/// A verdict: its name, its number, and the headers that define the name.
struct Verdict {
    name: &'static str,
    number: &'static str,
    headers: &'static [&'static str],
}

const fn verdict(
    name: &'static str,
    number: &'static str,
    headers: &'static [&'static str],
) -> Verdict {
    Verdict {
        name,
        number,
        headers,
    }
}

/// `vmlinux.h` holds enumerators, but no macros: `TC_ACT_SHOT` and `NF_DROP` are macros.
const EVERYWHERE: &[&str] = &["linux/bpf.h", "vmlinux.h"];

fn by_section(section: &str) -> Option<Verdict> {
    let section = section.trim_start_matches('?');
    let is = |kind: &str| {
        section.strip_prefix(kind).is_some_and(|rest| {
            rest.is_empty()
                || rest.starts_with(['/', '.', '_', ':'])
                || rest.starts_with(char::is_numeric)
        })
    };
    let any = |kinds: &[&str]| kinds.iter().any(|kind| is(kind));
    let plain = |number| Some(verdict("", number, &[]));
    if is("xdp") {
        return Some(verdict("XDP_ABORTED", "0", EVERYWHERE));
    }
    if any(&["tc", "tcx", "classifier", "action"]) {
        return Some(verdict("TC_ACT_SHOT", "2", &["linux/pkt_cls.h"]));
    }
    if is("netkit") {
        return Some(verdict(
            "NETKIT_DROP",
            "2",
            &["linux/if_link.h", "vmlinux.h"],
        ));
    }
    if any(&["sk_skb", "sk_msg", "sk_lookup", "sk_reuseport"]) {
        return Some(verdict("SK_DROP", "0", EVERYWHERE));
    }
    if is("flow_dissector") || section.starts_with("lwt_") {
        return Some(verdict("BPF_DROP", "2", EVERYWHERE));
    }
    if is("netfilter") {
        return Some(verdict("NF_DROP", "0", &["linux/netfilter.h"]));
    }
    let must_allow = ["cgroup/recvmsg", "cgroup/getpeername", "cgroup/getsockname"];
    if must_allow.iter().any(|kind| section.starts_with(kind)) {
        return plain("1");
    }
    if any(&["socket", "cgroup", "cgroup_skb", "sockops", "lsm_cgroup"]) {
        return plain("0");
    }
    if any(&["lsm", "fmod_ret", "syscall"]) {
        return plain("-ENOMEM");
    }
    let observers = [
        "kprobe",
        "kretprobe",
        "uprobe",
        "uretprobe",
        "usdt",
        "ksyscall",
        "kretsyscall",
        "tp",
        "tracepoint",
        "raw_tp",
        "raw_tracepoint",
        "tp_btf",
        "fentry",
        "fexit",
        "perf_event",
        "iter",
    ];
    if any(&observers) {
        return plain("0");
    }
    None
}

/// The statement that leaves the function, semicolon included.
pub fn leave(files: &Files, head: &Head, body: &Stmt, wanted: Option<&str>) -> String {
    let nothing = head.returns == Returns::Hidden && !returns_value(body);
    if head.returns == Returns::Void || nothing {
        return "return;".into();
    }
    if let Some(wanted) = wanted {
        return format!("return {wanted};");
    }
    let number = matches!(
        head.returns,
        Returns::Signed | Returns::Unsigned | Returns::Value(_) | Returns::Hidden
    );
    if let Some(verdict) = head.section.as_deref().and_then(by_section)
        && number
    {
        if verdict.name.is_empty() {
            return format!("return {};", verdict.number);
        }
        if sees(files, &verdict) {
            return format!("return {};", verdict.name);
        }
        return format!("return {} /* {} */;", verdict.number, verdict.name);
    }
    match &head.returns {
        Returns::Void => "return;".into(),
        Returns::Pointer => "return NULL;".into(),
        Returns::Bool if knows_false(files) => "return false;".into(),
        Returns::Bool => "return 0;".into(),
        Returns::Signed | Returns::Hidden => "return -ENOMEM;".into(),
        Returns::Unsigned | Returns::Float => "return 0;".into(),
        Returns::Value(name) => format!("return ({name}){{0}};"),
    }
}

/// Whether some statement returns a value.
fn returns_value(stmt: &Stmt) -> bool {
    matches!(stmt.kind, StmtKind::Return(Some(_)))
        || place::children(stmt).into_iter().any(returns_value)
}

/// Whether `false` is a name in this file.
fn knows_false(files: &Files) -> bool {
    let headers = &["stdbool.h", "vmlinux.h"];
    sees(files, &verdict("false", "0", headers)) || sees(files, &verdict("true", "1", headers))
}

/// Whether the file can use the name: it does so already, or includes a header that has it.
fn sees(files: &Files, verdict: &Verdict) -> bool {
    let source = files.get(0).lexed.source;
    if memchr::memmem::find(source, verdict.name.as_bytes()).is_some() {
        return true;
    }
    (0..files.len()).any(|file| {
        super::super::headers::includes(files.get(file).lexed)
            .iter()
            .any(|(name, _)| verdict.headers.iter().any(|header| name.ends_with(header)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_have_verdicts() {
        let name = |section| by_section(section).map(|v| (v.name, v.number));
        assert_eq!(name("xdp.frags/devmap"), Some(("XDP_ABORTED", "0")));
        assert_eq!(name("tcx/ingress"), Some(("TC_ACT_SHOT", "2")));
        assert_eq!(name("sk_lookup"), Some(("SK_DROP", "0")));
        assert_eq!(name("cgroup/recvmsg4"), Some(("", "1")));
        assert_eq!(name("cgroup/connect4"), Some(("", "0")));
        assert_eq!(name("lsm_cgroup/socket_bind"), Some(("", "0")));
        assert_eq!(name("lsm.s/file_open"), Some(("", "-ENOMEM")));
        assert_eq!(name("?tp_btf/sched_switch"), Some(("", "0")));
        assert_eq!(name("struct_ops/init"), None);
        assert_eq!(name("tcp_custom"), None);
    }
}
