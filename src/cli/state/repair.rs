//! `reconcile state repair`: shows what is wrong and what can be kept, asks, and mends it.

use std::io::Write;

use super::args::{ChangeArgs, RepairArgs};
use crate::cli::approve;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::open::take_lock;
use crate::output::{nothing_to_repair_json, repaired_json, repaired_text, write_repair};
use crate::state::{Lock, Repair};

pub(super) fn run(context: &Context, args: &RepairArgs) -> Result<Exit, CliError> {
    let args = &args.change;
    if !args.auto_approve && !approve::can_ask(context) {
        return Err(approve::nobody_to_ask("state repair"));
    }
    let settings = context.settings()?;
    let dir = context.state_dir(&settings, args.sandbox)?;
    if !dir.exists() {
        return nothing_to_repair(context);
    }
    let lock = take_lock(context, &dir, "state repair", args.lock_timeout)?;
    match Repair::examine(&lock)? {
        None => nothing_to_repair(context),
        Some(repair) => mend(context, args, &lock, repair),
    }
}

fn mend(
    context: &Context,
    args: &ChangeArgs,
    lock: &Lock,
    repair: Repair,
) -> Result<Exit, CliError> {
    if !context.is_json() {
        write_repair(&mut std::io::stdout().lock(), &repair)?;
    }
    if !args.auto_approve && !approve::ask(context, "Repair it? Only `yes` is a yes:")? {
        context.say("Nothing was done.");
        return Ok(Exit::Failed);
    }
    let found = repair.found.clone();
    let copy = repair.carry_out(lock)?;
    say(
        context,
        &repaired_text(&found, &copy),
        &repaired_json(&found, &copy),
    )
}

fn nothing_to_repair(context: &Context) -> Result<Exit, CliError> {
    let text = "There is nothing to repair: everything in the state can be read.";
    say(context, text, &nothing_to_repair_json())
}

fn say(context: &Context, text: &str, json: &serde_json::Value) -> Result<Exit, CliError> {
    let mut out = std::io::stdout().lock();
    match context.is_json() {
        true => writeln!(out, "{json}")?,
        false => writeln!(out, "{text}")?,
    }
    Ok(Exit::Done)
}
