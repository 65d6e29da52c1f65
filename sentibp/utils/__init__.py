"""What has no better place: Arrow, threads, the cache, files, hashes."""
