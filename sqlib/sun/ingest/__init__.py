"""Real observations: from a time and a place on the Sun to the cube of egression power that the book works on."""
# ruff: noqa: F401  the names below are offered to readers

from sqlib.sun.ingest.chain import IngestSettings, Movie, Observed, dopplergrams, extent, observe
from sqlib.sun.ingest.fetch import fetch_records, whole_records
from sqlib.sun.ingest.records import ARCHIVES, archive_of
from sqlib.sun.ingest.target import Target, carrington, target_at, target_region
from sqlib.sun.ingest.track import Patch, project, project_all
