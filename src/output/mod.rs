//! What people and programs read: text and JSON made from plain data.
//!
//! Nothing here decides, reads or waits. Whatever came from a manifest, the network or a file name
//! is escaped on its way out.

mod downloads;
mod escape;
mod paint;
mod plan_json;
mod plan_text;
pub mod problems;
mod record;
mod repair;
mod reporter;
mod screen;
mod settle;
mod spend;
mod status;
mod table;
mod words;

pub use downloads::{DownloadReporter, download_json};
pub use escape::escape;
pub use paint::Paint;
pub use plan_json::plan_json;
pub use plan_text::{PlanView, write_diff, write_plan};
pub use record::{RecordView, ways_out, write_record};
pub use repair::{nothing_to_repair_json, repaired_json, repaired_text, write_repair};
pub use reporter::{Reporter, event_json};
pub use settle::{Choice, Possible, choice_json, choice_text};
pub use spend::{SpendView, Spent, made_text, spend_json, write_spend};
pub use status::{StatusRow, status_json, write_status};
pub use table::write_table;
pub use words::{ago, count, dollars, short_duration};
