"""The detector: features, half-space trees, calibration and episodes; pure."""
