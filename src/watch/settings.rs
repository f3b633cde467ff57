//! The settings while the loop goes round: read again on request, and told where they are not in force.

use std::collections::BTreeSet;
use std::fs;

use tokio::time::Instant;

use super::changes::{Changes, Places};
use super::edge::Setup;
use super::run::Loop;
use crate::project::SETTINGS_FILE;

impl Loop {
    pub(super) fn reload(&mut self) {
        match self.turns.edge.reload() {
            Ok(setup) => self.take_setup(setup),
            Err(why) => {
                self.turns.view.totals.failed_reloads += 1;
                let text = format!(
                    "the new settings can't be used, the old ones stay; mend them before the next \
                     restart, which would fail: {why}"
                );
                self.turns.edge.trouble(&text);
                self.turns.view.refused_settings = Some(why);
            }
        }
        self.failures = 0;
        self.prefetched = None;
        self.timer = Instant::now();
        self.publish();
    }

    fn take_setup(&mut self, setup: Setup) {
        self.quiet.set_quiet(setup.settings.watch.quiet);
        self.turns.memory.begin_anew(setup.settings.poll_interval);
        for reason in self.turns.memory.gate.open() {
            self.turns.edge.resumed(reason);
        }
        self.changes = Changes::start(Places {
            manifests: self.turns.config.root.join(&setup.settings.manifests),
            files: BTreeSet::new(),
        });
        let view = &mut self.turns.view;
        view.price_per_second = setup.settings.price_per_second;
        view.refused_settings = None;
        view.totals.reloads += 1;
        self.turns.setup = setup;
        self.settings_file = None;
        let told = "settings, key and secrets were read again";
        self.turns.edge.note(told);
    }

    /// A settings file that came with a pull is not in force before somebody asks for it.
    pub(super) fn tell_other_settings(&mut self) {
        let file = self.turns.config.root.join(SETTINGS_FILE);
        let changed = fs::metadata(file).and_then(|m| m.modified()).ok();
        let is_other = changed.is_some_and(|at| at > self.turns.setup.read_at);
        if is_other && self.settings_file != changed {
            self.settings_file = changed;
            let told =
                "reconcile.yaml changed; what it says counts after SIGHUP (systemctl reload)";
            self.turns.edge.note(told);
        }
    }
}
