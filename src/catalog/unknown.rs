//! Which ids of a wish name nothing. Pure.

use std::collections::{HashMap, HashSet};

use super::{Item, Kind, nearest};
use crate::video::Spec;

/// The lists that were read, by kind.
#[derive(Debug, Default)]
pub struct Catalog {
    lists: HashMap<Kind, (HashSet<String>, Vec<Item>)>,
}

/// An id that names nothing the account may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    pub kind: Kind,
    pub id: String,
    /// Id and name of what was probably meant.
    pub near: Option<(String, String)>,
}

impl Catalog {
    pub fn add(&mut self, kind: Kind, items: Vec<Item>) {
        let ids = items.iter().map(|item| item.id.clone()).collect();
        self.lists.insert(kind, (ids, items));
    }
}

/// The ids of a wish that the lists don't hold. Of a kind that was not read nothing is said.
#[must_use]
pub fn unknown(spec: &Spec, catalog: &Catalog) -> Vec<Unknown> {
    let judge = |kind: Kind| {
        let id = kind.wished(spec)?;
        let (ids, items) = catalog.lists.get(&kind)?;
        (!ids.contains(id)).then(|| Unknown {
            kind,
            id: id.to_owned(),
            near: nearest(id, items).map(|item| (item.id.clone(), item.name.clone())),
        })
    };
    Kind::ALL.into_iter().filter_map(judge).collect()
}
