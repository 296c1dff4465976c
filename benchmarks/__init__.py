"""The figures that the README and the documents give, each made by one command: `python -m benchmarks NAME`."""
