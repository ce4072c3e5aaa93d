//! Hellos: how sentinels find each other, and how a new primary becomes
//! known.

use redis_protocol::resp2::types::OwnedFrame;

use super::instance::Instance;
use super::link::Asked;
use super::{Address, HELLO, Own, Primary, Sentinel};
use crate::redis::wall_clock_ms;

/// What a sentinel says: who it is, which primary it believes in, and since
/// which epoch.
struct Hello<'a> {
    from: Address,
    id: &'a str,
    epoch: u64,
    name: &'a str,
    primary: Address,
    config_epoch: u64,
}

impl<'a> Hello<'a> {
    fn read(text: &'a str) -> Option<Hello<'a>> {
        let parts: Vec<&str> = text.split(',').collect();
        let [
            host,
            port,
            id,
            epoch,
            name,
            primary,
            primary_port,
            config_epoch,
        ] = parts[..]
        else {
            return None;
        };
        let address = |host: &str, port: &str| {
            let port = port.parse().ok()?;
            let host = host.to_owned();
            Some(Address { host, port })
        };
        Some(Hello {
            from: address(host, port)?,
            id,
            epoch: epoch.parse().ok()?,
            name,
            primary: address(primary, primary_port)?,
            config_epoch: config_epoch.parse().ok()?,
        })
    }
}

/// The hello in a message of the channel.
pub(super) fn text(frame: &OwnedFrame) -> Option<String> {
    let OwnedFrame::Array(parts) = frame else {
        return None;
    };
    match parts.as_slice() {
        [
            OwnedFrame::BulkString(kind),
            OwnedFrame::BulkString(_),
            OwnedFrame::BulkString(text),
        ] if kind == b"message" => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    }
}

impl Sentinel {
    /// Takes up what another sentinel says, unless it is about a primary that
    /// is not watched here.
    pub(in crate::redis) fn take_hello(&mut self, text: &str) {
        if let Some(hello) = Hello::read(text)
            && let Some(primary) = self.primaries.get_mut(hello.name)
        {
            primary.take_hello(&mut self.own, &hello);
        }
    }
}

impl Primary {
    fn take_hello(&mut self, own: &mut Own, hello: &Hello<'_>) {
        self.meet(own, hello.id, &hello.from);
        own.learn_epoch(hello.epoch);
        if hello.config_epoch > self.config_epoch {
            self.config_epoch = hello.config_epoch;
            if hello.primary != self.this.address {
                let from = self.sentinels.get(hello.id).map(Instance::describe);
                let from = from.unwrap_or_default();
                own.event("+config-update-from", self.beside(&from));
                self.switch_to(own, hello.primary.clone());
            }
        }
        if let Some(peer) = self.sentinels.get_mut(hello.id) {
            peer.peer.hello_at = wall_clock_ms();
        }
    }

    /// Learns of a sentinel, or that one has moved.
    fn meet(&mut self, own: &mut Own, id: &str, address: &Address) {
        let known = self.sentinels.get(id);
        if known.is_some_and(|known| known.address == *address) {
            return;
        }
        let moved = self.sentinels.remove(id).is_some();
        if moved {
            let (this, Address { host, port }) = (self.this.describe(), address);
            let what = format!("{this} ip {host} port {port} for {id}");
            own.event("+sentinel-address-switch", what);
        } else {
            // Nobody else can be there any more.
            let there = self.sentinels.iter().find(|(_, s)| s.address == *address);
            if let Some((old, instance)) = there.map(|(id, s)| (id.clone(), s.describe())) {
                own.event("+sentinel-invalid-addr", self.beside(&instance));
                self.sentinels.remove(&old);
            }
        }
        let what = self.add_sentinel(id, address.clone());
        if !moved {
            own.event("+sentinel", what);
        }
    }

    /// Says hello to an instance when it is time.
    pub(super) fn say_hello(instance: &mut Instance, own: &Own, hello: impl Fn() -> String) {
        let now = wall_clock_ms();
        if now - instance.published_at <= own.periods.publish
            || !instance.link.is_connected(instance.kind)
        {
            return;
        }
        let Some(host) = instance.link.local_host() else {
            return;
        };
        let (port, id, epoch) = (own.port, &own.id, own.epoch);
        let text = format!("{host},{port},{id},{epoch},{}", hello());
        let publish: [&[u8]; 3] = [b"PUBLISH", HELLO, text.as_bytes()];
        instance.link.send(Asked::Hello, &publish);
    }
}
