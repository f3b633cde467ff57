//! All manifests of a project → the desired state.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rayon::prelude::*;

use super::Settings;
use super::desired::{Desired, Hidden, Wish};
use super::files::{ProjectFiles, open_regular};
use super::index::{self, Cached, CachedDocument, Stat};
use super::walk::{Found, walk};
use crate::manifest::{ContentSource, Manifest, Problem, decode};
use crate::video::{Name, VideoHash};

/// Largest manifest file.
pub(super) const MAX_BYTES: u64 = 1 << 20;

/// Reads every manifest below the project directory.
///
/// With an index, files that look as they did then are not opened; it is updated where it may be.
/// `now` is when the reading began.
#[must_use]
pub fn load(root: &Path, settings: &Settings, index: Option<&Path>, now: SystemTime) -> Desired {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let (bytes, walked) = rayon::join(
        || index.and_then(index::read),
        || walk(&root, &settings.manifests),
    );
    let context = context(settings);
    let cached = bytes
        .as_deref()
        .map_or_else(Vec::new, |b| index::decode(b, &context));
    let loader = Loader {
        settings,
        files: ProjectFiles { root },
    };
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
        ..Desired::default()
    };
    gather(&mut desired, &walked.found, read, &loader.files);
    desired.problems.sort();
    desired
}

/// Reads one wish again, whole, and makes sure that it is still the same.
pub fn reread(
    root: &Path,
    settings: &Settings,
    name: &Name,
    wish: &Wish,
) -> Result<Manifest, Vec<Problem>> {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let loader = Loader {
        settings,
        files: ProjectFiles { root },
    };
    let stem = stem_of(&wish.path, &settings.manifests);
    let (manifests, problems) = loader.parse(&wish.path, stem, None);
    let same = |m: &Manifest| m.name == *name && m.hash == wish.hash;
    match manifests.into_iter().find(same) {
        Some(manifest) => Ok(manifest),
        None if problems.is_empty() => Err(vec![whole_file(
            &wish.path,
            "changed",
            "it changed while it was read".to_owned(),
        )]),
        None => Err(problems),
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

/// What the entries of an index depend on besides the files.
fn context(settings: &Settings) -> String {
    let callback = settings.callback_url.as_deref().unwrap_or("");
    format!(
        "{} {} {callback}",
        env!("CARGO_PKG_VERSION"),
        settings.manifests
    )
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
enum ReadFile<'c> {
    Known(&'c Cached<'c>),
    Parsed(Vec<Manifest>, Vec<Problem>),
}

impl ReadFile<'_> {
    fn is_new(&self) -> bool {
        matches!(self, Self::Parsed(_, problems) if problems.is_empty())
    }
}

struct Loader<'a> {
    settings: &'a Settings,
    files: ProjectFiles,
}

impl Loader<'_> {
    /// In the order of `found`.
    fn read_all<'c>(&self, found: &[Found], cached: &'c [Cached<'c>]) -> Vec<ReadFile<'c>> {
        found
            .par_iter()
            .enumerate()
            .with_min_len(64)
            .map(|(at, file)| match find(cached, at, &file.path) {
                Some(cached) if self.is_same(file, cached) => ReadFile::Known(cached),
                _ => {
                    let (manifests, problems) =
                        self.parse(&file.path, &file.stem, file.real.as_deref());
                    ReadFile::Parsed(manifests, problems)
                }
            })
            .collect()
    }

    fn is_same(&self, file: &Found, cached: &Cached<'_>) -> bool {
        let locals = cached.documents.iter().flat_map(|d| &d.locals);
        file.stat == cached.stat
            && locals
                .into_iter()
                .all(|(path, stat)| self.stat(path).as_ref() == Some(stat))
    }

    fn stat(&self, path: &str) -> Option<Stat> {
        stat_of(&self.files, path)
    }

    fn parse(&self, path: &str, stem: &str, real: Option<&Path>) -> (Vec<Manifest>, Vec<Problem>) {
        let bytes = match self.read(path, real) {
            Ok(bytes) => bytes,
            Err(problem) => return (Vec::new(), vec![*problem]),
        };
        let name = match real {
            None => Name::parse(stem).map_err(|e| e.to_string()),
            Some(_) => Err("it is not UTF-8".to_owned()),
        };
        let (mut manifests, problems) = decode(&Arc::from(path), &bytes, &name, &self.files);
        for manifest in &mut manifests {
            if manifest.callback_url.is_none() {
                manifest
                    .callback_url
                    .clone_from(&self.settings.callback_url);
            }
        }
        (manifests, problems)
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
                    ReadFile::Parsed(manifests, problems) if problems.is_empty() => manifests
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
        for content in &manifest.contents {
            if let ContentSource::Path(path) = &content.source {
                let stat = self.stat(path).filter(|stat| stat.is_quiet(now))?;
                locals.push((&**path, stat));
            }
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

fn stat_of(files: &ProjectFiles, path: &str) -> Option<Stat> {
    let metadata = files.root.join(path).metadata().ok()?;
    Some(Stat::of(&metadata))
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

/// A wish and where it stands, until names are known to be unique.
struct Stood {
    name: Name,
    line: usize,
    wish: Wish,
}

fn gather(desired: &mut Desired, found: &[Found], read: Vec<ReadFile<'_>>, files: &ProjectFiles) {
    let mut stood = Vec::with_capacity(found.len());
    for (file, read) in found.iter().zip(read) {
        match read {
            ReadFile::Known(cached) => {
                let path: Arc<str> = cached.path.into();
                let locals = cached.documents.iter().flat_map(|d| &d.locals);
                let locals = locals.map(|(path, _)| (*path).to_owned());
                desired.files.extend(locals);
                let documents = cached.documents.iter();
                stood.extend(documents.filter_map(|d| remembered(d, &path, file.stat)));
            }
            ReadFile::Parsed(manifests, mut problems) => {
                if !problems.is_empty() {
                    desired.hidden.push(Hidden::At {
                        name: file.stem.clone(),
                        path: file.path.clone(),
                    });
                }
                desired.problems.append(&mut problems);
                desired.files.extend(manifests.iter().flat_map(local_files));
                stood.extend(manifests.into_iter().map(|m| parsed(m, file.stat, files)));
            }
        }
    }
    refuse_collisions(desired, &mut stood);
    desired.wishes = stood.into_iter().map(|s| (s.name, s.wish)).collect();
}

fn remembered(document: &CachedDocument<'_>, path: &Arc<str>, stat: Stat) -> Option<Stood> {
    let locals = document.locals.iter().map(|(_, local)| local.changed());
    Some(Stood {
        name: Name::parse(document.name).ok()?,
        line: document.line as usize,
        wish: Wish {
            path: path.clone(),
            hash: VideoHash::from_bytes(document.hash),
            callback_url: document.callback_url.map(str::to_owned),
            protected: document.protected,
            changed: locals.fold(stat.changed(), SystemTime::max),
            manifest: None,
        },
    })
}

fn local_files(manifest: &Manifest) -> impl Iterator<Item = String> + '_ {
    let contents = manifest.contents.iter();
    contents.filter_map(|content| match &content.source {
        ContentSource::Path(path) => Some(path.to_string()),
        ContentSource::Inline(_) => None,
    })
}

fn parsed(manifest: Manifest, stat: Stat, files: &ProjectFiles) -> Stood {
    let locals = local_files(&manifest).filter_map(|path| stat_of(files, &path));
    let changed = locals.map(|local| local.changed());
    Stood {
        name: manifest.name.clone(),
        line: manifest.line,
        wish: Wish {
            path: manifest.path.clone(),
            hash: manifest.hash,
            callback_url: manifest.callback_url.clone(),
            protected: manifest.is_protected(),
            changed: changed.fold(stat.changed(), SystemTime::max),
            manifest: Some(Box::new(manifest)),
        },
    }
}

/// Takes out every name that stands in two places, or differs from another only in case.
fn refuse_collisions(desired: &mut Desired, stood: &mut Vec<Stood>) {
    stood.sort_by(|a, b| a.name.cmp(&b.name));
    if are_plainly_unique(stood) {
        return;
    }
    let mut first: HashMap<Cow<'_, str>, usize> = HashMap::with_capacity(stood.len());
    let mut refused = Vec::new();
    for (at, this) in stood.iter().enumerate() {
        let folded = match this.name.as_str().bytes().any(|b| b.is_ascii_uppercase()) {
            true => Cow::Owned(this.name.folded()),
            false => Cow::Borrowed(this.name.as_str()),
        };
        if let Some(other) = first.get(&folded) {
            desired.problems.push(collision(&stood[*other], this));
            refused.extend([*other, at]);
        } else {
            first.insert(folded, at);
        }
    }
    if refused.is_empty() {
        return;
    }
    for at in &refused {
        desired.hidden.push(Hidden::At {
            name: stood[*at].name.to_string(),
            path: stood[*at].wish.path.to_string(),
        });
    }
    let mut at = 0;
    stood.retain(|_| {
        at += 1;
        !refused.contains(&(at - 1))
    });
}

/// Sorted names without upper case collide only with their neighbours.
fn are_plainly_unique(sorted: &[Stood]) -> bool {
    let lower = |s: &Stood| !s.name.as_str().bytes().any(|b| b.is_ascii_uppercase());
    sorted.iter().all(lower) && sorted.windows(2).all(|pair| pair[0].name != pair[1].name)
}

fn collision(first: &Stood, second: &Stood) -> Problem {
    let place = format!("{}:{}", first.wish.path, first.line);
    let message = if first.name == second.name {
        format!("the name `{}` is taken by {place}", second.name)
    } else {
        format!(
            "the name `{}` differs only in case from `{}` in {place}",
            second.name, first.name
        )
    };
    Problem {
        path: format!("{}", second.wish.path),
        place: None,
        code: "duplicate_name",
        message,
        suggestion: Some("rename one of the files, or give one another `name:`".to_owned()),
    }
}
