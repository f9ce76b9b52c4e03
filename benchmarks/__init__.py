"""How fast and how small ``lib`` is, measured beside PyTorch: ``python -m benchmarks --help``."""
