//! Where a real server runs: in a folder of its own, on a port that it has.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use doublebuy::rt;

/// Ports that nobody gets who asks the kernel for any, as those do who connect.
const PORTS: std::ops::Range<u64> = 10_000..32_768;
/// Ports to try: one that is free may be taken when the server wants it.
const TRIES: usize = 20;

/// A folder of the test's own, removed when dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(what: &str) -> Folder {
        let name = format!("doublebuy-{what}-{:016x}", rt::random_u64());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a temporary folder");
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Starts a server on one free port after the other, until it does not end
/// because the port was taken meanwhile.
pub fn on_a_free_port<T>(start: impl FnMut(u16) -> Option<T>) -> T {
    let any = |_| PORTS.start + rt::random_u64() % (PORTS.end - PORTS.start);
    let ports = (0..).map(any).map(|port| u16::try_from(port).unwrap());
    let free = ports.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let mut started = free.take(TRIES).filter_map(start);
    started.next().expect("a port that stays free")
}

/// Waits until a server says that it is up; false if it has ended.
#[expect(clippy::disallowed_methods, reason = "another process takes real time")]
pub fn comes_up(process: &mut Child, is_up: impl Fn() -> bool) -> bool {
    while process.try_wait().expect("a child").is_none() {
        if is_up() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}
