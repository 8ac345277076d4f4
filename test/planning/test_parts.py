"""How many candidates are imagined at once."""

from types import SimpleNamespace

import pytest

pytest.importorskip("torch")

import torch

from wm_ros.planning.parts import LEAST_TOKENS, part_size, tokens_at_once


@pytest.mark.parametrize(
    ("candidates", "most", "size"),
    [
        (64, 64, 64),
        (64, 4096, 64),
        (64, 16, 16),
        (300, 140, 100),  # 3 parts of 100, and not 140, 140 and 20
        (800, 140, 100),
        (7, 2, 2),  # no parts of one size: 2, 2, 2 and 1
        (101, 50, 34),
        (5, 1, 1),
    ],
)
def test_parts_are_of_one_size_where_that_takes_not_many_more(candidates, most, size):
    assert part_size(candidates, most) == size


@pytest.mark.parametrize("candidates", range(1, 60))
@pytest.mark.parametrize("most", [1, 3, 8, 17])
def test_no_part_is_larger_than_there_is_room(candidates, most):
    size = part_size(candidates, most)
    assert 1 <= size <= most
    assert -(-candidates // size) <= 1.5 * -(-candidates // most)


@pytest.mark.parametrize(("gib", "tokens"), [(8, LEAST_TOKENS), (24, 6144), (80, 20480), (140, 35840)])
def test_a_gpu_imagines_as_many_as_its_memory_has_room_for(monkeypatch, gib, tokens):
    card = SimpleNamespace(total_memory=gib * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    assert tokens_at_once(torch.device("cuda:1")) == tokens
    assert tokens_at_once(torch.device("cpu")) == LEAST_TOKENS
