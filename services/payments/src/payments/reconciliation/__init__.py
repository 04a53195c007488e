"""Payments held against the ledger: whether each of both has the other."""
