"""Training on shards: the data in fixed pieces, each worked on by itself, on this machine or on others."""
