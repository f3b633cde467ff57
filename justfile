# `just ci` is what CI runs.

ci: fmt lint docs test

fmt:
    cargo fmt --check

lint:
    cargo clippy --locked --all-targets -- -D warnings

docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

test:
    cargo test --locked

# Figures, as ratios against git and sha256sum in the same run.
bench:
    cargo bench --locked
