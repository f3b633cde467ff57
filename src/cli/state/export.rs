//! `reconcile state export`: the whole state as JSON Lines; the backup.

use std::io::{BufWriter, Write};

use super::args::ExportArgs;
use crate::cli::context::Context;
use crate::cli::env;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::state::{ReadState, export, open_reader};

pub(super) fn run(context: &Context, args: &ExportArgs) -> Result<Exit, CliError> {
    let settings = context.settings()?;
    let dir = context.state_dir(&settings, args.sandbox)?;
    // What is submitted from here on may be missing.
    let now = env::now();
    let reader = open_reader(&dir)?;
    let recorded = reader.load()?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    export::write(&mut out, &recorded, now, |hash| {
        reader.spec(hash).map_err(CliError::from)
    })?;
    out.flush()?;
    Ok(Exit::Done)
}
