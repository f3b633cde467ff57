//! What is done to a project in one step, through the front door.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::adopt;
use crate::downloads;
use crate::faults;
use crate::hand;
use crate::process::{APPLY, finish, killed_at, signal, spawn, told};
use crate::tally::count;
use crate::watch;
use crate::wishes::Wish;
use crate::world::World;

/// Where the protocol touches the disk or the network, and up to which time it is worth dying there.
/// `strace` counts for each thread.
const CALLS: [(&str, u64); 8] = [
    ("fdatasync", 14),
    ("pwrite64", 13),
    ("fsync", 12),
    ("rename", 6),
    ("connect", 4),
    ("writev", 5),
    ("recvfrom", 5),
    ("epoll_wait", 12),
];

/// What is never sent is not waited for any longer.
const PATIENCE: Duration = Duration::from_secs(6);

/// What an apply may be told, and in how many it is.
const FLAGS: [(&str, u64); 6] = [
    ("--wait", 2),
    ("--download", 4),
    ("--prune", 6),
    ("--refresh", 6),
    ("--stop-superseded", 6),
    ("--retry-failed", 10),
];

/// One step: new wishes, new faults, and a run that may not live to its end.
pub fn step(world: &mut World, traces: bool) {
    world.change_wishes();
    if !world.rng.one_in(3) {
        adopt::somebody_makes_a_video(world);
    }
    let mut rules = faults::some(&mut world.rng);
    if world.names_first && !world.is_vouched() {
        rules.retain(|rule| {
            rule["kind"] != "foreign_session" && rule["kind"].get("list_lag").is_none()
        });
    }
    for rule in &rules {
        world.tell(format!("fault {rule}"));
    }
    world.heygen.faults(json!(rules));
    let adopts = world.rng.one_in(2);
    let by_hand = world.rng.one_in(3).then(|| hand::by_hand(world));
    let adopted = adopts.then(|| adopt::adopt(world, traces, true));
    for (kind, said) in by_hand.into_iter().chain(adopted) {
        count(&kind);
        world.tell(format!("{kind}: {said}"));
    }
    let seen = world.heygen.requests().len();
    let (kind, said) = act(world, traces);
    spares_what_is_wished(world, seen);
    downloads::none_is_half(world);
    count(&kind);
    world.tell(format!("{kind}: {said}"));
}

/// Nothing that a manifest wishes for is deleted or stopped, but for takes that were to be replaced.
fn spares_what_is_wished(world: &mut World, seen: usize) {
    let requests = world.heygen.requests();
    let ended = requests[seen..].iter().filter_map(|r| {
        let path = r["path"].as_str()?;
        match r["method"].as_str()? {
            "DELETE" => path.strip_prefix("/v3/videos/"),
            _ => path
                .strip_prefix("/v3/video-agents/")?
                .strip_suffix("/stop"),
        }
    });
    let ended: Vec<_> = ended.collect();
    let hashes: Vec<_> = world.wishes.now.values().map(Wish::hash).collect();
    for session in world.heygen.sessions() {
        let named = |id: &&&str| session["video_id"] == **id || session["session_id"] == **id;
        let mut adopted = world
            .adopted
            .iter()
            .filter(|a| session["session_id"] == *a.session);
        let hash = match adopted.next() {
            Some(adopted) => &adopted.hash,
            None => session["callback_id"].as_str().unwrap(),
        };
        let replaced = world.replaces.contains_key(hash);
        if ended.iter().any(|id| named(&id)) && hashes.iter().any(|h| h == hash) && !replaced {
            world.broke("what is wished is spared", &session);
        }
    }
}

fn act(world: &mut World, traces: bool) -> (String, String) {
    match world.rng.within(0..24) {
        0..=3 => ("apply".to_owned(), apply(world)),
        4..=6 => ("apply killed after a while".to_owned(), killed_later(world)),
        7..=11 if traces => killed_at_a_call(world),
        7..=13 => killed_at_a_request(world),
        14 | 15 => ("apply interrupted".to_owned(), interrupted(world)),
        16 | 17 => ("two applies".to_owned(), two_at_once(world)),
        18 => ("readers beside an apply".to_owned(), readers(world)),
        20..=23 => watch::for_a_while(world, traces),
        _ => ("refresh".to_owned(), refresh(world)),
    }
}

/// Never longer than five seconds, mostly much shorter: a round should not wait. At times one name
/// alone is applied.
fn arguments(world: &mut World) -> Vec<String> {
    let mut arguments = APPLY.map(str::to_owned).to_vec();
    let timeout = match world.rng.within(0..8) {
        0 => "5s",
        1 | 2 => "300ms",
        _ => "1500ms",
    };
    arguments.extend(["--timeout", timeout, "--lock-timeout", "20s"].map(str::to_owned));
    for (flag, chance) in FLAGS {
        if world.rng.one_in(chance) {
            arguments.push(flag.to_owned());
        }
    }
    if world.rng.one_in(10) {
        let most = world.rng.within(0..4).to_string();
        arguments.extend(["--max-submissions".to_owned(), most]);
    }
    if world.rng.one_in(10) {
        arguments.extend(["--replace".to_owned(), replaced(world)]);
    }
    if world.rng.one_in(8) && (world.names_first || world.is_vouched()) {
        let names: Vec<_> = world.wishes.now.keys().collect();
        arguments.push(world.rng.pick(&names).to_string());
    }
    arguments
}

/// A name of which another take is asked for: that may be paid for.
fn replaced(world: &mut World) -> String {
    let names: Vec<_> = world.wishes.now.keys().cloned().collect();
    let name = world.rng.pick(&names).clone();
    let hash = world.wishes.now[&name].hash();
    *world.replaces.entry(hash).or_default() += 1;
    name
}

fn command(world: &World, arguments: &[String]) -> Command {
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    world.project.command(&arguments)
}

pub fn start(world: &mut World) -> (Child, String) {
    let arguments = arguments(world);
    let child = spawn(command(world, &arguments));
    // What every apply is given tells nothing.
    (child, arguments[APPLY.len()..].join(" "))
}

fn apply(world: &mut World) -> String {
    let (child, what) = start(world);
    let ran = finish(world, "apply", child);
    format!("{what}: {}", told(&ran))
}

fn refresh(world: &mut World) -> String {
    let mut child = spawn(world.project.command(&["refresh"]));
    if world.rng.one_in(2) {
        std::thread::sleep(Duration::from_millis(world.rng.within(1..60)));
        let _ = child.kill();
    }
    told(&finish(world, "refresh", child))
}

fn killed_later(world: &mut World) -> String {
    let (mut child, what) = start(world);
    let delay = Duration::from_millis(world.rng.within(1..400));
    std::thread::sleep(delay);
    let _ = child.kill();
    let ran = finish(world, "apply", child);
    format!("{what}: after {delay:?}: {}", told(&ran))
}

/// Dies at a step of the protocol: where it writes, syncs, connects, sends or receives.
fn killed_at_a_call(world: &mut World) -> (String, String) {
    let (call, most) = *world.rng.pick(&CALLS);
    // Most runs have little to send: early moments are met more often.
    let nth = world.rng.within(1..most + 1);
    let nth = nth.min(world.rng.within(1..most + 1));
    let arguments = arguments(world);
    let what = arguments[APPLY.len()..].join(" ");
    let command = killed_at(&command(world, &arguments), call, nth);
    let ran = finish(world, "apply under strace", spawn(command));
    let kind = match ran.code {
        None => format!("apply killed at {call}"),
        Some(_) => format!("apply not killed at {call}"),
    };
    (kind, format!("{what}: number {nth}: {}", told(&ran)))
}

/// Dies while the server has its submission, before or after that took effect.
fn killed_at_a_request(world: &mut World) -> (String, String) {
    let before = world.rng.one_in(2);
    let fault = match before {
        true => json!({"kind": {"slow": {"ms": 200}}, "times": 3}),
        false => json!({"kind": {"silence": {"ms": 300}}, "times": 3}),
    };
    world.heygen.faults(json!([fault]));
    let seen = world.heygen.requests().len();
    let wanted = world.rng.within(1..4);
    let (mut child, what) = start(world);
    let is_post = |r: &Value| r["method"] == "POST";
    let held = wait_for_requests(world, &mut child, seen, (wanted, PATIENCE), is_post);
    let _ = child.kill();
    let ran = finish(world, "apply", child);
    let when = if before { "before" } else { "after" };
    let kind = match held {
        true => format!("apply killed {when} the effect of a request"),
        false => format!("apply that sent too little to be killed {when} an effect"),
    };
    (kind, format!("{what}: request {wanted}: {}", told(&ran)))
}

/// Whether so many requests of a kind arrive while it runs.
pub fn wait_for_requests(
    world: &World,
    child: &mut Child,
    seen: usize,
    (wanted, patience): (u64, Duration),
    is_one: impl Fn(&Value) -> bool,
) -> bool {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() && begun.elapsed() < patience {
        let path = format!("/_sandbox/requests?since={seen}");
        let (_, answer) = world.heygen.send("GET", &path, None, None);
        let requests = answer["data"].as_array().unwrap();
        let arrived = requests.iter().filter(|r| is_one(r)).count();
        if arrived as u64 >= wanted {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

fn interrupted(world: &mut World) -> String {
    let (child, what) = start(world);
    let name = *world.rng.pick(&["-INT", "-TERM"]);
    std::thread::sleep(Duration::from_millis(world.rng.within(5..300)));
    signal(&child, name);
    let again = world.rng.one_in(3);
    if again {
        std::thread::sleep(Duration::from_millis(world.rng.within(1..60)));
        signal(&child, name);
    }
    let ran = finish(world, "apply", child);
    let times = if again { "twice" } else { "once" };
    format!("{what}: {name} {times}: {}", told(&ran))
}

fn two_at_once(world: &mut World) -> String {
    let (mut first, one) = start(world);
    std::thread::sleep(Duration::from_millis(world.rng.within(0..50)));
    let (second, two) = start(world);
    let kill = world.rng.one_in(2);
    if kill {
        std::thread::sleep(Duration::from_millis(world.rng.within(5..200)));
        let _ = first.kill();
    }
    let first = finish(world, "the first apply", first);
    let second = finish(world, "the second apply", second);
    format!("{one}: {}; {two}: {}", told(&first), told(&second))
}

/// Reading needs no lock, and sees a state in order whatever is being written.
fn readers(world: &mut World) -> String {
    let (mut writer, what) = start(world);
    let refresh = world.rng.one_in(2);
    let refresh = refresh.then(|| spawn(world.project.command(&["refresh"])));
    let mut reads = 0;
    while writer.try_wait().unwrap().is_none() && reads < 12 {
        for arguments in [["plan", "--format", "json"], ["status", "--format", "json"]] {
            let child = spawn(world.project.command(&arguments));
            let ran = finish(world, arguments[0], child);
            reads += 1;
            if ran.code != Some(0) {
                world.broke("reading works beside a writer", format!("{ran:#?}"));
            }
        }
    }
    let ran = finish(world, "apply", writer);
    if let Some(refresh) = refresh {
        finish(world, "refresh", refresh);
    }
    format!("{what}: {}; {reads} reads", told(&ran))
}
