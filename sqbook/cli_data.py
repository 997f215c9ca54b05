"""The part of the command `sq` that is about data: build, info, ingest, export; and how all of its commands are declared."""

import argparse
import json
from dataclasses import fields
from pathlib import Path

from sqbook import parameters as params
from sqlib.errors import SqError
from sqlib.show import records

DATA_HELP = "twin (simulated, the default) or sunquakenet (real frames)"


def add(commands) -> None:
    """Declare `sq data` and its actions."""
    data = commands.add_parser("data", help="build, describe or export the frames").add_subparsers(metavar="ACTION", required=True)
    build = add_command(data, "build", _data_build, "make the simulated data set, or load and report the real one")
    info = add_command(data, "info", _data_info, "say what is in a data set: events, frames, labels")
    ingest = add_command(data, "ingest", _data_ingest, "make a cube and frames of a real observation of HMI or MDI")
    ingest.add_argument("when", metavar="WHEN", help="an event of Table 1 (30 December 2011), or a time, UTC (2014-03-29T17:48)")
    place = ingest.add_mutually_exclusive_group(required=True)
    place.add_argument("--region", type=int, metavar="N", help="NOAA number of the active region: 11158")
    for frame in ("stonyhurst", "carrington"):
        place.add_argument(f"--{frame}", type=float, nargs=2, metavar=("LON", "LAT"), help="or its place, in degrees")
    ingest.add_argument("--folder", type=Path, help="full-disk Dopplergrams that you have (default: fetch them from JSOC)")
    ingest.add_argument("--email", help="address registered with JSOC (default: $JSOC_EMAIL)")
    ingest.add_argument("--magnetogram", action="store_true", help="fetch the event's magnetogram, too")
    ingest.add_argument("-p", metavar="name=value", action="append", default=[], dest="settings",
                        help="a setting, such as size=128; may be repeated")  # fmt: skip
    own = add_command(data, "import", _data_import, "make frames of your own cubes, in the layout that every notebook reads")
    own.add_argument("folder", type=Path, metavar="FOLDER", help="folder with cubes.csv, regions.csv and the cubes it lists")
    own.add_argument("--size", type=int, default=256, metavar="N", help="pixels a side of the frames (default: 256)")
    template = add_command(data, "template", _data_template, "write a small worked example for your own cubes")
    template.add_argument("folder", type=Path, metavar="FOLDER", help="where to write; must be new or empty")
    export = add_command(data, "export", _data_export, "write the frames as pictures in SunquakeNet's layout")
    export.add_argument("folder", type=Path, metavar="FOLDER", help="where to write; must be new or empty")
    for command in (build, ingest):
        command.add_argument("--workers", type=int, metavar="N", help="processes to share the work among (default: by cores)")
        command.add_argument("--scheduler", metavar="ADDR", help="address of a running Dask scheduler to use instead")
    for command in (build, info, export):
        add_options(command, "a setting of the twin, such as seed=7", data="twin", root="")
    info.add_argument("--json", action="store_true", help="print JSON, for a program to read")


def add_command(commands, name: str, do, text: str) -> argparse.ArgumentParser:
    """Declare a command that calls `do` with its arguments."""
    command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.set_defaults(do=do)
    return command


def add_options(command: argparse.ArgumentParser, setting: str, **defaults) -> None:
    """Declare --data, --root, --profile and -p (help: `setting`) for a command."""
    command.add_argument("--data", choices=("twin", "sunquakenet"), help=DATA_HELP)
    command.add_argument("--root", metavar="FOLDER", help="folder of SunquakeNet")
    command.add_argument("--profile", default="laptop", help="size of everything: smoke, laptop (default), paper")
    command.add_argument("-p", metavar="name=value", action="append", default=[], dest="settings",
                         help=f"{setting}; may be repeated")  # fmt: skip
    command.set_defaults(**defaults)


def print_json(content) -> None:
    """Print `content` as JSON."""
    print(json.dumps(records.plain(content, "output"), indent=1, ensure_ascii=False))


def _twin_settings(args):
    """Return the TwinSettings of --profile with the -p values over them, checked by name and type."""
    from sqlib.sun.twin import TwinSettings

    known = tuple(params.Parameter(f.name, f.type.__name__, f.default, "") for f in fields(TwinSettings))
    values = params.check(known, params.load_profile(args.profile)["data"], f"{args.profile}.yml, data")
    return TwinSettings(**values | params.parse(known, args.settings, "the twin"))


def _frames(args, build: bool):
    """Return the frame set that --data, --root and --profile name, and for real frames the report of what is odd there.

    Only `build` makes a twin that is missing.
    """
    from sqlib.data.build import load_frames, twin_folder
    from sqlib.data.sunquakenet import fetch, load_sunquakenet

    if args.data == "sunquakenet":
        frames, report = load_sunquakenet(Path(args.root) if args.root else fetch(), size=None, progress=True)
        return frames, vars(report)
    settings = _twin_settings(args)
    if not build and not (twin_folder(settings) / "card.json").is_file():
        raise SqError(f"this twin is not built yet: sq data build --profile {args.profile}")
    return load_frames("twin", settings=settings, size=min(224, settings.size), progress=True), {}


def _data_build(args) -> None:
    from sqlib.data.build import build_twin, info

    if args.data == "twin":
        print(build_twin(_twin_settings(args), workers=args.workers, scheduler=args.scheduler, progress=True))
    frames, report = _frames(args, build=True)
    _print_info(info(frames), report)


def _data_info(args) -> None:
    from sqlib.data.build import info

    frames, report = _frames(args, build=False)
    if args.json:
        print_json(info(frames) | ({"report": report} if report else {}))
    else:
        _print_info(info(frames), report)


def _data_export(args) -> None:
    from sqlib.data.export import export_frames

    print(export_frames(_frames(args, build=False)[0], args.folder))


def _data_import(args) -> None:
    from sqlib.data.own_cubes import import_cubes

    frames = import_cubes(args.folder, args.size, progress=True)
    print(f"{frames}\nnotebooks read it as: --data sunquakenet --root {frames}")


def _data_template(args) -> None:
    from sqlib.data.own_cubes import write_template

    print(f"{write_template(args.folder)}\nnext: sq data import {args.folder}")


def _data_ingest(args) -> None:
    from sqlib.data.observed_cubes import observed_frames
    from sqlib.sun import ingest

    event, settings = _observed_event(args.when), _ingest_settings(args.settings)
    if args.region is not None:
        target = ingest.target_region(args.region, event.time)
    else:
        frame = "carrington" if args.carrington else "stonyhurst"
        target = ingest.target_at(event.time, *(args.carrington or args.stonyhurst), frame)
    path, frames = observed_frames(event, target, settings, folder=args.folder, email=args.email, workers=args.workers,
                                   scheduler=args.scheduler, progress=True)  # fmt: skip
    if args.magnetogram:
        magnetogram = path.parents[1] / "magnetograms" / path.name
        print(ingest.save_magnetogram(event, target, magnetogram, settings, email=args.email))
    print(f"{path}\n{frames}\nnotebooks read it as: --data sunquakenet --root {frames.parent}")


def _observed_event(text: str):
    """Return the event of Table 1 that `text` names, or another one at the time that it gives."""
    from datetime import UTC, datetime

    from sqlib.data import catalogue, find_event
    from sqlib.data.catalogue import make_event

    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        try:
            return find_event(text)
        except SqError as error:
            raise SqError(f"{error} (a time is written like 2014-03-29T17:48)") from None
    time = time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
    return {event.time: event for event in catalogue()}.get(time) or make_event(time)


def _ingest_settings(words: list[str]):
    """Return the IngestSettings with the -p values in them, checked by name and type."""
    from sqlib.sun.ingest import IngestSettings

    plain = [f for f in fields(IngestSettings) if f.type in (int, float, str)]
    known = tuple(params.Parameter(f.name, f.type.__name__, f.default, "") for f in plain)
    return IngestSettings(**params.parse(known, words, "the ingest"))


def _print_info(content: dict, report: dict) -> None:
    """Print the counts of a frame set in words, then a row per cycle and per event, then what was odd."""
    import pandas as pd

    for name, value in content.items():
        if not isinstance(value, dict | list):
            print(f"{name:<14}{value}")
    cycles = [{"cycle": cycle, **counts} for cycle, counts in content["cycles"].items()]
    for rows in (cycles, content["per_event"]):
        print("\n" + pd.DataFrame(rows).drop(columns="event", errors="ignore").to_string(index=False))
    for name, value in report.items():
        if isinstance(value, tuple) and name != "tables":
            print(f"{name.replace('_', ' '):<22}{len(value)}" + "".join(f"\n  {one}" for one in value[:10]))
