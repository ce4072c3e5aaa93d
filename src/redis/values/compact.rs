//! Up to where values keep Redis's compact encodings.

/// What `hash-max-listpack-entries` and its kin say. A value that has once
/// been larger stays what it became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redis) struct Compact {
    /// `hash-max-listpack-entries`
    pub(in crate::redis) hash_fields: usize,
    /// `hash-max-listpack-value`, in bytes.
    pub(in crate::redis) hash_bytes: usize,
    /// `set-max-intset-entries`
    pub(in crate::redis) set_integers: usize,
    /// `zset-max-listpack-entries`
    pub(in crate::redis) sorted_set_members: usize,
    /// `zset-max-listpack-value`, in bytes.
    pub(in crate::redis) sorted_set_bytes: usize,
}

impl Default for Compact {
    fn default() -> Compact {
        Compact {
            hash_fields: 512,
            hash_bytes: 64,
            set_integers: 512,
            sorted_set_members: 128,
            sorted_set_bytes: 64,
        }
    }
}
