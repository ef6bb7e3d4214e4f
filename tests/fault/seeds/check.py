"""What must be true when a run is over."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.fault.seeds.plan import body, content

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.application import Application
    from tests.fault.seeds.plan import Plan
    from tests.fault.seeds.reader import Bucket


def check(plan: Plan, application: Application, bucket: Bucket, writes: Counter[str]) -> None:
    """Compare everything with the plan; nothing here asks mailvault what the truth is."""
    _check_jobs(plan, application)
    _check_bytes(plan, application, bucket)
    _check_writes(bucket, writes)


def _check_jobs(plan: Plan, application: Application) -> None:
    application.reconcile()
    jobs = application.all("select email_key from mailvault.job order by email_key::int")
    assert jobs == [(str(email.id),) for email in plan.emails], "one job for each email"
    dead = application.all("""
        select j.email_key::int from mailvault.dead_letter as d
        inner join mailvault.job as j on d.job_id = j.id order by 1
    """)
    assert dead == [(email,) for email in plan.planted], "dead letters: the planted ones"
    acked = Counter(
        email for (email,) in application.all("""
            select j.email_key::int from audit.acked as a
            inner join mailvault.job as j on a.job_id = j.id
        """)
    )  # fmt: skip
    good = [email.id for email in plan.emails if not email.impossible]
    assert acked == Counter(good), "each email acked once"
    stale = application.all("select * from audit.acked where owner is distinct from actor")
    assert stale == [], f"acked by a worker that did not hold the lease: {stale}"
    marked = application.all("select id from emails where is_migrated order by id")
    assert marked == [(email,) for email in good], "the source's rows"


def _check_bytes(plan: Plan, application: Application, bucket: Bucket) -> None:
    recorded = application.all("""
        select p.kind, p.part_key, o.key, o.size, o.etag
        from mailvault.part as p inner join mailvault.object as o on p.object_key = o.key
    """)
    places = {(kind, int(key)): (object_key, size, etag)
              for kind, key, object_key, size, etag in recorded}  # fmt: skip
    assert len(recorded) == len(places) == plan.parts, "one row for each part"
    listed = {key: item for key, item in bucket.list().items() if not _is_probe(key)}
    ledger = {object_key: (size, etag) for object_key, size, etag in places.values()}
    assert ledger.items() <= listed.items(), "the ledger has what the bucket has not"
    # Of an email that cannot be stored, some parts may have been, before that was known.
    partial = {content for _, _, content in _expected(plan, impossible=True)}
    for key in listed.keys() - ledger.keys():
        assert bucket.read(key) in partial, f"nobody asked for {key}"
    keys: Counter[str] = Counter()
    for kind, part, expected in _expected(plan):
        key, _, _ = places[kind, part]
        keys[key] += 1
        assert bucket.read(key) == expected, f"the bytes of {key}"
    assert max(keys.values()) == 1, "one object for each part"


def _expected(plan: Plan, *, impossible: bool = False) -> Iterator[tuple[str, int, bytes]]:
    """Every part of the emails that can be stored, or of the others: kind, id, and bytes."""
    file = 0
    for email in plan.emails:
        for number, _ in enumerate(email.attachments):
            file += 1
            if email.impossible is impossible:
                yield "attachment", file, content(plan.seed, email, number)
        if email.impossible is impossible:
            yield "body", email.id, body(plan.seed, email).encode()


def _check_writes(bucket: Bucket, writes: Counter[str]) -> None:
    """No object was written twice, whatever the store's answers were."""
    again = {path: count for path, count in writes.items() if count > 1}
    assert not again, f"written more than once: {again}"
    assert all(path.startswith(f"/{bucket.name}/") for path in writes)


def _is_probe(key: str) -> bool:
    return key.startswith(".mailvault/")
