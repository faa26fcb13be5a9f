"""Errors that say what was wrong in a sentence, for programs without PyTorch too."""


class BadOptions(SystemExit):
    """Ends the program with status 2. `args` holds the sentence, which was printed."""
    code = 2
