//! One large file to HeyGen: from the disk to its storage a piece at a time, hashed on the way, and
//! made an asset only if the bytes were those that were planned with.

use std::io::{self, Read};
use std::pin::pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use futures_util::stream;
use tokio::sync::mpsc;

use super::contents::{ContentError, Courier, Patience, fresh_key};
use super::gauge::Meter;
use crate::heygen::{LargeFile, PutError, Ticket, put};
use crate::manifest::Content;
use crate::video::{MediaType, Sha256Hasher, Sha256Hex};

/// So much is read at a time; two pieces wait to be sent.
const PIECE: u64 = 256 << 10;
const WAITING: usize = 2;
/// An upload that moves nothing for so long, or is not answered, is broken off.
const STALLED: Duration = Duration::from_secs(60);

/// One PUT under way. Nothing is sent after it is gone.
struct Sending {
    meter: Arc<Meter>,
    found: OnceLock<Found>,
}

/// What was read from the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    AsPlanned,
    Changed,
    Unreadable(String),
}

type Pieces = mpsc::Sender<io::Result<Vec<u8>>>;

pub(super) async fn upload(
    courier: &Courier,
    content: &Content,
    media_type: MediaType,
) -> Result<String, ContentError> {
    let file = LargeFile {
        media_type: media_type.as_str(),
        bytes: content.bytes,
        sha256: content.sha256.to_string(),
    };
    let meter = Arc::new(Meter::new(&courier.gauge, content.bytes));
    let (mut patience, mut ticket) = (Patience::default(), None::<Ticket>);
    loop {
        let current = match ticket.take().filter(Ticket::is_fresh) {
            Some(ticket) => ticket,
            None => begin(courier, &file, &fresh_key(content.sha256)).await?,
        };
        match send(courier, content, &current, &meter).await? {
            Ok(()) => return complete(courier, &current, &file).await,
            Err(PutError::TooLarge(reason)) => return Err(ContentError::Unusable(reason)),
            Err(PutError::Ticket(reason)) => patience.again(reason, None).await?,
            Err(PutError::Passing(reason)) => {
                patience.again(reason, None).await?;
                ticket = Some(current);
            }
        }
    }
}

async fn begin(courier: &Courier, file: &LargeFile, key: &str) -> Result<Ticket, ContentError> {
    let mut patience = Patience::default();
    loop {
        match courier.writer.begin_upload(file, key).await {
            Ok(ticket) => return Ok(ticket),
            Err(error) => patience.after(error).await?,
        }
    }
}

async fn complete(
    courier: &Courier,
    ticket: &Ticket,
    file: &LargeFile,
) -> Result<String, ContentError> {
    let mut patience = Patience::default();
    loop {
        match courier.writer.complete_upload(ticket, file).await {
            Ok(asset_id) => return Ok(asset_id),
            Err(error) => patience.after(error).await?,
        }
    }
}

/// One PUT of the whole file. What is wrong with the file itself counts before what the storage says.
async fn send(
    courier: &Courier,
    content: &Content,
    ticket: &Ticket,
    meter: &Arc<Meter>,
) -> Result<Result<(), PutError>, ContentError> {
    meter.restart();
    let sending = Arc::new(Sending {
        meter: Arc::clone(meter),
        found: OnceLock::new(),
    });
    let (pieces, read) = mpsc::channel(WAITING);
    let (bytes, to_read) = (Arc::clone(&courier.bytes), content.clone());
    let reader = Arc::downgrade(&sending);
    tokio::task::spawn_blocking(move || match bytes.open(&to_read) {
        Ok(file) => feed(file, &to_read, &reader, &pieces),
        Err(error) => settle(&reader, &pieces, Found::Unreadable(error.to_string())),
    });
    let body = reqwest::Body::wrap_stream(sent(read, Arc::downgrade(&sending)));
    let put = put(ticket, content.bytes, body);
    let put = unless_stalled(put, || meter.sent()).await;
    match sending.found.get() {
        Some(Found::Changed) => Err(ContentError::Changed),
        Some(Found::Unreadable(error)) => Err(ContentError::Unreadable(error.clone())),
        Some(Found::AsPlanned) => Ok(put),
        // It was answered before all of it was sent, which is no success.
        None => Ok(put.and(Err(PutError::Passing(
            "the storage did not read all of it".into(),
        )))),
    }
}

/// Reads the file and keeps its end back until all of it is known to be as planned.
fn feed(
    mut file: Box<dyn Read + Send>,
    content: &Content,
    sending: &Weak<Sending>,
    pieces: &Pieces,
) {
    let mut hasher = Sha256Hasher::default();
    let mut left = content.bytes;
    while sending.strong_count() > 0 {
        let mut piece = Vec::new();
        if let Err(error) = (&mut file).take(left.min(PIECE)).read_to_end(&mut piece) {
            return settle(sending, pieces, Found::Unreadable(error.to_string()));
        }
        hasher.update(&piece);
        left -= piece.len() as u64;
        if piece.is_empty() || left == 0 {
            return finish(file, hasher, content.sha256, piece, sending, pieces);
        }
        if pieces.blocking_send(Ok(piece)).is_err() {
            return;
        }
    }
}

fn finish(
    mut file: Box<dyn Read + Send>,
    hasher: Sha256Hasher,
    expected: Sha256Hex,
    last: Vec<u8>,
    sending: &Weak<Sending>,
    pieces: &Pieces,
) {
    let is_over = matches!(file.read(&mut [0]), Ok(0));
    if hasher.finish() != expected || !is_over {
        return settle(sending, pieces, Found::Changed);
    }
    if let Some(sending) = sending.upgrade() {
        let _ = sending.found.set(Found::AsPlanned);
    }
    // Whoever does not take it any more has ended already.
    let _ = pieces.blocking_send(Ok(last));
}

/// Breaks the PUT off, after saying why.
fn settle(sending: &Weak<Sending>, pieces: &Pieces, found: Found) {
    if let Some(sending) = sending.upgrade() {
        let _ = sending.found.set(found);
    }
    let _ = pieces.blocking_send(Err(io::Error::other(
        "the file is not as it was planned with",
    )));
}

/// The pieces as they are taken to be sent, for as long as the PUT is waited for.
fn sent(
    read: mpsc::Receiver<io::Result<Vec<u8>>>,
    sending: Weak<Sending>,
) -> impl futures_util::Stream<Item = io::Result<Vec<u8>>> {
    stream::unfold((read, sending), |(mut read, sending)| async move {
        let piece = read.recv().await?;
        let piece = match (piece, sending.upgrade()) {
            (Ok(piece), Some(sending)) => {
                sending.meter.add(piece.len() as u64);
                Ok(piece)
            }
            (Ok(_), None) => Err(io::Error::other("broken off")),
            (Err(error), _) => Err(error),
        };
        Some((piece, (read, sending)))
    })
}

/// Waits for a request as long as it moves.
async fn unless_stalled(
    request: impl Future<Output = Result<(), PutError>>,
    sent: impl Fn() -> u64,
) -> Result<(), PutError> {
    let mut request = pin!(request);
    let mut before = sent();
    loop {
        if let Ok(done) = tokio::time::timeout(STALLED, &mut request).await {
            return done;
        }
        let now = sent();
        if now == before {
            let wait = STALLED.as_secs();
            let reason = format!("nothing of it was taken for {wait} seconds");
            return Err(PutError::Passing(reason));
        }
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::manifest::ContentSource;

    /// What would be sent of a file, and what is said of it.
    async fn fed(file: &'static [u8], planned: &[u8]) -> (Vec<u8>, bool, Found) {
        let content = Content {
            sha256: Sha256Hex::of(planned),
            bytes: planned.len() as u64,
            source: ContentSource::Path("a.mp4".into()),
        };
        let gauge = Arc::default();
        let sending = Arc::new(Sending {
            meter: Arc::new(Meter::new(&gauge, content.bytes)),
            found: OnceLock::new(),
        });
        let (pieces, mut read) = mpsc::channel(WAITING);
        let weak = Arc::downgrade(&sending);
        tokio::task::spawn_blocking(move || feed(Box::new(file), &content, &weak, &pieces));
        let (mut sent, mut whole) = (Vec::new(), true);
        while let Some(piece) = read.recv().await {
            match piece {
                Ok(piece) => sent.extend(piece),
                Err(_) => whole = false,
            }
        }
        (sent, whole, sending.found.get().unwrap().clone())
    }

    #[tokio::test]
    async fn the_end_of_a_file_is_sent_only_if_all_of_it_is_as_planned() {
        static FILE: [u8; 700_000] = [7; 700_000];
        let (sent, whole, found) = fed(&FILE, &FILE).await;
        assert_eq!(
            (sent.len(), whole, found),
            (700_000, true, Found::AsPlanned)
        );
        let mut other = FILE.to_vec();
        other[5] = 8;
        for planned in [other, FILE[..699_999].to_vec(), vec![7; 700_001]] {
            let (sent, whole, found) = fed(&FILE, &planned).await;
            assert_eq!((whole, found), (false, Found::Changed));
            assert!(sent.len() < planned.len(), "{}", sent.len());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_has_as_long_as_it_moves() {
        let moved = AtomicU64::new(0);
        let slow = async {
            for _ in 0..100 {
                tokio::time::sleep(STALLED / 2).await;
                moved.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        assert_eq!(
            unless_stalled(slow, || moved.load(Ordering::Relaxed)).await,
            Ok(())
        );
        let stuck = unless_stalled(std::future::pending(), || 7).await;
        assert!(matches!(stuck, Err(PutError::Passing(_))), "{stuck:?}");
    }
}
