"""All SQL of the payments service: tables, the batched writes, the reads."""
