//! Where the log of a server goes: to stderr, with the priority of each line where that is systemd's
//! journal.

use std::io::{self, Write};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::env;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Journal {
    Stderr,
    Systemd,
}

impl Journal {
    /// `JOURNAL_STREAM` tells device and inode of the journal's end; a child's stderr may be another.
    pub(super) fn find() -> Self {
        let here = rustix::fs::fstat(io::stderr()).ok();
        let here = here.map(|stat| format!("{}:{}", stat.st_dev, stat.st_ino));
        match env::var("JOURNAL_STREAM") {
            Some(journal) if Some(&journal) == here.as_ref() => Self::Systemd,
            _ => Self::Stderr,
        }
    }
}

impl<'a> MakeWriter<'a> for Journal {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        Lines { priority: None }
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Lines {
        let priority = (*self == Self::Systemd).then(|| priority(*about.level()));
        Lines { priority }
    }
}

/// As `sd-daemon(3)` has them.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        _ => "<7>",
    }
}

/// One event, whose every line gets its priority.
pub(super) struct Lines {
    priority: Option<&'static str>,
}

impl Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr().lock();
        match self.priority {
            None => stderr.write_all(event)?,
            Some(priority) => {
                for line in event.split_inclusive(|byte| *byte == b'\n') {
                    stderr.write_all(&[priority.as_bytes(), line].concat())?;
                }
            }
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
