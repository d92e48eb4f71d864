"""The machine: files, signals, threads, HTTP, secrets, keys. Imports nothing else of the package but errors."""
