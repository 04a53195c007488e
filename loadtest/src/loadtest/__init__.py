"""Sample payments, their replay and the benchmark."""
