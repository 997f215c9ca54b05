"""The part of the command `sq` that is about data, and the options that its commands share."""

import json
import sys
from contextlib import suppress
from functools import reduce
from pathlib import Path

import click

from sqlib.errors import SqError, in_words


def options(*declared):
    """One decorator of several `click.option`."""
    return lambda command: reduce(lambda inner, option: option(inner), reversed(declared), command)


JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program to read.")
SETTINGS = click.option("-p", "settings", metavar="NAME=VALUE", multiple=True,
                        help="A parameter, which goes before the profile's value; may be repeated.")
GIVEN = options(
    click.option("--data", type=click.Choice(["twin", "sunquakenet"]), help="Simulated (twin, default) or real."),
    click.option("--root", metavar="FOLDER", help="Folder of SunquakeNet."),
    click.option("--profile", default="laptop", help="Size of everything: smoke, workshop, laptop (default), paper."),
    SETTINGS,
)
WORKERS = options(
    click.option("--workers", type=int, metavar="N", help="Processes to share the work among."),
    click.option("--scheduler", metavar="ADDR", help="Address of a running Dask scheduler to use instead."),
)


def show(content, as_json: bool, *lines) -> None:
    """Print `content` as JSON, or else its `lines`."""
    if as_json:
        from sqlib.show import records

        lines = [json.dumps(records.plain(content, "output"), indent=1)]  # escaped: valid JSON in any encoding
    print(*lines, sep="\n")


def columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows of words as lines in which the columns stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(f"{word:<{width}}" for word, width in zip(row, widths)).rstrip() for row in rows]


@click.group("data", no_args_is_help=False)
def group() -> None:
    """Build, describe, bring or export the frames."""


@group.command()
@GIVEN
@WORKERS
def build(workers, scheduler, **given) -> None:
    """Make the simulated data set, or load and report the real one."""
    frames, odd = read_frames(**given, build={"workers": workers, "scheduler": scheduler})
    show({}, False, *_described(frames, odd))


@group.command("info")
@GIVEN
@JSON
def info_(as_json, **given) -> None:
    """Say what is in a data set: events, frames, labels."""
    from sqlib.data.build import info

    frames, report = read_frames(**given)
    show(info(frames) | ({"report": report} if report else {}), as_json, *_described(frames, report))


@group.command()
@click.argument("folder", type=Path)
@GIVEN
def export(folder, **given) -> None:
    """Write the frames as pictures, in SunquakeNet's layout, to FOLDER, which must be new or empty."""
    from sqlib.data.export import export_frames

    print(export_frames(read_frames(**given)[0], folder))


@group.command("import")
@click.argument("folder", type=Path)
@click.option("--size", default=256, metavar="N", help="Pixels a side of the frames (default: 256).")
@JSON
def import_(folder, size, as_json) -> None:
    """Make frames of your own cubes.

    Of those in FOLDER, with cubes.csv and regions.csv, in the layout that every notebook reads.
    """
    from sqlib.data.frames import own_card
    from sqlib.data.own_cubes import import_cubes

    frames = import_cubes(folder, size, progress=True)
    left = own_card(frames)["left_out"]
    show({"frames": str(frames), "left_out": left}, as_json, frames, *(f"left out: {one}" for one in left),
         f"notebooks read it as: --data sunquakenet --root {frames}")


@group.command()
@click.argument("folder", type=Path)
def template(folder) -> None:
    """Write a small worked example of your own cubes to FOLDER, which must be new or empty."""
    from sqlib.data.own_cubes import write_template

    print(f"{write_template(folder)}\nnext: sq data import {folder}")


@group.command()
@click.argument("when")
@click.option("--region", type=int, metavar="N", help="NOAA number of the active region: 11158.")
@click.option("--stonyhurst", type=float, nargs=2, metavar="LON LAT", help="Or its place, in degrees.")
@click.option("--carrington", type=float, nargs=2, metavar="LON LAT", help="Or its place, in degrees.")
@click.option("--folder", type=Path, help="Full-disk Dopplergrams that you have (default: fetch them from JSOC).")
@click.option("--email", help="Address registered with JSOC (default: $JSOC_EMAIL).")
@SETTINGS
@WORKERS
@JSON
def ingest(when, region, stonyhurst, carrington, settings, as_json, **where) -> None:
    """Make frames of a real observation of HMI or MDI.

    WHEN is an event of Table 1 ("30 December 2011"), or a time, UTC (2014-03-29T17:48).
    """
    from sqlib.data.observed_cubes import observed_frames
    from sqlib.sun import ingest as observation
    from sqlib.typed import of_dataclass, parse

    if sum(place is not None for place in (region, stonyhurst, carrington)) != 1:
        raise click.UsageError("give one of --region, --stonyhurst and --carrington", click.get_current_context())
    event = _observed_event(when)
    chosen = observation.IngestSettings(**parse(of_dataclass(observation.IngestSettings), settings, "the ingest"))
    if region is not None:
        target = observation.target_region(region, event.time)
    else:
        frame = "carrington" if carrington else "stonyhurst"
        target = observation.target_at(event.time, *(carrington or stonyhurst), frame)
    path, frames, report = observed_frames(event, target, chosen, progress=True, **where)
    made = {"cube": str(path), "frames": str(frames), "root": str(frames.parent), **report}
    for name, why in list(made.get("aside", {}).items())[:1]:
        print(f"{len(made['aside'])} files are left aside, the first, {name}: {why}", file=sys.stderr)
    if gaps := made.get("gaps"):
        print(f"{sum(last - first + 1 for first, last in gaps)} frames have no usable record and are interpolated, "
              f"the first is number {gaps[0][0]}", file=sys.stderr)
    show(made, as_json, path, frames, f"notebooks read it as: --data sunquakenet --root {frames.parent}")


def read_frames(data, root, profile: str, settings, build: dict | None = None):
    """Return the frame set that the options name, and for real frames the report of what is odd there.

    build : how to build a twin that is missing, `workers` and `scheduler`; without it `SqError` says what builds it
    """
    from sqlib import profiles
    from sqlib.data.build import build_twin, load_frames, twin_folder
    from sqlib.data.sunquakenet import fetch, load_sunquakenet
    from sqlib.sun.twin import TwinSettings
    from sqlib.typed import of_dataclass, parse

    if data == "sunquakenet":
        return load_sunquakenet(Path(root) if root else fetch(), size=None, progress=True)
    model = of_dataclass(TwinSettings)
    values = {name: value for name, value in profiles.load(profile)["data"].items() if name in model.model_fields}
    twin = TwinSettings(**values | parse(model, settings, "the twin"))
    if build is not None:
        print(build_twin(twin, progress=True, **build))
    elif not (twin_folder(twin) / "card.json").is_file():
        raise SqError(f"this twin is not built yet: sq data build --profile {profile}")
    return load_frames("twin", settings=twin, size=min(224, twin.size), progress=True), None


def _observed_event(text: str):
    """Return the event of Table 1 that `text` names, or another one at the time that it gives."""
    from sqlib.data.catalogue import find_event, make_event
    from sqlib.sun.ingest.records import utc

    with suppress(SqError):
        return find_event(text)
    with in_words(f"no event and no time {text!r}", "a time is written like 2014-03-29T17:48"):
        return make_event(utc(text))


def _described(frames, report) -> list[str]:
    """The counts of a frame set, then a row per cycle and per event, then what was odd."""
    import pandas as pd

    from sqlib.data.build import info

    content, found = info(frames), report or {}
    counts = [f"{name:<14}{value}" for name, value in content.items() if not isinstance(value, dict | list)]
    cycles = pd.DataFrame([{"cycle": cycle, **counts} for cycle, counts in content["cycles"].items()])
    events = pd.DataFrame(content["per_event"]).drop(columns="event", errors="ignore")
    tables = [f"\n{table.to_string(index=False)}" for table in (cycles, events)]
    odd = [f"{name.replace('_', ' '):<22}{len(value)}, the first: {value[0]}"
           for name, value in found.items() if isinstance(value, tuple) and value]
    return [*counts, *tables, *odd]
