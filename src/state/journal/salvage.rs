//! Getting what can be read out of a damaged journal: each line proves itself.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use super::frame::{Frame, Header, Lineage, is_cut_short};
use super::{FILE, line_starts, scan};
use crate::state::StateError;
use crate::state::disk::{self, io_error};

/// What a journal still says.
#[derive(Debug, Default)]
pub(in crate::state) struct Salvage {
    /// The intact lines, in order.
    pub lines: Vec<String>,
    /// How many of them stand before the first that is not intact.
    pub before_damage: usize,
    /// Where something stands that can't be read.
    pub unreadable: Vec<u64>,
    /// Its id and where it comes from, if its header is intact.
    pub known: Option<(String, Lineage)>,
}

/// Reads the journal of a state directory line by line. `None` when there is none.
pub(in crate::state) fn salvage(dir: &Path) -> Result<Option<Salvage>, StateError> {
    let path = dir.join(FILE);
    let Some(mut file) = disk::open_regular(&path, disk::options().read(true))? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .map_err(io_error("read", &path))?;
    let mut lines = line_starts(0, &bytes);
    let mut salvage = Salvage::default();
    // Whoever opens the journal reads its header up to the end of the line.
    let first = lines.next().filter(|(_, line)| line.ends_with(b"\n"));
    let header = first.map(|(_, line)| Header::decode(trimmed(line)));
    let frame = if let Some(Ok(header)) = header {
        let header = header?;
        let frame = Frame::new(&header.id);
        salvage.known = Some((header.id, header.lineage));
        frame
    } else {
        salvage.unreadable.push(0);
        likely_frame(&bytes)
    };
    for (offset, line) in lines {
        salvage.take(&frame, offset, line);
    }
    Ok(Some(salvage))
}

impl Salvage {
    fn take(&mut self, frame: &Frame, offset: u64, line: &[u8]) {
        let framed = frame.decode(offset, trimmed(line)).ok();
        match framed.filter(|framed| scan::parse(framed.json).is_ok()) {
            Some(framed) => self.lines.push(framed.json.to_owned()),
            None if !line.ends_with(b"\n") && is_cut_short(line) => {}
            None => self.unreadable.push(offset),
        }
        if self.unreadable.is_empty() {
            self.before_damage = self.lines.len();
        }
    }
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

/// Without its header the journal's id is not known. Lines that were written with the same one
/// agree on what the checksum makes of it, and lines that are damaged agree on nothing.
fn likely_frame(bytes: &[u8]) -> Frame {
    let mut votes: HashMap<u32, usize> = HashMap::new();
    for (offset, line) in line_starts(0, bytes) {
        if let Some(seed) = Frame::seed_of(offset, trimmed(line)) {
            *votes.entry(seed).or_default() += 1;
        }
    }
    let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
    match most {
        Some((seed, 2..)) => Frame::from_seed(seed),
        // One line alone proves nothing.
        _ => Frame::new(""),
    }
}
