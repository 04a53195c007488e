"""What is only read of payments: one, its story, lists of them, exports."""
