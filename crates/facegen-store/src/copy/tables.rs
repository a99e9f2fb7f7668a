//! What is copied: every table that lasts, with its columns.

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole number, or nothing.
    Int,
    /// A flag.
    Flag,
    /// A text, or nothing.
    Text,
    /// Bytes.
    Bytes,
}

use Kind::{Bytes, Flag, Int, Text};

/// A table, and its columns by their names in both databases.
#[derive(Debug)]
pub(super) struct Table {
    /// Its name in PostgreSQL.
    pub(super) name: &'static str,
    /// Its name in SQLite.
    pub(super) source: &'static str,
    /// The number by which its rows are in order; no two rows have the same.
    pub(super) key: &'static str,
    /// How many rows are read and written at once.
    pub(super) batch: i64,
    /// The sequence that numbers its rows, by an expression of PostgreSQL.
    pub(super) sequence: Option<&'static str>,
    pub(super) columns: &'static [(&'static str, Kind)],
}

/// How many rows are read at once, unless they are large.
const BATCH: i64 = 500;

/// How many photos are read at once, of up to 10 MB by default.
const PHOTOS: i64 = 4;

/// All tables, each after those that its rows refer to. Missing are requests of the
/// last minute, which SQLite does not hold, what is written as a probe, and the processes that
/// work on a database with what they agree on.
pub(super) const TABLES: [Table; 8] = [
    Table {
        name: "keys",
        source: "keys",
        key: "id",
        batch: BATCH,
        sequence: Some("pg_get_serial_sequence('keys', 'id')"),
        columns: &[
            ("id", Int),
            ("name", Text),
            ("role", Text),
            ("hash", Bytes),
            ("created_at", Int),
            ("revoked_at", Int),
            ("requests_per_minute", Int),
            ("queue_share", Int),
            ("last_served", Int),
            ("delivery_turn", Int),
        ],
    },
    Table {
        name: "generations",
        source: "generations",
        key: "id",
        batch: BATCH,
        // That of uploads too.
        sequence: Some("'numbers'"),
        columns: &[
            ("id", Int),
            ("key_id", Int),
            ("state", Text),
            ("request", Text),
            ("face_url", Text),
            ("file_prefix", Text),
            ("base_url", Text),
            ("webhook", Flag),
            ("receiver", Text),
            ("priority", Int),
            ("cost", Int),
            ("attempt", Int),
            ("crashes", Int),
            ("kills", Int),
            ("in_engine", Flag),
            ("claimed_by", Text),
            ("claimed_at", Int),
            ("lease_until", Int),
            ("created_at", Int),
            ("finished_at", Int),
            ("generation_ms", Int),
            ("failure_code", Text),
            ("failure_message", Text),
            ("warnings", Text),
            ("expires_at", Int),
            ("images_deleted_at", Int),
            ("link_base", Text),
            ("upload", Flag),
            ("stages", Text),
            ("images", Text),
            ("engine", Text),
            ("erased_at", Int),
        ],
    },
    Table {
        name: "job_presets",
        source: "job_presets",
        key: "generation_id",
        batch: BATCH,
        sequence: None,
        columns: &[("generation_id", Int), ("preset", Text)],
    },
    Table {
        name: "photos",
        source: "inputs",
        key: "generation_id",
        batch: PHOTOS,
        sequence: None,
        columns: &[("generation_id", Int), ("image", Bytes)],
    },
    Table {
        name: "deliveries",
        source: "deliveries",
        key: "id",
        batch: BATCH,
        sequence: Some("pg_get_serial_sequence('deliveries', 'id')"),
        columns: &[
            ("id", Int),
            ("name", Text),
            ("generation_id", Int),
            ("key_id", Int),
            ("receiver", Text),
            ("kind", Text),
            ("state", Text),
            ("attempt", Int),
            ("attempts_before", Int),
            ("claimed_by", Text),
            ("run_at", Int),
            ("lease_until", Int),
            ("last_error", Text),
            ("body", Text),
            ("created_at", Int),
            ("finished_at", Int),
        ],
    },
    Table {
        name: "key_buckets",
        source: "key_buckets",
        key: "key_id",
        batch: BATCH,
        sequence: None,
        columns: &[
            ("key_id", Int),
            ("endpoint_url", Text),
            ("region", Text),
            ("image_directory", Text),
            ("public_url", Text),
            ("access_key_id", Bytes),
            ("secret_access_key", Bytes),
            ("set_at", Int),
        ],
    },
    Table {
        name: "idempotency",
        source: "idempotency",
        // Its own key is a text, which the databases order differently.
        key: "generation_id",
        batch: BATCH,
        sequence: None,
        columns: &[
            ("generation_id", Int),
            ("key_id", Int),
            ("name", Text),
            ("digest", Bytes),
            ("created_at", Int),
        ],
    },
    Table {
        name: "uploads",
        source: "uploads",
        key: "id",
        batch: BATCH,
        sequence: None,
        columns: &[
            ("id", Int),
            ("key_id", Int),
            ("file_prefix", Text),
            ("bytes", Int),
            ("created_at", Int),
            ("expires_at", Int),
        ],
    },
];

impl Table {
    /// Returns the names of its columns, as a list in a statement.
    pub(super) fn list(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }
}
