"""The engagement score, and the settings of scoring and detection; pure."""
