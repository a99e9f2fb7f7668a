SELECT count(*) FILTER (WHERE state NOT IN ('queued', 'running')) || ' ' ||
       coalesce(max(extract(epoch FROM clock_timestamp()) * 1000 - lease_until)
                FILTER (WHERE state = 'running'), 0)::bigint
FROM generations
