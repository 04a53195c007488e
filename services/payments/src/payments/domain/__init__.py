"""The rules of payments; pure: no HTTP, no SQL, no metrics."""
