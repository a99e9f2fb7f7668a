//! The statements of the queue in PostgreSQL.

/// What every statement that ends a job begins with; triggers then delete its
/// photo and add its webhook.
macro_rules! end {
    ($rest:literal) => {
        concat!(
            "UPDATE generations SET state = $1, finished_at = $2, lease_until = NULL, ",
            $rest
        )
    };
}

/// What comes before a job that waits. In the line of its key it has a place; each other key has its
/// turn with as many jobs before it. Of each key only that many are read: numbering all that wait,
/// and comparing each of them with all, takes minutes where 100,000 do.
macro_rules! before {
    ($what:literal) => {
        concat!(
            "WITH own AS MATERIALIZED (
                SELECT waiting.id, priority, last_served, (
                    SELECT count(*) FROM generations AS earlier
                    WHERE earlier.state = 'queued' AND earlier.key_id = waiting.key_id
                      AND earlier.priority = waiting.priority AND earlier.id <= waiting.id
                ) AS place
                FROM generations AS waiting JOIN keys ON keys.id = key_id
                WHERE waiting.id = $1 AND state = 'queued'
            )
            SELECT ",
            $what,
            " FROM own CROSS JOIN keys CROSS JOIN LATERAL (
                SELECT id, cost, 0 AS place FROM generations
                WHERE state = 'queued' AND key_id = keys.id AND priority > own.priority
                UNION ALL
                (SELECT id, cost, row_number() OVER (ORDER BY id) FROM generations
                 WHERE state = 'queued' AND key_id = keys.id AND priority = own.priority
                 ORDER BY id LIMIT own.place)
            ) AS other
            WHERE (other.place, keys.last_served, other.id) < (own.place, own.last_served, own.id)"
        )
    };
}

/// How many jobs wait, of all keys and of this one, and how many of its may.
pub(super) const WAITING: &str = "
    SELECT (SELECT count(*) FROM generations WHERE state = 'queued') AS waiting,
           (SELECT count(*) FROM generations WHERE state = 'queued' AND key_id = keys.id) AS own,
           coalesce(queue_share, $1) AS share
    FROM keys WHERE id = $2";

/// Adds a job, under the number that was taken before, if one was.
pub(super) const INSERT: &str = "
    INSERT INTO generations
        (id, key_id, state, request, face_url, file_prefix, base_url, webhook, receiver, priority, cost,
         created_at)
    VALUES (coalesce($11, nextval('numbers')), $1, 'queued', $2, $3, $4, $5, $6, $7, $8, $9, $10)
    RETURNING *";

/// Finds the next job and makes it the caller's, unless it must run alone. Of each key the first
/// that waits is looked at; triggers keep when each key was served. They are in order before their
/// rows are read, so that one row is read and not that of every key. A job that ends at this
/// moment is not waited for.
pub(crate) const CLAIM: &str = "
    UPDATE generations
    SET state = 'running', attempt = attempt + 1, claimed_at = $1, lease_until = $2, claimed_by = $3,
        in_engine = FALSE
    WHERE id = (
        SELECT next.id
        FROM (
            SELECT head.id, priority, last_served
            FROM keys
            CROSS JOIN LATERAL (
                SELECT id, priority FROM generations
                WHERE state = 'queued' AND key_id = keys.id AND (face_url IS NULL OR $4)
                  AND NOT EXISTS (
                      SELECT 1 FROM job_presets JOIN nodes ON nodes.preset <> job_presets.preset
                      WHERE generation_id = generations.id AND nodes.id = $3 AND nodes.role = 'worker'
                  )
                ORDER BY priority DESC, id LIMIT 1
            ) AS head
            ORDER BY priority DESC, last_served, head.id
        ) AS head
        JOIN generations AS next ON next.id = head.id
        WHERE next.state = 'queued'
        ORDER BY head.priority DESC, head.last_served, head.id LIMIT 1
        FOR NO KEY UPDATE OF next SKIP LOCKED
    )
      AND state = 'queued' AND (crashes + kills = 0 OR $5)
    RETURNING *";

/// Keeps a job.
pub(super) const HEARTBEAT: &str =
    "UPDATE generations SET lease_until = $3 WHERE id = $1 AND state = 'running' AND attempt = $2";

/// Notes that the engine gets a job.
pub(super) const ENTER: &str =
    "UPDATE generations SET in_engine = TRUE WHERE id = $1 AND state = 'running' AND attempt = $2";

/// Gives a job back.
pub(super) const RELEASE: &str = "
    UPDATE generations SET state = 'queued', claimed_at = NULL, lease_until = NULL
    WHERE id = $1 AND state = 'running' AND attempt = $2";

/// Gives a job back whose engine is gone for good or hangs, maybe because of it,
/// unless that has happened to it too often.
pub(super) const BREAK_DOWN: &str = "
    UPDATE generations
    SET state = 'queued', claimed_at = NULL, lease_until = NULL, in_engine = FALSE,
        crashes = crashes + 1
    WHERE id = $1 AND state = 'running' AND attempt = $2 AND 2 * (crashes + 1) + kills < 2 * $3";

/// Changes what a job asks for, and with it its cost.
pub(super) const FIT: &str = "
    UPDATE generations SET request = $3, cost = $4
    WHERE id = $1 AND state = 'running' AND attempt = $2";

/// Notes what its caller should know of a job's photo.
pub(super) const WARN: &str =
    "UPDATE generations SET warnings = $3 WHERE id = $1 AND state = 'running' AND attempt = $2";

/// Ends a job with images.
pub(super) const FINISH: &str = end!(
    "generation_ms = $3, expires_at = $4, upload = $5, link_base = $6, warnings = $7, stages = $8,
    images = $9, engine = $10
    WHERE id = $11 AND state = 'running' AND attempt = $12"
);

/// Ends a job without.
pub(super) const FAIL: &str = end!(
    "failure_code = $3, failure_message = $4 WHERE id = $5 AND state = 'running' AND attempt = $6"
);

/// Ends a job for its owner.
pub(super) const CANCEL: &str = end!(
    "failure_code = $3, failure_message = $4
    WHERE id = $5 AND key_id = $6 AND state IN ('queued', 'running')"
);

/// Ends all jobs that wait, those of one key or of all. Their rows are locked in one order, so
/// that two of these statements never wait for each other.
pub(super) const CLEAR: &str = end!(
    "failure_code = $3, failure_message = $4
    WHERE id IN (
        SELECT id FROM generations WHERE state = 'queued' AND ($5 IS NULL OR key_id = $5)
        ORDER BY id FOR NO KEY UPDATE
    )
      AND state = 'queued'
    RETURNING *"
);

/// Whether the engine of a worker that died had any job.
pub(super) const HELD: &str = "
    SELECT EXISTS (
        SELECT 1 FROM generations WHERE state = 'running' AND in_engine AND claimed_by = $1
    )";

/// What a death adds to a row: `$3` says that it came from inside, `$4` that nothing is known of
/// it, and `$5` that the engine had nothing, so that all are suspect. Of a process whose lease has
/// run out nothing more is known than whether it is still there.
macro_rules! crashes {
    () => {
        "(crashes + ($3 AND (in_engine OR $5))::int)"
    };
}

macro_rules! kills {
    () => {
        "(kills + (in_engine AND CASE WHEN $2 IS NULL THEN NOT worker_is_alive(claimed_by) ELSE $4 END)::int)"
    };
}

/// The rows of the worker `$2` that died, or without one those whose leases have run out by now,
/// `$1`, as far as they died too often, `$6`, or not.
macro_rules! dead {
    ($beginning:expr, $too_often:literal) => {
        concat!(
            "UPDATE generations
            SET crashes = ",
            crashes!(),
            ", kills = ",
            kills!(),
            ", in_engine = FALSE, lease_until = NULL, ",
            $beginning,
            " WHERE state = 'running'
              AND CASE WHEN $2 IS NULL THEN lease_until < $1 ELSE claimed_by = $2 END
              AND (2 * ",
            crashes!(),
            " + ",
            kills!(),
            " >= 2 * $6) = ",
            $too_often,
            " RETURNING id"
        )
    };
}

/// Takes jobs back that may be tried again. A death that may have come from outside weighs half.
pub(super) const RECLAIM: &str = dead!("state = 'queued', claimed_at = NULL", "FALSE");

/// Ends jobs whose workers died too often.
pub(super) const FAIL_EXHAUSTED: &str = dead!(
    concat!(
        "state = 'failed', finished_at = $1, failure_code = $7,
        failure_message = 'the work on this request broke down ' || ",
        crashes!(),
        " + ",
        kills!(),
        " || ' times'"
    ),
    "TRUE"
);

/// The cost of what waits before a job that waits.
pub(super) const BEFORE: &str = before!("coalesce(sum(other.cost), 0)::bigint");

/// The cost of all that waits.
pub(super) const BACKLOG: &str =
    "SELECT coalesce(sum(cost), 0)::bigint FROM generations WHERE state = 'queued'";

/// How many jobs come before one that waits.
pub(super) const POSITION: &str = before!("count(*)");

/// What the latest successes took.
pub(super) const TIMES: &str = "
    SELECT cost, generation_ms FROM generations
    WHERE state = 'succeeded' AND finished_at IS NOT NULL
    ORDER BY finished_at DESC, id DESC LIMIT $1";
