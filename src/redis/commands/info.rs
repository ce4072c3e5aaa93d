//! INFO: the server in sections of `name:value` lines.
//!
//! What is not modelled is left out or zero, so that no run can tell which
//! machine it is on.

use std::fmt::Write as _;

use super::{Command, Flags, Handler::Plain, command};
use crate::redis::VERSION;
use crate::redis::config::Config;
use crate::redis::context::Context;
use crate::redis::keyspace::DATABASES;
use crate::redis::replication::{HistoryId, LinkState, Primary, Stage, Stream};
use crate::redis::reply::Reply;

pub(super) const COMMANDS: &[Command] = &[command!(
    "info",
    "INFO",
    -1,
    Flags::LOADING.and(Flags::STALE),
    (0, 0, 0),
    Plain(info)
)];

type Section = fn(&Context<'_>, &mut String);

/// Name, heading, whether INFO alone shows it, and its lines.
const SECTIONS: [(&str, &str, bool, Section); 13] = [
    ("server", "Server", true, server),
    ("clients", "Clients", true, clients),
    ("memory", "Memory", true, memory),
    ("persistence", "Persistence", true, persistence),
    ("stats", "Stats", true, stats),
    ("replication", "Replication", true, replication),
    ("cpu", "CPU", true, cpu),
    ("commandstats", "Commandstats", false, commandstats),
    ("errorstats", "Errorstats", true, errorstats),
    ("latencystats", "Latencystats", false, latencystats),
    ("cluster", "Cluster", true, cluster),
    ("keyspace", "Keyspace", true, keyspace),
    ("sentinel", "Sentinel", true, sentinel),
];

/// Those that a sentinel has.
const OF_SENTINELS: [&str; 4] = ["server", "clients", "stats", "sentinel"];

fn info(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let names: Vec<String> = args[1..]
        .iter()
        .map(|name| String::from_utf8_lossy(name).to_ascii_lowercase())
        .collect();
    let everything = names
        .iter()
        .any(|name| name == "all" || name == "everything");
    let usual = names.is_empty() || names.iter().any(|name| name == "default");
    let mut text = String::new();
    let is_sentinel = context.server.sentinel.is_some();
    let has = |name: &str| match is_sentinel {
        true => OF_SENTINELS.contains(&name),
        false => name != "sentinel",
    };
    for (name, heading, is_usual, lines) in SECTIONS.into_iter().filter(|(name, ..)| has(name)) {
        if everything || usual && is_usual || names.iter().any(|wanted| wanted == name) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            line(&mut text, format_args!("# {heading}"));
            lines(context, &mut text);
        }
    }
    Reply::Verbatim(*b"txt", text.into())
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    write!(text, "{line}\r\n").expect("a string takes every write");
}

fn server(context: &Context<'_>, text: &mut String) {
    let counts = &context.server.counts;
    let uptime = counts.started_at.map_or(0, |at| at.elapsed().as_secs());
    line(text, format_args!("redis_version:{VERSION}"));
    line(text, format_args!("redis_git_sha1:00000000"));
    line(text, format_args!("redis_git_dirty:0"));
    line(text, format_args!("redis_build_id:0"));
    let mode = match context.server.sentinel {
        None => "standalone",
        Some(_) => "sentinel",
    };
    line(text, format_args!("redis_mode:{mode}"));
    line(text, format_args!("os:Linux"));
    line(text, format_args!("arch_bits:64"));
    line(text, format_args!("process_id:1"));
    line(text, format_args!("run_id:{}", counts.run_id()));
    line(
        text,
        format_args!("tcp_port:{}", context.server.config.text("port")),
    );
    line(
        text,
        format_args!("server_time_usec:{}", context.now * 1000),
    );
    line(text, format_args!("uptime_in_seconds:{uptime}"));
    line(text, format_args!("uptime_in_days:{}", uptime / 86_400));
    line(text, format_args!("hz:10"));
    line(text, format_args!("configured_hz:10"));
    line(text, format_args!("executable:"));
    line(text, format_args!("config_file:"));
}

fn sentinel(context: &Context<'_>, text: &mut String) {
    let Some(sentinel) = &context.server.sentinel else {
        return;
    };
    let tilt = sentinel.own.tilt_since;
    let seconds = tilt.map_or(-1, |since| (context.now - since) / 1000);
    let count = sentinel.primaries.len();
    line(text, format_args!("sentinel_masters:{count}"));
    line(
        text,
        format_args!("sentinel_tilt:{}", u8::from(tilt.is_some())),
    );
    line(text, format_args!("sentinel_tilt_since_seconds:{seconds}"));
    line(text, format_args!("sentinel_running_scripts:0"));
    line(text, format_args!("sentinel_scripts_queue_length:0"));
    line(text, format_args!("sentinel_simulate_failure_flags:0"));
    for (index, primary) in sentinel.primaries.values().enumerate() {
        let status = match (primary.is_down_for_all, primary.this.is_down) {
            (true, _) => "odown",
            (false, true) => "sdown",
            (false, false) => "ok",
        };
        let (name, address) = (&primary.this.name, &primary.this.address);
        let (replicas, sentinels) = (primary.replicas.len(), primary.sentinels.len() + 1);
        line(
            text,
            format_args!(
                "master{index}:name={name},status={status},address={address},slaves={replicas},\
                 sentinels={sentinels}"
            ),
        );
    }
}

fn clients(context: &Context<'_>, text: &mut String) {
    let server = &context.server;
    let blocked = server.clients.iter().filter(|c| c.waits()).count();
    line(
        text,
        format_args!("connected_clients:{}", server.clients.len()),
    );
    line(text, format_args!("cluster_connections:0"));
    line(
        text,
        format_args!("maxclients:{}", server.config.clients_max),
    );
    line(text, format_args!("blocked_clients:{blocked}"));
    let [tracking, ..] = context.keyspace.tracking.counts();
    line(text, format_args!("tracking_clients:{tracking}"));
}

fn memory(context: &Context<'_>, text: &mut String) {
    let config = &context.server.config;
    let used = context.keyspace.used_memory();
    line(text, format_args!("used_memory:{used}"));
    line(text, format_args!("used_memory_human:{}", human(used)));
    let most = config.memory.bytes;
    line(text, format_args!("maxmemory:{most}"));
    line(text, format_args!("maxmemory_human:{}", human(most)));
    line(
        text,
        format_args!("maxmemory_policy:{}", config.text("maxmemory-policy")),
    );
    line(
        text,
        format_args!("number_of_cached_scripts:{}", context.server.counts.scripts),
    );
    line(text, format_args!("mem_not_counted_for_evict:0"));
    line(text, format_args!("lazyfree_pending_objects:0"));
}

/// As people read a number of bytes.
fn human(bytes: usize) -> String {
    if bytes < 1 << 10 {
        return format!("{bytes}B");
    }
    let (shift, unit) = match bytes {
        0..0x10_0000 => (10, 'K'),
        0x10_0000..0x4000_0000 => (20, 'M'),
        0x4000_0000..0x100_0000_0000 => (30, 'G'),
        _ => (40, 'T'),
    };
    // Hundredths, rounded as C does: what is halfway goes to the even one.
    let (hundredths, rest) = ((bytes * 100) >> shift, (bytes * 100) & ((1 << shift) - 1));
    let half = 1 << (shift - 1);
    let up = rest > half || rest == half && hundredths % 2 == 1;
    let hundredths = hundredths + usize::from(up);
    format!("{}.{:02}{unit}", hundredths / 100, hundredths % 100)
}

fn persistence(context: &Context<'_>, text: &mut String) {
    let aof = context.server.config.text("appendonly") == "yes";
    let unsaved = context.keyspace.unsaved();
    let store = context.keyspace.store.as_ref();
    let saved_at = store.map_or(0, |store| store.saved_at());
    line(text, format_args!("loading:0"));
    line(text, format_args!("async_loading:0"));
    line(text, format_args!("rdb_changes_since_last_save:{unsaved}"));
    line(text, format_args!("rdb_bgsave_in_progress:0"));
    line(text, format_args!("rdb_last_save_time:{saved_at}"));
    line(text, format_args!("rdb_last_bgsave_status:ok"));
    line(text, format_args!("aof_enabled:{}", i32::from(aof)));
    line(text, format_args!("aof_rewrite_in_progress:0"));
}

fn stats(context: &Context<'_>, text: &mut String) {
    let server = &context.server;
    let pubsub = |kind| server.pubsub.listeners(kind).len();
    use crate::redis::pubsub::Kind;
    line(
        text,
        format_args!("total_connections_received:{}", server.clients.ever()),
    );
    line(
        text,
        format_args!("total_commands_processed:{}", server.counts.commands),
    );
    line(
        text,
        format_args!("rejected_connections:{}", server.counts.turned_away),
    );
    line(
        text,
        format_args!("expired_keys:{}", context.keyspace.expired),
    );
    let syncs = context.keyspace.propagation.replication.counts;
    line(text, format_args!("sync_full:{}", syncs.full));
    line(text, format_args!("sync_partial_ok:{}", syncs.partial));
    line(
        text,
        format_args!("sync_partial_err:{}", syncs.partial_refused),
    );
    line(
        text,
        format_args!("evicted_keys:{}", context.keyspace.evicted),
    );
    line(text, format_args!("evicted_clients:0"));
    let lookups = &context.keyspace.lookups;
    line(text, format_args!("keyspace_hits:{}", lookups.hits));
    line(text, format_args!("keyspace_misses:{}", lookups.misses));
    line(
        text,
        format_args!("pubsub_channels:{}", pubsub(Kind::Channel)),
    );
    line(
        text,
        format_args!("pubsub_patterns:{}", pubsub(Kind::Pattern)),
    );
    line(
        text,
        format_args!("pubsubshard_channels:{}", pubsub(Kind::Shard)),
    );
    line(text, format_args!("latest_fork_usec:0"));
    line(text, format_args!("migrate_cached_sockets:0"));
    let own_deadlines = context.keyspace.own_deadlines();
    line(
        text,
        format_args!("slave_expires_tracked_keys:{own_deadlines}"),
    );
    let [_, keys, readers, prefixes] = context.keyspace.tracking.counts();
    line(text, format_args!("tracking_total_keys:{keys}"));
    line(text, format_args!("tracking_total_items:{readers}"));
    line(text, format_args!("tracking_total_prefixes:{prefixes}"));
    line(
        text,
        format_args!(
            "total_error_replies:{}",
            server.counts.errors.values().sum::<u64>()
        ),
    );
}

fn replication(context: &Context<'_>, text: &mut String) {
    let replication = &context.keyspace.propagation.replication;
    let config = &context.server.config;
    let stream = &replication.stream;
    match &replication.primary {
        None => line(text, format_args!("role:master")),
        Some(primary) => primary_of(primary, stream.offset, config, text),
    }
    let count = replication.replicas.len();
    line(text, format_args!("connected_slaves:{count}"));
    if let Some((_, lag_max)) = config.replicas_min {
        let good = replication.good_replicas(lag_max);
        line(text, format_args!("min_slaves_good_slaves:{good}"));
    }
    for (index, replica) in replication.replicas.values().enumerate() {
        let state = match replica.stage {
            Stage::Waits(_) => "wait_bgsave",
            Stage::Online => "online",
        };
        line(
            text,
            format_args!(
                "slave{index}:ip={},port={},state={state},offset={},lag={}",
                replica.host,
                replica.port,
                replica.acked,
                replica.lag()
            ),
        );
    }
    let failover = replication.failover_state();
    line(text, format_args!("master_failover_state:{failover}"));
    stream_of(stream, config, text);
}

fn stream_of(stream: &Stream, config: &Config, text: &mut String) {
    let (earlier, end) = match stream.earlier {
        Some((id, end)) => (id, end.to_string()),
        None => (HistoryId::default(), "-1".to_owned()),
    };
    let backlog = stream.backlog.as_ref();
    let (first, length) = backlog.map_or((0, 0), |backlog| (backlog.first, backlog.len()));
    line(text, format_args!("master_replid:{}", stream.id));
    line(text, format_args!("master_replid2:{earlier}"));
    line(text, format_args!("master_repl_offset:{}", stream.offset));
    line(text, format_args!("second_repl_offset:{end}"));
    line(
        text,
        format_args!("repl_backlog_active:{}", i32::from(backlog.is_some())),
    );
    line(
        text,
        format_args!("repl_backlog_size:{}", config.backlog_size),
    );
    line(text, format_args!("repl_backlog_first_byte_offset:{first}"));
    line(text, format_args!("repl_backlog_histlen:{length}"));
}

fn primary_of(primary: &Primary, offset: u64, config: &Config, text: &mut String) {
    let up = if primary.is_up() { "up" } else { "down" };
    let silent_for = primary
        .silent_for()
        .map_or("-1".to_owned(), |seconds| seconds.to_string());
    let syncs = i32::from(primary.link == LinkState::Sync);
    let yes = |name| i32::from(config.text(name) == "yes");
    line(text, format_args!("role:slave"));
    line(text, format_args!("master_host:{}", primary.host));
    line(text, format_args!("master_port:{}", primary.port));
    line(text, format_args!("master_link_status:{up}"));
    line(
        text,
        format_args!("master_last_io_seconds_ago:{silent_for}"),
    );
    line(text, format_args!("master_sync_in_progress:{syncs}"));
    line(
        text,
        format_args!("slave_read_repl_offset:{}", primary.read_offset(offset)),
    );
    line(text, format_args!("slave_repl_offset:{offset}"));
    if !primary.is_up() {
        let down_for = primary
            .down_for()
            .map_or("-1".to_owned(), |seconds| seconds.to_string());
        line(
            text,
            format_args!("master_link_down_since_seconds:{down_for}"),
        );
    }
    line(
        text,
        format_args!("slave_priority:{}", config.text("replica-priority")),
    );
    line(
        text,
        format_args!("slave_read_only:{}", yes("replica-read-only")),
    );
    line(
        text,
        format_args!("replica_announced:{}", yes("replica-announced")),
    );
}

/// Nothing here takes time of the machine's.
fn cpu(_: &Context<'_>, text: &mut String) {
    line(text, format_args!("used_cpu_sys:0.000000"));
    line(text, format_args!("used_cpu_user:0.000000"));
    line(text, format_args!("used_cpu_sys_children:0.000000"));
    line(text, format_args!("used_cpu_user_children:0.000000"));
}

fn commandstats(context: &Context<'_>, text: &mut String) {
    let mut by_command: Vec<_> = context.server.counts.by_command.iter().collect();
    by_command.sort_unstable_by_key(|(name, _)| **name);
    for (name, stats) in by_command {
        line(
            text,
            format_args!(
                "cmdstat_{name}:calls={},usec=0,usec_per_call=0.00,rejected_calls={},\
                 failed_calls={}",
                stats.calls, stats.rejected, stats.failed
            ),
        );
    }
}

fn errorstats(context: &Context<'_>, text: &mut String) {
    for (code, count) in &context.server.counts.errors {
        line(text, format_args!("errorstat_{code}:count={count}"));
    }
}

/// No command has taken more than a nanosecond, which is the least that Redis
/// measures.
fn latencystats(context: &Context<'_>, text: &mut String) {
    let config = &context.server.config;
    if config.text("latency-tracking") == "no" {
        return;
    }
    let percentiles = config.text("latency-tracking-info-percentiles");
    let percentiles = percentiles.split_whitespace();
    let each: Vec<String> = percentiles.map(|p| format!("p{p}=0.001")).collect();
    let each = each.join(",");
    for (name, stats) in &context.server.counts.by_command {
        if stats.calls > 0 {
            line(text, format_args!("latency_percentiles_usec_{name}:{each}"));
        }
    }
}

fn cluster(_: &Context<'_>, text: &mut String) {
    line(text, format_args!("cluster_enabled:0"));
}

fn keyspace(context: &Context<'_>, text: &mut String) {
    for database in 0..DATABASES {
        let (keys, expires) = context.keyspace.size(database);
        if keys > 0 {
            line(
                text,
                format_args!("db{database}:keys={keys},expires={expires},avg_ttl=0"),
            );
        }
    }
}
