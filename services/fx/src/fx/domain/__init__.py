"""Rates, pairs and the price of a conversion: no framework, no network, no clock of its own."""
