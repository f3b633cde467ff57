//! From an approved plan to what HeyGen answered.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Apply, Ready};
use crate::apply::{End, Engine, Limits, Outcome, Pace, Parts, Until, check_account, survey};
use crate::cli::connect::{Reading, connect};
use crate::cli::env;
use crate::cli::error::CliError;
use crate::cli::interrupt::watch_interrupts;
use crate::cli::prove;
use crate::cli::refused::refused;
use crate::heygen::{Me, Writer};
use crate::output::Reporter;
use crate::plan::Action;
use crate::project::{Desired, ProjectBytes};
use crate::settle::{Delays, HeygenClock};
use crate::state::Ledger;
use crate::video::VideoHash;

const REHEARSAL_POLL: Duration = Duration::from_millis(500);

/// What is known of HeyGen before the first request that may cost.
struct Prepared {
    api: Reading,
    writer: Writer,
    heygen_clock: HeygenClock,
    run: Option<u64>,
}

/// What a run came to, and what broke it off.
pub(super) type Ran = (Outcome, Result<(), CliError>);

impl Apply<'_> {
    pub(super) fn work(
        &self,
        ledger: &mut Ledger,
        ready: &mut Ready,
        reporter: &mut Reporter,
    ) -> Ran {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|e| CliError::new("cannot start").because(e));
        let ran = runtime.and_then(|r| r.block_on(self.talk(ledger, ready, reporter)));
        ran.unwrap_or_else(|error| {
            let nothing = Outcome::of_nothing(&ready.plan, ledger.recorded(), End::Done);
            (nothing, Err(error))
        })
    }

    async fn talk(
        &self,
        ledger: &mut Ledger,
        ready: &mut Ready,
        reporter: &mut Reporter,
    ) -> Result<Ran, CliError> {
        let mut stop = watch_interrupts()?;
        let limits = self.limits(&ready.desired);
        let prepared = tokio::select! {
            prepared = self.prepare_to_send(ledger, ready) => prepared?,
            _ = stop.changed() => {
                let (plan, recorded) = (&ready.plan, ledger.recorded());
                return Ok((Outcome::of_nothing(plan, recorded, End::Interrupted), Ok(())));
            }
        };
        let root = &self.context.root;
        let mut report = |event| reporter.event(&event, refused(root, &event).as_ref());
        let mut pace = Pace::new(limits.poll_interval);
        let engine = Engine::new(Parts {
            ledger,
            reader: prepared.api.reader.clone(),
            writer: prepared.writer,
            bytes: Arc::new(ProjectBytes::new(&self.context.root)),
            limits,
            clock: env::now,
            heygen_clock: prepared.heygen_clock,
            run: prepared.run,
            pace: &mut pace,
            report: &mut report,
            stop,
        });
        let manifests = ready.texts.wished.clone();
        let selection = &ready.options.selection;
        let (outcome, ended) = engine.run(&ready.plan, manifests, selection).await;
        Ok((outcome, ended.map_err(CliError::from)))
    }

    /// Everything that only reads. It may be broken off: what it wrote down stays true.
    async fn prepare_to_send(
        &self,
        ledger: &mut Ledger,
        ready: &mut Ready,
    ) -> Result<Prepared, CliError> {
        let sandbox = self.args.planning.sandbox;
        let (api, writer) = connect(self.context, &self.settings, &self.state_dir, sandbox).await?;
        let me = self.check_account(ledger, &api).await?;
        let now = env::now();
        let heygen_clock = HeygenClock {
            date: me.date.unwrap_or(now),
            seen: std::time::Instant::now(),
        };
        prove::the_past(self.context, self.args, ledger, &api.reader, ready).await?;
        let run = match ready.plan.actions.iter().any(Action::may_submit) {
            true => Some(survey(ledger, &api.reader, heygen_clock.now(), env::now()).await?),
            false => None,
        };
        Ok(Prepared {
            api,
            writer,
            heygen_clock,
            run,
        })
    }

    async fn check_account(&self, ledger: &mut Ledger, api: &Reading) -> Result<Me, CliError> {
        let me = api.reader.me().await?;
        check_account(ledger, &api.base, &me, env::now())??;
        Ok(me)
    }

    fn limits(&self, desired: &Desired) -> Limits {
        Limits {
            max_jobs: self.settings.max_jobs,
            poll_interval: self.poll_interval(),
            delays: Delays {
                request_timeout: self.settings.request_timeout,
                settle_delay: self.settings.settle_delay,
            },
            until: match self.waits() {
                true => Until::Ended,
                false => Until::Accepted,
            },
            stop_superseded: self.args.stop_superseded.then(|| wished(desired)).flatten(),
            deadline: self.args.timeout.map(|timeout| Instant::now() + timeout),
        }
    }

    /// The stand-in renders in seconds, so a rehearsal looks more often.
    fn poll_interval(&self) -> Duration {
        match self.args.planning.sandbox {
            true => self.settings.poll_interval.min(REHEARSAL_POLL),
            false => self.settings.poll_interval,
        }
    }
}

/// All that any manifest wishes; unknown while one can't be read.
fn wished(desired: &Desired) -> Option<HashSet<VideoHash>> {
    let hashes = desired.wishes.values().map(|wish| wish.hash);
    desired.problems.is_empty().then(|| hashes.collect())
}
