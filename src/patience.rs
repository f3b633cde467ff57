//! Reads that are worth another try: waiting as long as HeyGen says, and not for ever.

use std::time::Duration;

use crate::heygen::ReadError;

/// Tries of one read; in between as long as HeyGen says, or doubling from the first wait.
const TRIES: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Reads, again where an error may pass.
pub async fn patiently<T, R>(mut read: impl FnMut() -> R) -> Result<T, ReadError>
where
    R: Future<Output = Result<T, ReadError>>,
{
    let mut wait = FIRST_WAIT;
    for _ in 1..TRIES {
        match read().await {
            Err(error) if !error.refuses_all() && !error.is_not_found() => {
                let told = error.retry_after().unwrap_or(wait);
                tokio::time::sleep(told.min(LONGEST_WAIT)).await;
                wait *= 2;
            }
            read => return read,
        }
    }
    read().await
}
