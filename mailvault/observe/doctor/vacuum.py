"""Whether vacuum comes, and gets through: the queue deletes every row that it ever had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.filesize import decimal

from mailvault.observe.doctor.examination import SHOWN
from mailvault.observe.doctor.finding import Finding
from mailvault.observe.text import duration

if TYPE_CHECKING:
    from mailvault.observe.doctor.examination import Examination, Row

MANY_DEAD_ROWS = 10_000
FACTOR_OVERDUE = 2
"""Autovacuum comes at its threshold; at twice that it did not, or did not get through."""

LARGE_TABLE = 10 * 1024**3
"""Autovacuum as it is shipped takes minutes for so much, if it has to write most of it."""

SHIPPED_LIMIT = 200
"""autovacuum_vacuum_cost_limit as PostgreSQL is shipped."""

OLD_AGE = 500_000_000
"""Autovacuum forces itself at 200 million (autovacuum_freeze_max_age); here it failed to."""

DANGEROUS_AGE = 1_200_000_000
"""At 2.1 billion PostgreSQL takes no more writes."""


def dead_rows(look: Examination) -> list[Finding]:
    """Find tables that should have been vacuumed."""
    overdue = [
        row
        for row in look.tables
        if row["dead_rows"] > max(MANY_DEAD_ROWS, FACTOR_OVERDUE * row["vacuumed_above"])
    ]
    found = [
        Finding(
            "dead_rows",
            "warning",
            f"{row['name']} has {row['dead_rows']:,} dead rows, {_vacuumed(row)}; autovacuum was "
            f"due at {row['vacuumed_above']:,.0f}",
            f"vacuum (verbose) {row['name']}; (it says what it could not remove)",
        )
        for row in overdue[:SHOWN]
    ]
    most = max((row["dead_rows"] for row in look.tables), default=0)
    return found or [
        Finding("dead_rows", "ok", f"no table waits for vacuum; the most dead rows are {most:,}")
    ]


def _vacuumed(row: Row) -> str:
    if row["vacuumed_seconds_ago"] is None:
        return "and no vacuum that is known of"
    return f"and was last vacuumed {duration(row['vacuumed_seconds_ago'])} ago"


def autovacuum(look: Examination) -> list[Finding]:
    """Find autovacuum off, for all tables or for one, or too slow for large ones."""
    found = [
        Finding(
            "autovacuum", "problem", f"{name} is off: the queue's tables grow with every job",
            f"alter system set {name} = on; select pg_reload_conf();",
        )
        for name in ("autovacuum", "track_counts") if look.setting(name) != "on"
    ]  # fmt: skip
    found += [
        Finding(
            "autovacuum",
            "problem" if row["is_ours"] else "warning",
            f"autovacuum is off for {row['name']}",
            f"alter table {row['name']} reset (autovacuum_enabled);",
        )
        for row in look.tables
        if not row["has_autovacuum"]
    ]
    return found + _pace(look) or [Finding("autovacuum", "ok", "autovacuum is on")]


def _pace(look: Examination) -> list[Finding]:
    [row] = look.rows("large_tables", bytes=LARGE_TABLE)
    large, workers = row["large"], int(look.setting("autovacuum_max_workers"))
    found = []
    if large >= workers:
        found.append(
            Finding(
                "autovacuum", "warning",
                f"{large} tables are larger than {decimal(LARGE_TABLE)}, and autovacuum has "
                f"{workers} workers: when each is at one of those, the queue's tables wait",
                f"alter system set autovacuum_max_workers = {large + 2}; and restart PostgreSQL",
            )
        )  # fmt: skip
    limit, delay = _cost(look)
    if large and delay > 0 and limit <= SHIPPED_LIMIT:
        page = int(look.setting("block_size"))
        rate = limit / int(look.setting("vacuum_cost_page_dirty")) * page / (delay / 1000)
        found.append(
            Finding(
                "autovacuum", "notice",
                f"autovacuum cleans at most {decimal(int(rate))} a second, and {large} tables are "
                f"larger than {decimal(LARGE_TABLE)}",
                "alter system set autovacuum_vacuum_cost_limit = 2000; select pg_reload_conf();",
            )
        )  # fmt: skip
    return found


def _cost(look: Examination) -> tuple[int, float]:
    """The limit and the delay that autovacuum goes by; -1 means vacuum's own."""
    limit = int(look.setting("autovacuum_vacuum_cost_limit"))
    delay = float(look.setting("autovacuum_vacuum_cost_delay"))
    return (
        limit if limit > 0 else int(look.setting("vacuum_cost_limit")),
        delay if delay >= 0 else float(look.setting("vacuum_cost_delay")),
    )


def wraparound(look: Examination) -> list[Finding]:
    """Find tables whose oldest rows are so old that PostgreSQL will soon take no more writes."""
    ages = [(max(row["transactions"], row["multixacts"]), row["name"]) for row in look.tables]
    old = sorted(((age, name) for age, name in ages if age > OLD_AGE), reverse=True)
    found = [_aged(age, name, f"vacuum (freeze, verbose) {name};") for age, name in old[:SHOWN]]
    [oldest] = look.rows("oldest_database")
    if not found and oldest["transactions"] > OLD_AGE:
        remedy = f"vacuumdb --all --freeze (its oldest is database {oldest['name']})"
        found = [_aged(oldest["transactions"], f"database {oldest['name']}", remedy)]
    if found:
        return found
    said = f"the oldest row is {oldest['transactions']:,} transactions old, of 2.1 billion"
    return [Finding("wraparound", "ok", said)]


def _aged(age: int, name: str, remedy: str) -> Finding:
    return Finding(
        "wraparound",
        "problem" if age > DANGEROUS_AGE else "warning",
        f"the oldest row of {name} is {age:,} transactions old; at 2.1 billion PostgreSQL takes "
        "no more writes",
        remedy,
    )
