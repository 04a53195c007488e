"""Mechanisms that every Kurs service shares, in layers: each imports only those below it.

`service` puts one together, `web` answers requests, `calls` makes them, `edges` proves whose they
are, `quotes` signs rates, `config` follows what changes, `data` keeps rows, `contracts` types what
services say to each other, `telemetry` tells what happens, `kernel` is what all stand on.
"""
