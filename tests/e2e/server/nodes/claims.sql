SELECT id || ' ' || claimed_by FROM generations
