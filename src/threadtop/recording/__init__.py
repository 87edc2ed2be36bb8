"""Recordings: moments kept in one SQLite file, only what changed, and read back to the same snapshots.

``format`` has the tables, ``facts`` and ``packing`` what stands in them; ``writer`` (with ``looks`` and ``commits``)
and ``ring`` write them, ``tables`` reads the file, ``state`` and ``reader`` make moments of it again, ``replay`` and
``player`` snapshots.
"""
