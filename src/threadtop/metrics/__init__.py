"""``threadtop metrics``: groups of threads as OpenMetrics for Prometheus, added up from pass to pass."""
