"""Quotes that fx signs and others verify: keys, trees of hashes, tokens, and what one moves."""
