"""What the end-to-end tests, the demo and the benchmarks share. Python 3.11, standard library only."""
