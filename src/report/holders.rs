//! Times in which a lock had two holders, with who they were: a history names
//! tokens, a reader wants to know which instance and which buyer that is.

use super::sales::Sales;
use super::words::{instant, short};
use crate::history::{History, Lapse, Tenure, TwoHolders, two_holders};
use crate::plan::Plan;

/// One such time.
pub(super) struct Both<'a> {
    pub(super) two: TwoHolders<'a>,
    /// The buyers for whom they held it, as far as that is certain.
    pub(super) buyers: [Option<u32>; 2],
}

/// All of them, by their beginning.
pub(super) fn both<'a>(plan: &Plan, history: &'a History) -> Vec<Both<'a>> {
    let tenures = history.tenures();
    let two = two_holders(&tenures);
    if two.is_empty() {
        return Vec::new();
    }
    let sales = Sales::of(plan, history);
    let buyer = |tenure: &Tenure<'_>| buyer_of(tenure, &tenures, &sales);
    two.into_iter()
        .map(|two| Both {
            buyers: [buyer(&two.first), buyer(&two.second)],
            two,
        })
        .collect()
}

/// An instance that holds a lock once at a time sells under it to one buyer.
fn buyer_of(tenure: &Tenure<'_>, tenures: &[Tenure<'_>], sales: &Sales<'_>) -> Option<u32> {
    let overlaps = |other: &&Tenure<'_>| {
        let same = (other.lock, other.instance) == (tenure.lock, tenure.instance);
        same && other.from_ns <= tenure.until_ns && tenure.from_ns <= other.until_ns
    };
    let alone = tenures.iter().filter(overlaps).count() == 1;
    let span = tenure.from_ns..=tenure.until_ns;
    let sold = alone.then(|| sales.only_buyer(tenure.instance, span));
    sold.flatten()
        .or_else(|| sales.only_asked(tenure.instance, tenure.from_ns))
}

impl Both<'_> {
    /// In one sentence.
    pub(super) fn in_words(&self) -> String {
        let TwoHolders {
            first,
            second,
            from_ns,
            until_ns,
        } = &self.two;
        let lapsed = first.lapsed.map_or_else(String::new, |(at_ns, lapse)| {
            let back = instant(first.until_ns);
            let (lapsed, at) = (lapse.in_words(), instant(at_ns));
            format!(", whose lock {lapsed} at {at} and who comes back at {back},")
        });
        format!(
            "two holders of {} from {} to {}: {}{lapsed} and {}",
            first.lock,
            instant(*from_ns),
            instant(*until_ns),
            who(first, self.buyers[0]),
            who(second, self.buyers[1]),
        )
    }
}

fn who(tenure: &Tenure<'_>, buyer: Option<u32>) -> String {
    let buyer = buyer.map_or_else(String::new, |buyer| format!(" (buyer {buyer})"));
    format!("{} of {}{buyer}", short(tenure.token), tenure.instance)
}

impl Lapse {
    fn in_words(self) -> &'static str {
        match self {
            Lapse::Expired => "ran out",
            Lapse::Evicted => "was evicted",
            Lapse::Lost => "was lost",
            Lapse::TakenAway => "was deleted by somebody else",
        }
    }

    /// In one word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Lapse::Expired => "expired",
            Lapse::Evicted => "evicted",
            Lapse::Lost => "lost",
            Lapse::TakenAway => "deleted",
        }
    }
}
