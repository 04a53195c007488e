"""Delivery of events: what happened, to whoever is to know, until it is taken."""
