//! From text to a scenario that can be trusted, or to an error that shows the
//! file, the line, what is wrong and what is allowed.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::Scenario;
use super::check::{Located, check};

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

/// The text of a scenario's or a plan's file.
pub(crate) fn read_text(path: &Path) -> Result<String, ReadError> {
    std::fs::read_to_string(path).map_err(|error| ReadError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

impl Scenario {
    /// Reads a file, with settings laid over it.
    pub fn read(path: &Path, settings: &[Setting]) -> Result<Scenario, ReadError> {
        let source = read_text(path)?;
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
