//! Which files a name has below the downloads folder. Pure.
//!
//! No two names share a file, and none needs a folder where another has a file: what could collide
//! gets a `~`, which no name holds.

use crate::state::FileRecord;
use crate::video::Name;

/// Endings of our files; a folder of such a name is another one's.
const ENDINGS: [&str; 9] = [
    ".mp4", ".srt", ".jpg", ".json", PART, NOTE, NEW, OLD, PLACED,
];
/// Of a file that is being fetched.
const PART: &str = ".reconcile-part";
/// Of what is known of a part.
const NOTE: &str = ".reconcile-note";
/// Of a small file before it takes its place.
const NEW: &str = ".reconcile-new";
/// Of what lay beside the film before, until its successor is there or is known not to be.
const OLD: &str = ".reconcile-old";
/// Of what is known of a file that is in its place and not on record yet.
const PLACED: &str = ".reconcile-placed";
/// Of all films, below the folder itself.
pub(super) const INDEX: &str = "index.json";

/// What HeyGen makes of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Film,
    Subtitles,
    Captioned,
    Thumbnail,
}

impl Kind {
    /// What may lie beside a film.
    pub const SIDECARS: [Self; 3] = [Self::Subtitles, Self::Captioned, Self::Thumbnail];

    fn ending(self) -> &'static str {
        match self {
            Self::Film => ".mp4",
            Self::Subtitles => ".srt",
            Self::Captioned => ".captioned.mp4",
            Self::Thumbnail => ".jpg",
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Film => "film",
            Self::Subtitles => "subtitles",
            Self::Captioned => "captioned",
            Self::Thumbnail => "thumbnail",
        }
    }
}

/// Where the files of a name lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// From the downloads folder down.
    pub(super) folders: Vec<String>,
    stem: String,
}

impl Place {
    pub(super) fn of(name: &Name) -> Self {
        let mut parts: Vec<_> = name.as_str().split('/').map(str::to_owned).collect();
        let mut stem = parts.pop().unwrap_or_default();
        if ends_with(&stem, ".captioned") {
            stem.push('~');
        }
        for folder in &mut parts {
            if ENDINGS.iter().any(|ending| ends_with(folder, ending)) {
                folder.push('~');
            }
        }
        Self {
            folders: parts,
            stem,
        }
    }

    pub(super) fn file(&self, kind: Kind) -> String {
        format!("{}{}", self.stem, kind.ending())
    }

    /// What tells of the film; the index keeps its name.
    pub(super) fn about(&self) -> String {
        let is_index = self.folders.is_empty() && self.stem.eq_ignore_ascii_case("index");
        let apart = if is_index { "~" } else { "" };
        format!("{}{apart}.json", self.stem)
    }

    /// A path from the downloads folder.
    pub(super) fn path(&self, file: &str) -> String {
        let parts = self.folders.iter().map(String::as_str).chain([file]);
        parts.collect::<Vec<_>>().join("/")
    }
}

fn ends_with(text: &str, ending: &str) -> bool {
    text.to_ascii_lowercase().ends_with(ending)
}

pub(super) fn part(file: &str) -> String {
    format!(".{file}{PART}")
}

pub(super) fn note(file: &str) -> String {
    format!(".{file}{NOTE}")
}

pub(super) fn new(file: &str) -> String {
    format!(".{file}{NEW}")
}

pub(super) fn old(file: &str) -> String {
    format!(".{file}{OLD}")
}

pub(super) fn placed(file: &str) -> String {
    format!(".{file}{PLACED}")
}

/// Where a film lies, as people see it.
#[must_use]
pub fn film_path(file: &FileRecord) -> String {
    let place = Place::of(&file.name);
    let below = place.path(&place.file(Kind::Film));
    match file.folder.as_str() {
        "" | "." => below,
        folder => format!("{}/{below}", folder.trim_end_matches('/')),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn place(name: &str) -> Place {
        Place::of(&Name::parse(name).unwrap())
    }

    /// Every path a name may ever need, folders among them.
    fn files_and_folders(name: &str) -> (Vec<String>, Vec<String>) {
        let place = place(name);
        let kinds = [Kind::Film].into_iter().chain(Kind::SIDECARS);
        let mut files: Vec<_> = kinds.map(|kind| place.file(kind)).collect();
        files.push(place.about());
        let hidden = files
            .iter()
            .flat_map(|f| [part(f), note(f), new(f), old(f), placed(f)]);
        files = files.iter().cloned().chain(hidden).collect();
        let files = files.iter().map(|file| place.path(file).to_lowercase());
        let folders = (1..=place.folders.len()).map(|n| place.folders[..n].join("/"));
        let folders = folders.map(|folder| folder.to_lowercase());
        (files.collect(), folders.collect())
    }

    #[test]
    fn a_film_lies_at_its_name() {
        assert_eq!(place("a/b").path(&place("a/b").file(Kind::Film)), "a/b.mp4");
        assert_eq!(place("index").about(), "index~.json");
        assert_eq!(place("a/index").about(), "index.json");
        assert_eq!(place("a.mp4/b").folders, ["a.mp4~"]);
        assert_eq!(place("a.Captioned").file(Kind::Film), "a.Captioned~.mp4");
    }

    #[test]
    fn names_made_to_collide_do_not() {
        let names = [
            "a",
            "a/b",
            "a.mp4",
            "a.mp4/b",
            "a.MP4/c",
            "a.mp4/mp4",
            "a.captioned",
            "a.captioned.captioned",
            "a.captioned.mp4/b",
            "a.json/b",
            "a.json",
            "a.srt/b",
            "a.jpg/b",
            "index",
            "index.json",
            "index.json/b",
            ".a.mp4.reconcile-part/b",
            ".a.mp4.reconcile-part",
            ".a",
            ".a.mp4",
            ".a.mp4.reconcile-note/b",
            ".index.json.reconcile-new/b",
            "a.captioned/b",
        ];
        let mut files = BTreeSet::from([INDEX.to_owned(), new(INDEX)]);
        let mut folders = BTreeSet::new();
        for name in names {
            let (ours, below) = files_and_folders(name);
            for file in ours {
                assert!(files.insert(file.clone()), "{name}: {file}");
            }
            folders.extend(below);
        }
        assert_eq!(files.intersection(&folders).collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn every_file_name_is_short_enough() {
        let place = place(&"n".repeat(200));
        assert!(part(&place.file(Kind::Captioned)).len() < 255);
    }
}
