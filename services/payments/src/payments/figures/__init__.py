"""Figures over time, counted from events and told by period."""
