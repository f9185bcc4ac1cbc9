"""The tiny jobs of the benchmark."""
