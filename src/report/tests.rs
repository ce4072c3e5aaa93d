//! Stories of histories that are made up here, word for word.

use super::*;
use crate::checks::violations;
use crate::history::{Event, History, Recorder};
use crate::plan::{Plan, Visit};
use crate::probes;
use crate::scenario::Scenario;
use crate::world::{Outcome, Verdict};

const SCENARIO: &str = r#"
title = "Two buyers, one item, and a computed write"
about = "Both read 1, both write 0."
[[fault]]
kind = "pause"
node = "shop-1"
on = "answer to COMMIT"
from = "postgres"
nth = 2
lasts = "1500ms"
[[fault]]
kind = "kill"
node = "redis"
at = "4s"
lasts = "40ms"
[expect]
violates = ["no-oversell"]
"#;

fn scenario() -> Scenario {
    Scenario::parse("sims/lost-update.toml", SCENARIO, &[]).expect("a scenario")
}

/// Buyers who each come a millisecond after the one before.
fn plan(scenario: &Scenario, buyers: u32) -> Plan {
    let visit = |id| Visit {
        id,
        buyer: id,
        at_ns: 1_000_000 * u64::from(id + 1),
        key: format!("buyer-{id}"),
        sku: "last-one".to_owned(),
        quantity: 1,
        instance: 0,
        patience_ns: 3_000_000_000,
        retries: 2,
        backoff_ns: 0,
    };
    Plan {
        visits: (0..buyers).map(visit).collect(),
        ..Plan::new(scenario, 17)
    }
}

fn ask(visit: u32, attempt: u32) -> Event {
    Event::Invoke {
        visit,
        attempt,
        buyer: visit,
        key: format!("buyer-{visit}"),
        sku: "last-one".to_owned(),
        quantity: 1,
        node: format!("shop-{}", visit % 2),
    }
}

fn sale(visit: u32, from: i64, to: i64) -> [Event; 2] {
    let (xid, session) = (u64::from(visit) + 700, u64::from(visit) + 3);
    let (sku, key) = ("last-one".to_owned(), format!("buyer-{visit}"));
    [
        Event::StockCommitted {
            sku: sku.clone(),
            from,
            to,
            xid,
            session,
        },
        Event::OrderCommitted {
            order: format!("o{visit}"),
            key,
            sku,
            quantity: 1,
            xid,
            session,
        },
    ]
}

fn told(visit: u32) -> Event {
    Event::Ok {
        visit,
        attempt: 1,
        key: format!("buyer-{visit}"),
        order: format!("o{visit}"),
    }
}

fn history(events: Vec<(u64, Event)>) -> History {
    let recorder = Recorder::new(false);
    for (at_ns, event) in events {
        recorder.record(at_ns, event);
    }
    recorder.finish(1)
}

/// What people see where there are no colours.
fn tell(plan: &Plan, history: History, options: StoryOptions) -> String {
    let violations = violations(&history);
    let story = Story {
        scenario: &scenario(),
        plan: Some(plan),
        outcome: &Outcome {
            seed: 17,
            verdict: match violations.is_empty() {
                true => Verdict::Holds,
                false => Verdict::Violated,
            },
            violations,
            probes: probes::reached(&history),
            history: Some(history),
        },
        options,
        again: "doublebuy replay sims/lost-update.toml --seed 17".to_owned(),
    };
    anstream::adapter::strip_str(&story.tell()).to_string()
}

fn lost_update() -> History {
    let mut events = vec![(1_000_000, ask(0, 1)), (2_000_000, ask(1, 1))];
    let waited = Event::TransactionWaited {
        session: 4,
        holder: 3,
        table: "products".to_owned(),
    };
    events.push((2_500_000, waited));
    events.extend(sale(0, 1, 0).map(|event| (3_000_250, event)));
    events.extend(sale(1, 0, 0).map(|event| (4_000_000, event)));
    let what = "shop-1 is paused".to_owned();
    let kind = "pause".to_owned();
    let began = Event::FaultBegan {
        fault: 0,
        kind,
        what,
    };
    events.push((4_000_500, began));
    events.push((5_000_000, told(0)));
    let reason = "no answer in time".to_owned();
    let doubt = Event::Info {
        visit: 1,
        attempt: 1,
        key: "buyer-1".to_owned(),
        reason,
    };
    events.push((3_002_000_000, doubt));
    events.push((3_003_000_000, ask(1, 2)));
    events.push((3_004_000_000, told(1)));
    events.push((3_004_000_000, Event::Healed {}));
    events.push((3_004_000_000, Event::Drained { complete: true }));
    let (sku, quantity) = ("last-one".to_owned(), 0);
    events.push((9_000_000_000, Event::FinalStock { sku, quantity }));
    for visit in 0..2 {
        let stored = Event::FinalOrder {
            order: format!("o{visit}"),
            key: format!("buyer-{visit}"),
            sku: "last-one".to_owned(),
            quantity: 1,
        };
        events.push((9_000_000_000, stored));
    }
    history(events)
}

#[test]
fn a_lost_update_can_be_followed_line_by_line() {
    let history = lost_update();
    let digest = history.digest.to_string();
    let story = tell(&plan(&scenario(), 2), history, StoryOptions::default());
    let expected = format!(
        "\
lost-update: Two buyers, one item, and a computed write
seed 17

  shop    2 instances, stock naive, idempotency unique-key
  stock   1 last-one
  visits  buyer 0 comes at 1.000 ms, asks shop-0 first, waits 3 s, retries up to 2 times
          buyer 1 comes at 2.000 ms, asks shop-0 first, waits 3 s, retries up to 2 times
  search  uniform
  faults  0  with \"answer to COMMIT\" number 2 from postgres: shop-1 is paused, for 1.500 s
          1  at 4000.000 ms: the process on redis is killed, for 40 ms; did not strike: the run was \
over before

        1.000 ms  buyers    buyer 0 asks shop-0 for 1 last-one, key buyer-0
        2.000 ms  buyers    buyer 1 asks shop-1 for 1 last-one, key buyer-1
        2.500 ms  postgres  session 4 (buyer 1) waits for session 3 (buyer 0) on products
        3.000 ms  postgres  stock of last-one: 1 -> 0 by buyer 0, session 3 of shop-0
        3.000 ms  postgres  order o0 committed: 1 last-one, key buyer-0, session 3 of shop-0
        4.000 ms  postgres  stock of last-one: 0 -> 0 by buyer 1, session 4 of shop-1, though it \
sold 1: computed from an older read
==>     4.000 ms  postgres  order o1 committed: 1 last-one, key buyer-1, session 4 of shop-1
                            ^ no-oversell: order o1 sells what is not there: 2 sold of 1 last-one
        4.000 ms  world     fault 0: shop-1 is paused
        5.000 ms  buyers    buyer 0 is told: order o0 is placed
     3002.000 ms  buyers    buyer 1 cannot know whether the order is placed: no answer in time
     3003.000 ms  buyers    buyer 1 asks again, at shop-1: request 2, same key
     3004.000 ms  buyers    buyer 1 is told: order o1 is placed
     3004.000 ms  world     all faults are over, every node is up
     3004.000 ms  world     everyone has an answer

In the end
  the storage has 0 last-one left
  the storage has 2 orders
    order o0: 1 last-one, key buyer-0
    order o1: 1 last-one, key buyer-1
  of 2 visits: 2 told that the order is placed, 0 that it is not, 0 never knew

no-oversell is broken, as the scenario promises: order o1 sells what is not there: \
2 sold of 1 last-one
conservation is broken, and should hold: 0 left and 2 sold, but there were 1
  reached  retry-sent, transaction-waited, outcome-unknown, fault-began
  ended    17 events in 3.004 s of virtual time
  digest   {digest}
Reproduce with: doublebuy replay sims/lost-update.toml --seed 17
"
    );
    assert_eq!(story, expected);
}

#[test]
fn what_is_not_certain_is_not_told() {
    // A key that both instances were asked with, and a session that rolls
    // back before it sells to another.
    let waited = |session, holder| Event::TransactionWaited {
        session,
        holder,
        table: "products".to_owned(),
    };
    let reason = "40001".to_owned();
    let mut events = vec![
        (1, ask(0, 1)),
        (2, ask(1, 1)),
        (
            3,
            Event::Invoke {
                visit: 0,
                attempt: 2,
                buyer: 0,
                key: "buyer-0".to_owned(),
                sku: "last-one".to_owned(),
                quantity: 1,
                node: "shop-1".to_owned(),
            },
        ),
        (4, waited(4, 3)),
        (5, Event::TransactionAborted { session: 4, reason }),
    ];
    events.extend(sale(0, 1, 0).map(|event| (6, event)));
    events.extend(sale(1, 0, -1).map(|event| (7, event)));
    // The same transaction number again: the first was lost in a crash.
    events.extend(sale(1, 1, 0).map(|event| (8, event)));
    let story = tell(
        &plan(&scenario(), 2),
        history(events),
        StoryOptions::default(),
    );
    for text in [
        "session 4 waits for session 3 (buyer 0) on products",
        "1 -> 0 by buyer 0, session 3\n",
        "key buyer-0, session 3\n",
        "key buyer-1, session 4 of shop-1\n",
        "1 -> 0 by buyer 1, session 4 of shop-1\n",
    ] {
        assert!(story.contains(text), "no '{text}' in: {story}");
    }
}

/// Thousands come; two of them, in the middle, get the same item.
fn crowd() -> History {
    let mut events: Vec<_> = (0..5_000)
        .map(|visit| (1_000_000 * u64::from(visit + 1), ask(visit, 1)))
        .collect();
    let sales = [sale(100, 1, 0), sale(101, 0, -1)].into_iter().flatten();
    events.splice(2_500..2_500, sales.map(|event| (2_500_500_000, event)));
    history(events)
}

#[test]
fn a_long_story_tells_what_matters_and_how_much_it_leaves_out() {
    let plan = plan(&scenario(), 5_000);
    let story = tell(&plan, crowd(), StoryOptions::default());
    assert!(story.lines().count() < 100, "{story}");
    for text in [
        "... 4,988 more visits",
        "... 2,482 more events",
        "==>  2500.500 ms  postgres  order o101 committed",
        "^ no-oversell: order o101 sells what is not there",
        "5000.000 ms  buyers",
    ] {
        assert!(story.contains(text), "no '{text}' in: {story}");
    }
    let whole = tell(&plan, crowd(), StoryOptions { all: true });
    assert!(whole.lines().count() > 10_000);
    assert!(!whole.contains("..."));
}

#[test]
fn two_holders_of_a_lock_are_told_with_their_buyers() {
    let taken = |holder: &str, by: &str| Event::LockTaken {
        node: "redis".to_owned(),
        lock: "lock:last-one".to_owned(),
        holder: holder.to_owned(),
        by: by.to_owned(),
        for_ms: 4,
    };
    let expired = Event::LockExpired {
        node: "redis".to_owned(),
        lock: "lock:last-one".to_owned(),
        holder: "aaaaaaaaaa".to_owned(),
    };
    let late = Event::LateRelease {
        node: "redis".to_owned(),
        lock: "lock:last-one".to_owned(),
        holder: "aaaaaaaaaa".to_owned(),
    };
    let ms = |ms: u64| ms * 1_000_000;
    let mut events = vec![
        (ms(1), ask(0, 1)),
        (ms(2), ask(1, 1)),
        (ms(3), taken("aaaaaaaaaa", "shop-0")),
        (ms(7), expired),
        (ms(8), taken("bbbbbbbbbb", "shop-1")),
    ];
    events.extend(sale(1, 1, 0).map(|event| (ms(9), event)));
    events.push((ms(10), late));
    let plan = plan(&scenario(), 2);
    let recorded = history(events.clone());
    let both = super::holders::both(&plan, &recorded);
    let buyers: Vec<_> = both.iter().map(|both| both.buyers).collect();
    assert_eq!(buyers, [[Some(0), Some(1)]]);
    let story = tell(&plan, history(events), StoryOptions::default());
    let line = "^ two holders of lock:last-one from 8.000 ms to 10.000 ms: aaaaaaaa of shop-0 \
                (buyer 0), whose lock ran out at 7.000 ms and who comes back at 10.000 ms, and \
                bbbbbbbb of shop-1 (buyer 1)\n";
    assert!(story.contains(line), "no '{line}' in: {story}");
}

/// A session that waits on a server that dies is nobody's afterwards: on the
/// first primary, and on one that was promoted; on a standby nobody writes.
#[test]
fn a_session_does_not_outlive_whichever_server_leads() {
    let waited = Event::TransactionWaited {
        session: 3,
        holder: 9,
        table: "products".to_owned(),
    };
    let text = SCENARIO.replace("node = \"redis\"", "node = \"postgres-replica\"");
    let text = text.replace("[expect]", "[postgres.replica]\n[expect]");
    let scenario = Scenario::parse("x.toml", &text, &[]).expect("a scenario");
    let plan = plan(&scenario, 1);
    let began = Event::FaultBegan {
        fault: 1,
        kind: "kill".to_owned(),
        what: String::new(),
    };
    let promoted = Event::Promoted {
        node: "postgres-replica".to_owned(),
    };
    let story = |leads: bool| {
        let mut events = vec![(1, ask(0, 1))];
        events.extend(leads.then(|| (2, promoted.clone())));
        events.extend([(3, waited.clone()), (4, began.clone())]);
        events.extend(sale(0, 1, 0).map(|event| (5, event)));
        tell(&plan, history(events), StoryOptions::default())
    };
    assert!(story(false).contains("session 3 (buyer 0) waits"));
    assert!(!story(true).contains("session 3 (buyer 0) waits"));
}
