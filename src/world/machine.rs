//! Machines: a node of the executor and a host of the network, kept in step.

use std::cell::Cell;
use std::collections::BTreeMap;

use madsim::runtime::{Handle, NodeHandle};

use crate::net::{Death, Network, NodeId};

/// Starts a machine's program, each time it boots.
type Program = Box<dyn Fn(&Machine, &Network)>;

/// One host and the process on it.
pub(super) struct Machine {
    pub(super) host: NodeId,
    node: madsim::task::NodeId,
    program: Program,
    up: Cell<bool>,
    /// Pauses overlap: it goes on when the last of them ends.
    pauses: Cell<u32>,
    /// Counts the processes that it had: a pause ends with the process that
    /// was paused.
    life: Cell<Life>,
}

/// One process of a machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Life(u32);

impl Machine {
    /// Runs `task` as the machine's current process.
    pub(super) fn spawn(&self, network: &Network, task: impl Future<Output = ()> + Send + 'static) {
        let node: NodeHandle = Handle::current()
            .get_node(self.node)
            .expect("a node that was built");
        node.spawn(network.run_on(self.host, task));
    }
}

/// Every machine of a world, by name.
pub(super) struct Machines {
    network: Network,
    machines: BTreeMap<String, Machine>,
}

impl Machines {
    pub(super) fn new(network: &Network) -> Machines {
        Machines {
            network: network.clone(),
            machines: BTreeMap::new(),
        }
    }

    /// Adds a machine and boots it.
    pub(super) fn add(&mut self, name: &str, program: impl Fn(&Machine, &Network) + 'static) {
        let machine = Machine {
            host: self.network.add_node(name),
            node: Handle::current().create_node().name(name).build().id(),
            program: Box::new(program),
            up: Cell::new(true),
            pauses: Cell::new(0),
            life: Cell::new(Life(0)),
        };
        (machine.program)(&machine, &self.network);
        self.machines.insert(name.to_owned(), machine);
    }

    pub(super) fn get(&self, name: &str) -> &Machine {
        self.machines
            .get(name)
            .expect("names are checked when a scenario is read")
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.machines.keys()
    }

    /// Every machine's name and host.
    pub(super) fn hosts(&self) -> impl Iterator<Item = (&str, NodeId)> {
        let machines = self.machines.iter();
        machines.map(|(name, machine)| (name.as_str(), machine.host))
    }

    /// Stops the process where it stands, and says which; None if the
    /// machine is down.
    pub(super) fn pause(&self, name: &str) -> Option<Life> {
        let machine = self.get(name);
        machine.up.get().then(|| {
            machine.pauses.set(machine.pauses.get() + 1);
            Handle::current().pause(machine.node);
            machine.life.get()
        })
    }

    /// Ends one pause of that process, if it still lives.
    pub(super) fn resume(&self, name: &str, life: Life) {
        let machine = self.get(name);
        if machine.life.get() != life {
            return;
        }
        machine.pauses.set(machine.pauses.get() - 1);
        if machine.pauses.get() == 0 {
            Handle::current().resume(machine.node);
        }
    }

    /// Takes the machine down; false if it is down already.
    pub(super) fn kill(&self, name: &str, death: Death) -> bool {
        let machine = self.get(name);
        if !machine.up.replace(false) {
            return false;
        }
        machine.pauses.set(0);
        machine.life.set(Life(machine.life.get().0 + 1));
        self.network.kill(machine.host, death);
        Handle::current().kill(machine.node);
        true
    }

    /// Starts the machine again, with nothing in its memory.
    pub(super) fn boot(&self, name: &str) {
        let machine = self.get(name);
        if machine.up.replace(true) {
            return;
        }
        Handle::current().restart(machine.node);
        self.network.boot(machine.host);
        (machine.program)(machine, &self.network);
    }

    /// Everything is up and runs.
    pub(super) fn heal(&self) {
        for (name, machine) in &self.machines {
            self.boot(name);
            if machine.pauses.replace(0) > 0 {
                Handle::current().resume(machine.node);
            }
        }
    }

    /// Ends every process: what runs when a runtime is dropped is leaked.
    pub(super) fn shut_down(&self) {
        for machine in self.machines.values() {
            self.network.kill(machine.host, Death::Host);
            Handle::current().kill(machine.node);
        }
    }
}
