//! A run that ends while it looks for answers ends without a panic.
//!
//! Alone in its file, because it listens to the panics of the whole process.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reconcile::heygen::{Base, Config, Reader};
use reconcile::settle::{Wished, look_back};
use reconcile::video::{Name, VideoHash};
use serde_json::json;
use support::{Heygen, KEY};

static PANICS: AtomicUsize = AtomicUsize::new(0);

fn reader(heygen: &Heygen) -> Reader {
    let timeout = Duration::from_secs(30);
    Reader::connect(&Config {
        base: Base::parse(&heygen.url()).unwrap(),
        key: KEY.to_owned().into(),
        request_timeout: timeout,
        read_timeout: timeout,
        upload_timeout: timeout,
    })
    .unwrap()
}

#[test]
fn ending_while_sessions_are_read_is_no_panic() {
    let heygen = Heygen::quick();
    for n in 0..8 {
        let body = json!({"prompt": format!("Show {n}.")});
        heygen.send("POST", "/v3/video-agents", Some(KEY), Some(body));
    }
    heygen.faults(json!([{
        "kind": {"silence": {"ms": 20_000}}, "method": "GET",
        "path_prefix": "/v3/video-agents/", "times": null,
    }]));
    std::panic::set_hook(Box::new(|_| {
        PANICS.fetch_add(1, Ordering::Relaxed);
    }));
    for moment in (0..10_000).step_by(25) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let reader = reader(&heygen);
        runtime.spawn(async move {
            let wished = [Wished {
                name: Name::parse("a").unwrap(),
                hash: VideoHash::of_canonical("{}"),
                prompt: "Show 1.".to_owned(),
            }];
            look_back(&reader, jiff::Timestamp::MIN, &Default::default(), &wished).await
        });
        std::thread::sleep(Duration::from_micros(moment));
        drop(runtime);
    }
    let _ = std::panic::take_hook();
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
}
