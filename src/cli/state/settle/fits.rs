//! Whether a session that a person names can be an attempt's.

use crate::cli::error::CliError;
use crate::heygen::Session;
use crate::settle::{Question, prompt_key};
use crate::state::{Attempt, Ledger};

pub(super) enum Fits {
    /// It has the prompt, and was made in the attempt's time.
    Well,
    /// Its prompt, or that of the attempt, can't be read.
    NotKnown,
    OtherPrompt,
    /// It was there before the attempt, or made long after it.
    OtherTime,
}

impl Fits {
    pub(super) fn of(
        ledger: &Ledger,
        attempt: &Attempt,
        session: &Session,
    ) -> Result<Self, CliError> {
        let Some(spec) = ledger.spec(&attempt.hash)? else {
            return Ok(Self::NotKnown);
        };
        let question = Question::new(attempt, &spec, ledger.recorded());
        let made = session.created_at;
        let early = made.is_some_and(|at| at < question.intent.as_second());
        let in_time = made.is_none_or(|at| question.could_make(at));
        let mut texts = session.user_texts().map(prompt_key).peekable();
        Ok(match texts.peek().is_some() {
            _ if !in_time || question.seen_before.contains(&session.session_id) => Self::OtherTime,
            false => Self::NotKnown,
            true if !texts.any(|text| text == question.prompt) => Self::OtherPrompt,
            // Clocks differ by seconds; what is seen before is told above.
            true if early && !question.seen_all => Self::OtherTime,
            true => Self::Well,
        })
    }

    pub(super) fn in_words(&self) -> &'static str {
        match self {
            Self::Well => "it has the prompt of this attempt",
            Self::NotKnown => "its prompt can't be read yet",
            Self::OtherPrompt => "ITS PROMPT IS ANOTHER than that of this attempt",
            Self::OtherTime => "IT WAS MADE AT ANOTHER TIME than this attempt",
        }
    }

    pub(super) fn is_doubtful(&self) -> bool {
        matches!(self, Self::OtherPrompt | Self::OtherTime)
    }
}
