"""Frame sets written in SunquakeNet's names and layout, so that they load back like the published ones."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from sqlib.data.catalogue import catalogue
from sqlib.data.frames import FrameSet
from sqlib.data.sunquakenet import CENTRES, COLUMNS, CORNERS
from sqlib.paths import new_folder

README = """Sunquake frames in the layout of SunquakeNet, written by sqlib
{what}

{frames} frames of {width}×{height} pixels, 8-bit gray, scaling "{scaling}".
Folders: <set>/poz inside annotated intervals, <set>/neg outside; events without annotation lie in <set>_TEST_pos/poz.
Regions: data_c23.csv and data_c24.csv, in pixels of these frames, x to the right, y downward.
Fingerprint of the frame set: {fingerprint}
"""
WHAT = {
    "twin": "SIMULATED: these frames come from a simulated twin of SunquakeNet. They are no observations of the Sun.",
    "simulated": "SIMULATED: made from simulated egression-power cubes. They are no observations of the Sun.",
    "observed": "Made from observed egression-power cubes. Not the published frames.",
    "sunquakenet": "Real frames of SunquakeNet (Kaggle vanessamercea/sunquake-net-c23-c24), written again.",
}


def export_frames(frameset: FrameSet, root: Path, progress: bool = True) -> Path:
    """Write every frame as PNG to the new folder `root` in SunquakeNet's layout, with region tables and a README.

    The folder appears when it is complete. Returns it; raises `SqError` where it exists and is not empty, or cannot be
    written.
    """
    from PIL import Image
    from tqdm import tqdm

    index = frameset.index

    def write(row) -> None:
        pixels, event, cycle, frame, label = row
        folder = new / f"C{cycle}{'_TEST' if label < 0 else ''}_pos" / ("neg" if label == 0 else "poz")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(pixels)).save(folder / f"img_poz_{event}_{frame}.png", compress_level=1)

    with new_folder(root) as new, ThreadPoolExecutor() as pool:  # Pillow compresses without holding the interpreter
        written = pool.map(write, zip(frameset.pixels, index["event"], index["cycle"], index["frame"], index["label"]))
        for _ in tqdm(written, desc="writing frames", unit="frame", total=len(index), disable=not progress, delay=1):
            pass
        for cycle in (23, 24):
            table = pd.DataFrame(_regions(index[index["cycle"] == cycle]), columns=[*COLUMNS, "Obs"])
            table.to_csv(new / f"data_c{cycle}.csv", index=False, lineterminator="\n")
        height, width = frameset.pixels.shape[1:]
        facts = {"frames": len(index), "width": width, "height": height, "scaling": frameset.scaling}
        text = README.format(what=WHAT[frameset.source], fingerprint=frameset.fingerprint, **facts)
        (new / "README.txt").write_text(text, encoding="utf-8")
    return Path(root)


def _regions(index: pd.DataFrame):
    """Rows of a region table: every box with the frames that bear it, two boxes of the same frames to a row."""
    times = {event.key: event.time for event in catalogue()}
    index = index.sort_values(["event", "frame"], kind="stable")
    boxes = index.assign(place=index.groupby("event").cumcount()).explode("boxes").dropna(subset="boxes")
    gap = boxes.groupby(["event", "boxes"])["place"].diff() != 1
    number = gap.groupby([boxes["event"], boxes["boxes"]]).cumsum()
    runs = boxes.groupby(["event", "boxes", number], sort=False)["frame"]
    runs = runs.agg(["first", "last"]).reset_index()
    for (key, first, last), run in runs.groupby(["event", "first", "last"], sort=False):
        time = times.get(key) or pd.to_datetime(key, format="%Y_%m_%d_%H_%M_%S")
        for at in range(0, len(run), 2):
            pair = run["boxes"].tolist()[at : at + 2]
            row = {"Time": f"{time:%d.%m.%Y %H:%M}", "FS": first, "FE": last, "box_cnt": len(pair)}
            for (x0, y0, x1, y1), corners, centre in zip(pair, CORNERS, CENTRES):
                row |= dict(zip(corners, map(repr, (x0, y0, x1, y1))))
                row |= dict(zip(centre, np.round([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0], 6).tolist()))
            yield row
