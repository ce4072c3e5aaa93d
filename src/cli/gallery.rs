//! Finding scenarios: by path, by folder, or by name in the gallery.

use std::path::{Path, PathBuf};

use super::Stop;
use crate::scenario::{ReadError, Scenario, Setting, read_text};

/// The folder of the gallery, below the current one.
const GALLERY: &str = "sims";

/// A scenario, and the text that it was read from: a pipe can be read once,
/// and a file may be another a minute later.
pub(super) struct Found {
    pub(super) scenario: Scenario,
    pub(super) text: String,
}

impl Found {
    fn read(path: &Path, settings: &[Setting]) -> Result<Found, ReadError> {
        let text = read_text(path)?;
        let scenario = Scenario::parse(&path.display().to_string(), &text, settings)?;
        Ok(Found { scenario, text })
    }
}

/// Reads every scenario that is named: files, folders, names in the gallery;
/// the whole gallery if nothing is.
pub(super) fn read_all(named: &[String], settings: &[Setting]) -> Result<Vec<Found>, Stop> {
    let mut paths = Vec::new();
    if named.is_empty() {
        paths = in_folder(&gallery()?)?;
    }
    for name in named {
        match Path::new(name).is_dir() {
            true => paths.extend(in_folder(Path::new(name))?),
            false => paths.push(find(name)?),
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    paths.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    let mut found = Vec::new();
    let mut refused = Vec::new();
    for path in paths {
        match Found::read(&path, settings) {
            Ok(one) => found.push(one),
            Err(why) => refused.push((path.display().to_string(), why)),
        }
    }
    match refused.is_empty() {
        true => Ok(found),
        false => Err(Stop::Scenarios(refused)),
    }
}

/// Reads the one scenario that is named.
pub(super) fn read_one(name: &str, settings: &[Setting]) -> Result<Scenario, Stop> {
    if Path::new(name).is_dir() {
        let inside = in_folder(Path::new(name)).map(|paths| names(&paths));
        let inside = inside.unwrap_or_else(|_| "none".to_owned());
        let message =
            format!("{name} is a folder, and this takes one scenario; in it there are: {inside}");
        return Err(Stop::Usage(message));
    }
    let path = find(name)?;
    Scenario::read(&path, settings)
        .map_err(|why| Stop::Scenarios(vec![(path.display().to_string(), why)]))
}

fn gallery() -> Result<PathBuf, Stop> {
    let path = PathBuf::from(GALLERY);
    if path.is_dir() {
        return Ok(path);
    }
    let here = std::env::current_dir().unwrap_or_default();
    Err(Stop::Usage(format!(
        "no gallery: there is no folder {}; go to where one is, or name a scenario file or a \
         folder of them",
        here.join(GALLERY).display()
    )))
}

/// The scenario files of a folder, by name.
fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, Stop> {
    let unreadable = |error: std::io::Error| {
        Stop::Usage(format!(
            "cannot read the folder {}: {error}",
            folder.display()
        ))
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    match paths.is_empty() {
        true => Err(Stop::NothingToRun(format!(
            "the folder {} has no scenario in it, no file *.toml",
            folder.display()
        ))),
        false => Ok(paths),
    }
}

/// The file that is meant: the one at this path, else the one of this name
/// in the gallery.
fn find(name: &str) -> Result<PathBuf, Stop> {
    let path = PathBuf::from(name);
    if path.exists() {
        return Ok(path);
    }
    let in_gallery = Path::new(GALLERY).join(format!("{name}.toml"));
    if in_gallery.is_file() {
        return Ok(in_gallery);
    }
    let known = gallery().and_then(|folder| in_folder(&folder));
    let there_is = match known {
        Ok(paths) => format!("the gallery {GALLERY}/ has: {}", names(&paths)),
        Err(stop) => stop.to_string(),
    };
    Err(Stop::Usage(format!(
        "no scenario '{name}': there is no such file, and none of that name in the gallery; \
         {there_is}"
    )))
}

fn names(paths: &[PathBuf]) -> String {
    let stems = paths.iter().filter_map(|path| path.file_stem());
    let names: Vec<_> = stems.map(|stem| stem.to_string_lossy()).collect();
    names.join(", ")
}
