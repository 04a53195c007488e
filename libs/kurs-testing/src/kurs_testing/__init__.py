"""What only tests use: apps joined in process, keys of edges, clocks and telemetry to look at."""
