CREATE ROLE facegen_owner LOGIN;
CREATE ROLE facegen_api LOGIN;
CREATE ROLE facegen_worker LOGIN;
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I OWNER TO facegen_owner', current_database());
END $$;
