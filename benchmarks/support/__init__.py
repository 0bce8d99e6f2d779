"""What benchmarks share: whole systems, replayed markets, planted worlds."""
