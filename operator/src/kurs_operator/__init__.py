"""Turns resources into the documents of services, and says on each what became of it."""
