"""The rules of risk: pure functions and frozen values, no input or output."""
