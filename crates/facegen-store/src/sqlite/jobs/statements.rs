//! The statements of the queue in SQLite.

/// What every statement that ends a job begins with; triggers then delete its
/// photo and add its webhook.
macro_rules! end {
    ($rest:literal) => {
        concat!(
            "UPDATE generations SET state = ?, finished_at = ?, lease_until = NULL, ",
            $rest
        )
    };
}

/// What comes before a job that waits. In the line of its key it has a place; each other key has its
/// turn with as many jobs before it.
macro_rules! before {
    ($what:literal) => {
        concat!(
            "WITH line AS (
                SELECT generations.id, priority, cost, last_served,
                       row_number() OVER (PARTITION BY key_id, priority ORDER BY generations.id) AS place
                FROM generations JOIN keys ON keys.id = key_id WHERE state = 'queued'
            )
            SELECT ",
            $what,
            " FROM line AS other, line AS own
            WHERE own.id = ?
              AND (other.priority > own.priority
                   OR (other.priority = own.priority
                       AND (other.place, other.last_served, other.id) < (own.place, own.last_served, own.id)))"
        )
    };
}

/// How many jobs wait, of all keys and of this one, and how many of its may.
pub(crate) const WAITING: &str = "
    SELECT (SELECT count(*) FROM generations WHERE state = 'queued'),
           (SELECT count(*) FROM generations WHERE state = 'queued' AND key_id = keys.id),
           coalesce(queue_share, ?)
    FROM keys WHERE id = ?";

/// Adds a job.
pub(crate) const INSERT: &str = "
    INSERT INTO generations
        (key_id, state, request, face_url, file_prefix, base_url, webhook, receiver, priority, cost, created_at)
    VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?)
    RETURNING *";

/// Finds the next job and makes it the caller's, unless it must not be beside another. Of each key
/// the first that waits is looked at; triggers count the turns of the keys.
pub(crate) const CLAIM: &str = "
    UPDATE generations
    SET state = 'running', attempt = attempt + 1, claimed_at = ?, lease_until = ?, claimed_by = ?,
        in_engine = 0
    WHERE id = (
        SELECT next.id
        FROM keys JOIN generations AS next ON next.id = (
            SELECT id FROM generations
            WHERE state = 'queued' AND key_id = keys.id AND (face_url IS NULL OR ?)
            ORDER BY priority DESC, id LIMIT 1
        )
        ORDER BY next.priority DESC, keys.last_served, next.id LIMIT 1
    )
      AND (crashes + kills = 0 OR ?)
    RETURNING *";

/// Keeps a job.
pub(crate) const HEARTBEAT: &str =
    "UPDATE generations SET lease_until = ? WHERE id = ? AND state = 'running' AND attempt = ?";

/// Notes that the engine gets a job.
pub(crate) const ENTER: &str =
    "UPDATE generations SET in_engine = 1 WHERE id = ? AND state = 'running' AND attempt = ?";

/// Gives a job back.
pub(crate) const RELEASE: &str = "
    UPDATE generations SET state = 'queued', claimed_at = NULL, lease_until = NULL
    WHERE id = ? AND state = 'running' AND attempt = ?";

/// Gives a job back whose engine is gone for good or hangs, maybe because of it,
/// unless that has happened to it too often.
pub(super) const BREAK_DOWN: &str = "
    UPDATE generations
    SET state = 'queued', claimed_at = NULL, lease_until = NULL, in_engine = 0,
        crashes = crashes + 1
    WHERE id = ? AND state = 'running' AND attempt = ? AND 2 * (crashes + 1) + kills < 2 * ?";

/// Changes what a job asks for, and with it its cost.
pub(crate) const FIT: &str = "
    UPDATE generations SET request = ?, cost = ?
    WHERE id = ? AND state = 'running' AND attempt = ?";

/// Notes what its caller should know of a job's photo.
pub(super) const WARN: &str =
    "UPDATE generations SET warnings = ? WHERE id = ? AND state = 'running' AND attempt = ?";

/// Ends a job with images.
pub(crate) const FINISH: &str = end!(
    "generation_ms = ?, expires_at = ?, upload = ?, link_base = ?, warnings = ?, stages = ?, images = ?,
    engine = ?
    WHERE id = ? AND state = 'running' AND attempt = ?"
);

/// Ends a job without.
pub(crate) const FAIL: &str = end!(
    "failure_code = ?, failure_message = ? WHERE id = ? AND state = 'running' AND attempt = ?"
);

/// Ends a job for its owner.
pub(crate) const CANCEL: &str = end!(
    "failure_code = ?, failure_message = ? WHERE id = ? AND key_id = ? AND state IN ('queued', 'running')"
);

/// Ends all jobs that wait, those of one key or of all.
pub(crate) const CLEAR: &str = end!(
    "failure_code = ?, failure_message = ? WHERE state = 'queued' AND key_id = coalesce(?, key_id)
    RETURNING *"
);

/// Whether the engine of a worker that died had any job.
pub(crate) const HELD: &str = "
    SELECT EXISTS (
        SELECT 1 FROM generations WHERE state = 'running' AND in_engine AND claimed_by = ?
    )";

/// The rows of the worker `?2` that died, or without one those whose leases have run
/// out by now, `?1`. What each death adds to a row: `?3` says that it came from inside, `?4` that nothing
/// is known of it, and `?5` that the engine had nothing, so that all are suspect.
macro_rules! dead {
    ($beginning:literal, $end:literal) => {
        concat!(
            "UPDATE generations
            SET crashes = crashes + (?3 AND (in_engine OR ?5)), kills = kills + (?4 AND in_engine),
                in_engine = 0, lease_until = NULL, ",
            $beginning,
            " WHERE state = 'running' AND CASE WHEN ?2 IS NULL THEN lease_until < ?1 ELSE claimed_by = ?2 END",
            $end,
            " RETURNING id"
        )
    };
}

/// Takes jobs back that may be tried again; the rest is left to [`BURY`]. A death
/// that may have come from outside weighs half.
pub(crate) const RECLAIM: &str = dead!(
    "state = 'queued', claimed_at = NULL",
    " AND 2 * (crashes + (?3 AND (in_engine OR ?5))) + kills + (?4 AND in_engine) < 2 * ?6"
);

/// Ends jobs whose workers died too often.
pub(crate) const FAIL_EXHAUSTED: &str = dead!(
    "state = 'failed', finished_at = ?1, failure_code = ?6,
    failure_message = 'the work on this request broke down '
        || (crashes + (?3 AND (in_engine OR ?5)) + kills + (?4 AND in_engine)) || ' times'",
    ""
);

/// The cost of what waits before a job that waits.
pub(crate) const BEFORE: &str = before!("coalesce(sum(other.cost), 0)");

/// The cost of all that waits.
pub(crate) const BACKLOG: &str =
    "SELECT coalesce(sum(cost), 0) FROM generations WHERE state = 'queued'";

/// How many jobs come before one that waits.
pub(crate) const POSITION: &str = before!("count(*)");

/// Leaves of an ended job that there was one, and where it stood. The webhook
/// stays while it has to be told of the end; a trigger takes it then.
pub(crate) const ERASE: &str = "
    UPDATE generations
    SET erased_at = coalesce(erased_at, ?), expires_at = min(expires_at, ?), face_url = NULL,
        base_url = '', warnings = '[]', images = NULL,
        request = json_set(request, '$.prompt', 'erased', '$.negative_prompt', NULL, '$.seed', 0,
            '$.track_id', NULL, '$.warnings', json('[]'), '$.webhook',
            iif(EXISTS (SELECT 1 FROM deliveries
                        WHERE generation_id = generations.id AND kind = 'webhook'
                          AND state IN ('queued', 'running')),
                json_extract(request, '$.webhook'), NULL))
    WHERE id = ? AND key_id = ? AND state NOT IN ('queued', 'running')";

/// What the latest successes took.
pub(crate) const TIMES: &str = "
    SELECT cost, generation_ms FROM generations
    WHERE state = 'succeeded' AND finished_at IS NOT NULL
    ORDER BY finished_at DESC, id DESC LIMIT ?";
