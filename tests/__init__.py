"""The tests mirror the package: a sentence about behaviour each."""
