from __future__ import annotations

import os

import pytest

from mammoviewer.base import machine
from mammoviewer.base.machine import total_memory_bytes


def test_the_memory_of_this_machine_is_plausible():
    assert 256 << 20 < total_memory_bytes() < 1 << 50


def test_a_container_has_its_share_only(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    limit.write_text("123456789\n")
    monkeypatch.setattr(machine, "_CONTROL_GROUP", limit)
    assert total_memory_bytes() == 123456789
    limit.write_text("max\n")
    assert total_memory_bytes() > 123456789


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="POSIX alone")
@pytest.mark.parametrize("answer", [-1, ValueError("unrecognized configuration name")])
def test_a_machine_that_does_not_tell_is_taken_for_a_small_one(tmp_path, monkeypatch, answer):
    def sysconf(name: str) -> int:
        if isinstance(answer, ValueError):
            raise answer
        return answer

    monkeypatch.setattr(machine, "_CONTROL_GROUP", tmp_path / "none")
    monkeypatch.setattr(os, "sysconf", sysconf)
    assert total_memory_bytes() == 4 << 30
