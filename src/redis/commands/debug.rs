//! DEBUG and MODULE, which a server allows nobody unless it is started so.

use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::reply::Reply;

const ANY: Flags = Flags::LOADING.and(Flags::STALE);
const ADMIN: Flags = Flags::ADMIN.and(Flags::NO_SCRIPT);
const LOAD: Flags = ADMIN.and(Flags::NO_ASYNC_LOADING);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("debug", "DEBUG", -2, ADMIN.and(ANY), (0, 0, 0), Plain(debug)),
    command!("module", "MODULE", -2, Flags::NONE, (0, 0, 0), Container(MODULE)),
];

#[rustfmt::skip]
const MODULE: &[Command] = &[
    command!("module|help", "MODULE", 2, ANY, (0, 0, 0), Plain(help)),
    command!("module|list", "MODULE", 2, ADMIN, (0, 0, 0), Plain(list)),
    command!("module|load", "MODULE", -3, LOAD, (0, 0, 0), Plain(module)),
    command!("module|loadex", "MODULE", -3, LOAD, (0, 0, 0), Plain(module)),
    command!("module|unload", "MODULE", 3, LOAD, (0, 0, 0), Plain(module)),
];

fn debug(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::error(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", \
         you can run it from a local connection, otherwise you need to set this option in the \
         configuration file, and then restart the server.",
    )
}

fn module(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::error(
        "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", \
         you can run it from a local connection, otherwise you need to set this option in the \
         configuration file, and then restart the server.",
    )
}

fn list(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::Array(Vec::new())
}

fn help(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::help(
        "MODULE",
        &[
            "LIST",
            "    Return a list of loaded modules.",
            "LOAD <path> [<arg> ...]",
            "    Load a module library from <path>, passing to it any optional arguments.",
            "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
            "    Load a module library from <path>, while passing it module configurations and optional arguments.",
            "UNLOAD <name>",
            "    Unload a module.",
        ],
    )
}
