//! What the kernel writes to its log while a test runs.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

/// The kernel's log from here on.
pub struct KernelLog(File);

impl KernelLog {
    /// Begins at the end of the log; the reason if it cannot be read.
    pub fn from_now() -> Result<Self, String> {
        let mut file = File::options()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")
            .map_err(|error| format!("/dev/kmsg: {error}"))?;
        file.seek(SeekFrom::End(0))
            .map_err(|error| format!("/dev/kmsg: {error}"))?;
        Ok(Self(file))
    }

    /// The new records that have these words in them.
    pub fn with(&mut self, words: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut record = [0; 8192];
        loop {
            // One record each time.
            match self.0.read(&mut record) {
                Ok(0) => return found,
                Ok(length) => {
                    let text = String::from_utf8_lossy(&record[..length]);
                    if text.contains(words) {
                        found.push(text.trim_end().to_owned());
                    }
                }
                // What was to be read next is no longer kept.
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return found,
            }
        }
    }
}

/// Fails if the verifier has found itself at fault since `log` began; `skip` says, of what and why, where
/// the log cannot be read.
pub fn no_verifier_bug(log: Result<KernelLog, String>, of: &str, skip: impl Fn(&str, &str)) {
    match log {
        Ok(mut log) => assert_eq!(log.with("verifier bug"), Vec::<String>::new(), "{of}"),
        Err(reason) => skip(
            &format!("the kernel's log beside {of}"),
            &format!("this machine keeps it: {reason}"),
        ),
    }
}
