//! What systemd is told: ready, stopping, and that the loop still goes round.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::watch;

use crate::watch::{Heartbeat, View};

/// Where nobody watches, the loop goes round all the same now and then.
const UNWATCHED: Duration = Duration::from_secs(3600);

/// Tells the watchdog, if there is one, at a third of its time.
pub(super) fn heartbeat() -> Heartbeat {
    let mut microseconds = 0;
    let is_watched = sd_notify::watchdog_enabled(false, &mut microseconds);
    let every = match is_watched {
        true => (Duration::from_micros(microseconds) / 3).max(Duration::from_millis(1)),
        false => UNWATCHED,
    };
    Heartbeat {
        every,
        beat: Box::new(move || {
            if is_watched {
                tell(&[NotifyState::Watchdog]);
            }
        }),
    }
}

/// Ready once everything was looked at; a line of status with every change.
pub(super) async fn announce(mut view: watch::Receiver<Arc<View>>, mut stop: watch::Receiver<u32>) {
    let mut ready = false;
    loop {
        // The loop ends because it was told to stop, and it may be the first to be noticed.
        let goes_on = tokio::select! {
            changed = view.changed() => changed.is_ok(),
            _ = stop.changed() => false,
        };
        if !goes_on {
            return tell_stopping();
        }
        let now = Arc::clone(&view.borrow_and_update());
        if now.ready && !ready {
            ready = true;
            tell(&[NotifyState::Ready]);
        }
        tell(&[NotifyState::Status(&status(&now))]);
    }
}

fn tell_stopping() {
    let status = "stopping: what is under way comes to its end first";
    tracing::info!("{status}");
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

fn status(view: &View) -> String {
    let mut status = format!("{} manifests", view.wishes);
    if view.problems > 0 {
        status.push_str(&format!(", {} problems", view.problems));
    }
    if view.refused_settings.is_some() {
        status.push_str(", the settings file can't be used: the old settings are in force");
    }
    if view.unreachable.is_some() {
        status.push_str(", HeyGen is not reached");
    }
    for reason in view.paused.keys() {
        status.push_str(&format!(", paused: {}", reason.as_str()));
    }
    status
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(false, states) {
        tracing::debug!(%error, "systemd could not be told");
    }
}
