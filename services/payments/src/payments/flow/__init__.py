"""The way of an operation, from its claim to its answer: asked, moved, recorded, by waves."""
