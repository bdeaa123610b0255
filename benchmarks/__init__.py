"""Fixed, named measurements: ``python -m benchmarks [NAME ...] [--json FILE]``."""
