//! What was read of each file → the wishes of the project, each name once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::desired::{Desired, Hidden, Wish};
use super::files::ProjectFiles;
use super::index::{CachedDocument, Stat};
use super::load::ReadFile;
use super::walk::Found;
use crate::manifest::{Manifest, Problem};
use crate::video::{Name, VideoHash};

/// A wish and where it stands, until names are known to be unique.
struct Stood {
    name: Name,
    line: usize,
    wish: Wish,
}

pub(super) fn gather(
    desired: &mut Desired,
    found: &[Found],
    read: Vec<ReadFile<'_>>,
    files: &ProjectFiles,
) {
    let mut stood = Vec::with_capacity(found.len());
    for (file, read) in found.iter().zip(read) {
        match read {
            ReadFile::Known(cached) => {
                let path: Arc<str> = cached.path.into();
                let locals = cached.documents.iter().flat_map(|d| &d.locals);
                let locals = locals.map(|(path, _)| Arc::from(*path));
                desired.files.extend(locals);
                let documents = cached.documents.iter();
                stood.extend(documents.filter_map(|d| remembered(d, &path, file.stat)));
            }
            ReadFile::Parsed(decoded) => {
                if !decoded.is_whole() {
                    desired.hidden.push(Hidden::At {
                        name: file.stem.clone(),
                        path: file.path.clone(),
                    });
                }
                let manifests = decoded.manifests;
                desired.problems.extend(decoded.problems);
                desired.files.extend(decoded.locals);
                desired
                    .files
                    .extend(manifests.iter().flat_map(|m| m.locals.iter().cloned()));
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

fn parsed(manifest: Manifest, stat: Stat, files: &ProjectFiles) -> Stood {
    let locals = manifest.locals.iter().filter_map(|path| files.stat(path));
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
