//! `cargo seal`: seals the crate's source with qyn1, whose settings stand in `Cargo.toml`.

use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() != Some("seal") {
        eprintln!("usage: cargo seal");
        return ExitCode::from(2);
    }
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let status = Command::new("qyn1")
        .args(["pack", "--force", "--output", "qyn1-example.qyn1", "."])
        .current_dir(project)
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("qyn1 cannot be run: {error}; install it with `pipx install qyn1`");
            ExitCode::FAILURE
        }
    }
}
