//! Reaching HeyGen, or the stand-in for it.

use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;

use super::context::Context;
use super::env;
use super::error::CliError;
use crate::heygen::{Base, Config, Endpoints, Reader, Writer};
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

/// Connects for webhook endpoints.
pub(super) fn connect_endpoints(settings: &Settings) -> Result<Endpoints, CliError> {
    let place = heygen(env::api_key()?, settings)?;
    Ok(Endpoints::connect(&place.config)?)
}

/// As [`connect`], with what environment and key file say now.
pub(super) fn connect_again(settings: &Settings) -> Result<(Reading, Writer), CliError> {
    let place = heygen(env::api_key()?, settings)?;
    let writer = Writer::connect(&place.config)?;
    Ok((place.reading()?, writer))
}

/// For whoever sends nothing: no key is asked for.
pub(super) fn connect_nowhere(settings: &Settings) -> Result<(Reading, Writer), CliError> {
    let place = heygen(SecretString::default(), settings)?;
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
    match sandbox {
        true => rehearse(context, settings, state_dir).await,
        false => heygen(env::api_key()?, settings),
    }
}

/// HeyGen itself, or what stands at `HEYGEN_API_BASE`.
fn heygen(key: SecretString, settings: &Settings) -> Result<Place, CliError> {
    let text = env::var("HEYGEN_API_BASE").unwrap_or_else(|| Base::HEYGEN.to_owned());
    let base = Base::parse(&text)
        .map_err(|e| CliError::usage(format!("HEYGEN_API_BASE ({text}) can't be used: {e}")))?;
    let name = base.as_str().to_owned();
    Ok(Place {
        config: config(base, key, settings),
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
    context.say_rehearsing();
    let base = Base::parse(&sandbox.url()).map_err(|e| CliError::new(e.to_string()))?;
    Ok(Place {
        config: config(base, "sandbox".to_owned().into(), settings),
        name: "sandbox".to_owned(),
        sandbox: Some(sandbox),
    })
}

fn config(base: Base, key: SecretString, settings: &Settings) -> Config {
    Config {
        base,
        key,
        request_timeout: settings.request_timeout,
        read_timeout: READ_TIMEOUT,
        upload_timeout: UPLOAD_TIMEOUT,
    }
}
