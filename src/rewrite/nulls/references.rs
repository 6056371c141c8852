//! What the kernel lends a program, and how it is given back.
//!
//! The verifier refuses a program that leaves while it holds a reference, an iterator or a lock, or
//! is inside of a section. So an inserted check gives them back, the newest first.

/// How a function of the kernel hands something out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lends {
    /// It returns a pointer, or NULL.
    Pointer,
    /// It fills the object that this argument points to, which must be given back even where it
    /// fails.
    Object(usize),
    /// It takes the lock, or saves the state, that this argument points to; always.
    Held(usize),
    /// It takes the lock that this argument points to, and returns zero if it could, else an error
    /// below zero.
    HeldIfZero(usize),
    /// It enters a section.
    Section,
}

/// One row: what hands out, and what gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The function that hands out; one that ends in `*` is a prefix.
    pub acquire: &'static str,
    /// How.
    pub lends: Lends,
    /// The call that gives back: `@` is the pointer or the object's address, `&1` the second
    /// argument of the call that handed out, `*` what the prefix left open.
    pub release: &'static str,
    /// Other functions that give it back; their argument with the number of [`Lends`], or the
    /// first, tells which.
    pub also: &'static [&'static str],
}

const fn row(
    acquire: &'static str,
    lends: Lends,
    release: &'static str,
    also: &'static [&'static str],
) -> Row {
    Row {
        acquire,
        lends,
        release,
        also,
    }
}

const fn pointer(acquire: &'static str, release: &'static str) -> Row {
    row(acquire, Lends::Pointer, release, &[])
}

/// All rows.
pub const ROWS: &[Row] = &[
    row(
        "bpf_ringbuf_reserve",
        Lends::Pointer,
        "bpf_ringbuf_discard(@, 0)",
        &["bpf_ringbuf_submit"],
    ),
    row(
        "bpf_ringbuf_reserve_dynptr",
        Lends::Object(3),
        "bpf_ringbuf_discard_dynptr(@, 0)",
        &["bpf_ringbuf_submit_dynptr"],
    ),
    pointer("bpf_sk_lookup_tcp", "bpf_sk_release(@)"),
    pointer("bpf_sk_lookup_udp", "bpf_sk_release(@)"),
    pointer("bpf_skc_lookup_tcp", "bpf_sk_release(@)"),
    pointer("bpf_task_acquire", "bpf_task_release(@)"),
    pointer("bpf_task_from_pid", "bpf_task_release(@)"),
    pointer("bpf_task_from_vpid", "bpf_task_release(@)"),
    pointer("bpf_cgroup_acquire", "bpf_cgroup_release(@)"),
    pointer("bpf_cgroup_ancestor", "bpf_cgroup_release(@)"),
    pointer("bpf_cgroup_from_id", "bpf_cgroup_release(@)"),
    pointer("bpf_task_get_cgroup1", "bpf_cgroup_release(@)"),
    pointer("bpf_cpumask_create", "bpf_cpumask_release(@)"),
    pointer("bpf_cpumask_acquire", "bpf_cpumask_release(@)"),
    pointer("bpf_get_task_exe_file", "bpf_put_file(@)"),
    pointer("bpf_lookup_user_key", "bpf_key_put(@)"),
    pointer("bpf_lookup_system_key", "bpf_key_put(@)"),
    pointer("bpf_crypto_ctx_create", "bpf_crypto_ctx_release(@)"),
    pointer("bpf_crypto_ctx_acquire", "bpf_crypto_ctx_release(@)"),
    pointer("bpf_xdp_ct_lookup", "bpf_ct_release(@)"),
    pointer("bpf_skb_ct_lookup", "bpf_ct_release(@)"),
    pointer("bpf_obj_new", "bpf_obj_drop(@)"),
    pointer("bpf_obj_new_impl", "bpf_obj_drop_impl(@, NULL)"),
    pointer("bpf_refcount_acquire", "bpf_obj_drop(@)"),
    pointer("bpf_refcount_acquire_impl", "bpf_obj_drop_impl(@, NULL)"),
    pointer("bpf_percpu_obj_new", "bpf_percpu_obj_drop(@)"),
    pointer(
        "bpf_percpu_obj_new_impl",
        "bpf_percpu_obj_drop_impl(@, NULL)",
    ),
    row(
        "bpf_iter_*_new",
        Lends::Object(0),
        "bpf_iter_*_destroy(@)",
        &[],
    ),
    row(
        "bpf_rcu_read_lock",
        Lends::Section,
        "bpf_rcu_read_unlock()",
        &[],
    ),
    row(
        "bpf_preempt_disable",
        Lends::Section,
        "bpf_preempt_enable()",
        &[],
    ),
    row(
        "bpf_local_irq_save",
        Lends::Held(0),
        "bpf_local_irq_restore(@)",
        &[],
    ),
    row("bpf_spin_lock", Lends::Held(0), "bpf_spin_unlock(@)", &[]),
    row(
        "bpf_res_spin_lock",
        Lends::HeldIfZero(0),
        "bpf_res_spin_unlock(@)",
        &[],
    ),
    row(
        "bpf_res_spin_lock_irqsave",
        Lends::HeldIfZero(0),
        "bpf_res_spin_unlock_irqrestore(@, &1)",
        &[],
    ),
];

/// What gives back a result of `bpf_kptr_xchg`, by the structure that the pointer points to; any
/// other is an object that the program made itself.
const STORED: &[(&str, &str)] = &[
    ("task_struct", "bpf_task_release(@)"),
    ("cgroup", "bpf_cgroup_release(@)"),
    ("bpf_cpumask", "bpf_cpumask_release(@)"),
    ("bpf_crypto_ctx", "bpf_crypto_ctx_release(@)"),
    ("nf_conn", "bpf_ct_release(@)"),
    ("file", "bpf_put_file(@)"),
];

/// The function that swaps a stored reference for another one.
pub const SWAP: &str = "bpf_kptr_xchg";

/// What gives back a reference to a structure with this tag that was stored in a map.
pub fn stored(tag: &str) -> &'static str {
    let known = STORED.iter().find(|(known, _)| *known == tag);
    known.map_or("bpf_obj_drop(@)", |(_, release)| release)
}

/// What a prefix leaves open of a name.
fn open_part<'n>(pattern: &str, name: &'n str) -> Option<&'n str> {
    let (before, after) = pattern.split_once('*')?;
    let rest = name.strip_prefix(before)?.strip_suffix(after)?;
    (!rest.is_empty()).then_some(rest)
}

/// The name of a call.
fn called(release: &str) -> &str {
    release.split('(').next().unwrap_or(release)
}

/// The row whose function hands out, and the text that gives back.
pub fn acquired(name: &str) -> Option<(Row, String)> {
    ROWS.iter().find_map(|row| {
        if row.acquire == name {
            return Some((*row, row.release.to_owned()));
        }
        let open = open_part(row.acquire, name)?;
        Some((*row, row.release.replace('*', open)))
    })
}

/// How a function gives back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivesBack {
    /// What this argument is.
    Pointer(usize),
    /// What this argument points to: the call that gives it back names which.
    Object(usize, String),
    /// It leaves the section that this call leaves.
    Section(String),
}

/// What a function gives back, by its name.
pub fn released(name: &str) -> Option<GivesBack> {
    let found = ROWS.iter().find_map(|row| {
        let own = called(row.release);
        if own == name || row.also.contains(&name) {
            return Some((row, row.release.to_owned()));
        }
        let open = open_part(own, name)?;
        Some((row, row.release.replace('*', open)))
    });
    let Some((row, release)) = found else {
        let stored = STORED.iter().any(|(_, release)| called(release) == name);
        return stored.then_some(GivesBack::Pointer(0));
    };
    Some(match row.lends {
        Lends::Pointer => GivesBack::Pointer(0),
        Lends::Object(_) | Lends::Held(_) | Lends::HeldIfZero(_) => GivesBack::Object(0, release),
        Lends::Section => GivesBack::Section(release),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_either_name() {
        let text = |name: &str| acquired(name).map(|(_, release)| release);
        assert_eq!(
            text("bpf_iter_num_new").as_deref(),
            Some("bpf_iter_num_destroy(@)")
        );
        assert_eq!(text("bpf_iter_new"), None);
        assert_eq!(released("bpf_ringbuf_submit"), Some(GivesBack::Pointer(0)));
        assert_eq!(
            released("bpf_iter_task_destroy"),
            Some(GivesBack::Object(0, "bpf_iter_task_destroy(@)".into()))
        );
        assert_eq!(
            released("bpf_rcu_read_unlock"),
            Some(GivesBack::Section("bpf_rcu_read_unlock()".into()))
        );
        assert_eq!(released("bpf_map_lookup_elem"), None);
    }

    /// `fixtures/nulls/load-references` has a program of each row, which loads with its check. No
    /// verifier lets a program allocate while it holds a lock, so that no check is ever inserted there.
    #[test]
    fn every_row_has_a_program_that_loads() {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/fixtures/nulls/load-references"
        );
        let programs: String = ["references.bpf.c", "conntrack.c"]
            .map(|name| std::fs::read_to_string(format!("{folder}/{name}")).expect("a fixture"))
            .concat();
        let locks = [
            "bpf_spin_lock",
            "bpf_res_spin_lock",
            "bpf_res_spin_lock_irqsave",
        ];
        for row in ROWS.iter().filter(|row| !locks.contains(&row.acquire)) {
            let (before, behind) = row.acquire.split_once('*').unwrap_or((row.acquire, "("));
            let called = programs
                .split(before)
                .skip(1)
                .any(|rest| rest.find(behind).is_some_and(|at| at < 20));
            assert!(called, "{}", row.acquire);
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = ROWS.iter().map(|row| row.acquire).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ROWS.len());
    }
}
