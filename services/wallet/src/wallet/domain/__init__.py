"""The rules of the ledger: pure, no framework and no storage.

`transfers` names what callers ask for and what the ledger answers, `view` is the part of the ledger
that one batch touches, `evaluate` decides a batch over a view, `content` compares two requests.
"""
