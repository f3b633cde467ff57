//! Reaching HeyGen, or the stand-in for it.

use std::path::Path;
use std::time::Duration;

use super::context::Context;
use super::env;
use super::error::CliError;
use crate::heygen::{Base, Config, Reader, Writer};
use crate::project::Settings;
use crate::sandbox::{self, Sandbox};

const READ_TIMEOUT: Duration = Duration::from_secs(30);
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(600);

/// The half that only looks, and the name by which a state knows the place.
pub(super) struct Reading {
    pub(super) reader: Reader,
    /// The base URL; of the stand-in only that it is one, because its port differs each time.
    pub(super) base: String,
    /// Lives as long as it is needed.
    _sandbox: Option<Sandbox>,
}

/// Connects for reading: whoever gets this has no way to spend.
pub(super) async fn connect_reading(
    context: &Context,
    settings: &Settings,
    state_dir: &Path,
    sandbox: bool,
) -> Result<Reading, CliError> {
    place(context, settings, state_dir, sandbox)
        .await?
        .reading()
}

/// Connects for reading and spending.
pub(super) async fn connect(
    context: &Context,
    settings: &Settings,
    state_dir: &Path,
    sandbox: bool,
) -> Result<(Reading, Writer), CliError> {
    let place = place(context, settings, state_dir, sandbox).await?;
    let writer = Writer::connect(&place.config)?;
    Ok((place.reading()?, writer))
}

/// Where to connect to.
struct Place {
    config: Config,
    name: String,
    sandbox: Option<Sandbox>,
}

impl Place {
    fn reading(self) -> Result<Reading, CliError> {
        Ok(Reading {
            reader: Reader::connect(&self.config)?,
            base: self.name,
            _sandbox: self.sandbox,
        })
    }
}

async fn place(
    context: &Context,
    settings: &Settings,
    state_dir: &Path,
    sandbox: bool,
) -> Result<Place, CliError> {
    if sandbox {
        return rehearse(context, settings, state_dir).await;
    }
    let text = env::var("HEYGEN_API_BASE").unwrap_or_else(|| Base::HEYGEN.to_owned());
    let base = Base::parse(&text)
        .map_err(|e| CliError::usage(format!("HEYGEN_API_BASE ({text}) can't be used: {e}")))?;
    let name = base.as_str().to_owned();
    Ok(Place {
        config: config(base, env::api_key()?, settings),
        name,
        sandbox: None,
    })
}

/// The key stays where it is: the stand-in gets one of its own.
async fn rehearse(
    context: &Context,
    settings: &Settings,
    state_dir: &Path,
) -> Result<Place, CliError> {
    let sandbox = Sandbox::start(
        ([127, 0, 0, 1], 0).into(),
        sandbox::Config {
            data: Some(state_dir.join("heygen")),
            max_jobs: settings.max_jobs,
            ..sandbox::Config::default()
        },
    )
    .await
    .map_err(|e| CliError::new("cannot start the sandbox").because(e))?;
    context.say("sandbox: a local stand-in for HeyGen; nothing is paid, no key is used");
    let base = Base::parse(&sandbox.url()).map_err(|e| CliError::new(e.to_string()))?;
    Ok(Place {
        config: config(base, "sandbox".to_owned().into(), settings),
        name: "sandbox".to_owned(),
        sandbox: Some(sandbox),
    })
}

fn config(base: Base, key: secrecy::SecretString, settings: &Settings) -> Config {
    Config {
        base,
        key,
        request_timeout: settings.request_timeout,
        read_timeout: READ_TIMEOUT,
        upload_timeout: UPLOAD_TIMEOUT,
    }
}
