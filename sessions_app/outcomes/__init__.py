"""What a tick leads to: parts that are made by scoring, kept in the outbox, and delivered."""
