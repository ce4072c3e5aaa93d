//! The allocator of the program and of its benchmarks.
//!
//! A seed is some hundred thousand small allocations, many of which Lua and
//! the engines free in other orders than they made them: with this one a seed
//! takes about a fifth less time than with the system's. It must not ask for
//! the time: in a simulation that is answered by the simulation, which may at
//! that moment be what allocates.

use libmimalloc_sys::{mi_option_set, mi_option_t};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay`, which the bindings do not name.
const PURGE_DELAY: mi_option_t = 15;
/// Freed memory is kept for what comes next.
const NEVER: std::ffi::c_long = -1;

/// Has the allocator keep what is freed, so that it reads no clock. To be
/// called first, when there are no other threads.
#[expect(unsafe_code, reason = "the allocator has no other interface")]
pub fn keep_what_is_freed() {
    // SAFETY: the option exists, and no other thread sets or reads one.
    unsafe { mi_option_set(PURGE_DELAY, NEVER) }
}
