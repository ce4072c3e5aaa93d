//! A real PostgreSQL 15, where this machine has one.
