"""The one error that a user is meant to read."""


class SqError(ValueError):
    """Something the user can mend: the message says what was wrong, where, and what to do.

    The command line prints it without a traceback and exits with 2.
    """
