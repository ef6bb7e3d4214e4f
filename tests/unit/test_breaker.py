"""The breaker: whose fault a failed upload is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mailvault.errors import (
    PART_ERRORS,
    FileRefusedError,
    MailvaultError,
    StoreDeniedError,
    StoreFaultError,
    UnreachableError,
)
from mailvault.worker.breaker import Breaker

if TYPE_CHECKING:
    from mailvault.errors import PartError

SYSTEMIC = [error for error in PART_ERRORS.values() if error.systemic]


def breaker(fault: MailvaultError | None = None) -> Breaker:
    def check() -> None:
        if fault is not None:
            raise fault

    return Breaker(check)


@pytest.mark.parametrize("error", SYSTEMIC, ids=lambda error: error.reason)
def test_a_fault_of_the_system_is_no_email_s(error: type[PartError]) -> None:
    guard = breaker()
    assert guard.is_to_blame(1, [error("said")])
    assert guard.hold is not None
    assert guard.hold.reason == error.reason


def test_a_fault_of_the_email_holds_nobody() -> None:
    guard = breaker()
    assert not guard.is_to_blame(1, [FileRefusedError("a/../b")])
    assert guard.hold is None


@pytest.mark.parametrize("fault", [None, UnreachableError("no bucket")])
def test_a_doubtful_fault_is_the_system_s_if_the_system_is_not_well(
    fault: MailvaultError | None,
) -> None:
    guard = breaker(fault)
    assert guard.is_to_blame(1, [StoreFaultError("502")]) == (fault is not None)


def test_an_email_that_fails_alone_is_at_fault_itself() -> None:
    guard = breaker()
    assert guard.is_to_blame(1, [StoreDeniedError("403")])
    guard.hold = None
    guard.succeeded(2)
    assert not guard.is_to_blame(1, [StoreDeniedError("403")])
