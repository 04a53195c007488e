"""Writes what the charts say of their values, and finds the tools that install them."""
