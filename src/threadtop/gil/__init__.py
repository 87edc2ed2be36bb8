"""The GIL of CPython processes, read from their memory while they run: nothing is stopped, nothing is written."""
