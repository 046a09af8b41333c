"""The state of a shard and its update by one tick; pure functions of arrays."""
