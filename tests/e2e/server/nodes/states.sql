SELECT string_agg(DISTINCT state, ' ') FROM generations
