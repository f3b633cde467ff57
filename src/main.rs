//! The binary: arguments in, exit code out.

use std::process::ExitCode;

/// A `watch` runs for months: what a large checkout took for a moment goes back to the system.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    reconcile::cli::main()
}
