//! Reading a file of lines from its end, block by block, in little memory.
//!
//! Knows newlines and offsets, nothing of what the lines mean.

use std::fs::File;
use std::io::{self, BufRead as _};
use std::os::unix::fs::FileExt as _;

/// Small enough for the cache of a processor core, large enough to share out.
const BLOCK: u64 = 2 << 20;

/// Walks the complete lines between two offsets, the last block first.
pub(super) struct Backward<'f> {
    file: &'f File,
    from: u64,
    /// Everything from here on has been given out.
    to: u64,
    block: Vec<u8>,
}

/// Whole lines, each with its newline, and where the first one begins.
pub(super) struct Block<'b> {
    pub offset: u64,
    pub bytes: &'b [u8],
}

impl<'f> Backward<'f> {
    /// `from` must be the beginning of a line. What follows the last newline before `to` is left out.
    pub fn new(file: &'f File, from: u64, to: u64) -> io::Result<Self> {
        let block = Vec::new();
        let mut walk = Self {
            file,
            from,
            to,
            block,
        };
        walk.skip_torn_line()?;
        Ok(walk)
    }

    fn skip_torn_line(&mut self) -> io::Result<()> {
        while self.to > self.from {
            let start = self.from.max(self.to.saturating_sub(4096));
            self.read(start)?;
            if let Some(at) = self.block.iter().rposition(|b| *b == b'\n') {
                self.to = start + at as u64 + 1;
                return Ok(());
            }
            self.to = start;
        }
        Ok(())
    }

    /// Fills the block with what lies between `start` and the part already given out.
    fn read(&mut self, start: u64) -> io::Result<()> {
        let wanted = usize::try_from(self.to - start).map_err(io::Error::other)?;
        self.block.resize(wanted, 0);
        self.file.read_exact_at(&mut self.block, start)
    }

    pub fn next(&mut self) -> io::Result<Option<Block<'_>>> {
        if self.to <= self.from {
            return Ok(None);
        }
        let mut size = BLOCK;
        loop {
            let start = self.from.max(self.to.saturating_sub(size));
            self.read(start)?;
            let skipped = self.first_line_start(start);
            if skipped < self.block.len() {
                self.to = start + skipped as u64;
                let bytes = &self.block[skipped..];
                let offset = self.to;
                return Ok(Some(Block { offset, bytes }));
            }
            size *= 2;
        }
    }

    /// Where the first line that begins inside the block begins.
    fn first_line_start(&self, start: u64) -> usize {
        if start == self.from {
            return 0;
        }
        let found = self.block.iter().position(|b| *b == b'\n');
        found.map_or(self.block.len(), |at| at + 1)
    }
}

impl<'b> Block<'b> {
    /// The lines in the order of the file, without their newlines, and where each begins.
    pub fn lines(&self) -> Vec<(u64, &'b [u8])> {
        let mut lines = Vec::with_capacity(self.bytes.len() / 256);
        let mut rest = self.bytes;
        let mut offset = self.offset;
        while !rest.is_empty() {
            let line = rest;
            // A slice is read without fail.
            let size = rest.skip_until(b'\n').unwrap_or(line.len());
            let text = &line[..size];
            lines.push((offset, text.strip_suffix(b"\n").unwrap_or(text)));
            offset += size as u64;
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn lines_of(content: &str, from: u64) -> Vec<(u64, String)> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        let mut walk = Backward::new(&file, from, content.len() as u64).unwrap();
        let mut all = Vec::new();
        while let Some(block) = walk.next().unwrap() {
            let lines = block.lines();
            let owned = lines
                .iter()
                .map(|(at, line)| (*at, String::from_utf8_lossy(line).into()));
            all.splice(0..0, owned);
        }
        all
    }

    #[test]
    fn gives_whole_lines_and_leaves_the_torn_one_out() {
        let expected = vec![
            (2, "bc".to_owned()),
            (5, String::new()),
            (6, "d".to_owned()),
        ];
        assert_eq!(lines_of("a\nbc\n\nd\ntorn", 2), expected);
        assert_eq!(lines_of("a\nbc\n\nd\n", 2), expected);
        assert_eq!(lines_of("a\ntorn", 2), []);
        assert_eq!(lines_of("a\n", 2), []);
    }

    #[test]
    fn blocks_join_without_a_gap() {
        let mut content = String::new();
        let mut expected = Vec::new();
        for i in 0..60_000_usize {
            let line = format!("{i}{}", "x".repeat(i % 97));
            expected.push((content.len() as u64, line.clone()));
            content.push_str(&line);
            content.push('\n');
        }
        let long = "y".repeat(5 << 20);
        expected.push((content.len() as u64, long.clone()));
        content.push_str(&long);
        content.push('\n');
        content.push_str(&"torn".repeat(5000));
        assert!(lines_of(&content, 0) == expected);
    }
}
