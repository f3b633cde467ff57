//! Deliveries: believed if signed, in time and new; and then only as a hint.

use serde_json::{Value, json};

use crate::support::{Heygen, Project, until};
use crate::watcher::{Delivery, SECRET, Watcher, now, sign};

fn slow() -> Heygen {
    Heygen::start(reconcile::sandbox::Config {
        render_time: std::time::Duration::from_secs(600),
        ..Default::default()
    })
}

#[test]
fn a_webhook_settles_what_is_unknown_before_its_time() {
    let heygen = slow();
    let project = Project::new(Some(&heygen));
    project.write(
        "reconcile.yaml",
        "settle_delay: 10m\nwatch: {quiet: 50ms}\n",
    );
    heygen.faults(json!([{"kind": "drop_after", "method": "POST", "times": 1}]));
    project.wish("lost", "Lost.");
    let watcher = Watcher::start(&project, &[]);
    until("it is unknown", || {
        watcher.metric("reconcile_attempts{phase=\"unknown\"}") == 1.0
    });
    let session = heygen.sessions().remove(0);
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let (hash, id) = (text(&session["callback_id"]), text(&session["session_id"]));
    // A session that HeyGen does not know is no proof.
    assert_eq!(watcher.deliver(Delivery::ended(&hash, "sess_made_up")), 200);
    until("it was looked for", || {
        heygen.count("GET", "/v3/video-agents/sess_made_up") == 1
    });
    assert_eq!(
        project.phases(),
        [("lost".to_owned(), "unknown".to_owned())]
    );
    assert_eq!(watcher.deliver(Delivery::ended(&hash, &id)), 200);
    watcher.says("settled: HeyGen took it");
    assert!(watcher.log().contains("by=\"event\""), "{}", watcher.log());
    until("the metric follows", || {
        watcher.metric("reconcile_settled_total{result=\"adopted\"}") == 1.0
    });
    assert_eq!(heygen.sessions().len(), 1);
}

#[test]
fn a_webhook_has_a_finished_video_looked_at_at_once() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    project.write(
        "reconcile.yaml",
        "poll_interval: 10m\nwatch: {quiet: 50ms}\n",
    );
    project.wish("a", "A.");
    let watcher = Watcher::start(&project, &[]);
    watcher.says("submitted name=a");
    until("it ended", || heygen.sessions()[0]["status"] == "completed");
    let session = heygen.sessions().remove(0);
    let (hash, id) = (
        session["callback_id"].as_str().unwrap(),
        session["session_id"].as_str().unwrap(),
    );
    assert_eq!(watcher.deliver(Delivery::ended(hash, id)), 200);
    watcher.says("completed name=a");
}

#[test]
fn what_is_forged_stale_malformed_or_repeated_is_not_believed() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    let watcher = Watcher::start(&project, &[]);
    assert_eq!(watcher.options("/webhooks/heygen"), 200);
    let body = json!({"event_type": "video_agent.success", "event_data": {}});
    let raw = body.to_string().into_bytes();
    let with = |headers: Vec<(&'static str, String)>, body: &[u8]| {
        watcher.deliver(Delivery {
            body: body.to_vec(),
            headers,
        })
    };
    let time = || ("Heygen-Timestamp", now().to_string());
    let good = || ("Heygen-Signature", sign(&raw, SECRET));
    assert_eq!(with(vec![time()], &raw), 401);
    assert_eq!(
        with(
            vec![time(), ("Heygen-Signature", sign(&raw, "guess"))],
            &raw
        ),
        401
    );
    assert_eq!(with(vec![time(), good()], b"{\"other\": 1}"), 401);
    assert_eq!(with(vec![good()], &raw), 400);
    assert_eq!(
        with(
            vec![good(), ("Heygen-Timestamp", (now() - 3_600).to_string())],
            &raw
        ),
        400
    );
    let nonsense = b"[1, 2";
    assert_eq!(
        with(
            vec![time(), ("Heygen-Signature", sign(nonsense, SECRET))],
            nonsense
        ),
        400
    );
    let large = vec![b' '; 70_000];
    assert_eq!(
        with(
            vec![time(), ("Heygen-Signature", sign(&large, SECRET))],
            &large
        ),
        413
    );
    // Older endpoints sign under another name and send no time.
    assert_eq!(with(vec![("Signature", sign(&raw, SECRET))], &raw), 200);
    assert_eq!(with(vec![time(), good()], &raw), 200);
    let webhooks =
        |result: &str| watcher.metric(&format!("reconcile_webhooks_total{{result=\"{result}\"}}"));
    let counts = [
        "accepted",
        "repeated",
        "forged",
        "stale",
        "malformed",
        "unsigned",
        "too_large",
    ]
    .map(webhooks);
    assert_eq!(counts, [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 1.0]);
    assert!(!watcher.log().contains(SECRET));
}

#[test]
fn a_secret_can_be_exchanged_while_it_runs() {
    let heygen = Heygen::quick();
    let project = Project::new(Some(&heygen));
    let watcher = Watcher::start(&project, &[]);
    let body = json!({"event_type": "other"});
    assert_eq!(watcher.deliver(Delivery::signed(&body, "whsec_new")), 401);
    project.write("secret", format!("whsec_new\n{SECRET}\n"));
    watcher.signal("-HUP");
    watcher.says("were read again");
    assert_eq!(watcher.deliver(Delivery::signed(&body, "whsec_new")), 200);
    assert_eq!(
        watcher.deliver(Delivery::signed(&json!({"event_type": "x"}), SECRET)),
        200
    );
}

#[test]
fn to_listen_needs_a_secret() {
    let project = Project::new(None);
    let ran = project.expect(1, &["watch", "--listen", "0", "--dry-run"]);
    assert!(ran.stderr.contains("webhook-secret"), "{ran:#?}");
    assert!(
        ran.stderr.contains("reconcile webhook register"),
        "{ran:#?}"
    );
}

/// From registering to settling, with nobody but the stand-in: a lost answer is found by its webhook.
#[test]
fn a_registered_endpoint_settles_a_lost_answer() {
    let heygen = Heygen::start(reconcile::sandbox::Config {
        render_time: std::time::Duration::from_millis(600),
        ..Default::default()
    });
    let project = Project::new(Some(&heygen));
    project.write(
        "reconcile.yaml",
        "settle_delay: 10m\npoll_interval: 10m\nwatch: {quiet: 50ms}\n",
    );
    let watcher = Watcher::start(&project, &[]);
    let url = watcher.url("/webhooks/heygen");
    let file = project.path("secret");
    project.expect(
        0,
        &[
            "webhook",
            "register",
            &url,
            "--secret-file",
            file.to_str().unwrap(),
        ],
    );
    watcher.signal("-HUP");
    watcher.says("were read again");
    heygen.faults(json!([{"kind": "drop_after", "method": "POST", "times": 1}]));
    project.wish("lost", "Lost.");
    watcher.says("settled: HeyGen took it name=lost");
    watcher.says("completed name=lost");
    assert_eq!(heygen.sessions().len(), 1);
}
