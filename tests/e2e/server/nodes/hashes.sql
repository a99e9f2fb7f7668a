SELECT count(hash) FROM keys
