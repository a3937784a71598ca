"""What can go wrong inside the application, named as its log names it."""

from __future__ import annotations


class ApplicationError(Exception):
    """An error nothing in the application rescues: a 500 of the web, the end of the worker.

    Args:
        kind: the class the genuine application's log shows.
        message: its text.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind} ({message})")
        self.kind = kind
        self.message = message


class RefusalError(Exception):
    """The directory does not let the user in, or could not be asked; the text is what the client sees."""


class RegistryUnreachableError(Exception):
    """The registry could not be asked; the text is what the user sees (``Errno::ECONNREFUSED: connection refused``)."""


class RegistryAnswerError(Exception):
    """The registry answered 404 or something that makes the manifest unusable; logged and survived."""


class CatalogError(Exception):
    """The registry refused to list its content (401 or 5xx): the worker does not rescue it and ends."""


class RecordNotFoundError(Exception):
    """No row has that id."""


class NotPermittedError(Exception):
    """The policy forbids it to this user."""


class InvalidRecordError(Exception):
    """A row cannot be saved; ``messages`` holds the reasons by field."""

    def __init__(self, messages: dict[str, list[str]]) -> None:
        super().__init__(str(messages))
        self.messages = messages


class UnprocessableError(Exception):
    """What is asked for makes no sense now; the text says why."""


def no_method(method: str) -> ApplicationError:
    """Return the error of calling ``method`` on nothing, which is how a missing key ends the genuine worker."""
    return ApplicationError("NoMethodError", f"undefined method `{method}' for nil:NilClass")
