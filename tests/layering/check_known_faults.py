#!/usr/bin/env python3
"""Checks that every test named in docs/known-faults.md exists: check_known_faults.py SOURCE_DIRECTORY"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def tests_named(page: str) -> set[str]:
    return set(re.findall(r"\b([A-Z]\w+\.[A-Z]\w+)\b", page))


def files_named(page: str) -> set[str]:
    return set(re.findall(r"\btests/[\w/]+\.\w+", page))


def tests_defined(source: Path) -> set[str]:
    found = set()
    for file in (source / "tests").rglob("*_test.cpp"):
        for suite, name in re.findall(r"\bTEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", file.read_text()):
            found.add(f"{suite}.{name}")
    return found


def main() -> int:
    source = Path(sys.argv[1])
    page = (source / "docs/known-faults.md").read_text()
    missing = sorted(tests_named(page) - tests_defined(source))
    missing += sorted(file for file in files_named(page) if not (source / file).exists())
    for name in missing:
        print(f"docs/known-faults.md names {name}, which does not exist")
    if not tests_named(page):
        print("docs/known-faults.md names no tests at all")
        return 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
