//! Scripts that run for long: who waits, who is told BUSY, what a kill ends.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::redis::{Bug, Change, Observer, Options};
use doublebuy::{net, rt};
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value, cmd};

use crate::support::{connect, simulate};

const ENDLESS: &str = "while true do end";

/// An instruction takes a microsecond: a look at a script comes every 100 ms.
fn options() -> Options {
    Options {
        script_instructions_max: 20_000_000,
        script_instruction_ns: 1000,
        ..Options::default()
    }
}

fn eval(text: &str) -> Cmd {
    let mut eval = cmd("EVAL");
    eval.arg(text).arg(0);
    eval
}

fn words(line: &str) -> Cmd {
    let mut words = line.split(' ');
    let mut command = cmd(words.next().unwrap());
    words.for_each(|word| {
        command.arg(word);
    });
    command
}

/// The reply to a command, or the error's text.
async fn say(connection: &mut MultiplexedConnection, command: Cmd) -> String {
    let reply: Result<Value, RedisError> = command.query_async(connection).await;
    match reply {
        Ok(Value::Okay) => "OK".to_owned(),
        Ok(Value::SimpleString(text)) => text,
        Ok(Value::BulkString(text)) => String::from_utf8(text).unwrap(),
        Ok(Value::Int(number)) => number.to_string(),
        Ok(other) => format!("{other:?}"),
        Err(error) => {
            let code = error.code().unwrap_or("ERR");
            format!("{code} {}", error.detail().unwrap_or_default())
        }
    }
}

/// Has one client run `script`, and another one say `lines` half a second
/// later, when the server is busy. Gives their answers, the script's last.
fn while_it_runs(options: Options, script: Cmd, lines: &'static [&'static str]) -> Vec<String> {
    simulate(options, Arc::new(()), move |_| async move {
        let mut runner = connect("redis:6379").await;
        let mut other = connect("redis:6379").await;
        say(&mut other, words("CONFIG SET busy-reply-threshold 300")).await;
        let run = rt::spawn(async move { say(&mut runner, script).await });
        rt::sleep(Duration::from_millis(500)).await;
        let mut answers = Vec::new();
        for line in lines {
            answers.push(say(&mut other, words(line)).await);
        }
        answers.push(run.await.unwrap());
        answers
    })
}

/// Whose commands set keys.
#[derive(Default)]
struct Setters(Mutex<Vec<Option<String>>>);

impl Observer for Setters {
    fn set(&self, change: &Change<'_>, _: Option<i64>) {
        let client = change.client.map(str::to_owned);
        self.0.lock().push(client);
    }
}

#[test]
fn what_a_script_does_is_its_callers_to_its_end() {
    let setters = Arc::new(Setters::default());
    let script = "redis.call('SET', 'a', 1) for i = 1, 1000000 do end redis.call('SET', 'b', 2)";
    simulate(options(), setters.clone(), move |_| async move {
        let mut runner = connect("redis:6379").await;
        say(&mut runner, eval(script)).await;
    });
    let setters = setters.0.lock();
    let [Some(before), Some(after)] = &setters[..] else {
        panic!("a key was set by nobody: {setters:?}");
    };
    assert_eq!(before, after);
}

#[test]
fn others_are_told_busy_and_can_kill_it() {
    let answers = while_it_runs(
        options(),
        eval(ENDLESS),
        &["GET k", "FUNCTION KILL", "SCRIPT KILL", "PING"],
    );
    let busy = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN \
                NOSAVE.";
    assert_eq!(answers[..3], [busy, busy, "OK"]);
    // The kill is obeyed at the next look: until then the server is busy.
    assert_eq!(answers[3], busy);
    assert!(
        answers[4].contains("Script killed by user with SCRIPT KILL"),
        "{answers:?}"
    );
}

#[test]
fn a_script_that_catches_every_error_is_killed_all_the_same() {
    let stubborn = "local f = function() while true do redis.call('ping') end end \
                    while true do pcall(f) end";
    let answers = while_it_runs(options(), eval(stubborn), &["SCRIPT KILL"]);
    assert_eq!(answers[0], "OK");
    assert!(answers[1].contains("Script killed"), "{answers:?}");
}

/// What SCRIPT KILL answers after a write, and what becomes of the script.
fn kill_after_write(planted: Option<Bug>) -> Vec<String> {
    let options = Options {
        planted,
        ..options()
    };
    let script = "redis.call('set', 'k', 'half') for i = 1, 4000000 do end \
                  redis.call('set', 'k', 'whole') return 'done'";
    while_it_runs(options, eval(script), &["SCRIPT KILL"])
}

#[test]
fn a_script_that_has_written_goes_on_to_its_end() {
    let answers = kill_after_write(None);
    assert!(answers[0].starts_with("UNKILLABLE"), "{answers:?}");
    assert_eq!(answers[1], "done");
}

#[test]
fn a_kill_that_leaves_half_a_script_is_noticed() {
    assert_ne!(
        kill_after_write(Some(Bug::KillsAfterWrite)),
        kill_after_write(None)
    );
}

#[test]
fn nobody_is_served_before_the_threshold() {
    let waited = simulate(options(), Arc::new(()), |_| async {
        let mut runner = connect("redis:6379").await;
        let mut other = connect("redis:6379").await;
        let begin = rt::now();
        let script = eval("for i = 1, 2000000 do end return redis.call('incr', 'k')");
        let run = rt::spawn(async move { say(&mut runner, script).await });
        rt::sleep(Duration::from_millis(10)).await;
        let answer = say(&mut other, words("GET k")).await;
        assert_eq!(run.await.unwrap(), "1");
        assert_eq!(answer, "1", "the script came first, as a whole");
        begin.elapsed()
    });
    let least = Duration::from_millis(1500);
    assert!(waited > least, "two million instructions take {waited:?}");
}

#[test]
fn a_transaction_goes_on_after_its_script() {
    let answers = simulate(options(), Arc::new(()), |_| async {
        let mut runner = connect("redis:6379").await;
        let mut other = connect("redis:6379").await;
        say(&mut other, words("CONFIG SET busy-reply-threshold 300")).await;
        let run = rt::spawn(async move {
            let mut pipe = redis::pipe();
            let script = eval("for i = 1, 1000000 do end return redis.call('incr', 'k')");
            pipe.atomic().cmd("INCR").arg("k").add_command(script);
            pipe.cmd("INCR").arg("k");
            pipe.query_async::<Vec<i64>>(&mut runner).await.unwrap()
        });
        rt::sleep(Duration::from_millis(500)).await;
        let busy = say(&mut other, words("SET k 100")).await;
        let replies = run.await.unwrap();
        (busy, replies, say(&mut other, words("GET k")).await)
    });
    assert!(answers.0.starts_with("BUSY"), "{answers:?}");
    assert_eq!((answers.1, &answers.2[..]), (vec![1, 2, 3], "3"));
}

#[test]
fn a_script_goes_on_without_its_client() {
    let value = simulate(options(), Arc::new(()), |_| async {
        let mut runner = connect("redis:6379").await;
        let mut other = connect("redis:6379").await;
        let script = eval("for i = 1, 2000000 do end redis.call('set', 'k', 'there')");
        let patience = Duration::from_millis(100);
        let run = async { script.query_async::<Value>(&mut runner).await };
        assert!(rt::timeout(patience, run).await.is_err(), "it takes longer");
        drop(runner);
        say(&mut other, words("GET k")).await
    });
    assert_eq!(value, "there");
}

#[test]
fn a_server_can_die_in_the_middle_of_a_script() {
    simulate(options(), Arc::new(()), |world| async move {
        let mut runner = connect("redis:6379").await;
        let run = rt::spawn(async move { say(&mut runner, eval(ENDLESS)).await });
        rt::sleep(Duration::from_millis(500)).await;
        world.network.kill(world.server_node, net::Death::Process);
        run.abort();
    });
}

#[test]
fn what_a_long_script_does_is_the_same_every_time() {
    let run = || {
        while_it_runs(
            options(),
            eval("for i = 1, 1000000 do end return redis.call('time')[2]"),
            &["PING", "PING"],
        )
    };
    assert_eq!(run(), run());
}
