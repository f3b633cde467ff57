//! The files of a job, one after the other: each is recorded as soon as HeyGen has it.

use super::contents::{ContentError, Wanted, missing, upload};
use super::engine::{Done, Engine};
use super::job::Job;
use crate::state::{Asset, Entry, StateError};
use crate::video::Sha256Hex;

impl Engine<'_> {
    /// Uploads the next file that HeyGen does not have; submits when there is none.
    pub(super) fn start(&mut self, job: Job) -> Result<(), StateError> {
        let missing = missing(&job, self.ledger.recorded());
        match missing.into_iter().next() {
            Some((content, media_type)) => {
                let wanted = Wanted {
                    content,
                    media_type,
                    renewed: job.assets_renewed,
                };
                self.upload(job, wanted);
                Ok(())
            }
            None => self.submit(job),
        }
    }

    fn upload(&mut self, job: Job, wanted: Wanted) {
        self.uploading += 1;
        let courier = self.courier.clone();
        self.requests.spawn(async move {
            let sha256 = wanted.content.sha256;
            let uploaded = upload(courier, wanted).await;
            Done::Uploaded(Box::new(job), sha256, uploaded)
        });
    }

    pub(super) fn uploaded(
        &mut self,
        job: Job,
        sha256: Sha256Hex,
        result: Result<String, ContentError>,
    ) -> Result<(), StateError> {
        self.uploading -= 1;
        match result {
            Ok(asset_id) => {
                let uploaded_at = (self.clock)();
                let asset = Asset {
                    sha256,
                    asset_id,
                    uploaded_at,
                };
                self.ledger.write(vec![Entry::Asset(asset)])?;
                if self.halt.is_none() {
                    return self.start(job);
                }
                self.queue.put_back(job);
            }
            Err(ContentError::Stopped) => self.queue.put_back(job),
            Err(ContentError::Refused(error)) => {
                self.queue.put_back(job);
                self.refused(&error);
            }
            Err(error) => {
                self.queue.finish(&job);
                self.not_started(&job, "file", error.to_string());
            }
        }
        Ok(())
    }
}
