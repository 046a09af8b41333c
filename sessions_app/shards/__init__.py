"""One shard: loading, reading a tick, committing, recovery and repair."""
