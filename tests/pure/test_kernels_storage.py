"""Who else sees a tensor's memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from array_api_dist.kernels import storage

WAYS: dict[str, Callable[[torch.Tensor], object]] = {
    "view": lambda tensor: tensor.view(-1),
    "slice": lambda tensor: tensor[1:],
    "element": lambda tensor: tensor[0, 0],
    "transpose": lambda tensor: tensor.T,
    "expanded": lambda tensor: tensor.expand(5, 4, 3),
    "detached": lambda tensor: tensor.detach(),
    "other type": lambda tensor: tensor.view(torch.int32),
    "numpy": lambda tensor: tensor.numpy(),
    "numpy of a slice": lambda tensor: tensor[1:].numpy(),
    "dlpack": lambda tensor: tensor.__dlpack__(),
}


def test_a_fresh_tensor_is_its_owners_alone() -> None:
    for tensor in (torch.zeros(4, 3), torch.zeros(0), torch.zeros(()), torch.zeros(4, 3).T):
        assert not storage.is_shared(tensor)
        assert storage.unshared(tensor) is tensor


@pytest.mark.parametrize("way", WAYS)
def test_memory_is_shared_as_long_as_the_other_side_lives(way: str) -> None:
    tensor = torch.zeros(4, 3)
    other = WAYS[way](tensor)
    assert storage.is_shared(tensor)
    if isinstance(other, torch.Tensor):
        assert storage.is_shared(other)
    del other
    assert not storage.is_shared(tensor)


def test_a_view_whose_base_died_is_its_owners_alone() -> None:
    view = torch.zeros(4, 3)[1:]
    assert not storage.is_shared(view)


def test_looking_does_not_share() -> None:
    tensor = torch.zeros(4, 3)
    assert [storage.is_shared(tensor) for _ in range(3)] == [False] * 3


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(1).expand(4, 3),
        torch.zeros(4, 3, dtype=torch.complex64).conj(),
        torch.zeros(4, 3, dtype=torch.complex64).conj().imag,
        torch.arange(6.0).as_strided((3, 3), (1, 1)),
    ],
    ids=["expanded", "conjugated", "negated", "overlapping"],
)
def test_what_cannot_be_written_element_by_element_is_copied(tensor: torch.Tensor) -> None:
    alone = tensor[:]
    values = tensor.tolist()
    copy = storage.unshared(alone)
    assert copy is not alone
    assert copy.tolist() == values
    assert copy.is_contiguous()
    assert not (copy.is_conj())
    assert not (copy.is_neg())
    assert not storage.is_shared(copy)


def test_an_overlap_is_seen_without_another_owner() -> None:
    assert storage.is_shared(torch.arange(6.0).as_strided((3, 3), (1, 1)))
    assert storage.is_shared(torch.zeros(1).expand(4))
    assert not storage.is_shared(torch.zeros(4, 6)[:, ::2].clone())


def test_an_unshared_copy_can_be_written_alone() -> None:
    tensor = torch.zeros(4, 3)
    view = tensor[1:]
    storage.unshared(view)[:] = 1
    assert tensor.sum() == 0


def test_without_torchs_count_everything_may_be_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_count_of_storage", None)
    assert storage.is_shared(torch.zeros(3))


def test_who_still_has_the_base_of_a_view_shares_it() -> None:
    kept = [torch.zeros(4, 3)]
    view = kept[0][1:]
    assert storage.is_shared(view)
    capsule = kept.pop().__dlpack__()
    assert storage.is_shared(view)
    del capsule
    assert not storage.is_shared(view)
    sibling = view[1:]
    assert storage.is_shared(view)
    del sibling
    array = view._base.numpy() if view._base is not None else None
    assert storage.is_shared(view)
    del array
    assert not storage.is_shared(view)
