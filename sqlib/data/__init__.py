"""Data: the catalogue, cubes, frame sets, and SunquakeNet, simulated and real."""
# ruff: noqa: F401  the names below are offered to the notebooks

from sqlib.data.build import build_twin, info, load_frames
from sqlib.data.catalogue import Event, catalogue, find_event
from sqlib.data.cubes import Cube, read_cube, write_cube
from sqlib.data.export import export_frames
from sqlib.data.frames import FrameSet, events_of, frames_from_cube
from sqlib.data.splits import paper_split
from sqlib.data.sunquakenet import fetch, load_sunquakenet
