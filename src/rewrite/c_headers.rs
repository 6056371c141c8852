//! Which headers of the C library go with what was used of them. With `-target bpf` they often do
//! not even compile.

use std::collections::HashSet;

use super::include::{Include, Need};
use super::library;
use super::plan::{Edit, EditKind, Notice, Rule, Severity};
use super::unit::Unit;
use crate::c::Span;
use crate::c::lexer::{Kind, Token, op};

/// The names that a header declares, beside the allocator's, `NULL` and `size_t`; sorted. None for a
/// header that stays.
fn declared(header: &str) -> Option<&'static [&'static str]> {
    Some(match header {
        "stdlib.h" | "malloc.h" => &STDLIB,
        "string.h" | "memory.h" => &STRING,
        "strings.h" => &STRINGS,
        "stdio.h" => &STDIO,
        "ctype.h" => &CTYPE,
        "assert.h" => &["assert", "static_assert"],
        "errno.h" => &["errno"],
        "time.h" => &TIME,
        _ => return None,
    })
}

/// Whether one of these headers declares a function of this name.
pub fn declares(name: &str) -> bool {
    let headers = [
        "stdlib.h",
        "string.h",
        "strings.h",
        "stdio.h",
        "ctype.h",
        "time.h",
    ];
    let mut lists = headers.into_iter().filter_map(declared);
    lists.any(|names| names.binary_search(&name).is_ok())
}

/// Drops the headers of which nothing is used behind the other edits.
pub fn drop(
    unit: &Unit,
    includes: &[Include],
    need: &Need,
    others: &[Edit],
    edits: &mut Vec<Edit>,
    notices: &mut Vec<Notice>,
) {
    let left = Left::of(unit, others);
    for (index, include) in includes.iter().enumerate() {
        let Some(names) = declared(&include.name) else {
            continue;
        };
        let allocates = matches!(include.name.as_str(), "stdlib.h" | "malloc.h");
        let why = if allocates && need.leftover {
            Some("a function of it is still referred to".to_owned())
        } else if let Some(name) = left.first(&include.name, names) {
            Some(format!("`{name}` of it is used"))
        } else if include.conditional {
            Some("it stands in a conditional".to_owned())
        } else if !include.top_level && !is_repeated(&includes[..index], include) {
            Some("it stands inside of a declaration".to_owned())
        } else if stays_inside(&includes[index + 1..], include) {
            Some("it is included again inside of a declaration".to_owned())
        } else {
            None
        };
        if let Some(why) = why {
            notices.push(Notice {
                span: include.span,
                rule: Rule::KeptInclude,
                severity: Severity::Note,
                message: format!("<{}> stays: {why}", include.name),
                help: Some(
                    "with `-target bpf` it compiles only where 32-bit libc headers are, or, on \
                     x86, with -D__x86_64__"
                        .into(),
                ),
            });
            continue;
        }
        let source = unit.source();
        let start = memchr::memrchr2(b'\n', b'\r', &source[..include.span.start])
            .map_or(0, |newline| newline + 1);
        let bom = start == 0 && source.starts_with(b"\xef\xbb\xbf");
        edits.push(Edit {
            span: Span::new(if bom { 3 } else { start }, include.behind),
            text: Vec::new(),
            kind: EditKind::DropInclude,
            reason: format!("nothing of <{}> is used any more", include.name),
        });
    }
}

/// Whether a header was included before, so that it is empty here. It must not be left as the only one.
fn is_repeated(before: &[Include], include: &Include) -> bool {
    let mut before = before.iter().filter(|i| i.name == include.name);
    before.any(|i| i.top_level && !i.conditional)
}

/// Whether a header is included again inside of a declaration, in a conditional: that stays, and is empty
/// only after this one.
fn stays_inside(behind: &[Include], include: &Include) -> bool {
    let mut behind = behind.iter().filter(|i| i.name == include.name);
    behind.any(|i| !i.top_level && i.conditional)
}

/// Whether a file uses what the header brings only for those who ask for it.
pub fn needs_library(unit: &Unit, edits: &[Edit]) -> bool {
    let lexed = &unit.lexed;
    let extra = |name: &[u8]| {
        let plain = name.strip_prefix(super::family::PREFIX.as_bytes());
        plain.is_some_and(|plain| {
            plain.starts_with(b"unprinted")
                || library::function(plain).is_some_and(|function| function.extra)
        })
    };
    if edits.iter().any(|edit| words(&edit.text).any(extra)) {
        return true;
    }
    // What is not edited and comes from a header that goes.
    let brought = |token: &Token| {
        token.kind == Kind::Ident && {
            let text = lexed.text(token);
            let name = std::str::from_utf8(&text).unwrap_or_default();
            library::brings(name) == Some(true)
        }
    };
    let dropped: Vec<&[u8]> = edits
        .iter()
        .filter(|edit| edit.kind == EditKind::DropInclude)
        .map(|edit| edit.span.of(lexed.source))
        .collect();
    let from = |header: &[u8]| {
        dropped
            .iter()
            .any(|text| memchr::memmem::find(text, header).is_some())
    };
    let gone = from(b"stdlib.h") || from(b"stdio.h") || from(b"errno.h");
    gone && (lexed.tokens.iter().any(brought) || lexed.inner.iter().any(brought))
}

/// The words of a text.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
}

/// What of the C library is used behind the edits.
struct Left<'a> {
    names: Vec<String>,
    /// It is no use of `assert` to define it.
    unit: &'a Unit<'a>,
    /// The functions that the file defines itself.
    own: HashSet<String>,
}

impl<'a> Left<'a> {
    fn of(unit: &'a Unit<'a>, edits: &[Edit]) -> Self {
        let edited: HashSet<usize> = edits.iter().map(|edit| edit.span.start).collect();
        let mut names = Vec::new();
        for tokens in [&unit.lexed.tokens, &unit.lexed.inner] {
            collect(unit, tokens, &edited, &mut names);
        }
        let functions = unit.outline.functions();
        let own = functions
            .filter_map(|f| unit.outline.function_name(&unit.lexed, f))
            .map(|at| {
                let name = unit.lexed.text(&unit.lexed.tokens[at]);
                String::from_utf8_lossy(&name).into_owned()
            })
            .collect();
        Self { names, unit, own }
    }

    /// The first one of a list.
    fn first(&self, header: &str, list: &[&str]) -> Option<&str> {
        let is_error = |name: &str| {
            header == "errno.h"
                && name.len() > 2
                && name.starts_with('E')
                && name
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
                && self.unit.define(name.as_bytes()).is_none()
        };
        self.names
            .iter()
            .map(String::as_str)
            .filter(|name| !self.own.contains(*name))
            .find(|name| list.binary_search(name).is_ok() || is_error(name))
    }
}

/// Adds the names that are used, but for members, what an edit begins at, and what the header brings.
fn collect(unit: &Unit, tokens: &[Token], edited: &HashSet<usize>, names: &mut Vec<String>) {
    let lexed = &unit.lexed;
    let mut member = false;
    // The calls around a token: whether each has an edited name.
    let mut calls: Vec<bool> = Vec::new();
    let mut before: Option<&Token> = None;
    for token in tokens {
        if token.is(op("(")) {
            let named = before.filter(|t| t.kind == Kind::Ident);
            let outer = calls.last().copied().unwrap_or_default();
            calls.push(named.map_or(outer, |t| edited.contains(&t.start)));
        } else if token.is(op(")")) {
            calls.pop();
        } else if token.kind == Kind::Ident && !member && !edited.contains(&token.start) {
            let text = lexed.text(token);
            let name = std::str::from_utf8(&text).unwrap_or_default();
            let unseen = library::is_stream(name) && calls.last() == Some(&true);
            if library::brings(name).is_none() && !unseen {
                names.push(name.to_owned());
            }
        }
        member = token.is(op(".")) || token.is(op("->"));
        before = Some(token);
    }
}

/// Of `<stdlib.h>` and `<malloc.h>`.
const STDLIB: [&str; 118] = [
    "EXIT_FAILURE",
    "EXIT_SUCCESS",
    "MB_CUR_MAX",
    "RAND_MAX",
    "WEXITSTATUS",
    "WIFEXITED",
    "WIFSIGNALED",
    "WIFSTOPPED",
    "WNOHANG",
    "WSTOPSIG",
    "WTERMSIG",
    "WUNTRACED",
    "_Exit",
    "a64l",
    "abort",
    "abs",
    "alloca",
    "arc4random",
    "arc4random_buf",
    "arc4random_uniform",
    "at_quick_exit",
    "atexit",
    "atof",
    "atoi",
    "atol",
    "atoll",
    "bsearch",
    "canonicalize_file_name",
    "cfree",
    "clearenv",
    "div",
    "div_t",
    "drand48",
    "ecvt",
    "ecvt_r",
    "erand48",
    "exit",
    "fcvt",
    "fcvt_r",
    "gcvt",
    "getenv",
    "getloadavg",
    "getpt",
    "getsubopt",
    "grantpt",
    "initstate",
    "jrand48",
    "l64a",
    "labs",
    "lcong48",
    "ldiv",
    "ldiv_t",
    "llabs",
    "lldiv",
    "lldiv_t",
    "lrand48",
    "mallinfo",
    "mallinfo2",
    "malloc_info",
    "malloc_stats",
    "malloc_trim",
    "mallopt",
    "mblen",
    "mbstowcs",
    "mbtowc",
    "memalign",
    "mkdtemp",
    "mkostemp",
    "mkostemps",
    "mkstemp",
    "mkstemps",
    "mktemp",
    "mrand48",
    "nrand48",
    "on_exit",
    "posix_openpt",
    "ptsname",
    "ptsname_r",
    "putenv",
    "pvalloc",
    "qecvt",
    "qfcvt",
    "qgcvt",
    "qsort",
    "qsort_r",
    "quick_exit",
    "rand",
    "rand_r",
    "random",
    "random_r",
    "realpath",
    "rpmatch",
    "secure_getenv",
    "seed48",
    "setenv",
    "setstate",
    "srand",
    "srand48",
    "srandom",
    "strfromd",
    "strfromf",
    "strfroml",
    "strtod",
    "strtof",
    "strtol",
    "strtold",
    "strtoll",
    "strtoq",
    "strtoul",
    "strtoull",
    "strtouq",
    "system",
    "unlockpt",
    "unsetenv",
    "valloc",
    "wchar_t",
    "wcstombs",
    "wctomb",
];

/// Of `<string.h>`, with what it takes from `<strings.h>`.
const STRING: [&str; 53] = [
    "basename",
    "bcmp",
    "bcopy",
    "bzero",
    "explicit_bzero",
    "ffs",
    "ffsl",
    "ffsll",
    "index",
    "memccpy",
    "memchr",
    "memcmp",
    "memcpy",
    "memfrob",
    "memmem",
    "memmove",
    "mempcpy",
    "memrchr",
    "memset",
    "rawmemchr",
    "rindex",
    "stpcpy",
    "stpncpy",
    "strcasecmp",
    "strcasestr",
    "strcat",
    "strchr",
    "strchrnul",
    "strcmp",
    "strcoll",
    "strcpy",
    "strcspn",
    "strerror",
    "strerror_r",
    "strfry",
    "strlcat",
    "strlcpy",
    "strlen",
    "strncasecmp",
    "strncat",
    "strncmp",
    "strncpy",
    "strnlen",
    "strpbrk",
    "strrchr",
    "strsep",
    "strsignal",
    "strspn",
    "strstr",
    "strtok",
    "strtok_r",
    "strverscmp",
    "strxfrm",
];

/// Of `<strings.h>`.
const STRINGS: [&str; 10] = [
    "bcmp",
    "bcopy",
    "bzero",
    "ffs",
    "ffsl",
    "ffsll",
    "index",
    "rindex",
    "strcasecmp",
    "strncasecmp",
];

/// Of `<stdio.h>`.
const STDIO: [&str; 72] = [
    "BUFSIZ",
    "EOF",
    "FILE",
    "FILENAME_MAX",
    "FOPEN_MAX",
    "SEEK_CUR",
    "SEEK_END",
    "SEEK_SET",
    "asprintf",
    "clearerr",
    "dprintf",
    "fclose",
    "fdopen",
    "feof",
    "ferror",
    "fflush",
    "fgetc",
    "fgetpos",
    "fgets",
    "fileno",
    "fmemopen",
    "fopen",
    "fpos_t",
    "fprintf",
    "fputc",
    "fputs",
    "fread",
    "freopen",
    "fscanf",
    "fseek",
    "fseeko",
    "fsetpos",
    "ftell",
    "ftello",
    "fwrite",
    "getc",
    "getchar",
    "getdelim",
    "getline",
    "open_memstream",
    "pclose",
    "perror",
    "popen",
    "printf",
    "putc",
    "putchar",
    "puts",
    "remove",
    "rename",
    "rewind",
    "scanf",
    "setbuf",
    "setlinebuf",
    "setvbuf",
    "snprintf",
    "sprintf",
    "sscanf",
    "stderr",
    "stdin",
    "stdout",
    "tmpfile",
    "tmpnam",
    "ungetc",
    "vasprintf",
    "vdprintf",
    "vfprintf",
    "vfscanf",
    "vprintf",
    "vscanf",
    "vsnprintf",
    "vsprintf",
    "vsscanf",
];

/// Of `<ctype.h>`.
const CTYPE: [&str; 16] = [
    "isalnum", "isalpha", "isascii", "isblank", "iscntrl", "isdigit", "isgraph", "islower",
    "isprint", "ispunct", "isspace", "isupper", "isxdigit", "toascii", "tolower", "toupper",
];

/// Of `<time.h>`.
const TIME: [&str; 36] = [
    "CLOCKS_PER_SEC",
    "CLOCK_MONOTONIC",
    "CLOCK_REALTIME",
    "TIME_UTC",
    "asctime",
    "asctime_r",
    "clock",
    "clock_getres",
    "clock_gettime",
    "clock_nanosleep",
    "clock_settime",
    "clock_t",
    "clockid_t",
    "ctime",
    "ctime_r",
    "difftime",
    "getdate",
    "gmtime",
    "gmtime_r",
    "itimerspec",
    "localtime",
    "localtime_r",
    "mktime",
    "nanosleep",
    "strftime",
    "strptime",
    "time",
    "time_t",
    "timegm",
    "timelocal",
    "timer_create",
    "timer_t",
    "timespec",
    "timespec_get",
    "tm",
    "tzset",
];
