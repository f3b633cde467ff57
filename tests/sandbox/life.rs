//! A session from thinking to its end, what it costs, and the files that come of it.

use std::time::Duration;

use reconcile::sandbox::Config;
use serde_json::{Value, json};

use crate::client::{AGENTS, Sand, quick, send, slow, text};

fn over(render_time: Duration) -> Config {
    Config {
        render_time,
        ..slow()
    }
}

async fn finished(sand: &Sand) -> (String, Value) {
    let session = sand.session("One video").await;
    let got = sand.get(&format!("{AGENTS}/{session}")).await.data();
    assert_eq!(got["status"], "completed");
    let video = sand
        .get(&format!("/v3/videos/{}", text(&got["video_id"])))
        .await;
    (session, video.data())
}

#[tokio::test]
async fn a_session_thinks_then_renders_then_is_done() {
    let sand = Sand::start(over(Duration::from_millis(1_000))).await;
    let created = sand.create("Show a door.").await.data();
    assert_eq!(
        (&created["status"], &created["video_id"]),
        (&json!("thinking"), &Value::Null)
    );
    let path = format!("{AGENTS}/{}", text(&created["session_id"]));
    let mut seen = Vec::new();
    let done = sand
        .until(&path, |got| got.data()["status"] == "generating")
        .await;
    let video = format!("/v3/videos/{}", text(&done.data()["video_id"]));
    assert_eq!(done.data()["messages"][0]["content"], "Show a door.");
    loop {
        let status = text(&sand.get(&video).await.data()["status"]);
        let over = status == "completed";
        if seen.last() != Some(&status) {
            seen.push(status);
        }
        if over {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // A busy machine may miss a stage, never turn two around.
    let order = ["pending", "processing", "completed"];
    let at = |status: &String| order.iter().position(|o| o == status).unwrap();
    assert!(seen.is_sorted_by_key(at), "{seen:?}");
    assert_eq!(sand.get(&path).await.data()["progress"], 100);
    let videos = sand.get(&format!("{path}/videos")).await.list();
    assert_eq!(videos[0]["status"], "completed");
}

#[tokio::test]
async fn the_eleventh_job_waits_until_one_has_ended() {
    let sand = Sand::start(over(Duration::from_millis(2_500))).await;
    for n in 0..10 {
        sand.session(&format!("Number {n}")).await;
    }
    let eleventh = sand.create("One too many").await;
    assert_eq!(
        (eleventh.status, eleventh.code().as_str()),
        (429, "rate_limit_exceeded")
    );
    let wait: u64 = eleventh.header("retry-after").parse().unwrap();
    assert!((1..=3).contains(&wait), "{wait}");
    let first = text(&sand.told("sessions").await[0]["session_id"]);
    let done = |got: &crate::client::Got| got.data()["status"] == "completed";
    sand.until(&format!("{AGENTS}/{first}"), done).await;
    assert_eq!(sand.create("Now there is room").await.status, 200);
    assert_eq!(sand.told("sessions").await.len(), 11);
}

#[tokio::test]
async fn a_stop_ends_the_job_and_frees_its_slot() {
    let sand = Sand::start(Config {
        max_jobs: 1,
        ..slow()
    })
    .await;
    let session = sand.session("To be stopped").await;
    assert_eq!(sand.create("No room").await.status, 429);
    let stop = format!("{AGENTS}/{session}/stop");
    let stopped = sand.post(&stop, &json!({})).await;
    assert_eq!(stopped.data()["session_id"], session);
    let got = sand.get(&format!("{AGENTS}/{session}")).await.data();
    assert_eq!(
        (&got["status"], &got["video_id"]),
        (&json!("failed"), &Value::Null)
    );
    assert_eq!(got["messages"][0]["type"], "error");
    assert_eq!(sand.create("Now there is room").await.status, 200);
}

#[tokio::test]
async fn seconds_are_billed_and_an_empty_wallet_stops_everything() {
    let sand = Sand::start(Config {
        balance_usd: 1.0,
        ..quick()
    })
    .await;
    let balance = async || {
        let me = sand.get("/v3/users/me").await.data();
        me["wallet"]["remaining_balance"].as_f64().unwrap()
    };
    // A hundred words are forty seconds.
    sand.session(&"word ".repeat(100)).await;
    assert!((balance().await - (1.0 - 40.0 * 0.0333)).abs() < 1e-9);
    let got = sand.create("One more").await;
    assert_eq!(
        (got.status, got.code().as_str()),
        (402, "insufficient_credit")
    );
}

#[tokio::test]
async fn an_event_carries_the_callback_id_once_the_job_ended() {
    let sand = Sand::start(Config {
        render_time: Duration::from_millis(1_000),
        ..slow()
    })
    .await;
    let body = json!({"prompt": "One", "callback_id": "abc"});
    let session = text(&sand.post(AGENTS, &body).await.data()["session_id"]);
    sand.faults(json!([{"kind": "fail_render", "code": "no_script"}]))
        .await;
    let failing = sand.session("Two").await;
    let events = "/v3/webhooks/events";
    assert_eq!(sand.get(events).await.list().len(), 0);
    sand.until(events, |got| got.list().len() == 2).await;
    let of = async |query: String| sand.get(&format!("{events}?{query}")).await.list();
    let good = of("event_type=video_agent.success".to_owned()).await;
    assert_eq!(good.len(), 1);
    assert_eq!(good[0]["event_data"]["callback_id"], "abc");
    assert_eq!(good[0]["event_data"]["session_id"], session);
    let bad = of(format!("entity_id={failing}")).await;
    assert_eq!(bad[0]["event_type"], "video_agent.fail");
    assert_eq!(bad[0]["event_data"]["failure_code"], "no_script");
}

#[tokio::test]
async fn an_incognito_session_is_not_listed_but_there() {
    let sand = Sand::start(quick()).await;
    let body = json!({"prompt": "Nobody sees", "incognito_mode": true});
    let session = text(&sand.post(AGENTS, &body).await.data()["session_id"]);
    assert_eq!(sand.get(AGENTS).await.list().len(), 0);
    assert_eq!(sand.get(&format!("{AGENTS}/{session}")).await.status, 200);
    assert_eq!(sand.get("/v3/webhooks/events").await.list().len(), 1);
}

#[tokio::test]
async fn keys_are_honoured_on_submissions_only_where_it_is_asked_for() {
    for (honoured, sessions) in [(false, 2), (true, 1)] {
        let sand = Sand::start(Config {
            honour_idempotency_key: honoured,
            ..slow()
        })
        .await;
        for prompt in ["One", "Other"] {
            let request = sand
                .request("POST", AGENTS)
                .json(&json!({"prompt": prompt}));
            let got = send(request.header("idempotency-key", "k")).await;
            assert_eq!(got.status, 200);
        }
        assert_eq!(sand.told("sessions").await.len(), sessions);
    }
}

#[tokio::test]
async fn a_deleted_video_is_gone() {
    let sand = Sand::start(quick()).await;
    let (_, video) = finished(&sand).await;
    let id = text(&video["id"]);
    let path = format!("/v3/videos/{id}");
    let delete = async || send(sand.request("DELETE", &path)).await;
    assert_eq!(delete().await.data(), json!({"id": id, "deleted": true}));
    assert_eq!(delete().await.status, 404);
    assert_eq!(sand.get(&path).await.status, 404);
    let statuses = sand
        .get(&format!("/v3/videos/statuses?video_ids={id}"))
        .await;
    assert_eq!(statuses.list()[0]["status"], "not_found");
    assert_eq!(sand.get(&text(&video["video_url"])).await.status, 404);
}

#[tokio::test]
async fn a_finished_video_can_be_fetched_whole_and_in_parts() {
    let sand = Sand::start(quick()).await;
    let (_, video) = finished(&sand).await;
    let url = text(&video["video_url"]);
    let whole = send(sand.bare("GET", &url)).await;
    assert_eq!(
        (whole.status, whole.header("content-type")),
        (200, "video/mp4")
    );
    assert_eq!(&whole.body[4..8], b"ftyp");
    let part = async |range: &str| send(sand.bare("GET", &url).header("range", range)).await;
    let rest = part("bytes=100-").await;
    assert_eq!((rest.status, &rest.body[..]), (206, &whole.body[100..]));
    let size = whole.body.len();
    assert_eq!(
        rest.header("content-range"),
        format!("bytes 100-{}/{size}", size - 1)
    );
    assert_eq!(part("bytes=0-9").await.body, whole.body[..10]);
    assert_eq!(part(&format!("bytes={size}-")).await.status, 416);
    let thumbnail = send(sand.bare("GET", &text(&video["thumbnail_url"]))).await;
    assert_eq!(&thumbnail.body[..3], b"\xff\xd8\xff");
    let page = send(sand.bare("GET", &text(&video["video_page_url"]))).await;
    assert!(page.header("content-type").starts_with("text/html"));
}

/// The kind and length of each box of an mp4.
fn boxes(mut film: &[u8]) -> Vec<(&str, usize)> {
    let mut boxes = Vec::new();
    while let Some(size) = film.first_chunk() {
        let (size, kind) = (u32::from_be_bytes(*size) as usize, &film[4..8]);
        boxes.push((str::from_utf8(kind).unwrap(), size));
        film = &film[size..];
    }
    boxes
}

#[tokio::test]
async fn every_file_of_every_video_is_another_and_always_the_same() {
    let sand = Sand::start(quick()).await;
    let mut files = Vec::new();
    for _ in 0..2 {
        let (_, video) = finished(&sand).await;
        for url in [
            "video_url",
            "captioned_video_url",
            "subtitle_url",
            "thumbnail_url",
        ] {
            let got = async || send(sand.bare("GET", &text(&video[url]))).await.body;
            let file = got().await;
            assert_eq!(file, got().await, "{url}");
            files.push(file);
        }
    }
    let films = files.iter().filter(|file| file[4..].starts_with(b"ftyp"));
    for film in films {
        let boxes = boxes(film);
        let kinds: Vec<_> = boxes.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, ["ftyp", "free", "moov", "free", "mdat", "free"]);
        assert_eq!(
            boxes.iter().map(|(_, size)| size).sum::<usize>(),
            film.len()
        );
    }
    files.sort();
    files.dedup();
    assert_eq!(files.len(), 8);
}

#[tokio::test]
async fn links_expire_and_a_new_answer_has_new_ones() {
    let sand = Sand::start(Config {
        link_lifetime: Duration::from_secs(1),
        ..quick()
    })
    .await;
    let (_, video) = finished(&sand).await;
    let url = text(&video["video_url"]);
    assert_eq!(send(sand.bare("GET", &format!("{url}0"))).await.status, 403);
    sand.until(&url, |got| got.status == 403).await;
    let fresh = sand
        .get(&format!("/v3/videos/{}", text(&video["id"])))
        .await;
    let fresh = text(&fresh.data()["video_url"]);
    assert_ne!(fresh, url);
}
