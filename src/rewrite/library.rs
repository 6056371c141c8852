//! The C library beside the allocator: what `dynamic_memory.h` has of it, and how the rewrite
//! treats each function.

/// How a function of the C library is rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It takes and returns numbers.
    Numbers,
    /// It follows its pointers, each into memory of its own kind; which argument it returns.
    Memory(Option<usize>),
    /// `strtol`: its second argument points to a pointer into the first one's memory.
    Parse,
    /// `strtok_r`: divides a string that its third argument's pointer leads to afterwards.
    Divide,
    /// `strtok`: the same with a pointer that the C library keeps.
    DivideKept,
    /// `qsort`: calls its fourth argument with pointers into the first one's memory.
    Sort,
    /// `bsearch`: calls its fifth argument with its first one and pointers into the second one's.
    Search,
    /// `snprintf`: writes text into its first argument's memory; the index of the format.
    Format(usize),
    /// Writes text: where a format or a string is among the arguments.
    Output(Text),
}

/// What an output function writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// A format with values behind it; the index of its argument.
    Format(usize),
    /// The string that is the first argument.
    String,
    /// One character.
    Byte,
    /// Nothing.
    Nothing,
}

/// A function that has a counterpart in `dynamic_memory.h`.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is rewritten.
    pub treatment: Treatment,
    /// The header has it for those only who ask for it with [`DEFINE`].
    pub extra: bool,
}

impl Function {
    /// Whether it returns a place in what it is given, or NULL.
    pub fn finds(&self) -> bool {
        matches!(
            self.name,
            "memchr" | "strchr" | "strrchr" | "strstr" | "strpbrk" | "memccpy"
        )
    }

    /// Whether it returns a place in what its first argument points to, which nobody knows before.
    pub fn locates(&self) -> bool {
        self.finds() || matches!(self.name, "mempcpy" | "stpcpy" | "stpncpy")
    }

    /// Whether it writes to its first argument, and which argument says how many bytes at most.
    pub fn writes(&self) -> Option<Option<usize>> {
        match self.name {
            "memcpy" | "memmove" | "mempcpy" | "memset" => Some(Some(2)),
            "bzero" => Some(Some(1)),
            "memccpy" => Some(Some(3)),
            "stpcpy" | "stpncpy" | "strcat" | "strcpy" | "strncat" | "strncpy" => Some(None),
            _ => None,
        }
    }
}

/// What asks for all of the C library that the header has.
pub const DEFINE: &str = "DYNAMIC_MEMORY_C_LIBRARY";

const fn basic(name: &'static str, returns: Option<usize>) -> Function {
    Function {
        name,
        treatment: Treatment::Memory(returns),
        extra: false,
    }
}

const fn extra(name: &'static str, treatment: Treatment) -> Function {
    Function {
        name,
        treatment,
        extra: true,
    }
}

/// How many values a format takes.
pub const MOST_VALUES: usize = 7;

use Treatment::{Divide, DivideKept, Format, Memory, Numbers, Output, Parse, Search, Sort};

/// Every function, sorted by name.
const FUNCTIONS: [Function; 72] = [
    extra("abs", Numbers),
    extra("atoi", Memory(None)),
    extra("atol", Memory(None)),
    extra("atoll", Memory(None)),
    extra("bsearch", Search),
    extra("bzero", Memory(None)),
    extra("clock", Numbers),
    extra("div", Numbers),
    extra("fflush", Output(Text::Nothing)),
    extra("fprintf", Output(Text::Format(1))),
    extra("fputc", Output(Text::Byte)),
    extra("fputs", Output(Text::String)),
    extra("isalnum", Numbers),
    extra("isalpha", Numbers),
    extra("isblank", Numbers),
    extra("iscntrl", Numbers),
    extra("isdigit", Numbers),
    extra("isgraph", Numbers),
    extra("islower", Numbers),
    extra("isprint", Numbers),
    extra("ispunct", Numbers),
    extra("isspace", Numbers),
    extra("isupper", Numbers),
    extra("isxdigit", Numbers),
    extra("labs", Numbers),
    extra("ldiv", Numbers),
    extra("llabs", Numbers),
    extra("memccpy", Memory(Some(0))),
    basic("memchr", Some(0)),
    basic("memcmp", None),
    basic("memcpy", Some(0)),
    basic("memmove", Some(0)),
    extra("mempcpy", Memory(Some(0))),
    basic("memset", Some(0)),
    extra("perror", Output(Text::String)),
    extra("printf", Output(Text::Format(0))),
    extra("putchar", Output(Text::Byte)),
    extra("puts", Output(Text::String)),
    extra("qsort", Sort),
    extra("rand", Numbers),
    extra("random", Numbers),
    extra("snprintf", Format(2)),
    extra("sprintf", Format(1)),
    extra("srand", Numbers),
    extra("srandom", Numbers),
    extra("stpcpy", Memory(Some(0))),
    extra("stpncpy", Memory(Some(0))),
    extra("strcasecmp", Memory(None)),
    basic("strcat", Some(0)),
    basic("strchr", Some(0)),
    basic("strcmp", None),
    basic("strcpy", Some(0)),
    extra("strcspn", Memory(None)),
    basic("strlen", None),
    extra("strncasecmp", Memory(None)),
    basic("strncat", Some(0)),
    basic("strncmp", None),
    basic("strncpy", Some(0)),
    basic("strnlen", None),
    extra("strpbrk", Memory(Some(0))),
    basic("strrchr", Some(0)),
    extra("strspn", Memory(None)),
    extra("strstr", Memory(Some(0))),
    extra("strtok", DivideKept),
    extra("strtok_r", Divide),
    extra("strtol", Parse),
    extra("strtoll", Parse),
    extra("strtoul", Parse),
    extra("strtoull", Parse),
    extra("time", Memory(None)),
    extra("tolower", Numbers),
    extra("toupper", Numbers),
];

/// The function of this name.
pub fn function(name: &[u8]) -> Option<&'static Function> {
    let name = std::str::from_utf8(name).ok()?;
    let at = FUNCTIONS.binary_search_by_key(&name, |f| f.name).ok()?;
    Some(&FUNCTIONS[at])
}

/// Functions that end the program.
pub const EXITS: [&str; 5] = ["_Exit", "_exit", "abort", "exit", "quick_exit"];

/// What the header brings under the names that the C library has for it; `true` if only with
/// [`DEFINE`].
const BROUGHT: [(&str, bool); 10] = [
    ("EINVAL", false),
    ("ENOMEM", false),
    ("EOF", true),
    ("ERANGE", true),
    ("EXIT_FAILURE", true),
    ("EXIT_SUCCESS", true),
    ("NULL", false),
    ("RAND_MAX", true),
    ("div_t", true),
    ("ldiv_t", true),
];

/// Whether the header brings a name itself; and if so, whether only with [`DEFINE`].
pub fn brings(name: &str) -> Option<bool> {
    let found = BROUGHT.iter().find(|(known, _)| *known == name)?;
    Some(found.1)
}

/// Whether a name is a stream, which output functions of the header do not look at.
pub fn is_stream(name: &str) -> bool {
    matches!(name, "stderr" | "stdout")
}
