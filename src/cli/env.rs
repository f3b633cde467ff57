//! The environment, read in one place.

use std::io::IsTerminal;
use std::path::PathBuf;

use jiff::Timestamp;
use secrecy::SecretString;

use super::error::CliError;

/// A variable that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub(super) fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// The same moment, as file systems tell it.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub(super) fn system_now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

/// The API key: `HEYGEN_API_KEY`, or the content of the file `HEYGEN_API_KEY_FILE` names.
pub(super) fn api_key() -> Result<SecretString, CliError> {
    if let Some(key) = var("HEYGEN_API_KEY") {
        return Ok(key.trim().to_owned().into());
    }
    let Some(file) = var("HEYGEN_API_KEY_FILE") else {
        return Err(CliError::new("no HeyGen API key: HEYGEN_API_KEY is not set")
            .hint("set HEYGEN_API_KEY (or HEYGEN_API_KEY_FILE); keys are made at https://app.heygen.com/settings")
            .hint("to rehearse without a key or money, add --sandbox"));
    };
    let path = PathBuf::from(file);
    let key = std::fs::read_to_string(&path).map_err(|e| {
        CliError::new(format!(
            "cannot read HEYGEN_API_KEY_FILE ({})",
            path.display()
        ))
        .because(e)
    })?;
    match key.trim() {
        "" => Err(CliError::new(format!(
            "HEYGEN_API_KEY_FILE ({}) is empty",
            path.display()
        ))),
        key => Ok(key.to_owned().into()),
    }
}

/// Whether a stream takes colour: a terminal that is not dumb, and no `NO_COLOR`.
pub(super) fn takes_color(stream: &impl IsTerminal) -> bool {
    stream.is_terminal()
        && var("NO_COLOR").is_none()
        && var("TERM").is_none_or(|term| term != "dumb")
}

/// The name of this machine, for whoever waits for it.
pub(super) fn host() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}
