"""Counters, heartbeats, shard conditions, outages and log helpers."""
