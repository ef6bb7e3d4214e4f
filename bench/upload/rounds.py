"""Contenders that take turns, and the medians of what they did."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from bench.upload.clients import Put

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def take_turns(contenders: Mapping[str, Callable[[], Put]], rounds: int) -> dict[str, list[Put]]:
    """Let each do its work once in every round."""
    results: dict[str, list[Put]] = {name: [] for name in contenders}
    for turn in range(rounds):
        for name, contender in contenders.items():
            put = contender()
            results[name].append(put)
            print(f"{turn + 1}: {name} {put.cpu_us:.0f} µs, {put.per_second:,.0f}/s", flush=True)
    return results


def medians(results: Mapping[str, list[Put]]) -> dict[str, Put]:
    """The median of each figure."""
    return {
        name: Put(*(median(figures) for figures in zip(*puts, strict=True)))
        for name, puts in results.items()
    }
