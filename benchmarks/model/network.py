"""What collectives cost: the alpha-beta-gamma model, with one latency and bandwidth inside a node and one between nodes.

A message of n bytes takes alpha + n beta, merging a byte gamma. The formulas are those of R. Thakur, R. Rabenseifner
and W. Gropp, "Optimization of collective communication operations in MPICH", Int. J. High Perform. Comput. Appl. 19
(2005), and E. Chan, M. Heimlich, A. Purkayastha and R. van de Geijn, "Collective communication: theory, practice, and
experience", Concurr. Comput. 19 (2007); where they name several algorithms, an MPI library takes the fastest.

The first rounds of a tree stay within a node: ranks are numbered node by node. When all ranks send at once, those of
a node share its port; when each sends to its neighbour (a ring), one message only leaves a node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from benchmarks.budgets import Step
from benchmarks.budgets.problem import BUFFER_NBYTES, MESSAGE_NBYTES
from benchmarks.model.machine import Machine

GATHERED_NBYTES: Final = 1 << 18
"""States of at most this many bytes are reduced in one collective of MPI's; larger ones are scattered and gathered."""

LEAST_SLAB_NBYTES: Final = 1 << 13
"""Nor are they scattered in slabs smaller than this."""

MERGE_OPERATIONS: Final = 6
"""About how many operations a merge of pairs or moments takes."""

MERGE: Final = "merge"
"""The kind of an allreduce whose merge MPI does not have."""

MOST_MESSAGE_NBYTES: Final = 1 << 22
"""Messages of an exchange are not longer, however few peers there are."""


def rounds(ranks: int) -> int:
    """Return the levels of a binary tree over the ranks."""
    return (ranks - 1).bit_length()


@dataclass(frozen=True, slots=True)
class Network:
    """A machine's network as ``ranks`` ranks see it.

    Attributes
    ----------
    machine : Machine
    ranks : int
    """

    machine: Machine
    ranks: int

    @property
    def on_node(self) -> int:
        """How many ranks share a node."""
        return min(self.ranks, self.machine.ranks_per_node)

    @property
    def latency(self) -> float:
        """Alpha of the farthest message."""
        machine = self.machine
        if self.ranks == 1:
            return 0.0
        return machine.latency_inside if self.ranks == self.on_node else machine.latency_between

    @property
    def message_nbytes(self) -> float:
        """The length to which an exchange cuts its messages: two rounds of those of all peers share its buffer."""
        return max(min(BUFFER_NBYTES / (4 * self.ranks), MOST_MESSAGE_NBYTES), MESSAGE_NBYTES)

    @property
    def tree_latency(self) -> float:
        """Alpha of all rounds of a tree."""
        inside = rounds(self.on_node)
        between = rounds(self.ranks) - inside
        return inside * self.machine.latency_inside + between * self.machine.latency_between

    @property
    def scattered_beta(self) -> float:
        """Seconds a byte when every rank sends to all others at once."""
        if self.ranks == 1:
            return 0.0
        inside = (self.on_node - 1) / (self.ranks - 1)
        machine = self.machine
        return inside / machine.bandwidth_inside + (1 - inside) * self.on_node / machine.bandwidth_between

    @property
    def ring_beta(self) -> float:
        """Seconds a byte when every rank sends to the next one."""
        if self.ranks == 1:
            return 0.0
        inside = 1 / self.machine.bandwidth_inside
        return inside if self.ranks == self.on_node else max(inside, 1 / self.machine.bandwidth_between)

    @property
    def gamma(self) -> float:
        """Seconds to merge a byte: two are read, one written, in a buffer that is kept."""
        return 1 / self.machine.copy_bandwidth + 1 / self.machine.read_bandwidth

    def exchange(self, messages: float, nbytes: float) -> float:
        """Return an all-to-all of what a rank sends: all messages are under way at once, their software is not."""
        if self.ranks == 1:
            return 0.0
        under_way = self.latency + messages * self.machine.message_seconds + nbytes * self.scattered_beta
        # One of both sides is not contiguous, and is packed.
        return under_way + nbytes / self.machine.copy_bandwidth

    def allgather(self, nbytes: float) -> float:
        """Return the faster of recursive doubling and a ring, of ``nbytes`` from each rank (Thakur et al., 4.1)."""
        others = self.ranks - 1
        doubling = self.tree_latency + others * nbytes * self.scattered_beta
        ring = others * self.latency + others * nbytes * self.ring_beta
        return min(doubling, ring)

    def broadcast(self, nbytes: float) -> float:
        """Return the faster of a binomial tree, and scatter with a ring (Thakur et al., 4.2)."""
        others, rounds_ = self.ranks - 1, rounds(self.ranks)
        tree = self.tree_latency + rounds_ * nbytes * self.ring_beta
        ring = self.tree_latency + others * self.latency + 2 * nbytes * others / self.ranks * self.ring_beta
        return min(tree, ring)

    def reduce_scatter(self, nbytes: float) -> float:
        """Return a pairwise exchange of ``nbytes`` in all and the merging of the slabs (Thakur et al., 4.4)."""
        others = self.ranks - 1
        moved = nbytes * others / self.ranks
        return self.exchange(others, moved) + moved * self.gamma

    def allreduce(self, nbytes: float) -> float:
        """Return MPI's own (Thakur et al., 4.5), or above a size a reduce-scatter and an allgather."""
        if nbytes > max(GATHERED_NBYTES, LEAST_SLAB_NBYTES * self.ranks):
            return self.reduce_scatter(nbytes) + self.allgather(nbytes / self.ranks)
        others, rounds_ = self.ranks - 1, rounds(self.ranks)
        doubling = self.tree_latency + rounds_ * nbytes * (self.scattered_beta + self.gamma)
        moved = nbytes * others / self.ranks
        halving = 2 * self.tree_latency + moved * (2 * self.scattered_beta + self.gamma)
        return min(doubling, halving)

    def merge(self, nbytes: float) -> float:
        """Return an allreduce by a merge that MPI lacks: of all states where they are small, by doubling, or by slabs."""
        merges = rounds(self.ranks) * MERGE_OPERATIONS * self.machine.operation_seconds
        if nbytes * self.ranks <= GATHERED_NBYTES:
            return self.allgather(nbytes) + (self.ranks - 1) * nbytes * self.gamma + merges
        if nbytes <= LEAST_SLAB_NBYTES * self.ranks:
            return self._doubling(nbytes) + merges
        return self.reduce_scatter(nbytes) + self.allgather(nbytes / self.ranks) + merges

    def _doubling(self, nbytes: float) -> float:
        """Return a message of a state a round, packed and unpacked, and its merge."""
        machine = self.machine
        software = machine.message_seconds + 2 * machine.operation_seconds
        each = software + nbytes * (self.scattered_beta + self.gamma)
        return self.tree_latency + rounds(self.ranks) * each

    def exscan(self, nbytes: float) -> float:
        """Return a gather of all states and a merge of the lower ones, a scan by doubling, or by slabs, there and back."""
        if nbytes * self.ranks <= GATHERED_NBYTES:
            return self.allgather(nbytes) + self.ranks * nbytes * self.gamma
        if nbytes <= LEAST_SLAB_NBYTES * self.ranks:
            # What comes is merged twice: with what is sent on, and with the result.
            merges = rounds(self.ranks) * (2 * self.machine.operation_seconds + nbytes * self.gamma)
            return self._doubling(nbytes) + merges
        moved = nbytes * (self.ranks - 1) / self.ranks
        return 2 * self.exchange(self.ranks - 1, moved) + nbytes * self.gamma

    def transposed(self, nbytes: float) -> float:
        """Return an all-to-all of a few bytes: the faster of Bruck's and one message for each peer (Thakur et al., 4.3)."""
        if self.ranks == 1:
            return 0.0
        bruck = self.tree_latency + rounds(self.ranks) * nbytes / 2 * self.scattered_beta
        return min(bruck, self.latency + (self.ranks - 1) * self.machine.message_seconds)

    def shift(self, messages: float, nbytes: float) -> float:
        """Return a ring's messages, one after another."""
        each = self.latency + self.machine.message_seconds
        return (messages * each if self.ranks > 1 else 0.0) + nbytes * self.ring_beta


def seconds_of(step: Step, network: Network) -> float:
    """Return what the collectives of a step take, their software included."""
    machine, calls = network.machine, step.calls
    if not calls:
        # More bytes of an exchange that another step counts.
        return (
            step.nbytes * (network.scattered_beta + 1 / machine.copy_bandwidth) if network.ranks > 1 else 0.0
        )
    if step.kind == "exchange":
        # A budget counts messages of the least length; larger ones are sent where there are few peers.
        messages = min(step.messages, calls * (network.ranks - 1) + step.nbytes / network.message_nbytes)
        return calls * (machine.exchange_seconds + network.exchange(messages / calls, step.nbytes / calls))
    if step.kind == "exchange_counts":
        return calls * (machine.exchange_seconds + network.transposed(step.nbytes / calls))
    if step.kind == "shift":
        return calls * machine.collective_seconds + network.shift(step.messages, step.nbytes)
    each: dict[str, Callable[[float], float]] = {
        "allreduce": network.allreduce,
        MERGE: network.merge,
        "allgather": network.allgather,
        "broadcast": network.broadcast,
        "reduce_scatter": network.reduce_scatter,
        "exscan": network.exscan,
        "agree": lambda _: network.allgather(1),
    }
    return calls * (machine.collective_seconds + each[step.kind](step.nbytes / calls))


def seconds_of_all(steps: Iterable[Step], network: Network) -> float:
    """Return what the steps take one after another."""
    return sum(seconds_of(step, network) for step in steps)
