//! Goes on with a script that runs for long.
//!
//! Redis looks up from a script every 100,000 instructions. Past
//! `busy-reply-threshold` it reads what clients send, answers BUSY, and obeys
//! SCRIPT KILL; before that, nobody gets anything. Here the script is left
//! after as many instructions, and this task goes on with it. In a simulation
//! they take time in between.

use std::sync::Weak;

use super::Shared;
use crate::rt;

/// Runs until the script is over.
pub(super) async fn run(server: Weak<Shared>) {
    while let Some(shared) = server.upgrade() {
        rt::compute(shared.script_slice).await;
        let mut engine = shared.engine.lock();
        engine.go_on_with_script();
        let is_over = !engine.is_in_script() || engine.server.ends;
        if is_over {
            shared.long_script.ends();
        }
        shared.settle(engine);
        if is_over {
            return;
        }
    }
}
