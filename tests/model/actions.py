"""The actions of a history, by the name of its method: how often each is chosen, and when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from hypothesis import strategies as st


class Action(NamedTuple):
    """A method of `History`: how often it is chosen, when it can be, and its arguments."""

    weight: int
    when: Callable[[Any], object]
    arguments: st.SearchStrategy[dict[str, Any]]


ACTIONS: dict[str, Action] = {}

Method = TypeVar("Method", bound=Callable[..., None])


def action(
    weight: int,
    when: Callable[[Any], object] = lambda _: True,
    **arguments: st.SearchStrategy[Any],
) -> Callable[[Method], Method]:
    """Make an action of a method. Rules of their own would be switched off in half of the runs."""

    def enter(method: Method) -> Method:
        ACTIONS[method.__name__] = Action(weight, when, st.fixed_dictionaries(arguments))
        return method

    return enter
