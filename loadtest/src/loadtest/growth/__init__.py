"""Growth: what the same gateway costs when it has stored a great many payments."""
