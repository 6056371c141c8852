//! Writing files: whole or not at all.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr};
use rustix::io::Errno;

use super::{Fault, load, printable, temporary};

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
            format_args!("was not written: it lies outside of {}", printable(root)),
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

/// Puts `new` in the place of a file that held `old`. Mode, owner and extended attributes stay.
/// Returns what is to be said of it all the same.
pub fn replace(shown: &Path, path: &Path, old: &[u8], new: &[u8]) -> Result<Vec<Fault>, Fault> {
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
    let file = OpenOptions::new().read(true).write(true).open(path);
    let file = file.map_err(failed)?;
    put(shown, path, new, &metadata, Some(&file), || {
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
) -> Result<Vec<Fault>, Fault> {
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
            put(shown, path, new, &model, None, || Ok(()))
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
            file.and_then(|mut f| f.write_all(new)).map_err(failed)?;
            Ok(Vec::new())
        }
        Ok(metadata) => {
            if metadata.permissions().readonly() {
                return Err(read_only(shown));
            }
            if metadata.len() == new.len() as u64 && fs::read(path).is_ok_and(|old| old == new) {
                refresh(path, &metadata, origin).map_err(failed)?;
                return Ok(Vec::new());
            }
            let file = load::open(path).map_err(failed)?;
            put(shown, path, new, &metadata, Some(&file), || Ok(()))
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

/// Writes a temporary file and renames it if `still_good`. Mode, owner and extended attributes
/// become those of the file `kept`, which `model` describes; without it the mode becomes the usual
/// one for new files, and executable as `model` is.
fn put(
    shown: &Path,
    path: &Path,
    new: &[u8],
    model: &Metadata,
    kept: Option<&File>,
    still_good: impl FnOnce() -> Result<(), Fault>,
) -> Result<Vec<Fault>, Fault> {
    let failed = |error: io::Error| unwritable(shown, &error);
    let dir = path.parent().unwrap_or(Path::new("."));
    let _open = GATE.read().unwrap_or_else(PoisonError::into_inner);
    let execute = match model.is_file() {
        true => model.mode() & 0o111,
        false => 0,
    };
    let usual = Permissions::from_mode(0o666 | execute);
    let mut temporary = temporary::create(dir, kept.is_none().then_some(usual))
        .map_err(|error| no_room(shown, dir, &error))?;
    temporary.write_all(new).map_err(failed)?;
    let mut notes = Vec::new();
    if let Some(kept) = kept {
        same_owner(temporary.as_file(), model).map_err(|error| foreign(shown, &error))?;
        // After the owner: a change of owner clears set-user-ID bits.
        let mode = Permissions::from_mode(model.mode() & 0o7777);
        temporary.as_file().set_permissions(mode).map_err(failed)?;
        // After the mode, which a list of access rights goes beyond.
        notes.extend(same_attributes(shown, kept, temporary.as_file())?);
        if model.nlink() > 1 {
            notes.push(linked(shown, model.nlink() - 1));
        }
    }
    temporary.as_file().sync_all().map_err(failed)?;
    still_good()?;
    temporary
        .persist(path)
        .map_err(|error| failed(error.error))?;
    Ok(notes)
}

/// The longest list of attributes, and the longest value of one, that Linux allows. Bytes.
const ATTRIBUTES: usize = 64 << 10;

/// Copies the extended attributes: lists of access rights, capabilities, labels, the user's own.
/// Those that the system sets by its own rules are told if they cannot be kept.
fn same_attributes(shown: &Path, from: &File, to: &File) -> Result<Vec<Fault>, Fault> {
    let lost = |name: &str, error: Errno| {
        let error = io::Error::from(error);
        Fault::of(
            shown,
            "attributes",
            format_args!("its extended attribute {name} could not be kept: {error}"),
            "write the result elsewhere with -o, or remove the attribute",
        )
    };
    let mut names = vec![0; ATTRIBUTES];
    let length = match flistxattr(from.as_fd(), &mut names[..]) {
        Ok(length) => length,
        // The file system has none.
        Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(Vec::new()),
        Err(error) => return Err(lost("list", error)),
    };
    let mut notes = Vec::new();
    let (mut value, mut now) = (vec![0; ATTRIBUTES], vec![0; ATTRIBUTES]);
    for name in names[..length].split(|&byte| byte == 0) {
        if name.is_empty() {
            continue;
        }
        let copied = fgetxattr(from.as_fd(), name, &mut value[..]).and_then(|length| {
            let value = &value[..length];
            match fgetxattr(to.as_fd(), name, &mut now[..]) {
                Ok(length) if now[..length] == *value => Ok(()),
                _ => fsetxattr(to.as_fd(), name, value, XattrFlags::empty()),
            }
        });
        match copied {
            Ok(()) => {}
            // Removed meanwhile.
            Err(Errno::NODATA) => {}
            Err(error) => {
                let told = lost(&String::from_utf8_lossy(name), error);
                match name.starts_with(b"security.") || name.starts_with(b"system.nfs4") {
                    true => notes.push(told.into_note()),
                    false => return Err(told),
                }
            }
        }
    }
    Ok(notes)
}

/// Says that other names of a file keep what it held.
fn linked(shown: &Path, others: u64) -> Fault {
    let names = if others == 1 { "name" } else { "names" };
    Fault::of(
        shown,
        "hard-link",
        format_args!("was replaced, and its {others} other {names} (hard links) keep the old text"),
        "link them anew with `ln -f` if they are to follow",
    )
    .into_note()
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
            printable(dir)
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
