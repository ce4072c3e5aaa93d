//! From text to a scenario that can be trusted, or to an error that shows the
//! file, the line, what is wrong and what is allowed.

use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use toml::Spanned;

use super::units::Time;
use super::{FaultKind, FaultSpec, Scenario};
use crate::checks::Invariant;

/// Why a scenario was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// The file says something that it cannot mean.
    #[error("{}", self.rendered(&Renderer::plain()))]
    Invalid {
        /// The file.
        path: String,
        /// Its text.
        source_text: String,
        /// What is wrong and what is allowed.
        message: String,
        /// Where.
        span: Option<Range<usize>>,
    },
    /// A `--set` does not fit the scenario.
    #[error("--set {setting}: {message}")]
    Setting {
        /// The setting as it was given.
        setting: String,
        /// What is wrong and what is allowed.
        message: String,
    },
}

impl ReadError {
    /// The error with the lines it is about, in the renderer's colours.
    pub fn rendered(&self, renderer: &Renderer) -> String {
        let ReadError::Invalid {
            path,
            source_text,
            message,
            span,
        } = self
        else {
            return self.to_string();
        };
        let snippet = Snippet::source(source_text)
            .path(path)
            .annotation(AnnotationKind::Primary.span(span.clone().unwrap_or(0..0)));
        let report = [Level::ERROR.primary_title(message).element(snippet)];
        renderer.render(&report)
    }
}

/// One `--set key=value`, such as `shop.stock=atomic-sql`.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    key: String,
    value: String,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Setting, String> {
        let (key, value) = text
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| format!("'{text}' is no setting; write key=value"))?;
        Ok(Setting {
            key: key.trim().to_owned(),
            value: value.trim().to_owned(),
        })
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

impl Scenario {
    /// Reads a file, with settings laid over it.
    pub fn read(path: &Path, settings: &[Setting]) -> Result<Scenario, ReadError> {
        let source = std::fs::read_to_string(path).map_err(|error| ReadError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        Scenario::parse(&path.display().to_string(), &source, settings)
    }

    /// Reads a scenario from text; `path` names it in errors.
    pub fn parse(path: &str, source: &str, settings: &[Setting]) -> Result<Scenario, ReadError> {
        let invalid = |(message, span)| ReadError::Invalid {
            path: path.to_owned(),
            source_text: source.to_owned(),
            message,
            span,
        };
        let mut scenario = checked(source).map_err(invalid)?;
        if !settings.is_empty() {
            scenario = with_settings(source, settings)?;
        }
        scenario.name = Path::new(path)
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        scenario.path = path.to_owned();
        Ok(scenario)
    }
}

type Located = (String, Option<Range<usize>>);

/// What is wrong, and where.
type Refused = (String, Range<usize>);

fn located((message, span): Refused) -> Located {
    (message, Some(span))
}

fn checked(source: &str) -> Result<Scenario, Located> {
    let scenario: Scenario =
        toml::from_str(source).map_err(|error| (error.message().to_owned(), error.span()))?;
    check(source, &scenario)?;
    Ok(scenario)
}

/// Lays each setting over the file in turn, so that an error names the
/// setting that made it.
fn with_settings(source: &str, settings: &[Setting]) -> Result<Scenario, ReadError> {
    let mut table: toml::Table = toml::from_str(source).expect("read before");
    let mut scenario = None;
    for setting in settings {
        let refused = |message| ReadError::Setting {
            setting: setting.to_string(),
            message,
        };
        lay(&mut table, setting).map_err(refused)?;
        let text = toml::to_string(&table).map_err(|error| refused(error.to_string()))?;
        scenario = Some(checked(&text).map_err(|(message, _)| refused(message))?);
    }
    Ok(scenario.expect("at least one setting"))
}

fn lay(table: &mut toml::Table, setting: &Setting) -> Result<(), String> {
    let mut at = table;
    let mut path = setting.key.split('.').peekable();
    while let Some(part) = path.next() {
        if path.peek().is_none() {
            let value = value_of(&setting.value);
            at.insert(part.to_owned(), value);
            return Ok(());
        }
        at = at
            .entry(part)
            .or_insert_with(|| toml::Table::new().into())
            .as_table_mut()
            .ok_or_else(|| format!("'{part}' is not a table of the scenario"))?;
    }
    Ok(())
}

/// The value as TOML if it reads as TOML, else as text: `--set shop.stock=naive`
/// needs no quotes.
fn value_of(text: &str) -> toml::Value {
    toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| text.into())
}

/// What the types alone cannot say.
fn check(source: &str, scenario: &Scenario) -> Result<(), Located> {
    let at = |key: &str, message: String| (message, span_of(source, key));
    for (key, value, range) in sizes(scenario) {
        if !range.contains(&value) {
            let (min, max) = (range.start(), range.end());
            let message = format!("{key} is {value}; it can be {min} to {max}");
            return Err(at(key, message));
        }
    }
    let times = [
        ("shop.deadline", scenario.shop.deadline),
        ("shop.lock_ttl", scenario.shop.lock_ttl),
        ("shop.lock_retry", scenario.shop.lock_retry),
        ("buyers.patience", scenario.buyers.patience),
    ];
    if let Some((key, time)) = times.iter().find(|(_, time)| *time < Time::ms(1)) {
        let message = format!("{key} is {time}; it has to be 1ms at least");
        return Err(at(key, message));
    }
    if scenario.catalog.sku.is_empty() {
        return Err(at("catalog.sku", "catalog.sku is empty".to_owned()));
    }
    let nodes = scenario.nodes();
    for fault in &scenario.faults {
        check_fault(fault, &nodes)?;
    }
    for link in &scenario.network.links {
        link.check(&nodes).map_err(located)?;
    }
    check_expect(source, scenario)
}

/// Counts and what they can be: more would not end, or not fit in memory.
fn sizes(scenario: &Scenario) -> [(&'static str, u64, RangeInclusive<u64>); 10] {
    let swarm_faults = scenario.swarm.as_ref().map_or(0, |swarm| swarm.faults.max);
    [
        (
            "shop.instances",
            u64::from(scenario.shop.instances),
            1..=100,
        ),
        ("shop.pool_size", scenario.shop.pool_size as u64, 1..=1_000),
        (
            "buyers.count",
            u64::from(scenario.buyers.count),
            1..=1_000_000,
        ),
        (
            "buyers.quantity",
            u64::from(scenario.buyers.quantity),
            1..=1_000_000,
        ),
        (
            "buyers.retries",
            u64::from(scenario.buyers.retries),
            0..=1_000,
        ),
        ("swarm.faults", swarm_faults, 0..=1_000),
        (
            "search.change_points",
            u64::from(scenario.search.change_points),
            0..=1_000,
        ),
        (
            "search.deliveries",
            scenario.search.deliveries,
            1..=1_000_000_000,
        ),
        ("run.polls_max", scenario.run.polls_max, 1..=u64::MAX),
        ("max_seeds", scenario.max_seeds.unwrap_or(1), 1..=u64::MAX),
    ]
}

/// Where a key of the form `table.key` has its value in the text.
fn span_of(source: &str, key: &str) -> Option<Range<usize>> {
    let document = toml::de::DeTable::parse(source).ok()?;
    let mut table = document.get_ref();
    let mut path = key.split('.').peekable();
    while let Some(part) = path.next() {
        let value = table.get(part)?;
        if path.peek().is_none() {
            return Some(value.span());
        }
        table = value.get_ref().as_table()?;
    }
    None
}

fn check_expect(source: &str, scenario: &Scenario) -> Result<(), Located> {
    let expect = &scenario.expect;
    if expect
        .holds
        .is_some_and(|holds| holds != expect.violates.is_empty())
    {
        let message = "expect.holds and expect.violates contradict each other; \
                       give one of them";
        return Err((message.to_owned(), span_of(source, "expect.holds")));
    }
    if expect.differs && (expect.holds == Some(true) || !expect.violates.is_empty()) {
        let message = "expect.differs stands alone: a seed that is not the same twice says \
                       nothing, so leave out expect.holds and expect.violates";
        return Err((message.to_owned(), span_of(source, "expect.differs")));
    }
    let twice = |name: &&Invariant| expect.may.contains(name);
    match expect.violates.iter().find(twice) {
        Some(name) => Err((
            format!("'{name}' stands in expect.violates and in expect.may; it can be in one"),
            span_of(source, "expect.may"),
        )),
        None => Ok(()),
    }
}

/// The keys that a fault of each kind takes, beside `chance`: what it must
/// have, then what it may have.
fn keys_of(kind: FaultKind) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        FaultKind::Pause => (&["node", "lasts"], &["at", "on", "from", "to", "nth"]),
        FaultKind::Kill => (
            &["node", "lasts"],
            &["down", "at", "on", "from", "to", "nth"],
        ),
        FaultKind::Partition => (
            &["between", "lasts"],
            &["and", "one_way", "at", "on", "from", "to", "nth"],
        ),
        FaultKind::LoseAnswer => (&["on"], &["from", "to", "nth"]),
        FaultKind::Latency => (
            &["between", "by", "lasts"],
            &["and", "at", "on", "from", "to", "nth"],
        ),
    }
}

fn check_fault(fault: &FaultSpec, nodes: &[String]) -> Result<(), Located> {
    let kind = *fault.kind.get_ref();
    let (needed, allowed) = keys_of(kind);
    let given = given_keys(fault);
    for (key, span) in &given {
        if !needed.contains(key) && !allowed.contains(key) {
            let all = [needed, allowed].concat().join(", ");
            let message = format!("a {kind} fault takes no `{key}`; it takes {all}, chance");
            return Err((message, Some(span.clone())));
        }
    }
    let has = |key: &str| given.iter().any(|(name, _)| *name == key);
    let at_fault = |message: String| (message, Some(fault.kind.span()));
    if let Some(missing) = needed.iter().find(|key| !has(key)) {
        return Err(at_fault(format!("a {kind} fault needs `{missing}`")));
    }
    if has("at") == has("on") {
        let message = format!("a {kind} fault begins `at` a time or `on` a message: give one");
        return Err(at_fault(message));
    }
    for key in ["from", "to", "nth"] {
        if has(key) && !has("on") {
            return Err(at_fault(format!(
                "`{key}` says which message: it needs `on`"
            )));
        }
    }
    check_values(fault, nodes)
}

fn given_keys(fault: &FaultSpec) -> Vec<(&'static str, Range<usize>)> {
    fn span<T>(value: &Option<Spanned<T>>) -> Option<Range<usize>> {
        value.as_ref().map(Spanned::span)
    }
    let keys = [
        ("node", span(&fault.node)),
        ("between", span(&fault.between)),
        ("and", span(&fault.and)),
        ("one_way", span(&fault.one_way)),
        ("down", span(&fault.down)),
        ("by", span(&fault.by)),
        ("at", span(&fault.at)),
        ("on", span(&fault.on)),
        ("from", span(&fault.from)),
        ("to", span(&fault.to)),
        ("nth", span(&fault.nth)),
        ("lasts", span(&fault.lasts)),
    ];
    keys.into_iter()
        .filter_map(|(key, span)| Some((key, span?)))
        .collect()
}

type Names = Spanned<Vec<Spanned<String>>>;

fn check_node(node: &Spanned<String>, nodes: &[String]) -> Result<(), Refused> {
    let name = node.get_ref();
    match nodes.contains(name) {
        true => Ok(()),
        false => {
            let message = format!("no node `{name}`; there are: {}", nodes.join(", "));
            Err((message, node.span()))
        }
    }
}

/// Two sides, of a partition or of a link: nodes that there are, none of them
/// on both.
pub(super) fn check_sides(
    between: Option<&Names>,
    and: Option<&Names>,
    nodes: &[String],
) -> Result<(), Refused> {
    for node in [between, and]
        .into_iter()
        .flatten()
        .flat_map(Spanned::get_ref)
    {
        check_node(node, nodes)?;
    }
    if let Some(side) = between
        && side.get_ref().is_empty()
    {
        let message = "`between` is empty; name at least one node".to_owned();
        return Err((message, side.span()));
    }
    if let (Some(between), Some(and)) = (between, and) {
        let both = |node: &&Spanned<String>| {
            let mut others = between.get_ref().iter();
            others.any(|other| other.get_ref() == node.get_ref())
        };
        if let Some(node) = and.get_ref().iter().find(both) {
            let message = format!("`{}` is on both sides", node.get_ref());
            return Err((message, node.span()));
        }
    }
    Ok(())
}

fn check_values(fault: &FaultSpec, nodes: &[String]) -> Result<(), Located> {
    for node in [&fault.node, &fault.from, &fault.to].into_iter().flatten() {
        check_node(node, nodes).map_err(located)?;
    }
    check_sides(fault.between.as_ref(), fault.and.as_ref(), nodes).map_err(located)?;
    if *fault.kind.get_ref() == FaultKind::Kill
        && let Some(node) = &fault.node
        && node.get_ref() == "buyers"
    {
        let message = "buyers cannot be killed: nobody would ask again; pause them".to_owned();
        return Err((message, Some(node.span())));
    }
    if let Some(nth) = &fault.nth
        && nth.get_ref().min == 0
    {
        let message = "messages are counted from 1".to_owned();
        return Err((message, Some(nth.span())));
    }
    match &fault.on {
        Some(on) if !super::labels::is_known(on.get_ref()) => {
            let message = format!(
                "no message is labelled `{}`; there are: {}",
                on.get_ref(),
                super::labels::all().join(", ")
            );
            Err((message, Some(on.span())))
        }
        _ => Ok(()),
    }
}
