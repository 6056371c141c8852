//! Temporary files beside those that they replace.
//!
//! Nothing can be done about a process that is killed at once: its temporary file stays. So each
//! is locked while its process lives, and the next run over the directory removes those that
//! nobody holds any more.

use std::collections::HashSet;
use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::{Builder, NamedTempFile};

use super::load;

/// How the names of temporary files begin.
const PREFIX: &str = ".bpf-malloc-";
/// Letters behind it.
const RANDOM: usize = 6;
/// How often a new file may be taken away by a run that cleans up before it is locked.
const TRIES: usize = 100;

/// Makes a temporary file in `dir`, locked, after those that ended runs have left there are gone.
pub fn create(dir: &Path, permissions: Option<Permissions>) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(PREFIX).rand_bytes(RANDOM);
    if let Some(permissions) = permissions {
        builder.permissions(permissions);
    }
    for _ in 0..TRIES {
        let file = builder.tempfile_in(dir)?;
        // Where a file system has no locks, nobody else gets one either, and nothing is removed.
        if matches!(file.as_file().try_lock(), Err(TryLockError::WouldBlock)) {
            continue;
        }
        let itself = file.as_file().metadata()?;
        let there = fs::symlink_metadata(file.path());
        if there.is_ok_and(|there| there.ino() == itself.ino()) {
            clean_once(dir, itself.uid());
            return Ok(file);
        }
    }
    Err(io::Error::other("new files vanish at once"))
}

/// Cleans a directory up if this process has not done so yet.
fn clean_once(dir: &Path, user: u32) {
    static CLEANED: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);
    let mut cleaned = CLEANED.lock().unwrap_or_else(PoisonError::into_inner);
    if cleaned.get_or_insert_default().insert(dir.to_owned()) {
        drop(cleaned);
        clean(dir, user);
    }
}

/// Removes the temporary files of `user` that no process holds.
fn clean(dir: &Path, user: u32) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if !is_ours(entry.file_name().as_bytes()) {
            continue;
        }
        let path = entry.path();
        let Ok(there) = fs::symlink_metadata(&path) else {
            continue;
        };
        if !there.is_file() || there.uid() != user {
            continue;
        }
        // The lock is held while the file is removed.
        if let Ok(file) = load::open(&path)
            && is_free(&file)
            && file.metadata().is_ok_and(|now| now.ino() == there.ino())
        {
            // If it cannot be removed, the next run tries again.
            let _ = fs::remove_file(&path);
        }
    }
}

fn is_free(file: &File) -> bool {
    file.try_lock().is_ok()
}

fn is_ours(name: &[u8]) -> bool {
    name.strip_prefix(PREFIX.as_bytes())
        .is_some_and(|rest| rest.len() == RANDOM && rest.iter().all(u8::is_ascii_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_holds_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let held = create(dir.path(), None).unwrap();
        for name in [".bpf-malloc-abc123", ".bpf-malloc-notes.txt", "a.c"] {
            fs::write(path(name), "text").unwrap();
        }
        fs::create_dir(path(".bpf-malloc-abcdef")).unwrap();
        let user = held.as_file().metadata().unwrap().uid();
        clean(dir.path(), user + 1);
        assert!(path(".bpf-malloc-abc123").exists(), "it is another user's");
        clean(dir.path(), user);
        assert!(!path(".bpf-malloc-abc123").exists());
        assert!(held.path().exists(), "it is in use");
        for name in [".bpf-malloc-notes.txt", "a.c", ".bpf-malloc-abcdef"] {
            assert!(path(name).exists(), "{name}");
        }
    }
}
