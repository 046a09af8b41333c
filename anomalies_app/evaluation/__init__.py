"""How well the detector does: labelled sessions, backtests, fitted calibrations; pure."""
