"""The component resources of a Portus stack; each package owns one part and shows the others typed attributes only."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python stops at the first import of StrEnum, with a traceback
    sys.exit(f"error: Python must be 3.11 or later, and is {sys.version.split()[0]}. fix: make .venv again with a later one")
