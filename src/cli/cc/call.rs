//! The command line of a compiler, as far as it matters here.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::run::database::{self, Flags};

/// A command line that is understood.
pub struct Call {
    /// Its words, with those of its response files.
    texts: Vec<String>,
    /// Where relative paths start; empty for the current directory.
    pub base: PathBuf,
    /// The C sources, as given; absolute with `-working-directory`.
    pub sources: Vec<PathBuf>,
    /// A C source comes from standard input.
    pub from_stdin: bool,
    /// How they are compiled.
    pub flags: Flags,
    /// Where dependencies are written to.
    pub dependencies: Option<Dependencies>,
    /// Where `-MJ` has the entry for a compilation database written to.
    pub entry: Option<PathBuf>,
}

/// Where a compiler writes dependencies to. `-` is stdout.
#[derive(Debug, PartialEq, Eq)]
pub enum Dependencies {
    /// All of them to one file. `-MF` can name another.
    File(PathBuf),
    /// To stdout, and nothing else.
    Stdout,
    /// Each source's to a file of its own. `-MF` would make one of them.
    Each(Vec<PathBuf>),
}

/// Options of clang and gcc with their value in a word of its own.
const WITH_VALUE: [&str; 45] = [
    "-o",
    "-I",
    "-D",
    "-U",
    "-A",
    "-L",
    "-T",
    "-l",
    "-u",
    "-e",
    "-z",
    "-x",
    "-B",
    "-F",
    "-arch",
    "-include",
    "-include-pch",
    "-imacros",
    "-isystem",
    "-iquote",
    "-idirafter",
    "-isysroot",
    "-iprefix",
    "-iwithprefix",
    "-iwithprefixbefore",
    "-iwithsysroot",
    "-ivfsoverlay",
    "-MF",
    "-MJ",
    "-MT",
    "-MQ",
    "-target",
    "--config",
    "--param",
    "--sysroot",
    "--serialize-diagnostics",
    "-Xclang",
    "-Xlinker",
    "-Xassembler",
    "-mllvm",
    "-Xpreprocessor",
    "-resource-dir",
    "-fdebug-compilation-dir",
    WORKING_DIRECTORY,
    "-dumpdir",
];

/// Where the compiler takes relative paths from.
const WORKING_DIRECTORY: &str = "-working-directory";

/// What options say, as far as it decides where the compiler writes.
#[derive(Default)]
struct Output {
    /// `-o`.
    object: Option<PathBuf>,
    /// `-MF`.
    file: Option<PathBuf>,
    /// `-MD`: dependencies beside the object.
    beside: bool,
    /// `-M`: dependencies instead of it.
    only: bool,
    /// How many files are compiled or linked.
    inputs: usize,
}

impl Call {
    /// Reads the words behind a compiler's name.
    pub fn new(words: &[OsString]) -> Self {
        let here = std::env::current_dir().unwrap_or_default();
        let words = expand(words.to_vec(), Metadata::is_file);
        let texts: Vec<String> = words
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let base = working_directory(&texts);
        let flags = database::parse(&texts, &here.join(&base));
        let mut call = Self {
            texts: Vec::new(),
            base: base.clone(),
            sources: Vec::new(),
            from_stdin: false,
            flags,
            dependencies: None,
            entry: None,
        };
        let mut said = Output::default();
        let mut language = None;
        let mut rest = words.iter().zip(&texts);
        while let Some((word, text)) = rest.next() {
            let value = match WITH_VALUE.contains(&text.as_str()) {
                true => rest.next().map(|(word, _)| word.as_os_str()),
                false => None,
            };
            match (text.as_str(), value) {
                ("-o", Some(value)) => said.object = Some(PathBuf::from(value)),
                ("-MF", Some(value)) => said.file = Some(PathBuf::from(value)),
                ("-MJ", Some(value)) => call.entry = Some(base.join(value)),
                ("-x", Some(value)) => language = value.to_str().map(str::to_owned),
                ("-MD" | "-MMD" | "--write-dependencies" | "--write-user-dependencies", _) => {
                    said.beside = true
                }
                ("-M" | "-MM" | "--dependencies" | "--user-dependencies", _) => said.only = true,
                (text, None) => {
                    if let Some(path) = text.strip_prefix("-MF") {
                        said.file = Some(PathBuf::from(path));
                    } else if let Some(path) = text.strip_prefix("-MJ") {
                        call.entry = Some(base.join(path));
                    } else if let Some(path) = text.strip_prefix("-o") {
                        said.object = Some(PathBuf::from(path));
                    } else if let Some(name) = text.strip_prefix("-x") {
                        language = Some(name.to_owned());
                    } else if let Some(given) = text.strip_prefix("-Wp,") {
                        // As the kernel's makefiles have it: -Wp,-MMD,FILE.
                        let mut parts = given.split(',');
                        let first = parts.next();
                        if matches!(first, Some("-MD" | "-MMD" | "-MF")) {
                            said.file = parts.next().map(PathBuf::from).or(said.file);
                            said.beside |= first != Some("-MF");
                        }
                    } else if is_stdin(text) {
                        said.inputs += 1;
                        // With -E, `-` is C without being called so.
                        call.from_stdin |= match language.as_deref() {
                            Some(language) => language == "c",
                            None => text == "-",
                        };
                    } else if !text.starts_with('-') && !text.starts_with('@') {
                        said.inputs += 1;
                        let is_c = match &language {
                            Some(language) => language == "c",
                            None => Path::new(text).extension() == Some(OsStr::new("c")),
                        };
                        call.sources.extend(is_c.then(|| base.join(word)));
                    }
                }
                _ => {}
            }
        }
        call.dependencies = said.dependencies(&base, &call.sources);
        call.texts = texts;
        call
    }

    /// Whether a word of the command line starts like this.
    pub fn says(&self, start: &str) -> bool {
        self.texts.iter().any(|text| text.starts_with(start))
    }

    /// Whether the command line says which machine the kernel runs on, as far as headers for x86 have
    /// to know it.
    pub fn says_machine(&self) -> bool {
        let mut names = self.flags.macros.iter().map(|one| &*one.name);
        names.any(|name| match name.strip_prefix("__TARGET_ARCH_") {
            Some(machine) => machine != "x86",
            None => matches!(name, "__x86_64__" | "__i386__"),
        })
    }
}

impl Output {
    fn dependencies(self, base: &Path, sources: &[PathBuf]) -> Option<Dependencies> {
        let in_file = |path: PathBuf| match path == Path::new("-") {
            true => path,
            false => base.join(path),
        };
        match (self.only, self.beside, self.file, self.object) {
            (false, false, ..) => None,
            (true, _, None, None) => Some(Dependencies::Stdout),
            (true, _, Some(file), _) | (true, _, None, Some(file)) | (false, _, Some(file), _) => {
                Some(match self.only && file == Path::new("-") {
                    true => Dependencies::Stdout,
                    false => Dependencies::File(in_file(file)),
                })
            }
            (false, _, None, Some(object)) => {
                Some(Dependencies::File(base.join(with_ending_d(&object))))
            }
            (false, _, None, None) => {
                let names = sources.iter().filter_map(|source| source.file_name());
                let mut files: Vec<PathBuf> = names
                    .map(|name| base.join(with_ending_d(Path::new(name))))
                    .collect();
                match (self.inputs, files.len()) {
                    (1, 1) => files.pop().map(Dependencies::File),
                    _ => Some(Dependencies::Each(files)),
                }
            }
        }
    }
}

/// `-`, or the file that stands for it.
fn is_stdin(text: &str) -> bool {
    matches!(text, "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0")
}

/// With the last ending replaced as clang does it: `.a.o` becomes `.a.d`, and `.a` becomes `.d`.
fn with_ending_d(path: &Path) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    let name = memchr::memrchr(b'/', bytes).map_or(0, |slash| slash + 1);
    let end = memchr::memrchr(b'.', &bytes[name..]).map_or(bytes.len(), |dot| name + dot);
    let mut bytes = bytes[..end].to_vec();
    bytes.extend(b".d");
    PathBuf::from(OsString::from_vec(bytes))
}

/// What `-working-directory` says last; empty without it.
fn working_directory(texts: &[String]) -> PathBuf {
    let mut found = "";
    for (index, text) in texts.iter().enumerate() {
        match text.strip_prefix(WORKING_DIRECTORY) {
            Some("") => found = texts.get(index + 1).map_or(found, String::as_str),
            Some(rest) => found = rest.strip_prefix('=').unwrap_or(found),
            None => {}
        }
    }
    PathBuf::from(found)
}

/// How many words start the compiler itself: the wrappers before it (`ccache clang`,
/// `env A=1 clang-19`) and its own name. One if no name of a compiler is among them.
pub fn starting(command: &[OsString]) -> usize {
    let is_compiler = |word: &OsString| {
        let path = Path::new(word);
        let text = word.to_string_lossy();
        let name = path.file_name().unwrap_or(word).to_string_lossy();
        let is_file = path
            .extension()
            .is_some_and(|ending| ["c", "h", "i", "o", "s", "S"].iter().any(|e| ending == *e));
        !(is_file || text.starts_with(['-', '@']) || text.contains('='))
            && (name.contains("clang") || name.contains("gcc") || name.starts_with("bpf-"))
    };
    command.iter().position(is_compiler).map_or(1, |at| at + 1)
}

/// The words with those of their response files (`@FILE`) in their place, as far as `wanted` takes
/// the file. As compilers do, a word stays if there is no such file, and if a file names itself.
pub fn expand(words: Vec<OsString>, wanted: fn(&Metadata) -> bool) -> Vec<OsString> {
    fn add(
        words: Vec<OsString>,
        wanted: fn(&Metadata) -> bool,
        within: &mut Vec<PathBuf>,
        out: &mut Vec<OsString>,
    ) {
        for word in words {
            match read(&word, wanted).filter(|(path, _)| !within.contains(path)) {
                Some((path, text)) => {
                    within.push(path);
                    add(split(&text), wanted, within, out);
                    within.pop();
                }
                None => out.push(word),
            }
        }
    }
    let mut out = Vec::with_capacity(words.len());
    add(words, wanted, &mut Vec::new(), &mut out);
    out
}

/// The response file that a word names, and its text.
fn read(word: &OsStr, wanted: fn(&Metadata) -> bool) -> Option<(PathBuf, Vec<u8>)> {
    let path = Path::new(OsStr::from_bytes(word.as_bytes().strip_prefix(b"@")?));
    let known = fs::metadata(path)
        .ok()
        .filter(|known| !known.is_dir() && wanted(known));
    known?;
    let text = fs::read(path).ok()?;
    Some((fs::canonicalize(path).unwrap_or(path.to_owned()), text))
}

/// The words of a response file, as clang and gcc split it. That is no shell's way: a backslash takes
/// the next byte as it is between quotes of both kinds too, and nothing starts a comment.
fn split(text: &[u8]) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => word.get_or_insert_default().extend(bytes.next()),
            _ if quote == Some(byte) => quote = None,
            b'"' | b'\'' if quote.is_none() => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            _ if quote.is_none() && byte.is_ascii_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words.into_iter().map(OsString::from_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    fn call(line: &str) -> Call {
        Call::new(&words(line))
    }

    fn file(path: &str) -> Option<Dependencies> {
        Some(Dependencies::File(path.into()))
    }

    #[test]
    fn sources_and_dependencies_of_a_command_line() {
        let found = call("-target bpf -Iinc -o out/a.o -include x.h -MD -c src/a.c");
        assert_eq!(found.sources, [PathBuf::from("src/a.c")]);
        assert_eq!(found.dependencies, file("out/a.d"));
        assert!(found.flags.bpf && found.flags.forced == ["x.h"]);
        let found = call("--target=bpf -MMD -MF deps/x -c a.c b.c");
        assert_eq!(
            (found.sources.len(), found.dependencies),
            (2, file("deps/x"))
        );
        for (line, expected) in [
            ("-MD -c d/a.c", file("a.d")),
            ("-MD -c a.c -o d.x/a", file("d.x/a.d")),
            ("-MD -c a.c -o d/.a.o", file("d/.a.d")),
            ("-Wp,-MMD,d/.a.o.d -c a.c", file("d/.a.o.d")),
            ("-MD -MF/dev/fd/3 -c a.c", file("/dev/fd/3")),
            ("-MD -MF - -c a.c", file("-")),
            ("-MM a.c", Some(Dependencies::Stdout)),
            ("-M -MF - a.c", Some(Dependencies::Stdout)),
            ("-M -o x a.c", file("x")),
            ("-c a.c", None),
            (
                "-MD -c s/a.c b.c",
                Some(Dependencies::Each(vec!["a.d".into(), "b.d".into()])),
            ),
            ("-working-directory /w -MD -c s/a.c", file("/w/a.d")),
        ] {
            assert_eq!(call(line).dependencies, expected, "{line}");
        }
        for line in [
            "-c a.S",
            "-o x.c",
            "a.o b.o -o prog",
            "-x assembler a.c",
            "--version",
            "@args",
            "-MJ x.c",
        ] {
            assert!(call(line).sources.is_empty(), "{line}");
        }
        assert_eq!(call("-x c a.inc").sources, [PathBuf::from("a.inc")]);
    }

    #[test]
    fn paths_start_where_the_compiler_works() {
        let found = call("-Iinc -working-directory=/w -MJ j.json -c a.c");
        assert_eq!(found.sources, [PathBuf::from("/w/a.c")]);
        assert_eq!(found.flags.dirs, [PathBuf::from("/w/inc")]);
        assert_eq!(found.entry, Some("/w/j.json".into()));
    }

    #[test]
    fn standard_input() {
        for (line, expected) in [
            ("-x c -c -", true),
            ("-E -", true),
            ("-xc /dev/stdin", true),
            ("-x assembler -", false),
            ("-c a.c", false),
        ] {
            assert_eq!(call(line).from_stdin, expected, "{line}");
        }
    }

    #[test]
    fn compilers_behind_wrappers() {
        for (line, count) in [
            ("clang-19 -c a.c", 1),
            ("ccache clang -c a.c", 2),
            ("nice -n 5 env CC=clang /usr/bin/clang-19 -c a.c", 6),
            ("mine -c clang.c -o clang.o", 1),
        ] {
            assert_eq!(starting(&words(line)), count, "{line}");
        }
    }

    #[test]
    fn response_files_are_split_as_compilers_split_them() {
        let text = b"-DA=\\\"x\\\" 'b c'd \"e\\\"f\" 'it\\'s' # g\\ h\n\t\"\" -c";
        let expected = ["-DA=\"x\"", "b cd", "e\"f", "it's", "#", "g h", "", "-c"];
        assert_eq!(split(text), expected.map(OsString::from));
    }

    #[test]
    fn response_files_name_others() {
        let dir = tempfile::tempdir().expect("a directory");
        let name = |name: &str| format!("@{}", dir.path().join(name).display());
        let (a, b, absent) = (name("a"), name("b"), name("absent"));
        fs::write(&a[1..], format!("-DA {b} {absent}")).expect("it can be written");
        fs::write(&b[1..], format!("-DB {a}")).expect("it can be written");
        let line = [OsString::from("-c"), OsString::from(&a)].to_vec();
        let expected = ["-c", "-DA", "-DB", &a, &absent].map(OsString::from);
        assert_eq!(expand(line.clone(), Metadata::is_file), expected);
        assert_eq!(expand(line.clone(), |_| false), line);
    }
}
