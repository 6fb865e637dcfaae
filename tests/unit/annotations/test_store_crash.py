"""A killed program loses nothing that it called kept, and never half of an edit."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mammoviewer.annotations.store import AnnotationStore

CHILD = Path(__file__).with_name("store_child.py")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_everything_acknowledged_survives_kill_minus_nine(tmp_path):
    library = tmp_path / "library.sqlite"
    chance = random.Random(20)
    acknowledged: list[str] = []
    for kill in range(15):
        child = subprocess.Popen([sys.executable, CHILD, library, f"1.2.{kill}"], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.0, 0.08))
        child.kill()
        lines = child.communicate()[0].splitlines(keepends=True)
        assert child.returncode == -9
        acknowledged += [i for line in lines if line.endswith("\n") for i in line.split()]
        with AnnotationStore(library) as store:
            findings = store.load()
        kept = [finding.id for finding in findings]
        assert set(acknowledged) <= set(kept)
        # The kill may have come between the write and the word of it: at most one pair more, and whole.
        assert len(kept) - len(acknowledged) <= 2 * (kill + 1)
        pairs = {(f.image_uid, f.label.split()[1]) for f in findings}
        assert len(kept) == 2 * len(pairs)
    assert len(acknowledged) > 30
