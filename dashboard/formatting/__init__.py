"""Labels, rounding and sentences that screens show."""
