"""Checks the lock files, and tells what they put into each image: bills of materials, licences."""
