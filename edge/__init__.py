"""What runs inside the CDN worker: standard library and pure-Python wheels only, sans-I/O, stepped by its host."""
