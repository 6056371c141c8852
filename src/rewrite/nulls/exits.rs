//! How a function leaves where an allocation failed: [`OnNull::Auto`](super::super::OnNull::Auto)
//! says in which order, and lists the verdicts.
//!
//! A name stands for the number only where the file can see it; else the number is written, with
//! the name in a comment.

use super::Context;
use super::returns::Returns;
use crate::c::syntax::tree::FunctionId;

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
pub fn leave(ctx: &Context, function: FunctionId, wanted: Option<&str>) -> String {
    let returns = ctx.returns(function);
    let value = || ctx.returns_value(ctx.tree()[function].body);
    let nothing = returns == Returns::Hidden && !value();
    if returns == Returns::Void || nothing {
        return "return;".into();
    }
    if let Some(wanted) = wanted.filter(|wanted| fits(wanted, &returns)) {
        return format!("return {wanted};");
    }
    let number = matches!(
        returns,
        Returns::Signed | Returns::Unsigned | Returns::Value(_) | Returns::Hidden
    );
    if let Some(verdict) = ctx.section(function).as_deref().and_then(by_section)
        && number
    {
        if verdict.name.is_empty() {
            return format!("return {};", verdict.number);
        }
        if sees(ctx, &verdict) {
            return format!("return {};", verdict.name);
        }
        return format!("return {} /* {} */;", verdict.number, verdict.name);
    }
    match &returns {
        Returns::Void => "return;".into(),
        Returns::Pointer => "return NULL;".into(),
        Returns::Bool if knows_false(ctx) => "return false;".into(),
        Returns::Bool => "return 0;".into(),
        Returns::Signed | Returns::Hidden => "return -ENOMEM;".into(),
        Returns::Unsigned | Returns::Float => "return 0;".into(),
        Returns::Value(name) => format!("return ({name}){{0}};"),
    }
}

/// Whether a value that is wanted for all functions is one for a function that returns this. It is an
/// expression of numbers and names: as a pointer or a `bool`, -12 would say that all went well.
fn fits(wanted: &str, returns: &Returns) -> bool {
    match returns {
        Returns::Pointer => matches!(wanted, "NULL" | "0"),
        Returns::Bool => matches!(wanted, "true" | "false" | "0" | "1"),
        Returns::Value(_) => false,
        Returns::Void | Returns::Float | Returns::Signed | Returns::Unsigned | Returns::Hidden => {
            wanted != "NULL"
        }
    }
}

/// Whether `false` is a name in this file.
fn knows_false(ctx: &Context) -> bool {
    let headers = &["stdbool.h", "vmlinux.h"];
    sees(ctx, &verdict("false", "0", headers)) || sees(ctx, &verdict("true", "1", headers))
}

/// Whether the file can use the name: it does so already, or includes a header that has it.
fn sees(ctx: &Context, verdict: &Verdict) -> bool {
    if memchr::memmem::find(ctx.lexed.source, verdict.name.as_bytes()).is_some() {
        return true;
    }
    let read = ctx.text.unit.files.iter();
    let read = read.map(|file| file.path.to_string_lossy().into_owned());
    // A header that is not at hand is included all the same.
    let named = crate::rewrite::headers::includes(ctx.lexed)
        .into_iter()
        .map(|(name, _)| name);
    let ends = |name: &str| verdict.headers.iter().any(|header| name.ends_with(header));
    read.chain(named).any(|name| ends(&name))
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
