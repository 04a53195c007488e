"""Two stacks side by side that pay in turns, so that a few percent between them can be told."""
