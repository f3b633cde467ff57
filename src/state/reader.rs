//! Reading the embedded state beside whoever writes it.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::damaged;
use super::journal::Journal;
use super::objects::Objects;
use super::{ReadState, Recorded, StateError};
use crate::video::VideoHash;

/// How often reading begins again because a writer cut off a torn end meanwhile.
const TRIES: usize = 5;

/// Opens a state directory for reading. One that does not exist yet holds nothing.
pub fn open_reader(dir: &Path) -> Result<Reader, StateError> {
    let reader = Reader {
        dir: dir.into(),
        objects: Objects::new(dir),
    };
    reader.journal()?;
    Ok(reader)
}

/// Reads a state directory. Takes no lock and writes nothing.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    objects: Objects,
}

impl Reader {
    fn journal(&self) -> Result<Option<Journal>, StateError> {
        if let Some(journal) = Journal::open(&self.dir)? {
            return Ok(Some(journal));
        }
        match check_never_written(&self.dir, &self.objects) {
            Ok(()) => Ok(None),
            // The first writer may have begun meanwhile. It makes the journal before the others, so
            // one that is missing even now is lost.
            Err(lost) => Journal::open(&self.dir)?.map(Some).ok_or(lost),
        }
    }
}

impl ReadState for Reader {
    fn load(&self) -> Result<Recorded, StateError> {
        let Some(journal) = self.journal()? else {
            return Ok(Recorded::default());
        };
        load_beside_a_writer(&journal)
    }

    fn spec(&self, hash: &VideoHash) -> Result<Option<String>, StateError> {
        self.objects.get(hash)
    }
}

/// A journal is made before anything else, so a state with texts or an index and no journal has
/// lost it: taking it for a new one would pay for everything again.
pub(super) fn check_never_written(dir: &Path, objects: &Objects) -> Result<(), StateError> {
    if objects.exist() || dir.join("index").exists() {
        let what = "it is missing, though objects/ or index/ shows that there was one";
        return Err(damaged(&dir.join("journal"), 0, what));
    }
    Ok(())
}

fn load_beside_a_writer(journal: &Journal) -> Result<Recorded, StateError> {
    let mut tries = TRIES;
    loop {
        tries -= 1;
        match journal.load() {
            Err(StateError::Io { source, .. })
                if source.kind() == io::ErrorKind::UnexpectedEof && tries > 0 => {}
            loaded => return loaded,
        }
    }
}
