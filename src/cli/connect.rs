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

/// Both halves of the API, and the name by which a state knows the place.
pub(super) struct Api {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    /// The base URL; of the stand-in only that it is one, because its port differs each time.
    pub(super) base: String,
    /// Lives as long as it is needed.
    _sandbox: Option<Sandbox>,
}

pub(super) async fn connect(
    context: &Context,
    settings: &Settings,
    state_dir: &Path,
    sandbox: bool,
) -> Result<Api, CliError> {
    if sandbox {
        return rehearse(context, settings, state_dir).await;
    }
    let text = env::var("HEYGEN_API_BASE").unwrap_or_else(|| Base::HEYGEN.to_owned());
    let base = Base::parse(&text)
        .map_err(|e| CliError::usage(format!("HEYGEN_API_BASE ({text}) can't be used: {e}")))?;
    let name = base.as_str().to_owned();
    let config = config(base, env::api_key()?, settings);
    api(&config, name, None)
}

/// The key stays where it is: the stand-in gets one of its own.
async fn rehearse(
    context: &Context,
    settings: &Settings,
    state_dir: &Path,
) -> Result<Api, CliError> {
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
    let config = config(base, "sandbox".to_owned().into(), settings);
    api(&config, "sandbox".to_owned(), Some(sandbox))
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

fn api(config: &Config, base: String, sandbox: Option<Sandbox>) -> Result<Api, CliError> {
    Ok(Api {
        reader: Reader::connect(config)?,
        writer: Writer::connect(config)?,
        base,
        _sandbox: sandbox,
    })
}
