"""What benchmarks measure with: simulated platforms, recorded and altered sessions."""
