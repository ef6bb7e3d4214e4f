"""What fault runs came to, in lines and in a table."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.fault.seeds.plan import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fault.seeds.play import Result

ENOUGH = 20
"""From so many seeds on, every kind of fault must have hit: in one of ten seeds at least."""


def line(result: Result) -> str:
    """One seed in one line."""
    plan = result.plan
    fired = ", ".join(f"{kind.name.lower()} {result.fired[kind]}" for kind in Kind
                      if result.fired[kind])  # fmt: skip
    return (
        f"seed {plan.seed:4} {'FAILED' if result.error else 'ok'} {result.seconds:5.1f} s, "
        f"{len(plan.emails)} emails, {result.started} workers, "
        f"{'default' if plan.default_clock else 'short'} clock: {fired or 'nothing hit'}"
    )


def missing(results: Sequence[Result]) -> list[str]:
    """What was missing for the runs to prove anything: looks, hits, and hits of every kind."""
    idle = [
        f"seed {result.plan.seed}: no fault hit anything, or nobody looked while it ran"
        for result in results
        if not result.fired.total() or not result.looks
    ]
    if len(results) < ENOUGH:
        return idle
    fired = sum((result.fired for result in results), Counter[str]())
    quota = len(results) // 10
    return idle + [
        f"{kind} hit {fired[kind]} times, and should have {quota} times"
        for kind in Kind
        if fired[kind] < quota
    ]


def table(results: Sequence[Result], seconds: float) -> str:
    """All seeds in a table."""
    planned = Counter(event.kind for result in results for event in result.plan.events)
    fired = sum((result.fired for result in results), Counter[str]())
    lines = ["", f"{'fault':45} planned   hit"]
    lines += [f"{kind:45} {planned[kind]:7} {fired[kind]:5}" for kind in Kind]
    clocks = {"default": True, "short": False}
    for clock, default in clocks.items():
        took = [
            seconds
            for result in results
            if result.plan.default_clock is default
            for seconds in result.recovered
        ]
        if took:
            lines.append(
                f"orphaned leases, {clock} clock: {len(took)} times, longest {max(took):.1f} s"
            )
    emails = sum(len(result.plan.emails) for result in results)
    lines.append(
        f"{len(results)} seeds, {sum(bool(result.error) for result in results)} failed, "
        f"{emails:,} emails, {sum(result.started for result in results):,} workers started, "
        f"{sum(result.looks for result in results):,} looks during the faults, "
        f"{sum(result.late for result in results):,} late answers thrown away, {seconds:.0f} s"
    )
    return "\n".join(lines)
