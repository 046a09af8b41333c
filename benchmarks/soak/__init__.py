"""A long run of the whole product under load, and the verdict on it: ``make soak``."""
