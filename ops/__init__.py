"""What an operator runs on a deployed stack: check, diagnose, back up, restore, collect garbage, export."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python stops at the first import of StrEnum, with a traceback
    sys.exit(f"error: Python must be 3.11 or later, and is {sys.version.split()[0]}. fix: make .venv again with a later one")
