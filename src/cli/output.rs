//! Text out. A reader that has gone away (`| head`) has read enough: that is
//! no error, and the exit code stays what it was.

use std::io::{self, Write};

use super::Stop;

/// Prints what was asked for.
pub(super) fn say(text: &str) -> Result<(), Stop> {
    let mut stdout = anstream::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Stop::Internal(format!("cannot print: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints beside it; who does not read it does not want it.
pub(super) fn complain(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}
