"""The three ways in which a run can end early, and what each means for the user."""


class UserError(Exception):
    """Bad input: one line that says what is wrong and what would be right. Exit code 2, nothing is written."""


class Diverged(Exception):
    """A computed quantity is no longer finite. The record keeps its curves and gets the status `diverged`."""


class RunFailed(Exception):
    """A run raised an exception. The record holds its traceback. Exit code 1, after the rest of a sweep."""
