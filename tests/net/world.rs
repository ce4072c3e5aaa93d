//! A small world for network tests: two hosts and a virtual time limit.

use std::future::Future;
use std::time::Duration;

use doublebuy::net::{self, JoinHandle, Network, NodeId, Options};
use doublebuy::rt;

/// One simulated host.
pub struct Host {
    pub id: NodeId,
    pub network: Network,
}

impl Host {
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.network.spawn(self.id, future)
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
            net::simulate(options, |network| async move {
                let host = |name: &str| Host {
                    id: network.add_node(name),
                    network: network.clone(),
                };
                let (a, b) = (host("a"), host("b"));
                let test = test(network.clone(), a, b);
                let output = rt::timeout(Duration::from_secs(3600), test).await;
                output.expect("the test ends within an hour of virtual time")
            })
        })
        .expect("a thread")
        .join()
        .expect("the simulation does not panic")
}
