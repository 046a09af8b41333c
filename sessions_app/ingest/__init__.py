"""The collector: from the platform's streams and Pub/Sub to blocks of events per shard and tick."""
