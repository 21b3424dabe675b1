"""A process killed in the middle of its writes has lost nothing that it was told is durable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.postgres import opened
from tests.unit.storage.things import things

WRITER = """
import sys, threading
from tests.support.postgres import opened
from tests.unit.storage.things import things

db = opened(sys.argv[1])
lock = threading.Lock()

def work(name):
    for number in range(10_000):
        db.write(lambda tx: tx.insert(things, id=f"{name}-{number}", count=number))
        with lock:
            print(f"{name}-{number}", flush=True)

for name in ("a", "b", "c"):
    threading.Thread(target=work, args=(name,), daemon=True).start()
threading.Event().wait(60)
"""


@pytest.mark.parametrize("answers", [1, 40, 150])
def test_every_write_that_was_answered_before_the_kill_is_there(database_url: str, answers: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITER, database_url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    answered = [process.stdout.readline().strip() for _ in range(answers)]
    process.kill()
    answered += process.stdout.read().split("\n")[:-1]
    process.wait()
    db = opened(database_url)
    rows = db.read(lambda tx: tx.all(sa.select(things.c.id)))
    assert set(answered) <= {row.id for row in rows}
    db.close()


def test_a_blob_that_was_being_written_at_the_kill_is_not_there(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from codeyard.engine import SystemClock, SystemIds
from codeyard.storage import FileBlobs, Keyring, open_database
folder = Path(sys.argv[1])
clock, ids = SystemClock(), SystemIds()
db = open_database(folder / "codeyard.db", clock, ids)
db.create_all()
blobs = FileBlobs(folder / "blobs", Keyring(folder, ids, {}).open(), clock, ids, db)
print(blobs.put([b"whole" * 50_000]).blob_id, flush=True)
writer = blobs.writer()
writer.write(b"half" * 100_000)
print("writing", flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    assert process.stdout is not None
    blob_id = process.stdout.readline().strip()
    assert process.stdout.readline().strip() == "writing"
    process.kill()
    process.wait()
    whole = [path.name for path in (tmp_path / "blobs").glob("*/*") if path.suffix != ".part"]
    assert whole == [blob_id]
