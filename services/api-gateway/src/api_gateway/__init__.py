"""The front door: keys, limits, routing and the console."""
