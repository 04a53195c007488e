"""What one service says to another, typed once for both sides."""
