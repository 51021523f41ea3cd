"""The one exception that means "the program under test did not do what it should"."""


class CheckFailed(Exception):
    """An expectation of a test did not hold; the text says which, with the values seen."""


def check(condition: bool, text: str) -> None:
    if not condition:
        raise CheckFailed(text)
