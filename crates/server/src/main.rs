//! The program: reads the command line, runs the command, and reports an error in one line.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use vultus::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The last resort: when standard error is closed, the exit code still reports the failure.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
