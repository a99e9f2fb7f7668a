SELECT id || ' ' || finished_at FROM generations WHERE finished_at IS NOT NULL
