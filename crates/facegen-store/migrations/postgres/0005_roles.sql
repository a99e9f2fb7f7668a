-- What a job's end and its turn bring about is written with the rights of the owner of the tables:
-- a node that only makes images needs no right to delete photos, to add webhooks or to change keys.
-- These functions find no other tables, and nobody else can call them by a trigger of their own.
DO $$
DECLARE
    called TEXT;
BEGIN
    FOREACH called IN ARRAY ARRAY['generations_end', 'generations_turn', 'generations_turn_back']
    LOOP
        EXECUTE format(
            'ALTER FUNCTION %I() SECURITY DEFINER SET search_path = %I, pg_temp', called, current_schema()
        );
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %I() FROM PUBLIC', called);
    END LOOP;
END $$;
