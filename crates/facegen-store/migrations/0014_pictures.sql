-- What is known of each picture, as JSON with a version, in the place of the verdicts
-- of the safety checker alone. Null until the job has succeeded, and once it is erased.
ALTER TABLE generations ADD COLUMN pictures TEXT;

UPDATE generations
SET pictures = (
    SELECT json_object('version', 1, 'pictures', json_group_array(json_object(
        'seed', (json_extract(request, '$.seed') + place) % 4294967296,
        'safety', json_extract(verdicts, '$[' || place || ']')
    )))
    FROM (SELECT 0 AS place UNION ALL SELECT 1)
    WHERE place < json_extract(request, '$.samples')
)
WHERE state = 'succeeded' AND removed_at IS NULL AND json_valid(request);

ALTER TABLE generations DROP COLUMN verdicts;
