"""The chapter on the data set, executed on the real sample (which lies beside a checkout, never in it)."""

import json
import os
import subprocess
import sys
from pathlib import Path

from sqlib.show.records import read_records

CHECKOUT = Path(__file__).resolve().parents[1]


def test_the_data_chapter_runs_on_real_frames(real, tmp_path):
    """`sq run 01_dataset -p data=sunquakenet -p root=../shared/real`, as a user types it in the checkout."""
    for name in ("notebooks", "profiles"):
        (tmp_path / name).symlink_to(CHECKOUT / name)
    root = os.path.relpath(real, CHECKOUT)
    command = [sys.executable, "-m", "sqbook.cli", "run", "01_dataset", "-p", "data=sunquakenet", "-p", f"root={root}"]
    environment = {**os.environ, "SQ_HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-4000:]
    folder = Path(done.stdout.strip())
    records = read_records(folder)
    assert {"table1", "fig01", "table-counts", "table-statistics", "table-slips"} <= set(records)
    assert records["fig01"]["simulated"] is False and "observed" in records["fig01"]["source"]
    assert records["fig-guess"]["source"] == ["observed", "simulated"] and records["fig-guess"]["numbers"]["pairs"] == 8
    counts = records["fig-counts"]["numbers"]
    assert (counts["23"]["positives"], counts["24"]["negatives"], counts["24"]["unlabelled"]) == (115, 157, 8)
    cells = json.loads((folder / "executed.ipynb").read_text())["cells"]
    outputs = [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert not (tmp_path / "data").exists()  # real frames need no twin
