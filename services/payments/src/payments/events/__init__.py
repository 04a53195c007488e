"""What happened to payments: in order, as feed, stream and documents of each type."""
