from __future__ import annotations

import sys
import threading

import pytest

from mammoviewer.jobs.asked_process import AskedProcess
from mammoviewer.jobs.process_runner import ProcessError

CHILD = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("die"):
        sys.exit("no more")
    print("not for you")
    print(json.dumps({"twice": 2 * asked["value"]}), flush=True)
"""


@pytest.fixture
def asked(tmp_path):
    answers, came = [], threading.Event()

    def take(answer):
        answers.append(answer)
        came.set()

    child = AskedProcess([sys.executable, "-c", CHILD], take, log=tmp_path / "logs" / "child.log")
    yield child, answers, came, tmp_path / "logs" / "child.log"
    child.close()


def test_it_answers_question_after_question_and_starts_anew_after_an_end(asked):
    child, answers, came, _ = asked
    assert not child.running
    for value in (2, 3):
        came.clear()
        child.ask({"value": value})
        assert came.wait(20)
    assert answers == [{"twice": 4}, {"twice": 6}]
    child.close()
    assert not child.running
    came.clear()
    child.ask({"value": 5})
    assert came.wait(20)
    assert answers[-1] == {"twice": 10}, "and an end that was asked for is not told"


def test_an_end_that_nobody_asked_for_is_told_and_its_words_are_in_the_log(asked):
    child, answers, came, log = asked
    child.ask({"die": True})
    assert came.wait(20)
    assert answers == [None]
    assert "no more" in log.read_text()


def test_what_cannot_be_started_is_said(tmp_path):
    child = AskedProcess([str(tmp_path / "nowhere")], lambda answer: None, log=tmp_path / "log")
    with pytest.raises(ProcessError, match="cannot be started"):
        child.ask({})
