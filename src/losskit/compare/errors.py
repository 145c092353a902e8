"""Messages of a comparison about its arguments: errors and notes.

A message names arguments as the library does, ``folds=3``. Since the command line calls that ``--folds 3``
(:mod:`losskit.compare.flags`), a message remembers where it names one.
"""

from __future__ import annotations

MARK = "\0"  # on either side of an argument; no file that is read has one


def argument(name: str, value: object = None) -> str:
    """An argument in the text of a message, and what to give for it."""
    return f"{MARK}{name}{MARK}" if value is None else f"{MARK}{name}={value!r}{MARK}"


class Message(str):
    """Text without marks; ``marked`` has them, ``chinese`` the same in Chinese."""

    marked: str
    chinese: str

    def __new__(cls, marked: str, chinese: str = "") -> Message:
        """A message of a text with marks."""
        message = super().__new__(cls, marked.replace(MARK, ""))
        message.marked, message.chinese = marked, chinese or marked
        return message

    def __reduce__(self) -> tuple[type[Message], tuple[str, str]]:
        """What a copy in another process is made of."""
        return Message, (self.marked, self.chinese)


class CompareError(ValueError):
    """A comparison that cannot be made; the message says why and what to do."""

    def __init__(self, text: str) -> None:
        super().__init__(text if isinstance(text, Message) else Message(text))


class DataError(CompareError):
    """Data that cannot be compared on."""
