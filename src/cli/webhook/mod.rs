//! `reconcile webhook`: the endpoint that HeyGen delivers events to.

mod args;
mod register;
mod secret_file;

use std::io::Write;

use serde_json::{Value, json};

pub(super) use self::args::WebhookArgs;
use self::args::{DeleteArgs, WebhookCommand};
use super::approve;
use super::connect::connect_endpoints;
use super::context::Context;
use super::error::CliError;
use super::exit::Exit;
use crate::heygen::{Endpoint, Endpoints};
use crate::output::{escape, write_table};

/// More endpoints than this are somebody's mistake.
const MAX_PAGES: usize = 50;

pub(super) fn run(context: &Context, args: &WebhookArgs) -> Result<Exit, CliError> {
    context.refuse_github()?;
    let settings = context.settings()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| CliError::new("cannot start").because(e))?;
    runtime.block_on(async {
        match &args.command {
            WebhookCommand::Register(args) => register::run(context, &settings, args).await,
            WebhookCommand::List => list(context, &connect_endpoints(&settings)?).await,
            WebhookCommand::Delete(args) => {
                delete(context, args, &connect_endpoints(&settings)?).await
            }
        }
    })
}

async fn list(context: &Context, endpoints: &Endpoints) -> Result<Exit, CliError> {
    let mut all = Vec::new();
    let mut token = None;
    for _ in 0..MAX_PAGES {
        let page = endpoints.list(token.as_deref()).await?;
        all.extend(page.items);
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    let mut out = std::io::stdout().lock();
    if context.is_json() {
        let shown: Vec<_> = all.iter().map(shown).collect();
        writeln!(
            out,
            "{}",
            json!({"format_version": "1.0", "endpoints": shown})
        )?;
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        writeln!(out, "No endpoint is registered.")?;
        return Ok(Exit::Done);
    }
    let rows: Vec<_> = all.iter().map(row).collect();
    write_table(
        &mut out,
        context.stdout_paint(),
        ["ENDPOINT", "STATUS", "EVENTS", "CREATED", "URL"],
        &rows,
    )?;
    Ok(Exit::Done)
}

/// Never the secret.
fn shown(endpoint: &Endpoint) -> Value {
    json!({
        "endpoint_id": endpoint.endpoint_id, "url": endpoint.url, "events": endpoint.events,
        "status": endpoint.status, "created_at": endpoint.created_at,
    })
}

fn row(endpoint: &Endpoint) -> [String; 5] {
    let events = endpoint.events.as_deref().unwrap_or_default().join(",");
    let events = if events.is_empty() {
        "all".to_owned()
    } else {
        events
    };
    [
        &endpoint.endpoint_id,
        &endpoint.status,
        &events,
        &endpoint.created_at,
        &endpoint.url,
    ]
    .map(|cell| escape(cell).into_owned())
}

async fn delete(
    context: &Context,
    args: &DeleteArgs,
    endpoints: &Endpoints,
) -> Result<Exit, CliError> {
    let id = escape(&args.endpoint);
    if !args.auto_approve {
        if !approve::can_ask(context) {
            return Err(approve::nobody_to_ask("webhook delete"));
        }
        let question = format!("HeyGen delivers nothing to {id} any more. Only `yes` is a yes:");
        if !approve::ask(context, &question)? {
            context.say("Nothing was done.");
            return Ok(Exit::Failed);
        }
    }
    endpoints
        .delete(&args.endpoint)
        .await
        .map_err(|error| match error.is_not_found() {
            true => CliError::new(format!("HeyGen knows no endpoint {id}"))
                .hint("`reconcile webhook list` shows those there are"),
            false => error.into(),
        })?;
    let mut out = std::io::stdout().lock();
    match context.is_json() {
        true => writeln!(
            out,
            "{}",
            json!({"format_version": "1.0", "deleted": args.endpoint})
        )?,
        false => writeln!(out, "{id} deleted; take its secret out of the secret file")?,
    }
    Ok(Exit::Done)
}
