"""Platform events: decoding, identities, blocks and merging; pure."""
