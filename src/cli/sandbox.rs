//! `reconcile sandbox`: the stand-in for HeyGen as a server of its own.

use super::args::SandboxArgs;
use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
use super::interrupt::watch_interrupts;
use crate::sandbox::{Config, Rule, Sandbox};

pub(super) fn run(context: &Context, args: &SandboxArgs) -> Result<Exit, CliError> {
    context.refuse_github()?;
    let config = Config {
        data: args.data.clone(),
        max_jobs: args.max_jobs,
        render_time: args.render_time,
        rules: rules(args)?,
        seed: args.seed,
        honour_idempotency_key: args.honour_idempotency_key,
        check_ids: args.check_ids,
        ..Config::default()
    };
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::new("cannot start").because(e))?
        .block_on(serve(context, args, config))
}

async fn serve(context: &Context, args: &SandboxArgs, config: Config) -> Result<Exit, CliError> {
    let mut stop = watch_interrupts()?;
    let sandbox = Sandbox::start(args.listen, config)
        .await
        .map_err(|e| CliError::new("cannot start the sandbox").because(e))?;
    println!("sandbox listening on {}", sandbox.url());
    context.say(&format!(
        "use it with HEYGEN_API_BASE={} HEYGEN_API_KEY=sandbox; stop with Ctrl-C",
        sandbox.url()
    ));
    sandbox
        .serve_until(async move {
            let _ = stop.changed().await;
        })
        .await;
    Ok(Exit::Done)
}

fn rules(args: &SandboxArgs) -> Result<Vec<Rule>, CliError> {
    let Some(file) = &args.faults else {
        return Ok(Vec::new());
    };
    let failed = || CliError::new(format!("cannot use the faults in {}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|e| failed().because(e))?;
    serde_json::from_str(&text).map_err(|e| failed().because(e))
}
