"""Recordings: moments kept in one SQLite file, only what changed, and read back to the same snapshots.

``format`` has the tables, ``facts`` what stands in them as JSON and packed, ``writer`` and ``ring`` write them,
``reader`` makes moments of them again, ``replay`` and ``player`` snapshots.
"""
