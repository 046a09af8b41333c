"""A tick, from planning to the delivery of its results."""
