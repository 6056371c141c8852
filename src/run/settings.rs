//! Settings: what the command line says, else `bpf-malloc.toml`, else the default.

use std::env;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use serde::{Deserialize, Serialize};

use super::{Fault, load, printable, values};
use crate::heap::{KernelVersion, Overrides};
use crate::rewrite::{Backend, CommandLineMacro, OnNull, Options, Recursion};

/// The largest settings file that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// The name of the settings file.
pub const CONFIG_NAME: &str = "bpf-malloc.toml";
const DEFAULT_EXT: [&str; 2] = ["c", "h"];
/// 8 MiB: twice the largest `vmlinux.h`, and no C file written by hand comes near it.
const DEFAULT_MAX_SIZE: u64 = 8 << 20;

/// What the caller says, by command line or builder. It wins over the settings file.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// What to do about missing NULL checks.
    pub on_null: Option<OnNull>,
    /// Where the heap lies.
    pub backend: Option<Backend>,
    /// What to do about functions that call each other in circles.
    pub recursion: Option<Recursion>,
    /// The oldest kernel that the programs have to load on.
    pub target_kernel: Option<KernelVersion>,
    /// Tell of each declaration why it is qualified with `__arena`.
    pub explain: bool,
    /// File endings looked at in directories.
    pub ext: Option<Vec<String>>,
    /// Patterns of what is left out in directories, as in .gitignore, from the current directory.
    pub exclude: Vec<String>,
    /// Rewrite in directories also what is no code for BPF.
    pub all: bool,
    /// Which settings file counts.
    pub config: ConfigFile,
    /// Directories with headers of the project.
    pub include_dirs: Vec<PathBuf>,
    /// Macros, as the compiler gets them, in order.
    pub macros: Vec<CommandLineMacro>,
    /// The compilation database, instead of the nearest.
    pub compile_commands: Option<PathBuf>,
    /// Write the header beside the output.
    pub emit_header: bool,
    /// What stands in the header; the settings count where this says nothing.
    pub header: Option<Overrides>,
    /// Larger files are refused. Bytes.
    pub max_size: Option<u64>,
}

/// Which settings file counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConfigFile {
    /// The nearest one, upwards from the input.
    #[default]
    Nearest,
    /// This one.
    File(PathBuf),
    /// None.
    None,
}

/// The settings file, as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    on_null: Option<OnNullText>,
    backend: Option<BackendText>,
    recursion: Option<RecursionText>,
    ext: Option<Vec<String>>,
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    include_dirs: Vec<PathBuf>,
    compile_commands: Option<PathBuf>,
    emit_header: Option<bool>,
    max_size: Option<Size>,
    #[serde(default)]
    header: HeaderConfig,
}

/// The table `[header]`: what `--emit-header` writes.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct HeaderConfig {
    pool_size: Option<u64>,
    heaps: Option<u32>,
    granule: Option<u32>,
    guard: Option<u64>,
    spin_lock: bool,
    arena: bool,
    debug: bool,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct OnNullText(OnNull);

impl TryFrom<String> for OnNullText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        values::on_null(&text).map(Self)
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct BackendText(Backend);

impl TryFrom<String> for BackendText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        values::backend(&text).map(Self)
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct RecursionText(Recursion);

impl TryFrom<String> for RecursionText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        values::recursion(&text).map(Self)
    }
}

/// A size: a number of bytes, or text with a suffix.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Size {
    Bytes(u64),
    Text(String),
}

/// What to do with one of the inputs.
#[derive(Debug)]
pub struct Settings {
    /// For the library.
    pub options: Options,
    /// File endings looked at in directories, with the dot.
    pub endings: Vec<String>,
    /// What is left out in directories: by the settings and by the caller.
    pub exclude: [Excluded; 2],
    /// In directories also what is no code for BPF counts.
    pub all: bool,
    /// Directories with headers of the project, absolute.
    pub include_dirs: Vec<PathBuf>,
    /// The compilation database, if one was named.
    pub compile_commands: Option<PathBuf>,
    /// Write the header beside the output.
    pub emit_header: bool,
    /// Larger files are refused. Bytes.
    pub max_size: u64,
    /// The sizes in that header.
    pub header: Overrides,
    /// The settings file that they come from, if there is one.
    pub file: Option<PathBuf>,
}

/// Patterns of what is left out, as in `.gitignore`.
#[derive(Debug)]
pub struct Excluded {
    /// As they were written.
    pub patterns: Vec<String>,
    /// From the directory that they start at.
    matcher: Gitignore,
}

/// [`Settings`] as a settings file has them.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Written<'a> {
    on_null: String,
    backend: &'a str,
    recursion: &'a str,
    ext: Vec<&'a str>,
    exclude: Vec<&'a str>,
    all: bool,
    include_dirs: &'a [PathBuf],
    compile_commands: Option<&'a Path>,
    emit_header: bool,
    max_size: u64,
    header: HeaderConfig,
}

impl Settings {
    /// As the text of a settings file that says the same.
    ///
    /// # Errors
    ///
    /// In the serializer's words, if a path is not UTF-8: TOML has no other text.
    pub fn to_toml(&self) -> Result<String, String> {
        let header = &self.header;
        let written = Written {
            on_null: values::on_null_text(&self.options.on_null),
            backend: values::backend_text(self.options.backend),
            recursion: values::recursion_text(self.options.recursion),
            ext: self.endings.iter().map(|ending| &ending[1..]).collect(),
            exclude: self
                .exclude
                .iter()
                .flat_map(|list| list.patterns.iter().map(String::as_str))
                .collect(),
            all: self.all,
            include_dirs: &self.include_dirs,
            compile_commands: self.compile_commands.as_deref(),
            emit_header: self.emit_header,
            max_size: self.max_size,
            header: HeaderConfig {
                pool_size: header.pool_size,
                heaps: header.heaps,
                granule: header.granule,
                guard: header.guard,
                spin_lock: header.spin_lock,
                arena: header.arena,
                debug: header.debug,
            },
        };
        toml::to_string(&written).map_err(|error| error.to_string())
    }

    /// Whether the settings or the caller leave out a file or directory (absolute).
    pub fn excludes(&self, path: &Path, is_dir: bool) -> bool {
        let out = |list: &Excluded| list.matcher.matched(path, is_dir).is_ignore();
        self.exclude.iter().any(out)
    }

    /// The same for a file that was not met on a walk: a directory above may be left out.
    pub fn excludes_named(&self, path: &Path) -> bool {
        let above = path.ancestors().skip(1);
        self.excludes(path, false) || above.into_iter().any(|dir| self.excludes(dir, true))
    }

    /// Whether a file of a directory is looked at.
    pub fn takes(&self, name: &std::ffi::OsStr) -> bool {
        use std::os::unix::ffi::OsStrExt;
        let name = name.as_bytes();
        let ends = |ending: &String| name.len() > ending.len() && name.ends_with(ending.as_bytes());
        self.endings.iter().any(ends)
    }
}

/// Finds the settings of inputs, reading each settings file once.
pub struct Finder<'a> {
    choices: &'a Choices,
    known: Vec<(Option<PathBuf>, Arc<Settings>)>,
    /// Settings files that were passed by.
    notes: Vec<Fault>,
}

impl<'a> Finder<'a> {
    /// For these choices.
    pub fn new(choices: &'a Choices) -> Self {
        Self {
            choices,
            known: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Which settings files were passed by, and why.
    pub fn take_notes(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.notes)
    }

    /// The settings files that were read.
    pub fn files(&self) -> Vec<PathBuf> {
        self.known
            .iter()
            .filter_map(|(file, _)| file.clone())
            .collect()
    }

    /// The nearest settings file upwards from a directory: within its repository, or else its file
    /// system. What lies above belongs to nobody in particular. As git does with repositories,
    /// files of other users are passed by: what they say comes into the code.
    fn nearest(&mut self, dir: &Path) -> Option<PathBuf> {
        let device = |dir: &Path| fs::metadata(dir).ok().as_ref().map(Metadata::dev);
        let mut visited = Vec::new();
        for dir_above in dir.ancestors() {
            if device(dir_above) != device(dir) {
                break;
            }
            visited.push(dir_above);
            if dir_above.join(".git").exists() {
                break;
            }
        }
        let top = *visited.last()?;
        for dir in visited {
            let file = dir.join(CONFIG_NAME);
            let Ok(itself) = fs::symlink_metadata(&file) else {
                continue;
            };
            let target = fs::canonicalize(&file).and_then(|real| Ok((fs::metadata(&real)?, real)));
            let reason = match target {
                Err(error) => error.to_string(),
                Ok((target, real)) => match () {
                    () if !target.is_file() => "it is no regular file".to_owned(),
                    () if !is_trusted(itself.uid()) || !is_trusted(target.uid()) => {
                        "it belongs to another user".to_owned()
                    }
                    // Its lines may be shown, and it can be any file then.
                    () if !real.starts_with(top) => format!("it leads out of {}", printable(top)),
                    () => return Some(file),
                },
            };
            if !self
                .notes
                .iter()
                .any(|note| note.path.as_ref() == Some(&file))
            {
                let note = Fault::of(
                    &file,
                    "settings-ignored",
                    format_args!("these settings were not followed: {reason}"),
                    "name the file with --config to follow it all the same",
                );
                self.notes.push(note.into_note());
            }
        }
        None
    }

    /// The settings of the input in the directory `dir` (absolute).
    pub fn find(&mut self, dir: &Path) -> Result<Arc<Settings>, Fault> {
        let file = match &self.choices.config {
            ConfigFile::File(file) => Some(file.clone()),
            ConfigFile::None => None,
            ConfigFile::Nearest => self.nearest(dir),
        };
        if let Some((_, settings)) = self.known.iter().find(|(known, _)| *known == file) {
            return Ok(Arc::clone(settings));
        }
        let (config, base) = match &file {
            Some(file) => {
                let base = fs::canonicalize(file)
                    .ok()
                    .and_then(|f| f.parent().map(Path::to_owned));
                (read(file)?, base.unwrap_or_default())
            }
            None => (Config::default(), dir.to_owned()),
        };
        let settings = Arc::new(merge(self.choices, config, &base, file.as_deref())?);
        self.known.push((file, Arc::clone(&settings)));
        Ok(settings)
    }
}

/// Whether the settings of another may be followed: those of root, who can do anything anyway; for
/// root those of the user who called sudo.
fn is_trusted(owner: u32) -> bool {
    let user = rustix::process::geteuid().as_raw();
    let caller = || env::var("SUDO_UID").ok()?.parse().ok();
    owner == user || owner == 0 || (user == 0 && caller() == Some(owner))
}

fn read(file: &Path) -> Result<Config, Fault> {
    let unreadable = |error: String| {
        Fault::of(
            file,
            "settings",
            format_args!("cannot read the settings: {error}"),
            "correct or remove the file, name another with --config, or pass it by with --no-config",
        )
    };
    let bytes = load::side(file, LIMIT).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
    toml::from_str(&text).map_err(|error| {
        let line = error
            .span()
            .map(|span| 1 + text[..span.start].matches('\n').count())
            .unwrap_or(1);
        let said = error.message().trim_end();
        let message = match meant(said) {
            Some(name) => format!("line {line}: {said}; did you mean `{name}`?"),
            None => format!("line {line}: {said}"),
        };
        let fault = Fault::of(
            file,
            "settings",
            message,
            "`bpf-malloc rewrite --help` lists the settings and what they can be",
        );
        match error.span() {
            Some(span) => fault.at(file, &text, span),
            None => fault,
        }
    })
}

/// The key that was meant, where serde says that there is no such key and which there are.
fn meant(said: &str) -> Option<&str> {
    let mut quoted = said.strip_prefix("unknown field `")?.split('`').step_by(2);
    let word = quoted.next()?;
    values::nearest(word, quoted)
}

fn merge(
    choices: &Choices,
    config: Config,
    base: &Path,
    file: Option<&Path>,
) -> Result<Settings, Fault> {
    let wrong = |what: String| {
        let name = file.unwrap_or(Path::new(CONFIG_NAME));
        Fault::of(name, "settings", what, "correct the line in the settings")
    };
    let own = patterns(base, &config.exclude).map_err(wrong)?;
    let here = std::env::current_dir().unwrap_or_default();
    let here = fs::canonicalize(&here).unwrap_or(here);
    let given = patterns(&here, &choices.exclude).map_err(|what| {
        Fault::new(
            "usage",
            what,
            "give a pattern as in .gitignore, such as vendor/ or *_gen.c",
        )
    })?;
    let max_size = match config.max_size {
        None => DEFAULT_MAX_SIZE,
        Some(Size::Bytes(bytes)) => bytes,
        Some(Size::Text(text)) => {
            values::size(&text).map_err(|error| wrong(format!("max-size: {error}")))?
        }
    };
    let endings = match (&choices.ext, config.ext) {
        (Some(list), _) => list.clone(),
        (None, Some(list)) => list,
        (None, None) => DEFAULT_EXT.map(str::to_owned).into(),
    };
    let mut include_dirs = choices
        .include_dirs
        .iter()
        .map(|d| absolute(d))
        .collect::<Vec<_>>();
    include_dirs.extend(config.include_dirs.iter().map(|dir| base.join(dir)));
    let on_null = choices
        .on_null
        .clone()
        .or(config.on_null.map(|text| text.0));
    let backend = choices.backend.or(config.backend.map(|text| text.0));
    let recursion = choices.recursion.or(config.recursion.map(|text| text.0));
    let backend = for_kernel(backend.unwrap_or_default(), choices.target_kernel)?;
    Ok(Settings {
        file: file.map(Path::to_owned),
        options: Options {
            on_null: on_null.unwrap_or_default(),
            backend,
            recursion: recursion.unwrap_or_default(),
            explain: choices.explain,
        },
        endings: endings
            .iter()
            .map(|e| e.trim().trim_start_matches("*.").trim_start_matches('.'))
            .filter(|e| !e.is_empty())
            .map(|e| format!(".{e}"))
            .collect(),
        exclude: [own, given],
        all: choices.all || config.all,
        include_dirs,
        compile_commands: choices
            .compile_commands
            .clone()
            .or(config.compile_commands.map(|path| base.join(path))),
        emit_header: choices.emit_header || config.emit_header.unwrap_or(false),
        max_size: choices.max_size.unwrap_or(max_size),
        header: choices.header.unwrap_or(Overrides {
            pool_size: config.header.pool_size,
            heaps: config.header.heaps,
            granule: config.header.granule,
            guard: config.header.guard,
            spin_lock: config.header.spin_lock,
            arena: config.header.arena,
            debug: config.header.debug,
            min_kernel: None,
        }),
    })
}

/// Patterns that start at a directory.
fn patterns(base: &Path, list: &[String]) -> Result<Excluded, String> {
    let mut builder = GitignoreBuilder::new(base);
    for pattern in list {
        let added = builder.add_line(None, pattern);
        added.map_err(|error| format!("exclude: {error}"))?;
    }
    Ok(Excluded {
        patterns: list.to_owned(),
        matcher: builder
            .build()
            .map_err(|error| format!("exclude: {error}"))?,
    })
}

/// The first kernel with arenas.
const ARENAS: KernelVersion = KernelVersion { major: 6, minor: 9 };

/// What a backend comes to on the oldest kernel that is meant.
fn for_kernel(backend: Backend, kernel: Option<KernelVersion>) -> Result<Backend, Fault> {
    match (backend, kernel) {
        (Backend::Arena, Some(kernel)) if kernel < ARENAS => Err(Fault::new(
            "usage",
            format!("Linux {kernel} has no arenas: they came with {ARENAS}"),
            "leave --backend out: stored pointers are then turned back where they are followed",
        )),
        (Backend::Auto, Some(kernel)) if kernel < ARENAS => Ok(Backend::Stored),
        (backend, _) => Ok(backend),
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
