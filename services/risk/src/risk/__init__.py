"""Risk scores and stored decisions."""
