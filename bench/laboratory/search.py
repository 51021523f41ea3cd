"""The highest rate that gets through, in the manner of RFC 2544, section 26.1, with a little loss allowed."""

from __future__ import annotations

from collections.abc import Callable

from .traffic import Trial

ALLOWED_LOSS = 0.001
PRECISION = 1.05  # the search ends when the lowest rate that failed is this close to the highest that passed
STEP_DOWN, STEP_UP = 0.7, 1.5  # while nothing has passed yet; at most, after something has
SUSTAINED = 0.9  # below this part of the rate asked for, the sender itself could not keep up
LOWEST = 1000.0  # packets per second


def highest_rate(run: Callable[[float], Trial], overload: Trial, guess: float | None = None,
                 most_trials: int = 12) -> Trial | None:
    """The best trial with no more than the allowed loss, or None when even the lowest rate loses more.

    `overload` is a run as fast as the sender can; `guess` a rate that is likely, from an earlier search. A rate fails
    only when it fails twice: on a shared machine one pause of a millisecond looks like an overload.
    """
    if _passes(overload):
        return overload  # the sender is the limit
    best: Trial | None = None
    low, high = 0.0, overload.sent_per_second
    rate = min(guess or 0.9 * overload.received_per_second, high)
    trials = 0
    while trials < most_trials and rate >= LOWEST:
        passed = None
        for _ in range(2):
            trials += 1
            trial = run(rate)
            if _passes(trial):
                passed = trial
                break
        if passed is None:
            high = rate
        else:
            low = rate
            if best is None or passed.sent_per_second > best.sent_per_second:
                best = passed
            if passed.sent_per_second < SUSTAINED * rate:
                break
        if low and high / low < PRECISION:
            break
        rate = min((low * high) ** 0.5, low * STEP_UP) if low else high * STEP_DOWN
    return best


def _passes(trial: Trial) -> bool:
    return trial.loss <= ALLOWED_LOSS
