//! A small world for network tests: two hosts and a virtual time limit.

use std::future::Future;
use std::time::Duration;

use doublebuy::net::{Network, NodeId, Options};
use doublebuy::rt;
use madsim::runtime::{Handle, NodeHandle, Runtime};

/// One simulated host.
pub struct Host {
    pub id: NodeId,
    pub node: NodeHandle,
    pub network: Network,
}

impl Host {
    pub fn spawn<F>(&self, future: F) -> madsim::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.node.spawn(self.network.run_on(self.id, future))
    }
}

/// Runs `test` in a fresh simulation with the hosts "a" and "b".
pub fn simulate<F, T>(seed: u64, test: impl FnOnce(Network, Host, Host) -> F + Send + 'static) -> T
where
    F: Future<Output = T> + 'static,
    T: Send + 'static,
{
    let options = Options {
        seed,
        ..Options::default()
    };
    simulate_with(options, test)
}

/// As [`simulate`], over a network with these options.
pub fn simulate_with<F, T>(
    options: Options,
    test: impl FnOnce(Network, Host, Host) -> F + Send + 'static,
) -> T
where
    F: Future<Output = T> + 'static,
    T: Send + 'static,
{
    std::thread::Builder::new()
        .stack_size(16 << 20)
        .spawn(move || {
            let runtime = Runtime::with_seed_and_config(options.seed, Default::default());
            runtime.block_on(async move {
                let running = Network::start(options);
                let network = running.network().clone();
                let host = |name: &str| Host {
                    id: network.add_node(name),
                    node: Handle::current().create_node().name(name).build(),
                    network: network.clone(),
                };
                let (a, b) = (host("a"), host("b"));
                let supervisor = network.add_node("supervisor");
                let test = test(network.clone(), a, b);
                let output = network
                    .run_on(supervisor, rt::timeout(Duration::from_secs(3600), test))
                    .await;
                running.stop();
                output.expect("the test ends within an hour of virtual time")
            })
        })
        .expect("a thread")
        .join()
        .expect("the simulation does not panic")
}
