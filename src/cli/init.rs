//! `reconcile init`: a settings file, a first manifest, schemas for editors, lines for .gitignore.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::args::InitArgs;
use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
use super::schema::Of;

const SETTINGS: &str = include_str!("templates/reconcile.yaml");
const MANIFEST: &str = include_str!("templates/first.yaml");
const IGNORED: [&str; 2] = ["/.reconcile/", "/downloads/"];

/// Never overwrites: what is there stays, and is said to be there.
pub(super) fn run(context: &Context, _args: &InitArgs) -> Result<Exit, CliError> {
    context.refuse_github()?;
    let root = &context.root;
    fs::create_dir_all(root).map_err(|e| failed(root, e))?;
    write_new(context, root, "reconcile.yaml", SETTINGS)?;
    if has_manifests(&root.join("videos")) {
        context.say("videos/ is there already");
    } else {
        write_new(context, root, "videos/welcome.yaml", MANIFEST)?;
    }
    for schema in Of::ALL {
        write_new(context, root, schema.path(), &schema.text())?;
    }
    ignore(context, root)?;
    context.say(
        "\nNext:\n  \
         reconcile plan                               what would happen\n  \
         reconcile apply --sandbox --wait --download  rehearse it, free and offline\n  \
         export HEYGEN_API_KEY=…                      from https://app.heygen.com/settings\n  \
         reconcile catalog avatars                    ids for `avatar_id`\n  \
         reconcile validate --online                  whether the ids exist\n  \
         reconcile apply --wait --download            make the video, for money",
    );
    Ok(Exit::Done)
}

fn has_manifests(videos: &Path) -> bool {
    fs::read_dir(videos).is_ok_and(|mut entries| entries.next().is_some())
}

fn write_new(context: &Context, root: &Path, name: &str, text: &str) -> Result<(), CliError> {
    let path = root.join(name);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    }
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path);
    match file.and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => context.say(&format!("wrote {name}")),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            context.say(&format!("{name} is there already"));
        }
        Err(e) => return Err(failed(&path, e)),
    }
    Ok(())
}

fn ignore(context: &Context, root: &Path) -> Result<(), CliError> {
    let path = root.join(".gitignore");
    let old = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(failed(&path, e)),
    };
    let missing: Vec<_> = IGNORED
        .iter()
        .filter(|line| {
            !old.lines()
                .any(|l| l.trim().trim_matches('/') == line.trim_matches('/'))
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut text = old;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for line in missing {
        text.push_str(line);
        text.push('\n');
    }
    fs::write(&path, text).map_err(|e| failed(&path, e))?;
    context.say("added to .gitignore");
    Ok(())
}

fn failed(path: &Path, error: io::Error) -> CliError {
    CliError::new(format!("cannot write {}", path.display())).because(error)
}
