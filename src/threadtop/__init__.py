"""threadtop: a live monitor for Linux threads; this module holds the version and imports nothing."""

__version__ = "0.1.0"
