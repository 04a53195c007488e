"""What changes while a process runs: resources, the documents compiled of them, mounted files."""
