//! Running the real binary so that it can be killed, and never waiting for it without end.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Ran, within};
use crate::tally::count;
use crate::world::World;

/// No move gives a run longer than five seconds; what hangs is a defect.
const PATIENCE: Duration = Duration::from_secs(40);

pub const APPLY: [&str; 4] = ["apply", "--auto-approve", "--format", "json"];

/// The command under `strace`, which kills it when it makes a system call for the nth time.
pub fn killed_at(command: &Command, call: &str, nth: u64) -> Command {
    let trace = format!("trace={call}");
    let kill = format!("inject={call}:signal=KILL:when={nth}");
    let quietly = ["strace", "-f", "-qq", "-o", "/dev/null"];
    within(
        &[&quietly[..], &["-e", &trace, "-e", &kill]].concat(),
        command,
    )
}

/// Whether `strace` is there and may trace.
pub fn can_trace() -> bool {
    let mut quick = Command::new("true");
    quick.env_clear();
    let done = killed_at(&quick, "connect", 1_000).output();
    done.is_ok_and(|output| output.status.success())
}

pub fn spawn(mut command: Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

pub fn signal(child: &Child, name: &str) {
    // It may be gone already, which is one of the moments to be tried.
    let pid = child.id().to_string();
    let _ = Command::new("kill").args([name, &pid]).output();
}

/// Its end, judged: a run may be killed, but it may not panic, hang or say nonsense.
pub fn finish(world: &mut World, what: &str, child: Child) -> Ran {
    let ran = wait(world, what, child);
    judge(world, what, &ran, false);
    tally_up(&ran);
    ran
}

/// What a person asked for may be refused as well.
pub fn finish_by_hand(world: &mut World, what: &str, child: Child) -> Ran {
    let ran = wait(world, what, child);
    judge(world, what, &ran, true);
    ran
}

fn wait(world: &mut World, what: &str, mut child: Child) -> Ran {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            world.broke("every run ends", format!("{what} hangs"));
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ran::finish(child)
}

fn judge(world: &mut World, what: &str, ran: &Ran, may_refuse: bool) {
    let usual = match ran.code {
        None | Some(0..=3 | 130 | 137) => true,
        code => may_refuse && code == Some(64),
    };
    let rude = [
        "panicked",
        "damaged",
        "is missing, though",
        "broke off inside",
    ];
    if !usual || rude.iter().any(|word| ran.stderr.contains(word)) {
        world.broke("every run ends in good order", format!("{what}: {ran:#?}"));
    }
}

/// What came of a run, in a few words.
pub fn told(ran: &Ran) -> String {
    let Some(code) = ran.code else {
        return "killed".to_owned();
    };
    let summary = ran.stdout.lines().last().unwrap_or_default();
    let counts = summary.strip_prefix("{\"type\":\"summary\",");
    let nonzero: Vec<_> = counts
        .unwrap_or_default()
        .trim_end_matches('}')
        .split(',')
        .filter(|count| !count.ends_with(":0"))
        .collect();
    let said = ran.stderr.lines().last().unwrap_or_default();
    format!("exit {code} {} {said}", nonzero.join(" "))
}

/// How lost answers were found.
fn tally_up(ran: &Ran) {
    let lines = ran
        .stdout
        .lines()
        .filter_map(|l| serde_json::from_str(l).ok());
    for line in lines.filter(|line: &Value| line["type"] == "settled") {
        let by = line["adopted_by"].as_str().unwrap_or_default();
        count(&format!(
            "settled {} {by}",
            line["phase"].as_str().unwrap_or_default()
        ));
    }
}
