"""Runs the whole gateway on one machine."""
