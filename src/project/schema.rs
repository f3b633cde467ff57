//! The JSON Schema of `reconcile.yaml`, for editors.

use std::time::Duration;

use serde_json::{Value, json};

use super::settings::{KEYS, LIMIT_KEYS, RETRY_KEYS, Settings, WATCH_KEYS};
use crate::manifest::{defaults_schema, https_schema};

/// The schema of the settings, with the defaults that this version has.
#[must_use]
pub fn settings_schema() -> Value {
    let mut schema = map(&KEYS, "Settings of reconcile. Every key is optional.", key);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "settings of reconcile".into();
    schema
}

fn map(keys: &[&str], description: &str, schema_of: fn(&str, &Settings) -> Value) -> Value {
    let settings = Settings::default();
    let properties = keys.iter().map(|key| {
        let schema = schema_of(key, &settings);
        ((*key).to_owned(), schema)
    });
    json!({
        "type": ["object", "null"],
        "properties": properties.collect::<serde_json::Map<_, _>>(),
        "additionalProperties": false,
        "description": description,
    })
}

fn key(key: &str, settings: &Settings) -> Value {
    match key {
        "manifests" => path(&settings.manifests, "The folder of the manifests."),
        "state" => {
            let mut schema = path(
                &settings.state,
                "Where reconcile records what it paid for: a folder. Keep it: it prevents paying \
                 twice. RECONCILE_STATE wins, and may name one anywhere.",
            );
            schema["not"] = json!({"pattern": "^postgres"});
            schema
        }
        "downloads" => path(
            &settings.downloads,
            "Where finished videos are downloaded to. RECONCILE_DOWNLOADS wins.",
        ),
        "callback_url" => https_schema(
            "Gets HeyGen's webhook when a video ends, unless the manifest has its own; no part of \
             the hash.",
        ),
        "max_jobs" => count(
            [1, 1_000],
            settings.max_jobs,
            "Unfinished videos of ours at a time. HeyGen's pay-as-you-go plan allows 10 for the \
             whole account. RECONCILE_MAX_JOBS wins.",
        ),
        "request_timeout" => duration(
            settings.request_timeout,
            "How long a submission may take; reads have 30 s, uploads 10 min.",
        ),
        "poll_interval" => duration(
            settings.poll_interval,
            "How often unfinished videos are asked for, in batches of 100.",
        ),
        "settle_delay" => duration(
            settings.settle_delay,
            "How long after an attempt's end HeyGen's list of sessions is believed complete.",
        ),
        "price_per_second" => amount(
            Some(settings.price_per_second),
            "HeyGen's price in US dollars per second of the finished video, for estimates.",
        ),
        "default_duration" => duration(
            settings.default_duration,
            "How long an estimate takes a video to last.",
        ),
        "retry" => map(&RETRY_KEYS, "When a failed video is tried again.", retry),
        "limits" => map(&LIMIT_KEYS, "A run over these sends nothing.", limit),
        "watch" => map(&WATCH_KEYS, "How `reconcile watch` goes about it.", watch),
        "defaults" => defaults_schema(),
        _ => Value::Null,
    }
}

fn retry(key: &str, settings: &Settings) -> Value {
    match key {
        "max_attempts" => count(
            [1, 100],
            settings.retry_max_attempts,
            "Failed attempts of one hash, since its last replace.",
        ),
        "backoff" => duration(
            settings.retry_backoff,
            "Before the second attempt; doubles with each further one, at most a day.",
        ),
        _ => Value::Null,
    }
}

fn limit(key: &str, settings: &Settings) -> Value {
    match key {
        "max_submissions" => count(
            [0, 1_000_000],
            settings.max_submissions,
            "Submissions of one run. --max-submissions wins.",
        ),
        "max_cost_usd" => amount(
            settings.max_cost_usd,
            "US dollars of one run, as estimated. No limit if absent.",
        ),
        _ => Value::Null,
    }
}

fn watch(key: &str, settings: &Settings) -> Value {
    let watch = &settings.watch;
    match key {
        "quiet" => duration(
            watch.quiet,
            "A file that changed within this time is not submitted yet; 60s where people edit in \
             place.",
        ),
        "resync" => duration(
            watch.resync,
            "The longest time between two looks (give or take 10 %). --resync wins.",
        ),
        "max_submissions_per_hour" => count(
            [0, 1_000_000],
            watch.max_submissions_per_hour,
            "Submissions of the last hour by `watch`, counted from the record; 0 stops all \
             spending.",
        ),
        "grace" => duration(
            watch.grace,
            "For requests under way when `watch` is told to stop.",
        ),
        "download" => json!({
            "type": ["boolean", "null"],
            "default": watch.download,
            "description": "Whether `watch` fetches films as they are finished. Default: false.",
        }),
        _ => Value::Null,
    }
}

fn path(default: &str, what: &str) -> Value {
    json!({
        "type": ["string", "null"],
        "default": default,
        "minLength": 1,
        "pattern": "^(?![/~])(?!(.*/)?\\.\\.(/|$))",
        "patternErrorMessage": "write a relative path without `..`, inside the project",
        "description": format!("{what} Inside the project directory. Default: {default}."),
    })
}

fn count(
    [minimum, maximum]: [u32; 2],
    default: impl std::fmt::Display + serde::Serialize,
    what: &str,
) -> Value {
    json!({
        "type": ["integer", "null"],
        "minimum": minimum,
        "maximum": maximum,
        "default": default,
        "description": format!("{what} {minimum} to {maximum}. Default: {default}."),
    })
}

fn amount(default: Option<f64>, what: &str) -> Value {
    let mut schema = json!({"type": ["number", "null"], "minimum": 0, "description": what});
    if let Some(default) = default {
        schema["default"] = default.into();
        schema["description"] = format!("{what} Default: {default}.").into();
    }
    schema
}

fn duration(default: Duration, what: &str) -> Value {
    let default = as_written(default);
    json!({
        "type": ["string", "null"],
        "default": default,
        "pattern": "^0*[1-9][0-9]*(ms|s|m|h)$",
        "patternErrorMessage": "write a duration above zero, like 300ms, 5s or 10m",
        "description": format!("{what} Like 300ms, 5s, 10m or 2h. Default: {default}."),
    })
}

/// In the largest unit that fits, up to minutes; seconds up to three minutes, as people say them.
fn as_written(duration: Duration) -> String {
    match duration.as_millis() {
        ms if ms % 1_000 != 0 => format!("{ms}ms"),
        ms if ms > 180_000 && ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms => format!("{}s", ms / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_all(schema: &Value, keys: &[&str]) {
        let properties = schema["properties"].as_object().unwrap();
        for key in keys {
            let property = &properties[*key];
            assert!(property["description"].is_string(), "{key}: {property}");
        }
        assert_eq!(properties.len(), keys.len());
    }

    #[test]
    fn every_key_is_described() {
        let schema = settings_schema();
        has_all(&schema, &KEYS);
        has_all(&schema["properties"]["retry"], &RETRY_KEYS);
        has_all(&schema["properties"]["limits"], &LIMIT_KEYS);
        has_all(&schema["properties"]["watch"], &WATCH_KEYS);
    }

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["300ms", "5s", "60s", "120s", "130s", "10m"] {
            let duration = super::super::parse_duration(text).unwrap();
            assert_eq!(as_written(duration), text);
        }
    }
}
