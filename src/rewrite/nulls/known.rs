//! Functions and macros of the kernel, libbpf and the C library that say something about
//! pointers. All others are taken to follow the pointers they get, and to keep them.

/// Whether a call does not come back.
pub fn ends(name: &str) -> bool {
    matches!(
        name,
        "exit"
            | "_exit"
            | "_Exit"
            | "abort"
            | "bpf_throw"
            | "panic"
            | "__assert_fail"
            | "__builtin_unreachable"
            | "__builtin_trap"
            | "unreachable"
            | "BUG"
    )
}

/// Whether a call is its first argument.
pub fn is_argument(name: &str) -> bool {
    matches!(
        name,
        "READ_ONCE" | "__builtin_assume_aligned" | "__builtin_launder" | "static_pointer"
    )
}

/// Whether a function copies what its second argument points to where its first does.
pub fn copies(name: &str) -> bool {
    matches!(
        name,
        "memcpy"
            | "memmove"
            | "__builtin_memcpy"
            | "__builtin_memmove"
            | "static_memcpy"
            | "static_memmove"
    )
}

/// The argument of which a function stores a copy in a map.
pub fn stores_copy(name: &str) -> Option<usize> {
    match name {
        "bpf_map_update_elem" => Some(2),
        "bpf_map_push_elem" => Some(1),
        _ => None,
    }
}

/// What a call says as a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is its first argument.
    Itself,
    /// After it the argument is true.
    Holds,
    /// After it the argument is false.
    Fails,
}

/// Calls whose first argument is a condition.
pub fn condition(name: &str) -> Option<Condition> {
    Some(match name {
        "likely"
        | "unlikely"
        | "__builtin_expect"
        | "__builtin_expect_with_probability"
        | "LIKELY"
        | "UNLIKELY"
        | "__likely"
        | "__unlikely"
        | "WARN_ON"
        | "WARN_ON_ONCE"
        | "IS_TRUE" => Condition::Itself,
        "assert" | "ASSERT" | "__builtin_assume" | "bpf_assert" | "bpf_assert_with" => {
            Condition::Holds
        }
        "BUG_ON" => Condition::Fails,
        _ => return None,
    })
}

/// What a function or macro that the project does not define says, by its name: test frameworks
/// and libraries have many such, and no other check after them.
pub fn assertion(name: &str) -> Option<Condition> {
    let name = name.to_ascii_lowercase();
    let asserts = [
        "assert",
        "expect",
        "require",
        "ensure",
        "bail_if_null",
        "return_if_null",
    ];
    let denied = ["not_null", "notnull", "nonnull", "non_null", "ptr_ok"];
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&denied) {
        Some(Condition::Holds)
    } else if !has(&asserts) {
        None
    } else if name.contains("null") && !name.contains("if_null") || name.contains("false") {
        Some(Condition::Fails)
    } else {
        Some(Condition::Holds)
    }
}

/// Whether anything is known of a function or macro by its name.
pub fn is_known(name: &str) -> bool {
    ends(name)
        || is_argument(name)
        || condition(name).is_some()
        || borrows(name)
        || super::references::acquired(name).is_some()
        || super::references::released(name).is_some()
}

/// Whether the function gives back the pointers it gets: nobody holds them after the call.
pub fn borrows(name: &str) -> bool {
    let keeps = [
        "bpf_kptr_xchg",
        "bpf_list_push",
        "bpf_rbtree_add",
        "bpf_timer_",
        "bpf_wq_",
    ];
    if keeps.iter().any(|prefix| name.starts_with(prefix)) {
        return false;
    }
    let borrowers = [
        "bpf_",
        "__bpf_",
        "mem",
        "str",
        "__builtin_",
        "print",
        "BPF_",
    ];
    borrowers.iter().any(|prefix| name.starts_with(prefix))
        || name.ends_with("printf")
        || name.ends_with("printk")
}

/// Whether the function does not write through the pointers to variables that it gets.
pub fn reads_only(name: &str) -> bool {
    matches!(
        name,
        "bpf_map_lookup_elem"
            | "bpf_map_update_elem"
            | "bpf_map_delete_elem"
            | "bpf_map_push_elem"
            | "bpf_ringbuf_output"
            | "bpf_perf_event_output"
            | "bpf_printk"
            | "memcmp"
            | "__builtin_memcmp"
    )
}

/// Whether the argument may be NULL, or is not followed.
pub fn tolerates_null(name: &str, index: usize) -> bool {
    if name.ends_with("printf") || name.ends_with("printk") || name == "BPF_SEQ_PRINTF" {
        return true;
    }
    // Where a probe reads from may be any number.
    let probes = [
        "bpf_probe_read",
        "bpf_copy_from_user",
        "bpf_core_read",
        "BPF_CORE_READ",
    ];
    if probes.iter().any(|prefix| name.starts_with(prefix)) {
        return index == 2 || (name.starts_with("BPF_CORE_READ") && index == 0);
    }
    if name.starts_with("__sync_") || name.starts_with("__atomic_") || name == "bpf_kptr_xchg" {
        return index > 0;
    }
    matches!(
        name,
        "__builtin_constant_p"
            | "__builtin_types_compatible_p"
            | "__builtin_object_size"
            | "__builtin_dynamic_object_size"
            | "__builtin_choose_expr"
            | "barrier_var"
            | "UNUSED"
            | "unused"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_assertions() {
        assert_eq!(assertion("assert_ptr_not_null"), Some(Condition::Holds));
        assert_eq!(assertion("ASSERT_TRUE"), Some(Condition::Holds));
        assert_eq!(assertion("CHECK_NOTNULL"), Some(Condition::Holds));
        assert_eq!(assertion("assert_null"), Some(Condition::Fails));
        assert_eq!(assertion("expect_false"), Some(Condition::Fails));
        assert_eq!(assertion("memcpy"), None);
    }
}
