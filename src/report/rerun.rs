//! The command that shows a seed again.

/// Builds commands that a shell takes as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rerun {
    /// The program as it was called.
    pub program: String,
    /// What was given beside scenario and seed, such as `--set` and its
    /// value.
    pub options: Vec<String>,
}

impl Rerun {
    /// The command for a seed of the scenario in this file; with a digest, it
    /// says whether the seed is the same again.
    pub fn command(&self, path: &str, seed: u64, digest: Option<&str>) -> String {
        self.replay(path, ["--seed", &seed.to_string()], digest)
    }

    /// As [`command`](Rerun::command), for the plan in a file.
    pub fn plan_command(&self, path: &str, plan: &str, digest: Option<&str>) -> String {
        self.replay(path, ["--plan", plan], digest)
    }

    fn replay(&self, path: &str, [flag, value]: [&str; 2], digest: Option<&str>) -> String {
        let fixed = [self.program.as_str(), "replay", path, flag, value];
        let digest = digest.map(|digest| ["--digest", digest]);
        let options = self.options.iter().map(String::as_str);
        let words = fixed.into_iter().chain(digest.into_iter().flatten());
        let words: Vec<_> = words.chain(options).map(quoted).collect();
        words.join(" ")
    }
}

/// A word that a POSIX shell reads as one word.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::Rerun;

    #[test]
    fn commands_survive_a_shell() {
        let rerun = Rerun {
            program: "doublebuy".to_owned(),
            options: vec!["--set".to_owned(), "title=it's".to_owned()],
        };
        assert_eq!(
            rerun.command("my sims/x.toml", 17, None),
            r"doublebuy replay 'my sims/x.toml' --seed 17 --set 'title=it'\''s'"
        );
        assert_eq!(
            rerun.plan_command("x.toml", "a plan", Some("02b6afa4c4e95e18")),
            r"doublebuy replay x.toml --plan 'a plan' --digest 02b6afa4c4e95e18 --set 'title=it'\''s'"
        );
    }
}
