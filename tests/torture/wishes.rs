//! What is wished, and how people change their minds.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::rng::Rng;

/// The content of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub prompt: String,
    pub avatar: Option<&'static str>,
    pub orientation: Option<&'static str>,
    pub incognito: bool,
}

impl Wish {
    pub fn yaml(&self) -> String {
        let mut yaml = format!("prompt: {:?}\n", self.prompt);
        if let Some(avatar) = self.avatar {
            yaml.push_str(&format!("avatar_id: {avatar}\n"));
        }
        if let Some(orientation) = self.orientation {
            yaml.push_str(&format!("orientation: {orientation}\n"));
        }
        if self.incognito {
            yaml.push_str("incognito_mode: true\n");
        }
        yaml
    }

    /// As docs/hash.md has it, computed apart from the program. Everything here is ASCII, so sorted
    /// keys are all that RFC 8785 asks for.
    pub fn hash(&self) -> String {
        let mut spec: BTreeMap<&str, Value> = BTreeMap::new();
        spec.insert("prompt", json!(self.prompt));
        if let Some(avatar) = self.avatar {
            spec.insert("avatar_id", json!(avatar));
        }
        if let Some(orientation) = self.orientation {
            spec.insert("orientation", json!(orientation));
        }
        if self.incognito {
            spec.insert("incognito_mode", json!(true));
        }
        let text = format!("reconcile.video/v1\n{}", json!(spec));
        hex::encode(Sha256::digest(text))
    }
}

const AVATARS: [Option<&str>; 3] = [None, Some("Abigail_office"), Some("Bryan_kitchen")];
const ORIENTATIONS: [Option<&str>; 3] = [None, Some("landscape"), Some("portrait")];

/// The manifests of a project, and what they were before.
#[derive(Debug, Default)]
pub struct Wishes {
    pub now: BTreeMap<String, Wish>,
    /// Everything that was ever wished.
    past: Vec<Wish>,
    removed: Vec<(String, Wish)>,
    names: u32,
    prompts: u32,
}

impl Wishes {
    pub fn new(rng: &mut Rng) -> Self {
        let mut wishes = Self::default();
        for _ in 0..rng.within(3..11) {
            let wish = wishes.another(rng);
            let name = wishes.new_name();
            wishes.put(name, wish);
        }
        wishes
    }

    fn put(&mut self, name: String, wish: Wish) {
        self.past.push(wish.clone());
        self.now.insert(name, wish);
    }

    pub fn new_name(&mut self) -> String {
        self.names += 1;
        match self.names % 3 {
            0 => format!("more/video-{:02}", self.names),
            _ => format!("video-{:02}", self.names),
        }
    }

    /// Mostly new; at times the prompt of another one, or all of it.
    fn another(&mut self, rng: &mut Rng) -> Wish {
        match (rng.within(0..10), rng.index(self.past.len())) {
            (0 | 1, Some(at)) => variant(rng, &self.past[at]),
            (2, Some(at)) => self.past[at].clone(),
            _ => self.fresh(rng),
        }
    }

    fn fresh(&mut self, rng: &mut Rng) -> Wish {
        self.prompts += 1;
        Wish {
            prompt: format!("Show the number {}.", self.prompts),
            avatar: *rng.pick(&AVATARS),
            orientation: *rng.pick(&ORIENTATIONS),
            incognito: rng.one_in(25),
        }
    }

    /// Somebody changes a manifest; says what was done.
    pub fn change(&mut self, rng: &mut Rng) -> String {
        let at = rng.index(self.now.len());
        let name = at.map(|at| self.now.keys().nth(at).unwrap().clone());
        match (rng.within(0..8), name) {
            (0 | 1, Some(name)) => {
                let wish = self.another(rng);
                self.edit(name, wish)
            }
            (2, Some(name)) => {
                let wish = variant(rng, &self.now[&name]);
                self.edit(name, wish)
            }
            (3, Some(name)) => {
                let at = rng.index(self.past.len()).unwrap();
                self.edit(name, self.past[at].clone())
            }
            (4, Some(name)) => format!("rename {name} to {}", self.rename(&name)),
            (5, Some(name)) => self.copy(&name),
            (6, Some(name)) if self.now.len() > 2 => self.remove(&name),
            _ => self.put_back(rng),
        }
    }

    fn edit(&mut self, name: String, wish: Wish) -> String {
        let told = format!("edit {name} to {}: {wish:?}", short(&wish.hash()));
        self.put(name, wish);
        told
    }

    /// Returns the new name.
    pub fn rename(&mut self, name: &str) -> String {
        let wish = self.now.remove(name).unwrap();
        let to = self.new_name();
        self.put(to.clone(), wish);
        to
    }

    fn copy(&mut self, name: &str) -> String {
        let wish = self.now[name].clone();
        let to = self.new_name();
        let told = format!("copy {name} to {to}");
        self.put(to, wish);
        told
    }

    fn remove(&mut self, name: &str) -> String {
        let wish = self.now.remove(name).unwrap();
        self.removed.push((name.to_owned(), wish));
        format!("remove {name}")
    }

    fn put_back(&mut self, rng: &mut Rng) -> String {
        let Some(at) = rng.index(self.removed.len()) else {
            let (name, wish) = (self.new_name(), self.another(rng));
            return self.edit(name, wish);
        };
        let (name, wish) = self.removed.swap_remove(at);
        let told = format!("put {name} back");
        self.put(name, wish);
        told
    }
}

/// The same prompt, and yet another video.
fn variant(rng: &mut Rng, of: &Wish) -> Wish {
    Wish {
        avatar: *rng.pick(&AVATARS),
        orientation: *rng.pick(&ORIENTATIONS),
        ..of.clone()
    }
}

pub fn short(hash: &str) -> &str {
    &hash[..hash.len().min(12)]
}
