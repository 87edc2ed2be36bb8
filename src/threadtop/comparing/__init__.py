"""Two stretches of time compared: what came and went, which rates, reasons and findings changed; pure."""
