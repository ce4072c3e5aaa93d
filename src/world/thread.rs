//! A thread of its own for each seed, and what becomes of a panic on it.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::net::Stuck;

/// Debug builds of deep async code and the SQL parser need more than the
/// usual 2 MiB, and an overflow cannot be caught.
pub const STACK_BYTES: usize = 16 << 20;

/// Why a run has no history.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Broken {
    /// Some task was always ready, and time got nowhere.
    Stuck,
    /// Something panicked: ours, a driver's, the service's.
    Panicked { message: String, location: String },
}

mod noted {
    use super::RefCell;
    thread_local! {
        /// The location of the last panic where panics are a seed's result;
        /// None where they are not.
        pub(super) static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
    }
}

/// Runs `work` on a fresh thread.
pub(super) fn alone<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Broken> {
    let thread = std::thread::Builder::new()
        .name("seed".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(|| caught(work));
    match thread {
        Ok(thread) => thread
            .join()
            .unwrap_or_else(|payload| Err(broken(payload.as_ref()))),
        Err(error) => Err(Broken::Panicked {
            message: format!("no thread for this seed: {error}"),
            location: String::new(),
        }),
    }
}

/// Runs `work` here, and takes its panic as its result. Nothing is made on
/// this thread before `work` runs.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Broken> {
    note_panics();
    let before = noted::LOCATION.replace(Some(String::new()));
    let ended = catch_unwind(AssertUnwindSafe(work)).map_err(|payload| broken(payload.as_ref()));
    noted::LOCATION.set(before);
    ended
}

fn broken(payload: &(dyn Any + Send)) -> Broken {
    if payload.is::<Stuck>() {
        return Broken::Stuck;
    }
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    Broken::Panicked {
        message: text
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned()),
        location: noted::LOCATION.take().unwrap_or_default(),
    }
}

/// A panic of a seed is a result, to be reported with its seed: the hook keeps
/// where it was, and prints nothing. What is still seen on stderr of a seed
/// that crashes, a line `context: node=..., task=...`, is printed by madsim as
/// it unwinds, and cannot be turned off.
fn note_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let noted = noted::LOCATION.with_borrow_mut(|location| {
                let on_seed = location.is_some();
                if let (true, Some(at)) = (on_seed, info.location()) {
                    *location = Some(at.to_string());
                }
                on_seed
            });
            if !noted {
                others(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_result_with_its_message_and_its_place() {
        let panics = || -> u32 { panic!("seed {} hit the floor", 7) };
        for ended in [caught(panics), alone(panics)] {
            let Err(Broken::Panicked { message, location }) = ended else {
                panic!("{ended:?}");
            };
            assert_eq!(message, "seed 7 hit the floor");
            assert!(location.contains("thread.rs:"), "{location}");
        }
        assert_eq!((caught(|| 5), alone(|| 5)), (Ok(5), Ok(5)));
    }
}
