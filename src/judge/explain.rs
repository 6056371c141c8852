//! What a refusal means and what to do about it. Pure: words of the verifier, of libbpf or of clang
//! in, a kind out.

/// Why a program was refused, as far as its author can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A pointer that can be NULL is followed.
    MissingNullCheck,
    /// An access at a constant distance leaves the memory it starts in.
    OutOfBounds,
    /// An index or a length whose range the verifier does not know.
    UnboundedOffset,
    /// A length that may be 0, for a helper that takes no empty memory.
    ZeroSize,
    /// A pointer that was stored in memory comes back as a number.
    ReloadedPointer,
    /// A pointer is kept in 32 bits.
    NarrowPointer,
    /// A pointer into an arena and one to other memory are mixed.
    AddressSpace,
    /// A callback's context that does not lie on the stack.
    CallbackContext,
    /// A helper is given a pointer into an arena.
    ArenaArgument,
    /// A pointer into an arena is followed, and nothing names the arena.
    ArenaNotNamed,
    /// A function that is verified by itself takes or returns memory.
    GlobalFunction,
    /// A function calls itself.
    Recursion,
    /// More than five arguments.
    TooManyArguments,
    /// A call through a pointer.
    IndirectCall,
    /// A loop the verifier sees no end of.
    UnboundedLoop,
    /// More paths than the verifier walks.
    TooManyInstructions,
    /// More paths than the verifier walks, because the kernel refused the object's BTF.
    TypeInformation,
    /// More than 512 bytes of stack.
    Stack,
    /// An array whose length is known at run time only.
    VariableLengthArray,
    /// A path ends without the exit instruction.
    NoExit,
    /// A variable is read before it has a value.
    NoValue,
    /// Something of the kernel is not given back on some path.
    UnreleasedReference,
    /// A `bpf_spin_lock` used where or how it must not be.
    Lock,
    /// A `bpf_spin_lock` in an allocated block.
    LockInBlock,
    /// A helper this type of program may not call, or this kernel does not have.
    HelperNotAllowed,
    /// A helper for GPL-compatible programs only.
    License,
    /// A function that is nowhere defined.
    UnresolvedExtern,
    /// A signed division.
    SignedDivision,
    /// `float` or `double`.
    FloatingPoint,
    /// A function returns a structure.
    StructReturn,
    /// A function with `...`.
    Varargs,
    /// An instruction or a type of map that this kernel does not know yet.
    OldKernel,
    /// Anything else; the words of the kernel have to do.
    Other,
}

use Kind::*;

/// What the words of a kind contain. The first line that matches decides, so what is more special
/// stands first. Wordings are those of Linux 5.10 to 7.3, libbpf 1.1 to 1.7 and clang 14 to 22.
const WORDS: &[(&str, Kind)] = &[
    ("doesn't return scalar", GlobalFunction),
    (INVALID_ARGUMENTS, GlobalFunction),
    ("mem access 'map_value_or_null'", MissingNullCheck),
    ("_or_null'", MissingNullCheck),
    ("null-check it first", MissingNullCheck),
    ("Possibly NULL pointer passed", MissingNullCheck),
    ("may be NULL here", MissingNullCheck),
    ("type=map_value_or_null", MissingNullCheck),
    ("mem access 'inv'", ReloadedPointer),
    ("mem access 'scalar'", ReloadedPointer),
    ("type=inv expected=", ReloadedPointer),
    ("type=scalar expected=", ReloadedPointer),
    ("invalid size of register spill", NarrowPointer),
    ("invalid size of register fill", NarrowPointer),
    ("partial copy of pointer", NarrowPointer),
    ("corrupted spill memory", NarrowPointer),
    ("changes address space of", AddressSpace),
    ("non-overlapping address spaces", AddressSpace),
    ("type=arena expected=", ArenaArgument),
    ("Unreleased reference", UnreleasedReference),
    ("would lead to reference leak", UnreleasedReference),
    ("R0 !read_ok", NoExit),
    ("!read_ok", NoValue),
    ("last insn is not an exit or jmp", NoExit),
    ("unexpected __bpf_trap()", NoExit),
    ("nsupported dynamic stack allocation", VariableLengthArray),
    ("has an associated arena", ArenaNotNamed),
    ("cannot use helper", HelperNotAllowed),
    ("unknown func bpf_", HelperNotAllowed),
    ("helper call is not allowed", HelperNotAllowed),
    ("calling kernel function", HelperNotAllowed),
    ("GPL-restricted function", License),
    ("GPL compatible", License),
    ("the call stack of", Recursion),
    ("recursive call", Recursion),
    // For a privileged loader loops are fine, so what goes back is a call.
    ("back-edge from insn", Recursion),
    ("call itself recursively", Recursion),
    ("unknown opcode 8d", IndirectCall),
    ("unknown opcode", OldKernel),
    ("BPF_STX uses reserved fields", OldKernel),
    // Calls of functions of the kernel have an encoding of their own.
    ("BPF_CALL uses reserved fields", OldKernel),
    ("func_info doesn't match", OldKernel),
    ("failed to create: -EINVAL", OldKernel),
    ("infinite loop detected", UnboundedLoop),
    ("loop detected", UnboundedLoop),
    ("program is too large. Processed", TooManyInstructions),
    ("jumps is too complex", TooManyInstructions),
    ("combined stack size", Stack),
    ("stack limit", Stack),
    ("stack size", Stack),
    (
        "bpf_spin_lock has to be at the constant offset",
        LockInBlock,
    ),
    ("has no valid bpf_spin_lock", LockInBlock),
    ("bpf_spin_lock", Lock),
    ("bpf_spin_unlock", Lock),
    ("bpf_res_spin_lock", Lock),
    ("while holding a lock", Lock),
    ("spin lock", Lock),
    ("unbounded memory access", UnboundedOffset),
    ("unbounded min value", UnboundedOffset),
    ("unbounded variable-offset", UnboundedOffset),
    ("math between", UnboundedOffset),
    ("min value is negative", UnboundedOffset),
    ("invalid zero-sized read", ZeroSize),
    ("invalid variable-offset", UnboundedOffset),
    ("variable offset", UnboundedOffset),
    ("pointer arithmetic with it prohibited", UnboundedOffset),
    ("pointer be out of bounds", UnboundedOffset),
    // In the words of older kernels.
    (" size=0", ZeroSize),
    ("invalid access to", OutOfBounds),
    ("Access outside bounds", OutOfBounds),
    ("invalid write to stack", OutOfBounds),
    ("invalid read from stack", OutOfBounds),
    ("outside of the allowed memory range", OutOfBounds),
    ("outside of the packet", OutOfBounds),
    ("not found in kernel or module BTFs", UnresolvedExtern),
    ("': not found in kernel", UnresolvedExtern),
    ("extern (", UnresolvedExtern),
    ("unsupported signed division", SignedDivision),
    ("= sdiv ", SignedDivision),
    ("= srem ", SignedDivision),
    ("too many arguments", TooManyArguments),
    ("too many args", TooManyArguments),
    ("stack arguments are not supported", TooManyArguments),
    ("variadic functions are not supported", Varargs),
    ("aggregate returns are not supported", StructReturn),
    ("only small returns", StructReturn),
    (VARARGS_OR_STRUCT, StructReturn),
];

/// How the kernel refuses the call of a function that it verifies by itself.
const INVALID_ARGUMENTS: &str = "Caller passes invalid args";

/// How clang before 18 refuses both. The function's declaration follows, and tells which.
const VARARGS_OR_STRUCT: &str = "VarArgs or StructRet";

/// Parts of the names of functions in the compiler's run-time library that stand for arithmetic on
/// `float` and `double`: `__muldf3`, `__addsf3`, `__gtdf2`, `__floatunsidf`, `__fixdfsi`.
const FLOAT_NAMES: [&str; 7] = ["df3", "sf3", "df2", "sf2", "__float", "__fix", "__extendsf"];

/// The kind of a refusal by the first line of `text` that tells, together with that line.
pub fn classify(text: &str) -> (Kind, Option<&str>) {
    // What is wrong with the argument stands before it.
    if let Some(line) = text.lines().find(|line| line.contains(INVALID_ARGUMENTS)) {
        return (GlobalFunction, Some(line));
    }
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let found = if line.ends_with(" expected=fp") {
            // Other helpers take memory of several kinds, the stack first.
            Some(CallbackContext)
        } else if line.contains("built-in function '") || line.contains("for extern '") {
            let float = FLOAT_NAMES.iter().any(|part| line.contains(part));
            Some(if float {
                FloatingPoint
            } else {
                UnresolvedExtern
            })
        } else if line.contains(VARARGS_OR_STRUCT)
            && lines.peek().is_some_and(|source| source.contains("..."))
        {
            Some(Varargs)
        } else {
            let known = WORDS.iter().find(|(words, _)| line.contains(words));
            known.map(|(_, kind)| *kind)
        };
        if let Some(kind) = found {
            return (kind, Some(line));
        }
    }
    (Other, None)
}

impl Kind {
    /// Every kind, in the order of this enumeration.
    pub const ALL: [Self; 33] = [
        MissingNullCheck,
        OutOfBounds,
        UnboundedOffset,
        ZeroSize,
        ReloadedPointer,
        NarrowPointer,
        AddressSpace,
        CallbackContext,
        ArenaArgument,
        ArenaNotNamed,
        GlobalFunction,
        Recursion,
        TooManyArguments,
        IndirectCall,
        UnboundedLoop,
        TooManyInstructions,
        TypeInformation,
        Stack,
        VariableLengthArray,
        NoExit,
        NoValue,
        UnreleasedReference,
        Lock,
        LockInBlock,
        HelperNotAllowed,
        License,
        UnresolvedExtern,
        SignedDivision,
        FloatingPoint,
        StructReturn,
        Varargs,
        OldKernel,
        Other,
    ];

    /// The stable name used in machine-readable reports.
    pub fn name(self) -> &'static str {
        self.texts().0
    }

    /// What the words of the kernel mean.
    pub fn meaning(self) -> &'static str {
        self.texts().1
    }

    /// What to do about it.
    pub fn help(self) -> &'static str {
        self.texts().2
    }

    fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            MissingNullCheck => (
                "missing-null-check",
                "the pointer can be NULL here: an allocation or a map lookup can fail, and the \
                 verifier follows that path too",
                "test the pointer right after the call and leave the function if it is NULL; \
                 `bpf-malloc rewrite` inserts that test where it can",
            ),
            OutOfBounds => (
                "out-of-bounds",
                "the access starts or ends outside of the memory the pointer belongs to",
                "check the size that was allocated against the offset and size of the access; for \
                 a packet, compare with data_end first; in a block whose size is known at run time \
                 only, at most DYNAMIC_MEMORY_GUARD bytes (4096 unless you define more) can be \
                 given to a helper at once",
            ),
            UnboundedOffset => (
                "unbounded-offset",
                "the verifier knows no upper bound (or no lower one) for the index or length used \
                 here, so the access could go anywhere",
                "bound it right before the use, in an unsigned variable: `if (n >= LIMIT) return \
                 ...;` or `n &= LIMIT - 1;`; in a block of variable size the limit is \
                 DYNAMIC_MEMORY_GUARD",
            ),
            ZeroSize => (
                "zero-size",
                "the length can be 0, and this helper takes no empty memory",
                "bound it from below, too, right before the call, in an unsigned variable: `if (n \
                 == 0 || n > LIMIT) return ...;`",
            ),
            ReloadedPointer => (
                "reloaded-pointer",
                "a pointer that was stored in memory comes back as a plain number, which cannot be \
                 followed: linked data does not work in map memory",
                "keep the pointer in a local variable; what is linked needs a BPF arena: `bpf-malloc \
                 rewrite --backend arena` (Linux 6.9 or later); on older kernels derive each \
                 pointer anew where it is followed: static_pointer(node)->next",
            ),
            NarrowPointer => (
                "narrow-pointer",
                "a pointer, such as ctx->data, is kept or computed with in 32 bits, and only a \
                 whole one stays a pointer",
                "make it a pointer before anything else: void *data = (void *)(long)ctx->data; \
                 and subtract pointers, not ctx->data_end - ctx->data",
            ),
            AddressSpace => (
                "address-space",
                "a pointer into the arena, where linked blocks lie, stands where one to other \
                 memory is declared, or the other way round",
                "declare it with __arena if it only ever points into the heap; what points to both \
                 kinds of memory has to become two variables, and static_memcpy() copies from one \
                 kind to the other",
            ),
            CallbackContext => (
                "callback-context",
                "what a callback gets as its context has to lie on the stack",
                "make a structure on the stack that holds the pointer to the block, and give its \
                 address: struct { struct state *state; } context = { state };",
            ),
            ArenaArgument => (
                "arena-argument",
                "helpers take no pointer into an arena",
                "copy the block with static_memcpy() to a variable on the stack or in a map, and \
                 give the helper that",
            ),
            ArenaNotNamed => (
                "arena-not-named",
                "the program follows a pointer into an arena, and no instruction of it names the \
                 arena's map, so the kernel does not know which arena",
                "write static_use_arena(); at the start of the program",
            ),
            GlobalFunction => (
                "global-function",
                "a function that is not static is verified by itself, without what its callers \
                 know: it returns a number only, and takes numbers, the context and whole \
                 structures of known size",
                "make it static, so that it is verified together with its callers",
            ),
            Recursion => (
                "recursion",
                "calls are nested deeper than the eight levels the kernel allows; a function that \
                 calls itself always is",
                "turn the recursion into a loop with a bound, with a stack of your own in an \
                 allocated block if it needs one",
            ),
            TooManyArguments => (
                "too-many-arguments",
                "BPF passes arguments in five registers and never on the stack",
                "pass a pointer to a structure, or make the function static and small enough to be \
                 inlined (__always_inline)",
            ),
            IndirectCall => (
                "indirect-call",
                "the function is called through a pointer, and BPF has no such instruction",
                "call the functions by name, chosen by if or switch; to choose among programs use \
                 a tail call",
            ),
            UnboundedLoop => (
                "unbounded-loop",
                "the verifier came back to the same state in a loop, so nothing shows that it ends",
                "give the loop a bound known at compile time, or use bpf_loop() (Linux 5.17), \
                 bpf_for() (6.4) or can_loop (6.9)",
            ),
            TooManyInstructions => (
                "too-many-instructions",
                "walking all paths takes more than the kernel spends on a program: 1,000,000 \
                 instructions, and 8,192 branches kept for later; usually a loop whose bound is \
                 large or unknown, with branches in it",
                "lower the bound of the loop, move its body into a global function (verified \
                 once), or use bpf_loop() (Linux 5.17) or can_loop (6.9)",
            ),
            TypeInformation => (
                "type-information",
                "the kernel refused the object's type information (BTF), and without it takes no \
                 callbacks and verifies a function again at every call; clang splits a static structure into its members \
                 and still describes each as the whole, which no kernel takes",
                "keep clang from splitting it: static struct state state __attribute__((used)); \
                 the kernel's words on the type information come with --log",
            ),
            Stack => (
                "stack",
                "the stack of a chain of calls is limited to 512 bytes",
                "move large local variables into allocated blocks or a map",
            ),
            VariableLengthArray => (
                "variable-length-array",
                "BPF's stack has a fixed size, so an array's length has to be a constant",
                "make the array as large as it can get, or allocate a block with malloc() and free \
                 it at the end",
            ),
            NoExit => (
                "no-exit",
                "a path runs out of the function without a return; clang leaves out what follows \
                 undefined behaviour, such as a variable without a value or a missing return",
                "give every variable a value and every path a return; -Wall names most of them",
            ),
            NoValue => (
                "no-value",
                "a variable may be read here before anything was assigned to it, or a function is \
                 called with fewer arguments than it takes",
                "give the variable a value where it is declared, or compile with \
                 -ftrivial-auto-var-init=zero (clang 16)",
            ),
            UnreleasedReference => (
                "unreleased-reference",
                "something the kernel handed out (a ring buffer's record, a socket, a task) is not \
                 given back on some path",
                "release or submit it before every return, also where an allocation fails",
            ),
            Lock => (
                "lock",
                "a bpf_spin_lock must be released on every path, holds off calls while it is held, \
                 and is not allowed in tracing and socket filter programs",
                "look up and call everything before taking the lock, release it before every \
                 return; in tracing programs use the heap's default lock, not \
                 DYNAMIC_MEMORY_SPIN_LOCK",
            ),
            LockInBlock => (
                "lock-in-block",
                "a bpf_spin_lock lies in a map's value at a place that the kernel knows, never in \
                 an allocated block",
                "keep the lock in a map's value of its own, or use atomics, such as \
                 __sync_fetch_and_add(), on the block's members",
            ),
            HelperNotAllowed => (
                "helper-not-allowed",
                "programs of this type, or on this kernel, may not call this helper",
                "see bpf-helpers(7) for the types and kernel versions; `bpftool feature probe` \
                 lists what the running kernel offers to each type",
            ),
            License => (
                "license",
                "the helper is open to programs under a GPL-compatible licence only",
                "if the licence of your program allows it, say so: char LICENSE[] SEC(\"license\") \
                 = \"GPL\"; (\"Dual MIT/GPL\" works too)",
            ),
            UnresolvedExtern => (
                "unresolved-extern",
                "the function is declared and called, but nothing defines it: there is no C \
                 library in the kernel",
                "for malloc and its family run `bpf-malloc rewrite`; for printf use bpf_printk(); \
                 for others use a helper or bring the function's source",
            ),
            SignedDivision => (
                "signed-division",
                "BPF before -mcpu=v4 has no signed division",
                "divide unsigned numbers and set the sign afterwards, or compile with -mcpu=v4 \
                 (clang 18, Linux 6.6)",
            ),
            FloatingPoint => (
                "floating-point",
                "BPF has no floating point numbers",
                "use integers in a smaller unit, for instance thousandths",
            ),
            StructReturn => (
                "struct-return",
                "a function returns a structure too large for a register",
                "pass a pointer to the result as an argument, or have the function inlined \
                 (static __always_inline)",
            ),
            Varargs => (
                "varargs",
                "BPF has no functions with a variable number of arguments",
                "pass an array and its length",
            ),
            OldKernel => (
                "old-kernel",
                "the program has an instruction or a type of map that this kernel is too old for; or a \
                 map has sizes or flags that its type does not take",
                "the heap's default lock needs -mcpu=v3 and Linux 5.12: on older kernels define \
                 DYNAMIC_MEMORY_SPIN_LOCK before the include; -mcpu=v4 needs Linux 6.6, \
                 DYNAMIC_MEMORY_ARENA 6.9. Of a map, see max_entries, key, value and map_flags",
            ),
            Other => (
                "refused",
                "the words above say why",
                "see the verifier's log (--log) for the path that leads there",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_texts_end_without_a_full_stop() {
        let mut names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(!kind.meaning().ends_with('.') && !kind.help().ends_with('.'));
        }
    }

    #[test]
    fn the_readme_names_every_kind_that_is_explained() {
        let readme = include_str!("../../README.md");
        for kind in Kind::ALL.iter().filter(|kind| **kind != Other) {
            let name = format!("`{}`", kind.name());
            assert!(readme.contains(&name), "{name}");
        }
    }

    #[test]
    fn every_kind_has_words_unless_more_than_words_tell_it() {
        for kind in Kind::ALL {
            let known = WORDS.iter().any(|(_, known)| *known == kind);
            let wordless = [FloatingPoint, CallbackContext, TypeInformation, Other].contains(&kind);
            assert_eq!(known, !wordless, "{kind:?}");
        }
    }

    #[test]
    fn words_of_libbpf_and_clang() {
        for (text, kind) in [
            (
                "libbpf: failed to find BTF for extern 'malloc' [11] section: -2",
                UnresolvedExtern,
            ),
            (
                "libbpf: failed to find BTF for extern '__muldf3' [5] section: -2",
                FloatingPoint,
            ),
            (
                "a.c:3:9: error: A call to built-in function '__gtdf2' is not supported.",
                FloatingPoint,
            ),
            (
                "a.c:3:9: error: A call to built-in function 'memcpy' is not supported.",
                UnresolvedExtern,
            ),
            (
                "a.c:3:5: error: functions with VarArgs or StructRet are not supported\nint f(int \
                 n, ...)\n    ^",
                Varargs,
            ),
            (
                "a.c:3:5: error: functions with VarArgs or StructRet are not supported\nstruct s \
                 f(void)\n    ^",
                StructReturn,
            ),
            (
                "a.c:1:2: error: unsupported signed division, please convert to unsigned div/mod.",
                SignedDivision,
            ),
            (
                "fatal error: error in backend: Cannot select: 0x1: i64 = sdiv 0x2, 0x3",
                SignedDivision,
            ),
            (
                "a.c:8:38: error: variadic functions are not supported",
                Varargs,
            ),
            (
                "a.c:11:47: error: aggregate returns are not supported",
                StructReturn,
            ),
            (
                "a.c:7:38: error: defined with too many args",
                TooManyArguments,
            ),
            ("nothing that is known", Other),
        ] {
            assert_eq!(classify(text).0, kind, "{text}");
        }
    }
}
