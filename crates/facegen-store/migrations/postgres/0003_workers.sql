-- Whether the process of this worker lives: it holds a lock for as long as its connection is
-- there. The first number of the lock is that of workers, the second one that of the name.
CREATE FUNCTION worker_is_alive(worker TEXT) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND objsubid = 2
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND classid = 1717658470::oid
          AND objid = (hashtext(worker)::bigint & 4294967295)::oid
    )
$$;
