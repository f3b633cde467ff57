//! The file of secrets: one a line, the newest first, readable by its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// Longer files hold something else.
const MAX_BYTES: u64 = 64 << 10;

pub(super) struct SecretFile {
    path: PathBuf,
    /// What was there before, so that deliveries signed with it are still believed.
    before: String,
}

/// A registration whose answer has not been stored yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) url: String,
    pub(super) key: String,
}

impl SecretFile {
    /// Reads what is there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let before = match path.metadata() {
            Ok(metadata) if metadata.len() > MAX_BYTES || !metadata.is_file() => {
                return Err(io::Error::other("it is no file of webhook secrets"));
            }
            Ok(_) => fs::read_to_string(path)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(e),
        };
        Ok(Self {
            path: path.to_owned(),
            before,
        })
    }

    /// Writes down what is about to be asked for, beside the secrets: proof that they can be written
    /// too. An unanswered registration of the same URL is taken up with its key.
    pub(super) fn prepare(
        &self,
        url: &str,
        new_key: impl FnOnce() -> String,
    ) -> io::Result<Pending> {
        let known = fs::read(self.pending()).unwrap_or_default();
        let known = serde_json::from_slice::<Pending>(&known).ok();
        let pending = known.filter(|p| p.url == url).unwrap_or_else(|| Pending {
            url: url.to_owned(),
            key: new_key(),
        });
        put(&self.pending(), &serde_json::to_vec(&pending)?)?;
        // Room for the secret, in the place where it will be.
        let reserve = format!("{}{}\n", self.before, "#".repeat(200));
        write_new(&self.temporary(), reserve.as_bytes())?;
        Ok(pending)
    }

    /// Puts the secret before the others, durably.
    pub(super) fn store(&self, endpoint_id: &str, secret: &SecretString) -> io::Result<()> {
        let plain = secret.expose_secret();
        let content = format!("# {endpoint_id}\n{plain}\n{}", self.before);
        write_new(&self.temporary(), content.as_bytes())?;
        fs::rename(self.temporary(), &self.path)?;
        let _ = fs::remove_file(self.pending());
        sync_folder(&self.path)
    }

    /// It was refused: nothing is left behind.
    pub(super) fn give_up(&self) {
        let _ = fs::remove_file(self.pending());
        let _ = fs::remove_file(self.temporary());
    }

    fn pending(&self) -> PathBuf {
        with_ending(&self.path, ".pending")
    }

    fn temporary(&self) -> PathBuf {
        with_ending(&self.path, ".new")
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = with_ending(path, ".new");
    write_new(&temporary, content)?;
    fs::rename(temporary, path)?;
    sync_folder(path)
}

/// A file of our own: whatever had that name is removed, never followed.
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| *p != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
