//! doublebuy: a deterministic simulation testbed for the bug that sells the
//! last item twice.

#[cfg(not(madsim))]
compile_error!(
    "doublebuy needs `--cfg madsim`. A checkout sets it in .cargo/config.toml; an RUSTFLAGS in \
     the environment replaces that file, so unset it or add `--cfg madsim` to it. As a \
     dependency or with `cargo install --git`, set RUSTFLAGS=\"--cfg madsim\"."
);

pub mod draw;
pub mod net;
pub mod postgres;
pub mod redis;
pub mod rt;
pub mod shop;
