"""What the database must say, if the reference is right: what `Database.look` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.model.state import object_key

if TYPE_CHECKING:
    from tests.model.reference import Reference
    from tests.model.state import Batch, Job


def expected(reference: Reference) -> dict[str, Any]:
    """The whole queue; every list in the order of the database's."""
    leased = reference.at("leased")
    return {
        "jobs": sorted(
            [job.id, str(job.email), job.batch, job.priority] for job in reference.jobs.values()
        ),
        "paused": reference.paused,
        "ready": [[*row(job), job.priority] for job in reference.at("ready")],
        "delayed": [[*row(job), job.due] for job in reference.at("delayed")],
        "leased": [
            [*row(job), job.token, job.worker, job.leased_at, job.deadline, job.cancelled]
            for job in leased
        ],
        "dead": [[*row(job), job.reason, job.message] for job in reference.at("dead")],
        "failures": sorted(reference.failures),
        "emails": [
            [number, email.migrated, email.attempts, email.error, email.path]
            for number, email in sorted(reference.emails.items())
        ],
        "files": [
            [number, reference.emails[number].file_path] for number in sorted(reference.with_file)
        ],
        "parts": sorted(_parts(reference)),
        "workers": [
            [number, worker.state, worker.heartbeat]
            for number, worker in sorted(reference.workers.items())
        ],
        "progress": [
            _progress(reference, number, batch)
            for number, batch in sorted(reference.batches.items())
            if number or batch.own
        ],
        "tally": [
            _tally(reference, number, batch) for number, batch in sorted(reference.batches.items())
        ],
    }


def row(job: Job) -> list[int]:
    """What all places keep of a job."""
    return [job.id, job.batch, job.attempts]


def _parts(reference: Reference) -> list[list[Any]]:
    found = []
    for job in reference.at("done"):
        kinds = ["body", "attachment"] if job.email in reference.with_file else ["body"]
        found += [
            [job.id, kind, str(job.email), object_key(kind, job.email), reference.size]
            for kind in kinds
        ]
    return found


def _count(reference: Reference, number: int, place: str) -> int:
    return sum(job.batch == number for job in reference.at(place))


def _tally(reference: Reference, number: int, batch: Batch) -> list[int]:
    counts = [_count(reference, number, place) for place in ("done", "dead", "delayed")]
    return [number, *counts, batch.parts, batch.bytes, batch.own, batch.cancelled]


def _progress(reference: Reference, number: int, batch: Batch) -> list[Any]:
    places = ("done", "dead", "ready", "delayed", "leased")
    counts = {place: _count(reference, number, place) for place in places}
    change = batch.own - batch.cancelled
    total = max(batch.total, batch.dispatched) + change
    ended = counts["done"] + counts["dead"]
    if batch.state in {"enqueuing", "cancelling", "cancelled"}:
        state = batch.state
    elif total == ended:
        state = "finished"
    else:
        state = "running" if batch.started else "waiting"
    dispatched = batch.dispatched + change
    return [number, state, total, dispatched, *counts.values(), total - ended, batch.cancelled]
