"""A soak test: a long run of the whole product under load, with a verdict: ``make soak``."""
