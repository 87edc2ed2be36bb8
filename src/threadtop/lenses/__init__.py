"""Lenses: what a language's runtime adds to a snapshot."""
