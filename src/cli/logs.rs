//! Logs on stderr, stamped with virtual time and node.
//!
//! They are for people. Nothing reads them back, and whether they are printed
//! or not changes no digest: nothing here draws, sleeps or sends.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::Stop;
use crate::net::Here;
use crate::report::DIM;

/// Whether logs are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logging {
    Off,
    On,
}

/// Starts printing what `-v` and RUST_LOG ask for.
pub(super) fn init(verbose: u8) -> Result<Logging, Stop> {
    let wanted = match verbose {
        0 => "",
        1 => "warn,doublebuy=debug",
        _ => "debug,doublebuy=trace",
    };
    let chosen = std::env::var("RUST_LOG").unwrap_or_default();
    let directives = match (wanted, chosen.as_str()) {
        ("", "") => return Ok(Logging::Off),
        (wanted, "") => wanted.to_owned(),
        ("", chosen) => chosen.to_owned(),
        (wanted, chosen) => format!("{wanted},{chosen}"),
    };
    let filter = EnvFilter::try_new(&directives).map_err(|error| {
        Stop::Usage(format!(
            "RUST_LOG={chosen}: {error}; write a level (error, warn, info, debug, trace) or \
             module=level, more of them with commas"
        ))
    })?;
    let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .log_internal_errors(false)
        .event_format(Stamped)
        .init();
    Ok(Logging::On)
}

/// `   12.345678 ms shop-0    DEBUG doublebuy::shop::lock: lock taken`.
struct Stamped;

impl<S, N> FormatEvent<S, N> for Stamped
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (metadata, dim) = (event.metadata(), writer.has_ansi_escapes());
        if dim {
            write!(writer, "{DIM}")?;
        }
        if let Some(here) = Here::get() {
            let (node, at_ns) = here.stamp();
            let (ms, ns) = (at_ns / 1_000_000, at_ns % 1_000_000);
            write!(writer, "{ms:>6}.{ns:06} ms {node:<10} ")?;
        }
        write!(writer, "{:>5} {}: ", metadata.level(), metadata.target())?;
        if dim {
            write!(writer, "{DIM:#}")?;
        }
        context
            .field_format()
            .format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
