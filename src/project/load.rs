//! All manifests of a project → the desired state.

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rayon::prelude::*;

use super::Settings;
use super::desired::{Desired, Wish};
use super::files::{ProjectFiles, open_regular};
use super::gather::gather;
use super::index::{self, Cached, CachedDocument};
use super::walk::{Found, walk};
use crate::manifest::{Decoded, Manifest, Problem, ReadyDefaults, decode};
use crate::video::Name;

/// Largest manifest file.
pub(super) const MAX_BYTES: u64 = 1 << 20;

/// Reads every manifest below the project directory.
///
/// With an index, files that look as they did then are not opened; it is updated where it may be.
/// `now` is when the reading began.
#[must_use]
pub fn load(root: &Path, settings: &Settings, index: Option<&Path>, now: SystemTime) -> Desired {
    let loader = Loader::new(root, settings);
    let (bytes, walked) = rayon::join(
        || index.and_then(index::read),
        || walk(&loader.files, &settings.manifests),
    );
    let context = loader.context();
    let cached = bytes
        .as_deref()
        .map_or_else(Vec::new, |b| index::decode(b, &context));
    let read = loader.read_all(&walked.found, &cached);
    if let Some(path) = index
        && (read.iter().any(|r| r.is_new()) || cached.len() != walked.found.len())
    {
        let entries = loader.index_entries(&walked.found, &read, now);
        let nothing_new = entries.len() == cached.len() && !read.iter().any(ReadFile::is_new);
        if !nothing_new {
            index::write(path, &context, entries);
        }
    }
    let mut desired = Desired {
        problems: walked.problems,
        hidden: walked.hidden,
        files: loader.defaults.locals().iter().cloned().collect(),
        ..Desired::default()
    };
    desired.problems.extend(loader.problems);
    gather(&mut desired, &walked.found, read, &loader.files);
    desired.problems.sort();
    // Several manifests may name one prompt file.
    desired.problems.dedup();
    desired
}

/// Reads single wishes again, whole, and makes sure that they are still the same.
pub struct Rereader<'a> {
    loader: Loader<'a>,
}

impl<'a> Rereader<'a> {
    #[must_use]
    pub fn new(root: &Path, settings: &'a Settings) -> Self {
        Self {
            loader: Loader::new(root, settings),
        }
    }

    pub fn read(&self, name: &Name, wish: &Wish) -> Result<Manifest, Vec<Problem>> {
        let stem = stem_of(&wish.path, &self.loader.settings.manifests);
        let read = self.loader.parse(&wish.path, stem, None);
        let same = |m: &Manifest| m.name == *name && m.hash == wish.hash;
        match read.manifests.into_iter().find(same) {
            Some(manifest) => Ok(manifest),
            None if read.problems.is_empty() => Err(vec![whole_file(
                &wish.path,
                "changed",
                "it changed while it was read".to_owned(),
            )]),
            None => Err(read.problems),
        }
    }
}

fn stem_of<'a>(path: &'a str, manifests: &str) -> &'a str {
    let manifests = manifests.trim_start_matches("./").trim_end_matches('/');
    let below = path
        .strip_prefix(manifests)
        .unwrap_or(path)
        .trim_start_matches('/');
    let stem = below
        .strip_suffix(".yaml")
        .or_else(|| below.strip_suffix(".yml"));
    stem.unwrap_or(below)
}

fn whole_file(path: &str, code: &'static str, message: String) -> Problem {
    Problem {
        path: path.to_owned(),
        place: None,
        code,
        message,
        suggestion: None,
    }
}

/// A file that was parsed, or that looks as it did when it was.
pub(super) enum ReadFile<'c> {
    Known(&'c Cached<'c>),
    Parsed(Decoded),
}

impl ReadFile<'_> {
    fn is_new(&self) -> bool {
        matches!(self, Self::Parsed(decoded) if decoded.is_whole())
    }
}

struct Loader<'a> {
    settings: &'a Settings,
    files: ProjectFiles,
    defaults: ReadyDefaults,
    /// Of the files that the defaults name.
    problems: Vec<Problem>,
}

impl<'a> Loader<'a> {
    fn new(root: &Path, settings: &'a Settings) -> Self {
        let files = ProjectFiles::new(root, settings);
        let ready = settings.defaults.as_ref().map(|d| d.look_at_files(&files));
        let (defaults, problems) = ready.unwrap_or_default();
        Self {
            settings,
            files,
            defaults,
            problems,
        }
    }

    /// What the entries of an index depend on besides the files they are about.
    fn context(&self) -> String {
        let callback = self.settings.callback_url.as_deref().unwrap_or("");
        format!(
            "{} {} {} {:?} {callback}",
            env!("CARGO_PKG_VERSION"),
            self.defaults.fingerprint(),
            self.settings.manifests,
            self.settings.downloads
        )
    }

    /// In the order of `found`.
    fn read_all<'c>(&self, found: &[Found], cached: &'c [Cached<'c>]) -> Vec<ReadFile<'c>> {
        found
            .par_iter()
            .enumerate()
            .with_min_len(64)
            .map(|(at, file)| match find(cached, at, &file.path) {
                Some(cached) if self.is_same(file, cached) => ReadFile::Known(cached),
                _ => ReadFile::Parsed(self.parse(&file.path, &file.stem, file.real.as_deref())),
            })
            .collect()
    }

    fn is_same(&self, file: &Found, cached: &Cached<'_>) -> bool {
        let locals = cached.documents.iter().flat_map(|d| &d.locals);
        file.stat == cached.stat
            && locals
                .into_iter()
                .all(|(path, stat)| self.files.stat(path).as_ref() == Some(stat))
    }

    fn parse(&self, path: &str, stem: &str, real: Option<&Path>) -> Decoded {
        let bytes = match self.read(path, real) {
            Ok(bytes) => bytes,
            Err(problem) => {
                return Decoded {
                    problems: vec![*problem],
                    ..Decoded::default()
                };
            }
        };
        let name = match real {
            None => Name::parse(stem).map_err(|e| e.to_string()),
            Some(_) => Err("it is not UTF-8".to_owned()),
        };
        let path = Arc::from(path);
        let mut decoded = decode(&path, &bytes, &name, &self.files, &self.defaults);
        for manifest in &mut decoded.manifests {
            if manifest.callback_url.is_none() {
                manifest
                    .callback_url
                    .clone_from(&self.settings.callback_url);
            }
        }
        decoded
    }

    fn read(&self, path: &str, real: Option<&Path>) -> Result<Vec<u8>, Box<Problem>> {
        let refuse = |code, message| Err(Box::new(whole_file(path, code, message)));
        let real = real.map_or_else(|| Cow::Owned(self.files.root.join(path)), Cow::Borrowed);
        let mut bytes = Vec::new();
        let read = open_regular(&real).and_then(|f| f.take(MAX_BYTES + 1).read_to_end(&mut bytes));
        match read {
            Err(e) => refuse("unreadable", format!("can't be read: {e}")),
            Ok(size) if size as u64 > MAX_BYTES => {
                refuse("too_large", "larger than 1 MiB: no manifest is".to_owned())
            }
            Ok(_) => Ok(bytes),
        }
    }

    /// What may be remembered of this reading.
    fn index_entries<'c>(
        &self,
        found: &'c [Found],
        read: &'c [ReadFile<'c>],
        now: SystemTime,
    ) -> Vec<Cached<'c>> {
        let quiet = found
            .iter()
            .zip(read)
            .filter(|(file, _)| file.stat.is_quiet(now));
        quiet
            .filter_map(|(file, read)| {
                let documents = match read {
                    ReadFile::Known(cached) => cached.documents.iter().map(copy).collect(),
                    ReadFile::Parsed(decoded) if decoded.is_whole() => decoded
                        .manifests
                        .iter()
                        .map(|m| self.index_document(m, now))
                        .collect::<Option<_>>()?,
                    ReadFile::Parsed(..) => return None,
                };
                Some(Cached {
                    path: &file.path,
                    stat: file.stat,
                    documents,
                })
            })
            .collect()
    }

    fn index_document<'m>(
        &self,
        manifest: &'m Manifest,
        now: SystemTime,
    ) -> Option<CachedDocument<'m>> {
        let mut locals = Vec::new();
        for path in &manifest.locals {
            let stat = self.files.stat(path).filter(|stat| stat.is_quiet(now))?;
            locals.push((&**path, stat));
        }
        Some(CachedDocument {
            name: manifest.name.as_str(),
            line: u32::try_from(manifest.line).unwrap_or(u32::MAX),
            hash: *manifest.hash.as_bytes(),
            callback_url: manifest.callback_url.as_deref(),
            protected: manifest.is_protected(),
            locals,
        })
    }
}

/// The entry of a path: both lists are sorted, so nearly always at the same place.
fn find<'c>(cached: &'c [Cached<'c>], at: usize, path: &str) -> Option<&'c Cached<'c>> {
    let here = cached.get(at).filter(|c| c.path == path);
    here.or_else(|| {
        let at = cached.binary_search_by(|c| c.path.cmp(path)).ok()?;
        Some(&cached[at])
    })
}

fn copy<'c>(document: &'c CachedDocument<'c>) -> CachedDocument<'c> {
    CachedDocument {
        locals: document.locals.clone(),
        ..*document
    }
}
