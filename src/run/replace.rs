//! Writing files: whole or not at all.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use super::Fault;

/// Held for reading by whoever has a temporary file. A signal takes it for writing, so that the
/// process ends when no file is half written and no temporary file is left.
static GATE: RwLock<()> = RwLock::new(());

/// Waits until no file is half written, and lets none be begun any more while the result lives.
pub fn pause() -> RwLockWriteGuard<'static, ()> {
    GATE.write().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps writes below a directory.
#[derive(Clone, Debug, Default)]
pub struct Fence(Option<PathBuf>);

impl Fence {
    /// Around `root`; around nothing without.
    pub fn new(root: Option<&Path>) -> Result<Self, Fault> {
        let Some(root) = root else {
            return Ok(Self(None));
        };
        match fs::canonicalize(root) {
            Ok(real) => Ok(Self(Some(real))),
            Err(error) => Err(Fault::of(
                root,
                "root",
                format_args!("cannot be the root: {error}"),
                "give an existing directory to --root",
            )),
        }
    }

    /// Refuses a path outside.
    pub fn check(&self, shown: &Path, path: &Path) -> Result<(), Fault> {
        let Some(root) = &self.0 else { return Ok(()) };
        if settle(path).starts_with(root) {
            return Ok(());
        }
        Err(Fault::of(
            shown,
            "outside-root",
            format_args!("was not written: it lies outside of {}", root.display()),
            "widen --root, or leave the file out",
        ))
    }
}

/// A path, absolute and without symbolic links, whether it exists or not.
pub fn settle(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for dir in absolute.ancestors() {
        if let Ok(real) = fs::canonicalize(dir) {
            let mut settled = real;
            for part in absolute
                .strip_prefix(dir)
                .into_iter()
                .flat_map(Path::components)
            {
                match part {
                    std::path::Component::ParentDir => {
                        settled.pop();
                    }
                    part => settled.push(part),
                }
            }
            return settled;
        }
    }
    absolute
}

/// Puts `new` in the place of a file that held `old`. Mode and owner stay.
pub fn replace(shown: &Path, path: &Path, old: &[u8], new: &[u8]) -> Result<(), Fault> {
    let failed = |error: io::Error| unwritable(shown, &error);
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Fault::of(
            shown,
            "not-a-file",
            "cannot be rewritten in place: it is no regular file",
            "use - to read from stdin, or -o for the output",
        ));
    }
    // The mode counts for root too, who could write anyway.
    if metadata.permissions().readonly() {
        return Err(read_only(shown));
    }
    OpenOptions::new().write(true).open(path).map_err(failed)?;
    put(shown, path, new, &metadata, true, || {
        unchanged(shown, path, old)
    })
}

/// Writes an output file, with the permissions of the file it is made from. A file that holds
/// the same already is left alone, or gets a new time if it would look out of date to `make`.
pub fn create(
    shown: &Path,
    path: &Path,
    new: &[u8],
    origin: Option<&Metadata>,
) -> Result<(), Fault> {
    let failed = |error: io::Error| unwritable(shown, &error);
    let path = &settle(path);
    match fs::metadata(path) {
        Err(_) => {
            let dir = path.parent().unwrap_or(path);
            fs::create_dir_all(dir).map_err(failed)?;
            let model = match origin {
                Some(origin) => origin.clone(),
                None => fs::metadata(dir).map_err(failed)?,
            };
            put(shown, path, new, &model, false, || Ok(()))
        }
        Ok(metadata) if metadata.is_dir() => Err(Fault::of(
            shown,
            "not-a-file",
            "cannot be written: it is a directory",
            "give a file name to -o, or a directory that ends in /",
        )),
        // A device or a pipe.
        Ok(metadata) if !metadata.is_file() => {
            let file = OpenOptions::new().write(true).open(path);
            file.and_then(|mut f| f.write_all(new)).map_err(failed)
        }
        Ok(metadata) => {
            if metadata.permissions().readonly() {
                return Err(read_only(shown));
            }
            if metadata.len() == new.len() as u64 && fs::read(path).is_ok_and(|old| old == new) {
                return refresh(path, &metadata, origin).map_err(failed);
            }
            put(shown, path, new, &metadata, true, || Ok(()))
        }
    }
}

fn refresh(path: &Path, metadata: &Metadata, origin: Option<&Metadata>) -> io::Result<()> {
    let Some(origin) = origin else { return Ok(()) };
    if metadata.modified()? >= origin.modified()? {
        return Ok(());
    }
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_modified(std::time::SystemTime::now())
}

/// Writes a temporary file and renames it if `still_good`. With `keep`, mode and owner become
/// those of `model`; otherwise the usual mode for new files, and executable as `model` is.
fn put(
    shown: &Path,
    path: &Path,
    new: &[u8],
    model: &Metadata,
    keep: bool,
    still_good: impl FnOnce() -> Result<(), Fault>,
) -> Result<(), Fault> {
    let failed = |error: io::Error| unwritable(shown, &error);
    let dir = path.parent().unwrap_or(Path::new("."));
    let _open = GATE.read().unwrap_or_else(PoisonError::into_inner);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".bpf-malloc-");
    if !keep {
        let execute = if model.is_file() {
            model.mode() & 0o111
        } else {
            0
        };
        builder.permissions(Permissions::from_mode(0o666 | execute));
    }
    let mut temporary = builder
        .tempfile_in(dir)
        .map_err(|error| no_room(shown, dir, &error))?;
    temporary.write_all(new).map_err(failed)?;
    if keep {
        same_owner(temporary.as_file(), model).map_err(|error| foreign(shown, &error))?;
        // After the owner: a change of owner clears set-user-ID bits.
        let mode = Permissions::from_mode(model.mode() & 0o7777);
        temporary.as_file().set_permissions(mode).map_err(failed)?;
    }
    temporary.as_file().sync_all().map_err(failed)?;
    still_good()?;
    temporary
        .persist(path)
        .map_err(|error| failed(error.error))?;
    Ok(())
}

fn same_owner(file: &File, model: &Metadata) -> io::Result<()> {
    let now = file.metadata()?;
    if (now.uid(), now.gid()) == (model.uid(), model.gid()) {
        return Ok(());
    }
    fchown(file, Some(model.uid()), Some(model.gid()))
}

fn unchanged(shown: &Path, path: &Path, old: &[u8]) -> Result<(), Fault> {
    let mut now = Vec::with_capacity(old.len() + 1);
    let read = File::open(path).and_then(|f| f.take(old.len() as u64 + 1).read_to_end(&mut now));
    match read {
        Ok(_) if now == old => Ok(()),
        Ok(_) => Err(Fault::of(
            shown,
            "changed-meanwhile",
            "was not written: it has changed since it was read",
            "run the command again",
        )),
        Err(error) => Err(unwritable(shown, &error)),
    }
}

fn unwritable(shown: &Path, error: &io::Error) -> Fault {
    let help = match error.kind() {
        ErrorKind::NotFound => "the file has vanished meanwhile; run the command again",
        ErrorKind::PermissionDenied => {
            "you have no permission to write it; -o writes the result elsewhere"
        }
        ErrorKind::ReadOnlyFilesystem => "-o writes the result to another file system",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the old file is still whole; make room and run the command again"
        }
        _ => "the old file is still whole; -o writes the result elsewhere",
    };
    Fault::of(
        shown,
        "unwritable",
        format_args!("cannot be written: {error}"),
        help,
    )
}

fn read_only(shown: &Path) -> Fault {
    Fault::of(
        shown,
        "read-only",
        "was not written: it is read-only",
        "make it writable with `chmod u+w`, or write the result elsewhere with -o",
    )
}

fn no_room(shown: &Path, dir: &Path, error: &io::Error) -> Fault {
    if error.kind() != ErrorKind::PermissionDenied {
        return unwritable(shown, error);
    }
    Fault::of(
        shown,
        "unwritable",
        format_args!(
            "cannot be replaced: no new file can be made in {}: {error}",
            dir.display()
        ),
        "a file is replaced as a whole, which takes the permission to write to its directory",
    )
}

fn foreign(shown: &Path, error: &io::Error) -> Fault {
    Fault::of(
        shown,
        "owner",
        format_args!("was not written: its owner and group could not be kept: {error}"),
        "run as its owner, or write the result elsewhere with -o",
    )
}
