//! Nothing that a process counts may be measured. tokio-postgres names its
//! statements from a counter of the whole process, so their names grow while
//! seeds are run: on a narrow link, with short buffers and cut reads, a byte
//! more would show.

use doublebuy::world::{Keep, run_seed};

use crate::gallery;

const NARROW: [&str; 7] = [
    "network.bandwidth=2Mbit/s",
    "network.queue=16KiB",
    "network.loss=0.5%",
    "network.duplicates=1%",
    "network.partial=20%",
    "network.send_buffer=2KiB",
    "network.receive_buffer=4KiB",
];

#[test]
fn the_names_of_statements_do_not_show_on_a_narrow_link() {
    for name in ["lost-update", "reference"] {
        let scenario = gallery(name, &NARROW);
        let digests = || {
            let run = |seed| run_seed(&scenario, seed, Keep::default());
            let outcomes = (0..10).map(run);
            let digests = outcomes.map(|outcome| outcome.digest().expect("it gets to its end"));
            digests.collect::<Vec<_>>()
        };
        let first = digests();
        // From s0 to beyond s1000.
        let others = gallery("reference", &NARROW);
        for seed in 0..40 {
            run_seed(&others, seed, Keep::default());
        }
        assert_eq!(first, digests(), "{name}");
    }
}
