//! Machines: hosts of the network, with what boots on them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::net::{Death, Network, NodeId};
use crate::plan::NodeClock;

/// Starts a machine's program, each time it boots.
type Program = Box<dyn Fn(&Machine, &Network)>;

/// One host and the process on it.
pub(super) struct Machine {
    pub(super) host: NodeId,
    program: Program,
    up: Cell<bool>,
    /// Pauses overlap: it goes on when the last of them ends.
    pauses: Cell<u32>,
    /// Counts the processes that it had: a pause ends with the process that
    /// was paused.
    life: Cell<Life>,
    /// How its clocks drift by themselves.
    drift_ppm: Cell<i64>,
    strains: RefCell<Vec<Strain>>,
    /// How its last process ended.
    last_death: Cell<Option<Death>>,
}

/// What makes a machine go at another pace, as long as it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strain {
    /// Its work takes so many times as long.
    Slow(u32),
    /// Its clocks run so many parts per million faster.
    Drift(i64),
}

/// One process of a machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Life(u32);

impl Machine {
    /// How the process before this one ended; none if there was none.
    pub(super) fn last_death(&self) -> Option<Death> {
        self.last_death.get()
    }

    /// Runs `task` as the machine's current process.
    pub(super) fn spawn(&self, network: &Network, task: impl Future<Output = ()> + Send + 'static) {
        drop(network.spawn(self.host, task));
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
            program: Box::new(program),
            up: Cell::new(true),
            pauses: Cell::new(0),
            last_death: Cell::new(None),
            life: Cell::new(Life(0)),
            drift_ppm: Cell::new(0),
            strains: RefCell::default(),
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
            self.network.pause(machine.host);
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
            self.network.resume(machine.host);
        }
    }

    /// Takes the machine down; false if it is down already.
    pub(super) fn kill(&self, name: &str, death: Death) -> bool {
        let machine = self.get(name);
        if !machine.up.replace(false) {
            return false;
        }
        machine.last_death.set(Some(death));
        machine.pauses.set(0);
        machine.life.set(Life(machine.life.get().0 + 1));
        self.network.kill(machine.host, death);
        true
    }

    /// Starts the machine again, with nothing in its memory.
    pub(super) fn boot(&self, name: &str) {
        let machine = self.get(name);
        if machine.up.replace(true) {
            return;
        }
        self.network.boot(machine.host);
        (machine.program)(machine, &self.network);
    }

    /// Sets a machine's clocks, before it starts.
    pub(super) fn set_clock(&self, clock: &NodeClock) {
        let machine = self.get(&clock.node);
        machine.drift_ppm.set(clock.drift_ppm);
        self.network.jump_wall_clock(machine.host, clock.offset_ns);
        self.set_pace(machine);
    }

    /// Moves a machine's wall clock.
    pub(super) fn jump(&self, name: &str, by_ns: i64) {
        self.network.jump_wall_clock(self.get(name).host, by_ns);
    }

    /// Puts a strain on a machine, up or down. Strains add up.
    pub(super) fn strain(&self, name: &str, strain: Strain) {
        let machine = self.get(name);
        machine.strains.borrow_mut().push(strain);
        self.set_pace(machine);
    }

    /// Takes one such strain from a machine.
    pub(super) fn relieve(&self, name: &str, strain: Strain) {
        let machine = self.get(name);
        let mut strains = machine.strains.borrow_mut();
        if let Some(index) = strains.iter().position(|one| *one == strain) {
            strains.remove(index);
        }
        drop(strains);
        self.set_pace(machine);
    }

    fn set_pace(&self, machine: &Machine) {
        let (mut times, mut drift_ppm) = (1_u32, machine.drift_ppm.get());
        for strain in machine.strains.borrow().iter() {
            match strain {
                // The worst of them: work that has begun keeps its pace, and
                // that of a product would outlast the run.
                Strain::Slow(by) => times = times.max(*by),
                Strain::Drift(by) => drift_ppm = drift_ppm.saturating_add(*by),
            }
        }
        self.network.set_slowness(machine.host, times);
        self.network.set_drift(machine.host, drift_ppm);
    }

    /// Everything is up, and runs at its own pace.
    pub(super) fn heal(&self) {
        for (name, machine) in &self.machines {
            self.boot(name);
            if !machine.strains.take().is_empty() {
                self.set_pace(machine);
            }
            if machine.pauses.replace(0) > 0 {
                self.network.resume(machine.host);
            }
        }
    }
}
