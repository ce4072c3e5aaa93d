//! The kinds of event, and their encoding.

/// An event and when it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// In virtual nanoseconds since the world began.
    pub at_ns: u64,
    /// What happened.
    pub event: Event,
}

/// Encodes a field, unless it is prose.
macro_rules! encode {
    ($field:ident, $out:ident) => {
        Encode::encode($field, $out)
    };
    ($field:ident, $out:ident, prose) => {
        let _ = $field;
    };
}

/// Declares the events once: their fields, their documentation, and an
/// encoding that follows from both. The tag of an event is part of every
/// digest: new ones go to the end. A field marked `prose` is for people, and
/// can be worded anew without changing a digest.
macro_rules! events {
    ($(
        $(#[$doc:meta])+
        $tag:literal $name:ident { $( $(#[$field_doc:meta])+ $field:ident: $kind:ty $(as $prose:ident)?, )* }
    )+) => {
        /// Something that happened.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event {
            $( $(#[$doc])+ $name { $( $(#[$field_doc])+ $field: $kind, )* }, )+
        }

        impl Event {
            /// Appends what the digest is made of.
            pub(super) fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $( Event::$name { $($field,)* } => {
                        out.push($tag);
                        $( encode!($field, out $(, $prose)?); )*
                    } )+
                }
            }
        }
    };
}

events! {
    /// A buyer sends a request.
    1 Invoke {
        /// The visit it belongs to.
        visit: u32,
        /// Counts the requests of this visit, from 1.
        attempt: u32,
        /// Who buys.
        buyer: u32,
        /// The idempotency key.
        key: String,
        /// What is to be bought.
        sku: String,
        /// How many of it.
        quantity: i64,
        /// The instance that is asked.
        node: String,
    }
    /// The buyer is told that the order is placed.
    2 Ok {
        /// The visit.
        visit: u32,
        /// The request.
        attempt: u32,
        /// The idempotency key.
        key: String,
        /// The order.
        order: String,
    }
    /// The buyer is told that this request placed no order.
    3 Fail {
        /// The visit.
        visit: u32,
        /// The request.
        attempt: u32,
        /// The idempotency key.
        key: String,
        /// What the answer said.
        reason: String,
        /// Asking again cannot help.
        final_answer: bool,
    }
    /// The buyer cannot know whether this request placed an order.
    4 Info {
        /// The visit.
        visit: u32,
        /// The request.
        attempt: u32,
        /// The idempotency key.
        key: String,
        /// What the buyer saw.
        reason: String as prose,
    }
    /// An order became visible in the database.
    5 OrderCommitted {
        /// The order.
        order: String,
        /// The key on its row.
        key: String,
        /// What was sold.
        sku: String,
        /// How many of it.
        quantity: i64,
        /// The transaction.
        xid: u64,
        /// The database session that committed.
        session: u64,
    }
    /// A new quantity in stock became visible in the database.
    6 StockCommitted {
        /// Of what.
        sku: String,
        /// The quantity that was replaced.
        from: i64,
        /// The quantity now.
        to: i64,
        /// The transaction.
        xid: u64,
        /// The database session that committed.
        session: u64,
    }
    /// A transaction began to wait for another.
    7 TransactionWaited {
        /// The session that waits.
        session: u64,
        /// The first of those it waits for.
        holder: u64,
        /// The table.
        table: String,
    }
    /// A transaction rolled back.
    8 TransactionAborted {
        /// The session.
        session: u64,
        /// The SQLSTATE, or why else.
        reason: String,
    }
    /// A lock key was set in Redis.
    9 LockTaken {
        /// The server.
        node: String,
        /// The key.
        lock: String,
        /// The value that names its holder.
        holder: String,
        /// The node that asked for it.
        by: String,
        /// For how long, in milliseconds of Redis's clock; 0 for ever.
        for_ms: u64,
    }
    /// A lock key was deleted.
    10 LockReleased {
        /// The server.
        node: String,
        /// The key.
        lock: String,
        /// Its holder.
        holder: String,
        /// The node that asked for that.
        by: String,
    }
    /// A lock key ran out.
    11 LockExpired {
        /// The server.
        node: String,
        /// The key.
        lock: String,
        /// Its holder.
        holder: String,
    }
    /// Somebody came to release a lock that was no longer theirs.
    12 LateRelease {
        /// The server.
        node: String,
        /// The key.
        lock: String,
        /// Who came.
        holder: String,
    }
    /// A fault began.
    13 FaultBegan {
        /// Its place in the plan.
        fault: u32,
        /// Its kind, as scenarios name it.
        kind: String,
        /// What it does.
        what: String as prose,
    }
    /// A fault ended by itself.
    14 FaultEnded {
        /// Its place in the plan.
        fault: u32,
    }
    /// Every fault was ended; from here on the world is kind.
    15 Healed {}
    /// The world came to rest, or its time was up.
    16 Drained {
        /// Everyone had an answer.
        complete: bool,
    }
    /// The quantity that the storage holds at the end.
    17 FinalStock {
        /// Of what.
        sku: String,
        /// How many.
        quantity: i64,
    }
    /// An order that the storage holds at the end.
    18 FinalOrder {
        /// The order.
        order: String,
        /// The key on its row.
        key: String,
        /// What was sold.
        sku: String,
        /// How many of it.
        quantity: i64,
    }
    /// A gateway sent the request again by itself.
    19 Resent {
        /// The visit.
        visit: u32,
        /// The request.
        attempt: u32,
        /// The instance that got it this time.
        node: String,
    }
    /// A fault took a node down that it had taken down before.
    20 DiedAgain {
        /// The fault's place in the plan.
        fault: u32,
        /// Which node.
        node: String,
    }
    /// The database sent a client away: all its sessions are taken.
    21 TooManyClients {}
    /// A transaction that had become visible at a server is gone.
    22 CommitLost {
        /// The server that lost it.
        node: String,
        /// The transaction.
        xid: u64,
        /// The session that had committed it.
        session: u64,
        /// What lost it: `crash` or `failover`.
        cause: String,
    }
    /// A replica answered a query from a state that was out of date.
    24 StaleRead {
        /// The replica.
        node: String,
        /// The session that asked.
        session: u64,
        /// How many commits of the primary it did not show.
        behind: u64,
    }
    /// A replica became a primary.
    25 Promoted {
        /// Which.
        node: String,
    }
    /// An order of such a transaction.
    23 OrderLost {
        /// The order.
        order: String,
        /// The key on its row.
        key: String,
        /// What lost it: `crash` or `failover`.
        cause: String,
    }
    /// A lock key was dropped by Redis to make room for others.
    26 LockEvicted {
        /// The server.
        node: String,
        /// The key.
        lock: String,
        /// Its holder.
        holder: String,
    }
    /// A lock that Redis had granted is gone before its time.
    27 LockLost {
        /// The server that does not have it.
        node: String,
        /// The key.
        lock: String,
        /// Its holder.
        holder: String,
        /// What lost it: `crash` or `failover`.
        cause: String,
    }
}

/// Little-endian numbers; text with its length before it.
trait Encode {
    fn encode(&self, out: &mut Vec<u8>);
}

impl Encode for u32 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
}

impl Encode for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
}

impl Encode for i64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
}

impl Encode for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Encode for String {
    fn encode(&self, out: &mut Vec<u8>) {
        (self.len() as u64).encode(out);
        out.extend_from_slice(self.as_bytes());
    }
}
