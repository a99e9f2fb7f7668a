//! The statements of the queue in SQLite.

/// The beginning of every statement that ends a job; triggers then delete its
/// photo and add its webhook.
macro_rules! end {
    ($rest:literal) => {
        concat!(
            "UPDATE generations SET state = ?, finished_at = ?, lease_until = NULL, ",
            $rest
        )
    };
}

/// Selects the jobs before a queued one: those of a higher priority, and those
/// with an earlier place in the queue of their key or an equal one and an
/// earlier turn.
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

/// Counts the queued jobs of all keys and of one, and returns its limit.
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

/// Finds and claims the next job, unless it must run alone. Only the first
/// queued job of each key is read; triggers update the turns of the keys. All
/// parameters have numbers, since sqlx counts those without apart.
pub(crate) const CLAIM: &str = "
    UPDATE generations
    SET state = 'running', attempt = attempt + 1, claimed_at = ?1, lease_until = ?2, claimed_by = ?3,
        in_engine = 0
    WHERE id = (
        SELECT next.id
        FROM keys JOIN generations AS next ON next.id = (
            SELECT id FROM generations
            WHERE state = 'queued' AND key_id = keys.id AND (face_url IS NULL OR ?4)
              AND NOT EXISTS (
                  SELECT 1 FROM job_presets JOIN nodes ON nodes.preset <> job_presets.preset
                  WHERE generation_id = generations.id AND nodes.id = ?3 AND nodes.role = 'worker'
              )
            ORDER BY priority DESC, id LIMIT 1
        )
        ORDER BY next.priority DESC, keys.last_served, next.id LIMIT 1
    )
      AND (crashes + kills = 0 OR ?5)
    RETURNING *";

/// Renews the lease of a job.
pub(crate) const HEARTBEAT: &str =
    "UPDATE generations SET lease_until = ? WHERE id = ? AND state = 'running' AND attempt = ?";

/// Records that the engine gets a job.
pub(crate) const ENTER: &str =
    "UPDATE generations SET in_engine = 1 WHERE id = ? AND state = 'running' AND attempt = ?";

/// Releases a job.
pub(crate) const RELEASE: &str = "
    UPDATE generations SET state = 'queued', claimed_at = NULL, lease_until = NULL
    WHERE id = ? AND state = 'running' AND attempt = ?";

/// Requeues a job whose engine failed for good or hangs, possibly because of
/// it, unless that has happened too often.
pub(super) const BREAK_DOWN: &str = "
    UPDATE generations
    SET state = 'queued', claimed_at = NULL, lease_until = NULL, in_engine = 0,
        crashes = crashes + 1
    WHERE id = ? AND state = 'running' AND attempt = ? AND 2 * (crashes + 1) + kills < 2 * ?";

/// Changes the request of a job, and its cost.
pub(crate) const FIT: &str = "
    UPDATE generations SET request = ?, cost = ?
    WHERE id = ? AND state = 'running' AND attempt = ?";

/// Records the warnings about a job's photo.
pub(super) const WARN: &str =
    "UPDATE generations SET warnings = ? WHERE id = ? AND state = 'running' AND attempt = ?";

/// Ends a job with images.
pub(crate) const FINISH: &str = end!(
    "generation_ms = ?, expires_at = ?, upload = ?, link_base = ?, warnings = ?, stages = ?, images = ?,
    engine = ?
    WHERE id = ? AND state = 'running' AND attempt = ?"
);

/// Ends a job without images.
pub(crate) const FAIL: &str = end!(
    "failure_code = ?, failure_message = ? WHERE id = ? AND state = 'running' AND attempt = ?"
);

/// Cancels a job for its owner.
pub(crate) const CANCEL: &str = end!(
    "failure_code = ?, failure_message = ? WHERE id = ? AND key_id = ? AND state IN ('queued', 'running')"
);

/// Cancels all queued jobs of one key or of all.
pub(crate) const CLEAR: &str = end!(
    "failure_code = ?, failure_message = ? WHERE state = 'queued' AND key_id = coalesce(?, key_id)
    RETURNING *"
);

/// Returns whether the engine of a dead worker had any job.
pub(crate) const HELD: &str = "
    SELECT EXISTS (
        SELECT 1 FROM generations WHERE state = 'running' AND in_engine AND claimed_by = ?
    )";

/// Updates the rows of the dead worker `?2`, or without one those whose leases
/// have expired by now, `?1`. A death adds to the counts of a row: `?3` says
/// that it came from inside, `?4` that its cause is unknown, and `?5` that the
/// engine had nothing, so that all are suspect.
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

/// Requeues jobs that may be tried again; the rest is left to
/// [`FAIL_EXHAUSTED`]. A death that may have come from outside counts half.
pub(crate) const RECLAIM: &str = dead!(
    "state = 'queued', claimed_at = NULL",
    " AND 2 * (crashes + (?3 AND (in_engine OR ?5))) + kills + (?4 AND in_engine) < 2 * ?6"
);

/// Fails jobs with too many crashes.
pub(crate) const FAIL_EXHAUSTED: &str = dead!(
    "state = 'failed', finished_at = ?1, failure_code = ?6,
    failure_message = 'the work on this request broke down '
        || (crashes + (?3 AND (in_engine OR ?5)) + kills + (?4 AND in_engine)) || ' times'",
    ""
);

/// Sums the cost of the jobs before a queued job.
pub(crate) const BEFORE: &str = before!("coalesce(sum(other.cost), 0)");

/// Sums the cost of all queued jobs.
pub(crate) const BACKLOG: &str =
    "SELECT coalesce(sum(cost), 0) FROM generations WHERE state = 'queued'";

/// Counts the jobs before a queued job.
pub(crate) const POSITION: &str = before!("count(*)");

/// Erases an ended job except for its id and state. The URL of its webhook
/// stays until that is delivered; then a trigger removes it.
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

/// Selects the costs and times of the latest successes.
pub(crate) const TIMES: &str = "
    SELECT cost, generation_ms FROM generations
    WHERE state = 'succeeded' AND finished_at IS NOT NULL
    ORDER BY finished_at DESC, id DESC LIMIT ?";
