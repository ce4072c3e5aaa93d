//! Tables for a terminal: columns that line up, and no frame.

use comfy_table::{Table, presets};

use super::promise::expected;
use crate::scenario::Scenario;

/// A table without a frame, its heading in the first row.
pub(super) fn plain(heading: &[&str], rows: Vec<Vec<String>>) -> Vec<String> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(heading);
    table.add_rows(rows);
    table.trim_fmt().lines().map(str::to_owned).collect()
}

/// The scenarios, what is expected of each, and what happens in it.
pub fn list(scenarios: &[Scenario]) -> String {
    let rows = scenarios.iter().map(|scenario| {
        let max_seeds = scenario.max_seeds;
        vec![
            scenario.name.clone(),
            expected(&scenario.expect),
            max_seeds.map_or_else(String::new, |max| max.to_string()),
            scenario.title.clone(),
        ]
    });
    let heading = ["scenario", "expected", "max seeds", "what happens"];
    let mut text = plain(&heading, rows.collect()).join("\n");
    text.push('\n');
    text
}
