"""The detector of one shard, and its part of a tick."""
