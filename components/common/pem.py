"""PEM texts, without the library that would understand them: its import alone is a tenth of the program's memory."""

from __future__ import annotations

from typing import Final

END: Final = "-----END CERTIFICATE-----"


def terminated(pem: str) -> str:
    """Return ``pem`` with one line end at its end."""
    return pem.strip() + "\n"


def certificates(pem: str) -> list[str]:
    """Return each certificate of a chain, in its order."""
    return [block.strip() + "\n" + END + "\n" for block in pem.split(END) if block.strip()]
