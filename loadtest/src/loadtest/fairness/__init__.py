"""Whether one merchant's flood makes another's payments slow: measured on a stack of processes."""
