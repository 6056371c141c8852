//! The projects, and getting their sources ready for the compiler.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use walkdir::WalkDir;

/// `projects.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Packages whose headers the projects need.
    pub headers: Vec<String>,
    /// The projects.
    pub project: Vec<Project>,
}

/// One project.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// The Debian source package.
    pub package: String,
    /// What sets this entry apart from another of the same package.
    #[serde(default)]
    pub variant: String,
    /// Further arguments of the tool: macros that the program's own build would define.
    #[serde(default)]
    pub tool: Vec<String>,
    /// Shell commands that generate what the compiler needs.
    #[serde(default)]
    pub prepare: String,
    /// Compiler flags of every configuration.
    pub flags: Vec<String>,
    /// Further flags, per configuration.
    pub configurations: Vec<Vec<String>>,
}

impl Project {
    /// The package and the variant.
    pub fn name(&self) -> String {
        match &*self.variant {
            "" => self.package.clone(),
            variant => format!("{}-{variant}", self.package),
        }
    }
}

/// The source of a project, ready for the compiler.
pub struct Source {
    /// Where it lies; canonical.
    pub directory: PathBuf,
    /// The version of the package.
    pub version: String,
    /// All its C files and headers; canonical, sorted.
    pub units: Vec<PathBuf>,
}

/// Where things lie.
pub struct Workspace {
    /// The top of the repository.
    pub root: PathBuf,
    /// What is downloaded and built.
    pub cache: PathBuf,
    /// The private place for headers.
    pub sysroot: PathBuf,
    /// The command that is judged.
    pub tool: PathBuf,
    scripts: PathBuf,
}

impl Table {
    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        Ok(toml::from_str(&fs::read_to_string(path)?)?)
    }
}

impl Workspace {
    /// `here` is the directory of this package.
    pub fn new(here: &Path) -> Result<Self, Box<dyn Error>> {
        let root = here.join("../..").canonicalize()?;
        let cache = root.join("target/oracle");
        fs::create_dir_all(&cache)?;
        let tool = std::env::current_exe()?.with_file_name("bpf-malloc");
        if !tool.exists() {
            return Err(format!("{} is missing: run `make oracle`", tool.display()).into());
        }
        Ok(Self {
            sysroot: cache.join("sysroot"),
            scripts: here.to_path_buf(),
            root,
            cache,
            tool,
        })
    }

    /// Unpacks the headers of `packages` below the private place.
    pub fn headers(&self, packages: &[String]) -> Result<(), Box<dyn Error>> {
        self.fetch("extract", &self.sysroot, packages)
    }

    /// The flags that find those headers.
    pub fn header_flags(&self) -> Vec<String> {
        [
            "usr/include",
            "usr/include/x86_64-linux-gnu",
            "usr/include/tcl8.6",
        ]
        .map(|below| format!("-isystem{}", self.sysroot.join(below).display()))
        .to_vec()
    }

    /// Gets the source of a project and prepares it, once.
    pub fn source(&self, project: &Project) -> Result<Source, Box<dyn Error>> {
        let sources = self.cache.join("src");
        self.fetch("source", &sources, std::slice::from_ref(&project.package))?;
        let directory = sources.join(&project.package).canonicalize()?;
        let version = fs::read_to_string(sources.join(format!(".{}", project.package)))?;
        let prepared = sources.join(format!(".{}.prepared", project.package));
        let wanted = !project.prepare.is_empty() || !prepared.exists();
        if wanted && fs::read_to_string(&prepared).ok().as_ref() != Some(&project.prepare) {
            eprintln!("oracle: preparing {}", project.package);
            let status = Command::new("sh")
                .args(["-euc", &project.prepare])
                .current_dir(&directory)
                .env("HEADERS", self.header_flags().join(" "))
                .env("SYSROOT", &self.sysroot)
                .status()?;
            if !status.success() {
                return Err(format!("preparing {} failed", project.package).into());
            }
            fs::write(&prepared, &project.prepare)?;
        }
        as_repository(&directory)?;
        Ok(Source {
            units: units(&directory)?,
            version: version.trim().to_owned(),
            directory,
        })
    }

    fn fetch(&self, mode: &str, into: &Path, packages: &[String]) -> Result<(), Box<dyn Error>> {
        let status = Command::new("sh")
            .arg(self.scripts.join("sources.sh"))
            .arg(mode)
            .arg(self.cache.join("apt"))
            .arg(into)
            .args(packages)
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("could not get {}", packages.join(", ")).into())
        }
    }

    /// The source of the plugin.
    pub fn plugin_source(&self) -> PathBuf {
        self.scripts.join("calls.cc")
    }
}

/// Makes a source a project of its own, as its developers have it, rather than an ignored part of
/// this repository; and one that ignores nothing, as the compiler reads generated files too.
fn as_repository(directory: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(directory.join(".git"))?;
    for entry in WalkDir::new(directory) {
        let entry = entry?;
        if entry.file_name() == ".gitignore" {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The C files and headers below a directory; hidden ones are the packaging's.
fn units(directory: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut units = Vec::new();
    let walk = WalkDir::new(directory).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|e| !e.file_name().as_encoded_bytes().starts_with(b".")) {
        let entry = entry?;
        let c = entry
            .path()
            .extension()
            .is_some_and(|e| e == "c" || e == "h");
        if c && entry.file_type().is_file() {
            units.push(entry.into_path());
        }
    }
    Ok(units)
}
