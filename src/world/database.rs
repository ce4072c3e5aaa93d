//! The database of a world: one PostgreSQL, or a primary and its replica.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::faults::Replicated;
use super::lens::Lens;
use super::machine::Machines;
use super::nodes::shop_options;
use super::witness::{Cluster, Witness};
use crate::net::{Death, Network};
use crate::scenario::Scenario;
use crate::shop::schema;
use crate::{postgres, rt, shop};

/// The first primary.
pub(super) const PRIMARY: &str = "postgres";
/// The first replica.
pub(super) const REPLICA: &str = "postgres-replica";
const PORT: u16 = 5432;

/// Where PostgreSQL is, or may be.
pub(super) fn hosts(scenario: &Scenario) -> String {
    match scenario.postgres.replica {
        None => format!("{PRIMARY}:{PORT}"),
        Some(_) => format!("{PRIMARY}:{PORT},{REPLICA}:{PORT}"),
    }
}

/// Where reads go that may be behind.
pub(super) fn replica_hosts() -> String {
    format!("{REPLICA}:{PORT},{PRIMARY}:{PORT}")
}

/// A server: its disk, which outlives its processes, and the process that
/// runs now.
struct Member {
    disk: postgres::Disk,
    running: Mutex<Option<postgres::Server>>,
    witness: Witness,
    /// It has been replaced, and is to follow its successor when it starts.
    rejoins: Mutex<bool>,
}

/// Every server of the database. Clones are the same.
#[derive(Clone)]
pub(super) struct Database {
    members: Arc<BTreeMap<String, Arc<Member>>>,
    primary: Arc<Mutex<String>>,
}

impl Database {
    /// Adds the database's machines, its tables made.
    pub(super) fn build(
        machines: &mut Machines,
        scenario: &Scenario,
        lens: &Arc<Lens>,
    ) -> Database {
        let replicated = scenario.postgres.replica.is_some();
        let cluster = replicated.then(Arc::<Mutex<Cluster>>::default);
        let member = |node: &str, disk| {
            let witness = Witness {
                lens: lens.clone(),
                node: node.to_owned(),
                cluster: cluster.clone(),
            };
            let member = Member {
                disk,
                running: Mutex::default(),
                witness,
                rejoins: Mutex::new(false),
            };
            (node.to_owned(), Arc::new(member))
        };
        let disk = postgres::Disk::new();
        install(scenario, &disk, lens);
        let replica = replicated.then(|| member(REPLICA, disk.base_backup()));
        let members = [member(PRIMARY, disk)].into_iter().chain(replica);
        let database = Database {
            members: Arc::new(members.collect()),
            primary: Arc::new(Mutex::new(PRIMARY.to_owned())),
        };
        for node in database.members.keys() {
            database.add(machines, scenario, node);
        }
        database
    }

    fn add(&self, machines: &mut Machines, scenario: &Scenario, node: &str) {
        let options = options(scenario, node);
        let member = self.members[node].clone();
        let database = self.clone();
        let first = Cell::new(true);
        machines.add(node, move |machine, network| {
            if machine.last_death() == Some(Death::Host) {
                member.disk.lose_power();
            }
            let again = !first.replace(false);
            if again && std::mem::take(&mut *member.rejoins.lock()) {
                member.witness.give_up_strays();
                let primary = database.primary.lock().clone();
                let source = &database.members[&primary].disk;
                member.disk.rewind(source, options.planted);
            }
            let observer = Arc::new(member.witness.clone());
            let server = postgres::Server::start(&member.disk, options.clone(), observer);
            *member.running.lock() = Some(server.clone());
            let address = format!("{}:{PORT}", member.witness.node);
            machine.spawn(network, async move {
                let listener = rt::Listener::bind(&address).await.expect("a free port");
                let served = server.serve(listener).await;
                served.expect("a listener fails only with its node");
            });
        });
    }

    /// Records what the storage holds of a product, read from the storage
    /// itself: not through SQL, the service or a driver.
    pub(super) fn read(&self, lens: &Lens, sku: &str) {
        let primary = &self.members[&*self.primary.lock()];
        primary.witness.give_up_strays();
        let running = primary.running.lock();
        let server = running.as_ref().expect("every node is up once healed");
        for (table, column) in [
            (schema::products::TABLE, schema::products::SKU),
            (schema::orders::TABLE, schema::orders::SKU),
        ] {
            let rows = server.committed_rows(table);
            for row in rows.iter().filter(|row| row.text(column) == Some(sku)) {
                lens.stored(table, row);
            }
        }
    }
}

impl Replicated for Database {
    fn primary_and_replica(&self) -> (String, Option<String>) {
        let primary = self.primary.lock().clone();
        let mut others = self.members.iter().filter(|(node, _)| **node != primary);
        let standby = others.find(|(_, member)| {
            let running = member.running.lock();
            running
                .as_ref()
                .is_some_and(postgres::Server::is_in_recovery)
        });
        let standby = standby.map(|(node, _)| node.clone());
        (primary, standby)
    }

    fn promote(&self, machines: &Machines, network: &Network, node: &str) {
        let running = self.members[node].running.lock().clone();
        if let Some(server) = running {
            *self.primary.lock() = node.to_owned();
            machines.get(node).spawn(network, async move {
                // It is a replica, or somebody else has promoted it.
                let _promoted = server.promote().await;
            });
        }
    }

    fn rejoins(&self, node: &str) {
        *self.members[node].rejoins.lock() = true;
    }
}

/// Makes the shop's tables on an empty disk.
fn install(scenario: &Scenario, disk: &postgres::Disk, lens: &Lens) {
    let catalog = &scenario.catalog;
    let mut schema = format!(
        "{}{}",
        shop::schema(&shop_options(scenario, "shop-0")),
        shop::stock_sql(&catalog.sku, i64::from(catalog.units))
    );
    if catalog.others > 0 {
        schema += &shop::others_sql(catalog.others);
    }
    lens.closed(|| {
        let server = postgres::Server::start(disk, postgres::Options::default(), Arc::new(()));
        server.run_script(&schema)
    })
    .expect("the schema is the shop's own");
    disk.checkpoint();
}

fn options(scenario: &Scenario, node: &str) -> postgres::Options {
    let settings = &scenario.postgres;
    postgres::Options {
        planted: scenario.planted_in(),
        max_connections: settings.max_connections,
        cost: settings.cost.of_server(),
        sync_ns: settings.sync.ns(),
        synchronous_commit: settings.synchronous_commit,
        wal_writer_delay_ns: settings.wal_writer_delay.ns(),
        recovery_ns: settings.recovery.ns(),
        replay_ns: settings.replay.ns(),
        // Sessions of two servers are not to be taken for each other.
        last_pid: if node == PRIMARY { 1_001 } else { 2_000 },
        replication: replication(scenario, node),
        ..postgres::Options::default()
    }
}

fn replication(scenario: &Scenario, node: &str) -> postgres::Replication {
    let Some(replica) = &scenario.postgres.replica else {
        return postgres::Replication::default();
    };
    let other = if node == PRIMARY { REPLICA } else { PRIMARY };
    let synchronous = replica.synchronous.then(|| "*".to_owned());
    postgres::Replication {
        primary_conninfo: vec![format!("{other}:{PORT}")],
        cluster_name: node.replace('-', "_"),
        synchronous_standby_names: synchronous.into_iter().collect(),
        recovery_min_apply_delay_ns: replica.apply_delay.ns(),
        wal_receiver_status_interval_ns: 1_000_000_000,
        wal_receiver_timeout_ns: 5_000_000_000,
        wal_retrieve_retry_interval_ns: 100_000_000,
        ..postgres::Replication::default()
    }
}
