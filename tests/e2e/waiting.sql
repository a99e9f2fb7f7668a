-- Two jobs that wait, the older one for 100 seconds, one that runs and one that has ended.
INSERT INTO keys (name, role, hash, created_at) VALUES ('a', 'plain', '\x01', 0);
INSERT INTO generations (key_id, state, request, file_prefix, base_url, webhook, priority, cost, created_at)
SELECT 1, state, '{}', state || age, '', FALSE, 0, 1,
       ((extract(epoch FROM now()) - age) * 1000)::bigint
FROM (VALUES ('queued', 100), ('queued', 5), ('running', 400), ('succeeded', 900)) AS jobs (state, age);
