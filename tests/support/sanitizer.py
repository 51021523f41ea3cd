"""What a sanitizer writes into the log of a program that was built with one."""

from __future__ import annotations

import re

# AddressSanitizer and LeakSanitizer begin with ==PID==, ThreadSanitizer with a word, UBSan with a place in the source.
_FIRST_LINE = re.compile(r"^(==\d+==.*(ERROR|Sanitizer)|(WARNING|FATAL): ThreadSanitizer|\S+:\d+:\d+: runtime error: )",
                         re.MULTILINE)
_MOST_LINES = 80


def sanitizer_report(log: str) -> str | None:
    """The first report in a log, as far as it is of use, or None."""
    if (first := _FIRST_LINE.search(log)) is None:
        return None
    return "\n".join(log[first.start():].splitlines()[:_MOST_LINES])
