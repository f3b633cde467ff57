//! Colour, where it is wanted. A meaning never hangs on colour alone.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

/// Paints, or leaves text as it is.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    color: bool,
}

impl Paint {
    #[must_use]
    pub fn new(color: bool) -> Self {
        Self { color }
    }

    #[must_use]
    pub fn is_colored(self) -> bool {
        self.color
    }

    fn with(self, style: Style, text: impl Display) -> String {
        if self.color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_string()
        }
    }

    #[must_use]
    pub fn bold(self, text: impl Display) -> String {
        self.with(Style::new().bold(), text)
    }

    #[must_use]
    pub fn dim(self, text: impl Display) -> String {
        self.with(Style::new().dimmed(), text)
    }

    #[must_use]
    pub fn good(self, text: impl Display) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    #[must_use]
    pub fn bad(self, text: impl Display) -> String {
        self.with(AnsiColor::Red.on_default(), text)
    }

    #[must_use]
    pub fn attention(self, text: impl Display) -> String {
        self.with(AnsiColor::Yellow.on_default(), text)
    }

    #[must_use]
    pub fn info(self, text: impl Display) -> String {
        self.with(AnsiColor::Cyan.on_default(), text)
    }

    /// The changed words within a changed line.
    #[must_use]
    pub fn removed_word(self, text: impl Display) -> String {
        self.with(AnsiColor::Red.on_default().bold().underline(), text)
    }

    #[must_use]
    pub fn added_word(self, text: impl Display) -> String {
        self.with(AnsiColor::Green.on_default().bold().underline(), text)
    }
}
