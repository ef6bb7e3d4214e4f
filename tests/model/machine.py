"""Histories of the queue: any interleaving of many workers, compared with the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from mailvault.queue.batches import Selection
from mailvault.queue.failures import Which
from tests.model import state
from tests.model.actions import ACTIONS, action
from tests.model.database import EMAILS
from tests.model.state import Hold
from tests.model.steps import DAY, STALE, Client, Pending, Steps, given, stored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mailvault.queue.batches import Batch
    from mailvault.queue.outbox import Lease, Outbox

who = st.integers(0, 2)
ends = st.sampled_from(["commit"] * 4 + ["rollback"] * 2 + ["kill"])
WAYS = ("ack", "nack", "bury", "release")

shares = st.sampled_from(["all", "first", "last"])
ways = st.sampled_from(WAYS)


class History(Steps):
    """One history: what any of its actors may do, in any order."""

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        """Do one of the actions that are possible now, some more often than others."""
        names = [
            name for name, one in ACTIONS.items() for _ in range(one.weight) if one.when(self)
        ]
        name = data.draw(st.sampled_from(names))
        getattr(self, name)(**data.draw(ACTIONS[name].arguments))

    @initialize(most=st.integers(3, EMAILS))
    def start(self, most: int) -> None:
        """Begin with some mail."""
        self.enqueue(keys=frozenset(range(1, most + 1)), most=None, limit=EMAILS, priority=5)

    @action(
        1,
        when=lambda history: len(history.reference.jobs) < EMAILS,
        keys=st.sampled_from([None, frozenset({2, 4, 6}), frozenset(range(1, 9))]),
        most=st.sampled_from([None, 2]),
        limit=st.integers(1, 4),
        priority=st.sampled_from([0, 5]),
    )
    def enqueue(
        self, keys: frozenset[int] | None, most: int | None, limit: int, priority: int
    ) -> None:
        """Ask for a batch, and dispatch a chunk; the same emails may be asked for in many."""
        asked = state.Batch(keys, most, priority, state="enqueuing")
        number = self.reference.interrupted(asked)
        count = len(self.reference.selected(keys))
        batch = self.batches.open(
            Selection(
                email_keys=[str(key) for key in sorted(keys)] if keys else None,
                max_emails=most,
                priority=priority,
            )
        )
        self.marks["an interrupted batch goes on"] += number is not None
        if number is None and count:
            number = len(self.reference.batches)
            asked.total = count if most is None else min(count, most)
            self.reference.batches[number] = asked
        assert (batch.id if batch else None) == number
        if batch:
            self._chunk(batch, limit)

    def _chunk(self, batch: Batch, limit: int) -> None:
        chunks = self.batches.dispatch(batch, limit)
        self.do(lambda _: self.reference.chunk(batch.id, limit), lambda: next(chunks))

    @action(
        1,
        when=lambda history: len(history.reference.jobs) < EMAILS,
        email=st.integers(1, EMAILS),
        priority=st.sampled_from([1, 5]),
    )
    def dispatch(self, email: int, priority: int) -> None:
        """The application dispatches an email itself, which may be dispatched already."""
        self.do(*self.dispatching(email, priority))
        self.marks["dispatched by the application"] += 1

    @action(
        1,
        what=st.sampled_from(["pause", "resume", "resume", "cancel"]),
        which=st.integers(0, 2),
    )
    def operate(self, what: str, which: int) -> None:
        """Let all workers wait or go on; cancel a batch, or go on with that."""
        numbers = self.reference.in_progress()
        if what != "cancel":
            self.pause(pause=what == "pause")
        elif numbers:
            number = numbers[which % len(numbers)]
            chunks = self.batches.cancel(self.batches.find(number), 1000)
            answer = self.do(lambda _: self.reference.cancel(number), lambda: next(chunks))
            self.marks["cancel"] += answer
            held = self.reference.at("leased")
            self.marks["cancelled in hand"] += any(job.cancelled for job in held)

    def pause(self, *, pause: bool) -> None:
        """Pause or resume."""
        (self.control.pause if pause else self.control.resume)()
        self.reference.paused = pause

    @action(
        6,
        who=who,
        limit=st.integers(1, 4),
        ahead=st.booleans(),
        lost=st.sampled_from([False, False, False, True]),
    )
    def claim(self, who: int, limit: int, *, ahead: bool, lost: bool) -> None:
        """Lease some jobs."""
        client = self.clients[who]
        if lost:
            self._lose_a_claim(client, limit)
            return
        moved = ahead and any(client.after)
        leases = self.do(*self.claiming(client, limit, ahead=ahead))
        client.hands += leases
        self.marks["claim"] += len(leases)
        self.marks["claim from a position"] += moved and len(leases)
        self.marks["claim while paused"] += self.reference.paused

    def _lose_a_claim(self, client: Client, limit: int) -> None:
        """Claim, and lose the commit in a failover: the standby knows neither it nor its numbers.

        The worker heard of nothing, and will write with those tokens.
        """
        self.end_open("rollback")
        before = self.database.sequences()
        self.database.main.begin()
        leases = client.claim(limit, None)
        self.database.main.end("rollback")
        self.database.rewind(before)
        self.reference.issue({lease.token for lease in leases})
        client.spent += leases
        self.marks["claim lost in a failover"] += len(leases)

    @action(
        5,
        when=lambda history: any(client.hands for client in history.clients),
        who=who,
        share=shares,
        end=ends,
    )
    def ack(self, who: int, share: str, end: str) -> None:
        """Tell that emails are stored; the worker may have lost them without knowing."""
        self._settle_in_hand(who, share, "ack", end)

    @action(
        4,
        when=lambda history: any(client.hands for client in history.clients),
        who=who,
        share=shares,
        way=st.sampled_from(WAYS[1:]),
        end=ends,
    )
    def give_up(self, who: int, share: str, way: str, end: str) -> None:
        """Tell that attempts failed, or give the jobs back."""
        self._settle_in_hand(who, share, way, end)

    def _settle_in_hand(self, who: int, share: str, way: str, end: str) -> None:
        self._settle(self._with_hands(who), share, way, end)

    @action(
        3,
        when=lambda history: any(history.lost(client) for client in history.clients),
        who=who,
        way=ways,
        end=ends,
    )
    def settle_lost(self, who: int, way: str, end: str) -> None:
        """Settle all that is in hand where some of it is lost, like a worker that slept."""
        self._settle(_one(who, filter(self.lost, self.clients)), "all", way, end)

    def lost(self, client: Client) -> bool:
        """Whether a worker believes that it holds what it does not."""
        stands = {job.token for job in self.reference.at("leased")}
        return any(lease.token not in stands for lease in client.hands)

    def _with_hands(self, who: int) -> Client:
        return _one(who, (client for client in self.clients if client.hands))

    def _settle(self, client: Client, share: str, way: str, end: str) -> None:
        leases = client.take(share)
        answer = self.do(*self.settling(client, leases, way), end)
        self.marks[way] += len(answer)
        self.marks[f"{way} of a lost lease"] += len(leases) > len(answer)

    @action(
        2,
        when=lambda history: any(client.spent for client in history.clients),
        who=who,
        which=st.integers(0, 7),
        way=ways,
        end=ends,
    )
    def settle_late(self, who: int, which: int, way: str, end: str) -> None:
        """Settle what was settled, lost or rolled back long ago."""
        client = _one(who, (client for client in self.clients if client.spent))
        leases = client.spent[-1 - which :][:1]
        answer = self.do(*self.settling(client, leases, way), end)
        self.marks["late"] += len(leases) - len(answer)

    @action(
        2,
        who=who,
        state=st.sampled_from(["running", "idle", "stopped"]),
        renew=st.booleans(),
    )
    def heartbeat(self, who: int, state: str, *, renew: bool) -> None:
        """Show a sign of life."""
        worker = self.clients[who].outbox.worker_id
        self.marks["a lost worker came back"] += self.reference.workers[worker].state == "lost"
        self.do(
            lambda now: self.reference.heartbeat(now, worker, state, renew=renew),
            lambda: self.clients[who].outbox.heartbeat(state, 0, None, renew=renew),
        )
        held = [job for job in self.reference.at("leased") if job.worker == worker]
        orders = self.clients[who].outbox.orders()
        assert orders.paused == self.reference.paused
        assert orders.cancelled == {job.id for job in held if job.cancelled}

    @action(
        1,
        when=lambda history: any(client.hands for client in history.clients),
        who=who,
        all_of_it=st.booleans(),
    )
    def forget(self, who: int, *, all_of_it: bool) -> None:
        """Crash, and another worker starts; or give back what is held without knowing."""
        client = self._with_hands(who)
        if all_of_it:
            self.marks["crash"] += 1
            self.clients[self.clients.index(client)] = self.register_worker()
            return
        client.take("last")
        # By their tokens: of a job that came back to this worker it may know the old lease alone.
        kept = [Hold(lease.job_id, lease.token) for lease in client.hands]
        worker = client.outbox.worker_id
        answer = self.do(
            lambda _: self.reference.release(self.reference.strays(worker, kept)),
            lambda: client.outbox.release_strays(client.hands),
        )
        self.marks["strays"] += len(answer)

    @action(
        3,
        when=lambda history: history.reference.at("leased"),
        who=who,
    )
    def reap(self, who: int) -> None:
        """Take back what lost workers hold."""
        answer = self.do(self.reference.reap, lambda: self.clients[who].outbox.reap(STALE))
        self.marks["reap"] += answer

    @action(
        2,
        when=lambda history: history.reference.at("dead"),
        one=st.booleans(),
        limit=st.sampled_from([None, 1]),
        reset=st.booleans(),
    )
    def retry(self, *, one: bool, limit: int | None, reset: bool) -> None:
        """Send dead letters back."""
        jobs = [self.reference.at("dead")[0].id] if one else None
        answer = self.do(
            lambda _: self.reference.retry(jobs, limit, reset=reset),
            lambda: self.failures.retry(Which(jobs), reset=reset, limit=limit),
        )
        self.marks["retry"] += answer

    @action(
        2,
        when=lambda history: history.reference.at("leased") or history.reference.at("delayed"),
        seconds=st.sampled_from([15, 30, 600, -60]),
    )
    def jump(self, seconds: int) -> None:
        """Move the clock."""
        self.end_open("rollback")
        self.marks["jump"] += 1
        self.database.pass_time(seconds * state.SECOND)
        self.reference.pass_time(seconds * state.SECOND)

    @action(
        1,
        when=lambda history: any(client.hands for client in history.clients),
        who=who,
    )
    def sleep(self, who: int) -> None:
        """All but one sleep past their leases, and that one takes their jobs back."""
        self.jump(600)
        self.reap(who)

    @action(
        4,
        when=lambda history: history.pending is None,
        who=who,
        limit=st.integers(1, 4),
        what=st.sampled_from(["claim", "claim ahead", "dispatch", "reap", *WAYS]),
    )
    def begin(self, who: int, limit: int, what: str) -> None:
        """Do it in a transaction that stays open while others go on."""
        client = self.clients[who]
        if what.startswith("claim"):
            make, call = self.claiming(client, limit, ahead=what == "claim ahead")
        elif what == "dispatch":
            make, call = self.dispatching(EMAILS + 1 - limit, 1)
        elif what == "reap":
            make, call = self.reference.reap, lambda: client.outbox.reap(STALE)
        else:
            if any(client.hands for client in self.clients):
                client = self._with_hands(who)
            make, call = self.settling(client, client.take("all"), what)
        self.sound = False
        beside = self.database.beside
        step = make(beside.begin())
        self.database.using = beside
        answer = call()
        self.database.using = self.database.main
        self._compare(answer, step)
        leased = answer if isinstance(answer, list) else []
        self.pending = Pending(step, given(answer), leased, client)
        self.reference.open = step
        self.marks[f"open {what}"] += bool(step.locked or step.rows)
        self.sound = True

    @action(
        2,
        when=lambda history: history.pending is not None,
        end=ends,
    )
    def finish(self, end: str) -> None:
        """End the open transaction."""
        self.end_open(end)

    def teardown(self) -> None:
        """Whatever happened, a fresh worker brings everything to its end by itself."""
        if not self.sound:
            return
        self.marks["histories"] += 1
        self.end_open("rollback")
        self.pause(pause=False)
        self.database.pass_time(DAY)
        self.reference.pass_time(DAY)
        client = self.register_worker()
        for number in self.reference.in_state("enqueuing"):
            self._chunk(self.batches.find(number), EMAILS + 1)
        self.look()
        self.do(self.reference.reap, lambda: client.outbox.reap(STALE))
        for number in self.reference.in_state("cancelling"):
            list(self.batches.cancel(self.batches.find(number), 1000))
            while self.reference.batches[number].state != "cancelled":
                self.reference.cancel(number).apply(None)
        self._drain(client.outbox)
        self.look()
        assert client.outbox.is_drained()
        self.sound = False

    def _drain(self, outbox: Outbox) -> None:
        """Work as a worker does, from its own position; all jobs are given back once."""
        step = self.reference.claim(self.database.main.begin(), outbox.worker_id, EMAILS, None)
        given_back: set[int] = set()
        done: dict[int, Lease] = {}
        while leases := outbox.claim(2):
            for lease in leases:
                if lease.job_id in given_back:
                    outbox.ack([(lease, stored(lease))])
                    done[lease.job_id] = lease
                else:
                    outbox.release([lease])
                    given_back.add(lease.job_id)
        tokens = [done[job].token for job, _, _ in step.answer if job in done]
        assert len(tokens) == len(step.answer), "a job was never found again"
        step.apply(tokens)
        holds = [Hold(job, lease.token) for job, lease in done.items()]
        self.reference.ack(holds).apply(None)


def _one(who: int, clients: Iterable[Client]) -> Client:
    found = list(clients)
    return found[who % len(found)]
