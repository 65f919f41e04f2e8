"""Read tables of SQLite files as Arrow record batches, for all importers of such files.

`Database` is the only door. Small files, and whatever the page reader does not cover, go through
the sqlite3 module; tables of large files through compiled kernels that read the pages themselves.
The rows are the same.
"""

from __future__ import annotations

from traceql.importers._sqlite.database import Database
from traceql.importers._sqlite.schema import Column

__all__ = ["Column", "Database"]
