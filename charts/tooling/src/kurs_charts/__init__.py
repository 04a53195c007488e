"""Writes what the charts say of their values, and holds nothing that runs in a cluster."""
