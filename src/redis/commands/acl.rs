//! ACL: who may do what.

use bytes::Bytes;

use super::args::{answer, is};
use super::{CATEGORIES, Command, Flags, Handler::Container, Handler::Plain, command, every, find};
use crate::redis::acl::{DEFAULT, Denied, Entry, Selector, User, has_spaces};
use crate::redis::context::Context;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;
use crate::redis::wall_clock_ms;
use crate::rt;

const ANY: Flags = Flags::NO_SCRIPT.and(Flags::LOADING).and(Flags::STALE);
const ADMIN: Flags = ANY.and(Flags::ADMIN);
const HELP: Flags = Flags::LOADING.and(Flags::STALE);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("acl", "ACL", -2, Flags::NONE, (0, 0, 0), Container(ACL)),
];

#[rustfmt::skip]
const ACL: &[Command] = &[
    command!("acl|cat", "ACL", -2, ANY, (0, 0, 0), Plain(cat)),
    command!("acl|deluser", "ACL", -3, ADMIN, (0, 0, 0), Plain(deluser)),
    command!("acl|dryrun", "ACL", -4, ADMIN, (0, 0, 0), Plain(dryrun)),
    command!("acl|genpass", "ACL", -2, ANY, (0, 0, 0), Plain(genpass)),
    command!("acl|getuser", "ACL", 3, ADMIN, (0, 0, 0), Plain(getuser)),
    command!("acl|help", "ACL", 2, HELP, (0, 0, 0), Plain(help)),
    command!("acl|list", "ACL", 2, ADMIN, (0, 0, 0), Plain(list)),
    command!("acl|load", "ACL", 2, ADMIN, (0, 0, 0), Plain(no_file)),
    command!("acl|log", "ACL", -2, ADMIN, (0, 0, 0), Plain(log)),
    command!("acl|save", "ACL", 2, ADMIN, (0, 0, 0), Plain(no_file)),
    command!("acl|setuser", "ACL", -3, ADMIN, (0, 0, 0), Plain(setuser)),
    command!("acl|users", "ACL", 2, ADMIN, (0, 0, 0), Plain(users)),
    command!("acl|whoami", "ACL", 2, ANY, (0, 0, 0), Plain(whoami)),
];

fn users(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    let users = context.server.acl.users();
    Reply::Array(users.map(|(name, _)| Reply::Bulk(name.clone())).collect())
}

fn whoami(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    let name = context.client.user.clone();
    Reply::Bulk(name.unwrap_or(Bytes::from_static(DEFAULT)))
}

fn list(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    let users = context.server.acl.users();
    let lines = users.map(|(name, user)| {
        Reply::Bulk(
            [b"user ", &name[..], b" ", &user.describe()]
                .concat()
                .into(),
        )
    });
    Reply::Array(lines.collect())
}

fn setuser(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let name = args[2];
    if has_spaces(name) {
        return Reply::error("ERR Usernames can't contain spaces or null characters");
    }
    let old = context.server.acl.user(name).cloned();
    let all_channels = context.server.config.all_channels;
    if let Err(error) = context.server.acl.set(name, &args[3..], all_channels) {
        return error;
    }
    if let Some(old) = old {
        cut_off_listeners(context, name, &old);
    }
    Reply::OK
}

/// Ends the connections of those who listen to what they may no longer.
fn cut_off_listeners(context: &mut Context<'_>, name: &[u8], old: &User) {
    let server = &mut *context.server;
    let user = server.acl.user(name);
    let Some(user) = user.filter(|user| user.may_have_lost_channels(old)) else {
        return;
    };
    let others = server.clients.iter_mut();
    for client in others.chain(std::iter::once(&mut **context.client)) {
        let is_theirs = client.user.as_deref().unwrap_or(DEFAULT) == name;
        if is_theirs && client.subscribes() && !user.may_go_on_listening(client) {
            client.kill();
        }
    }
}

/// Whoever was one of them is cut off.
fn deluser(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    if args[2..].contains(&DEFAULT) {
        return Reply::error("ERR The 'default' user cannot be removed");
    }
    let mut removed = 0;
    for name in &args[2..] {
        if !context.server.acl.remove(name) {
            continue;
        }
        removed += 1;
        let is_theirs = |user: &Option<Bytes>| user.as_deref() == Some(name);
        for client in context.server.clients.iter_mut() {
            if is_theirs(&client.user) {
                client.kill();
            }
        }
        if is_theirs(&context.client.user) {
            context.client.closing = true;
        }
    }
    Reply::Integer(removed)
}

fn text(bytes: impl Into<Bytes>) -> Reply {
    Reply::Bulk(bytes.into())
}

fn getuser(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    context
        .server
        .acl
        .user(args[2])
        .map_or(Reply::Null, describe)
}

fn describe(user: &User) -> Reply {
    let flags = user.flags().into_iter().map(Reply::bulk).collect();
    let passwords = user.passwords().iter().map(|hash| text(hash.clone()));
    let selectors = user.selectors().iter();
    let selectors = selectors.map(|selector| Reply::Map(describe_selector(selector)));
    let mut fields = vec![
        (Reply::bulk("flags"), Reply::Set(flags)),
        (Reply::bulk("passwords"), Reply::Array(passwords.collect())),
    ];
    fields.extend(describe_selector(user.root()));
    fields.push((Reply::bulk("selectors"), Reply::Array(selectors.collect())));
    Reply::Map(fields)
}

fn describe_selector(selector: &Selector) -> Vec<(Reply, Reply)> {
    vec![
        (Reply::bulk("commands"), text(selector.describe_commands())),
        (Reply::bulk("keys"), text(selector.describe_keys())),
        (Reply::bulk("channels"), text(selector.describe_channels())),
    ]
}

fn cat(_: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    match &args[2..] {
        [] => Reply::Array(CATEGORIES.into_iter().map(Reply::bulk).collect()),
        [category] => {
            if !CATEGORIES.iter().any(|name| is(category, name)) {
                let shown = &category[..category.len().min(128)];
                let text = [b"ERR Unknown category '", shown, b"'"].concat();
                return Reply::error_from(text);
            }
            let of_category = every().filter(|command| command.is_in(category));
            let names = of_category.map(|command| command.name);
            Reply::Array(names.map(Reply::bulk).collect())
        }
        _ => Reply::unknown_subcommand("ACL", args[1]),
    }
}

/// As many random bits in hexadecimal, 256 unless told.
fn genpass(_: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    const WRONG: &str = "ERR ACL GENPASS argument must be the number of bits for the output \
                         password, a positive number up to 4096";
    let bits = match &args[2..] {
        [] => Ok(256),
        [bits] => integer_argument(bits),
        _ => return Reply::unknown_subcommand("ACL", args[1]),
    };
    answer(bits.and_then(|bits| {
        let bits = usize::try_from(bits).ok();
        let bits = bits.filter(|bits| (1..=4096).contains(bits));
        let digits = bits.ok_or(Reply::error(WRONG))?.div_ceil(4);
        let mut password = String::new();
        while password.len() < digits {
            password += &format!("{:016x}", rt::random_u64());
        }
        password.truncate(digits);
        Ok(text(password))
    }))
}

fn no_file(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::error(
        "ERR This Redis instance is not configured to use an ACL file. You may want to specify \
         users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a \
         Redis configuration file set) in order to store users in the Redis configuration.",
    )
}

fn dryrun(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let refuse = |what: &str, name: &[u8]| {
        let name = String::from_utf8_lossy(name);
        Reply::error_from(format!("ERR {what} '{name}' not found").into())
    };
    let Some(user) = context.server.acl.user(args[2]) else {
        return refuse("User", args[2]);
    };
    let called = &args[3..];
    let Some(command) = find(called) else {
        return refuse("Command", args[3]);
    };
    if !command.accepts(called.len()) {
        return Reply::wrong_arity(command.name);
    }
    let shown = |index: usize| String::from_utf8_lossy(called[index]);
    text(match user.denied(command, called) {
        None => return Reply::OK,
        Some(Denied::Command) => format!(
            "This user has no permissions to run the '{}' command",
            command.name
        ),
        Some(Denied::Key(index)) => format!(
            "This user has no permissions to access the '{}' key",
            shown(index)
        ),
        Some(Denied::Channel(index)) => format!(
            "This user has no permissions to access the '{}' channel",
            shown(index)
        ),
    })
}

fn log(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let most = match &args[2..] {
        [] => Ok(10),
        [word] if is(word, "RESET") => {
            context.server.acl.log.clear();
            return Reply::OK;
        }
        [count] => integer_argument(count),
        _ => return Reply::unknown_subcommand("ACL", args[1]),
    };
    answer(most.map(|most| {
        let most = usize::try_from(most).unwrap_or(0);
        let entries = context.server.acl.log.iter().take(most);
        Reply::Array(entries.map(describe_entry).collect())
    }))
}

fn describe_entry(entry: &Entry) -> Reply {
    let age = (wall_clock_ms() - entry.at) as f64 / 1000.0;
    Reply::Map(vec![
        (Reply::bulk("count"), Reply::Integer(entry.count)),
        (Reply::bulk("reason"), Reply::bulk(entry.reason)),
        (Reply::bulk("context"), Reply::bulk(entry.context)),
        (Reply::bulk("object"), text(entry.object.clone())),
        (Reply::bulk("username"), text(entry.username.clone())),
        (Reply::bulk("age-seconds"), Reply::Double(age)),
        (Reply::bulk("client-info"), text(entry.client.clone())),
    ])
}

fn help(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::help(
        "ACL",
        &[
            "CAT [<category>]",
            "    List all commands that belong to <category>, or all command categories",
            "    when no category is specified.",
            "DELUSER <username> [<username> ...]",
            "    Delete a list of users.",
            "DRYRUN <username> <command> [<arg> ...]",
            "    Returns whether the user can execute the given command without executing the command.",
            "GETUSER <username>",
            "    Get the user's details.",
            "GENPASS [<bits>]",
            "    Generate a secure 256-bit user password. The optional `bits` argument can",
            "    be used to specify a different size.",
            "LIST",
            "    Show users details in config file format.",
            "LOAD",
            "    Reload users from the ACL file.",
            "LOG [<count> | RESET]",
            "    Show the ACL log entries.",
            "SAVE",
            "    Save the current config to the ACL file.",
            "SETUSER <username> <attribute> [<attribute> ...]",
            "    Create or modify a user with the specified attributes.",
            "USERS",
            "    List all the registered usernames.",
            "WHOAMI",
            "    Return the current connection username.",
        ],
    )
}
