"""A schema directory in upstream's layout, for tests.

SCHEMA_VERSION = 1 stands here to be passed over.
"""
from typing import Final

SCHEMA_VERSION: Final = 94  # the version of the tables
"""What changed in each version is told elsewhere; "SCHEMA_COMPAT_VERSION = 2" is not an assignment."""

SCHEMA_COMPAT_VERSION = (
    # The oldest release that can work with these tables (one that knows nothing of
    # what came with the following ones).
    84
)
