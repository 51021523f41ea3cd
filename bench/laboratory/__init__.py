"""The parts of bench/run. Python 3.11, standard library, and tests/support."""
