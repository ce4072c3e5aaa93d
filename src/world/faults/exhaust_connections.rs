//! `exhaust-connections`: somebody else, on a host of their own, opens
//! sessions on the database and does nothing with them, as a service with a
//! leak does. Who comes when `max_connections` is reached is told "sorry, too
//! many clients already" (53300). Whatever place becomes free they take, until
//! the fault is over.

use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls};
use tokio_util::sync::CancellationToken;

use super::Strike;
use crate::rt;
use crate::world::nodes::{NEIGHBOUR, POSTGRES};

/// The wait before they try again to have as many as they want.
const AGAIN: Duration = Duration::from_millis(20);

pub(super) async fn strike(strike: &Strike<'_>, sessions: u32) {
    let over = CancellationToken::new();
    let _over_when_dropped = over.clone().drop_guard();
    let hoards = over.run_until_cancelled_owned(hoard(sessions));
    let stage = strike.stage;
    stage.machines.get(NEIGHBOUR).spawn(stage.network, async {
        // Their sessions end as this does, and with them their sockets.
        let _over = hoards.await;
    });
    strike.began();
    strike.lasts().await;
    strike.ended();
}

/// Holds as many sessions as it can get, up to this many, for ever.
async fn hoard(sessions: u32) {
    let mut held: Vec<Held> = Vec::new();
    loop {
        held.retain(|session| !session.client.is_closed());
        while held.len() < sessions as usize {
            match session().await {
                Some(session) => held.push(session),
                None => break,
            }
        }
        rt::sleep(AGAIN).await;
    }
}

/// A session, whose connection is closed when it is dropped.
struct Held {
    client: Client,
    _open: tokio_util::sync::DropGuard,
}

async fn session() -> Option<Held> {
    let stream = rt::connect(POSTGRES).await.ok()?;
    let mut config = Config::new();
    config.user("postgres").dbname("postgres");
    let (client, driver) = config.connect_raw(stream, NoTls).await.ok()?;
    let open = CancellationToken::new();
    rt::spawn(open.clone().run_until_cancelled_owned(driver));
    Some(Held {
        client,
        _open: open.drop_guard(),
    })
}
