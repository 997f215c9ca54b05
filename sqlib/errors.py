"""The one error that a user is meant to read."""

from collections.abc import Iterator
from contextlib import contextmanager


class SqError(ValueError):
    """Something the user can mend: the message says what was wrong, where, and what to do.

    The command line prints it without a traceback and exits with 2.
    """


@contextmanager
def in_words(what: str, advice: str, told: bool = True) -> Iterator[None]:
    """Turn any error inside into `SqError`: "`what` (the error); `advice`".

    For what reads files that came from elsewhere: damage makes a parser raise whatever it stumbles over first.
    `SqError`s go through as they are, unless they have not `told` the place.
    """
    try:
        yield
    except Exception as error:
        if told and isinstance(error, SqError):
            raise
        lines = str(error).strip().splitlines()
        raise SqError(f"{what} ({lines[0][:300] if lines else type(error).__name__}); {advice}") from error
