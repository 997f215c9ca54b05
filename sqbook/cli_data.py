"""The part of the command `sq` that is about data, and the options that its commands share."""

import json
import sys
from functools import reduce
from pathlib import Path

import click

from sqlib.errors import SqError, in_words

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program to read.")


class InOrder(click.Group):
    """Commands in the order of their declaration."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Names of the commands."""
        return list(self.commands)


def settings_option(setting: str):
    """The option -p name=value."""
    return click.option("-p", "settings", metavar="NAME=VALUE", multiple=True, help=f"{setting}; may be repeated.")


def options(setting: str):
    """Declare --data, --root, --profile and -p (help: `setting`) for a command."""
    return _each(
        click.option("--data", type=click.Choice(["twin", "sunquakenet"]), help="Simulated (twin, default) or real."),
        click.option("--root", metavar="FOLDER", help="Folder of SunquakeNet."),
        click.option("--profile", default="laptop", help="Size of everything: smoke, laptop (default), paper."),
        settings_option(setting),
    )


def workers_options(meaning: str):
    """Declare --workers (help: `meaning`) and --scheduler for a command."""
    return _each(
        click.option("--workers", type=int, metavar="N", help=meaning),
        click.option("--scheduler", metavar="ADDR", help="Address of a running Dask scheduler to use instead."),
    )


def _each(*declared):
    return lambda command: reduce(lambda inner, option: option(inner), reversed(declared), command)


def show(content, as_json: bool, *lines) -> None:
    """Print `content` as JSON, or else its `lines`."""
    if as_json:
        from sqlib.show import records

        lines = [json.dumps(records.plain(content, "output"), indent=1)]  # escaped: valid JSON in any encoding
    echo("\n".join(map(str, lines)))


def echo(text, stream=None) -> None:
    """Print a text, on stdout or `stream`; click's own `echo` writes UTF-8 where an ASCII stream is asked for."""
    click.echo(text, stream or sys.stdout)


def columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows of words as lines in which the columns stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(f"{word:<{width}}" for word, width in zip(row, widths)).rstrip() for row in rows]


@click.group("data", cls=InOrder)
def group() -> None:
    """Build, describe, bring or export the frames."""


TWIN = options("A setting of the twin, such as seed=7")


@group.command()
@TWIN
@workers_options("Processes to share the work among (default: by cores).")
def build(workers, scheduler, **given) -> None:
    """Make the simulated data set, or load and report the real one."""
    from sqlib.data.build import info

    frames, report = read_frames(**given, build={"workers": workers, "scheduler": scheduler})
    echo(_in_words(info(frames), report))


@group.command("info")
@TWIN
@JSON
def info_(as_json, **given) -> None:
    """Say what is in a data set: events, frames, labels."""
    from sqlib.data.build import info

    frames, report = read_frames(**given)
    content = info(frames)
    show(content | ({"report": report} if report else {}), as_json, _in_words(content, report))


@group.command()
@click.argument("folder", type=Path)
@TWIN
def export(folder, **given) -> None:
    """Write the frames as pictures, in SunquakeNet's layout.

    To FOLDER, which must be new or empty.
    """
    from sqlib.data.export import export_frames

    echo(export_frames(read_frames(**given)[0], folder))


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
    told = [f"left out: {one}" for one in left]
    show({"frames": str(frames), "left_out": left}, as_json, frames, *told,
         f"notebooks read it as: --data sunquakenet --root {frames}")


@group.command()
@click.argument("folder", type=Path)
def template(folder) -> None:
    """Write a small worked example of your own cubes.

    To FOLDER, which must be new or empty.
    """
    from sqlib.data.own_cubes import write_template

    echo(f"{write_template(folder)}\nnext: sq data import {folder}")


@group.command()
@click.argument("when")
@click.option("--region", type=int, metavar="N", help="NOAA number of the active region: 11158.")
@click.option("--stonyhurst", type=float, nargs=2, metavar="LON LAT", help="Or its place, in degrees.")
@click.option("--carrington", type=float, nargs=2, metavar="LON LAT", help="Or its place, in degrees.")
@click.option("--folder", type=Path, help="Full-disk Dopplergrams that you have (default: fetch them from JSOC).")
@click.option("--email", help="Address registered with JSOC (default: $JSOC_EMAIL).")
@click.option("--magnetogram", is_flag=True, help="Fetch the event's magnetogram, too.")
@settings_option("A setting, such as size=128")
@workers_options("Processes to share the work among (default: by cores).")
@JSON
def ingest(when, region, stonyhurst, carrington, folder, email, magnetogram, settings, workers, scheduler,
           as_json) -> None:
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
    path, frames, report = observed_frames(event, target, chosen, folder=folder, email=email, workers=workers,
                                           scheduler=scheduler, progress=True)
    made = {"cube": str(path), "frames": str(frames), "root": str(frames.parent), **report}
    if magnetogram:
        written = path.parents[1] / "magnetograms" / path.name
        made["magnetogram"] = str(observation.save_magnetogram(event, target, written, chosen, email=email))
    if not as_json and (words := _left_out(made)):
        echo("\n".join(words), sys.stderr)
    show(made, as_json, *filter(None, [made.get("magnetogram")]), path, frames,
         f"notebooks read it as: --data sunquakenet --root {frames.parent}")


def _left_out(made: dict) -> list[str]:
    """What an observed cube does without, a line each."""
    lines, aside, records = [], made.get("aside", {}), made.get("records", {})
    if aside:
        name, why = next(iter(aside.items()))
        lines.append(f"{len(aside)} files are left aside, the first, {name}: {why}")
    if (other := records.get("given", 0) - records.get("used", 0) - len(aside)) > 0:
        lines.append(f"{other} of {records['given']} records lie before or after the {records['frames']} frames needed")
    if gaps := made.get("gaps"):
        count = sum(last - first + 1 for first, last in gaps)
        lines.append(f"{count} of {records.get('frames', 'the')} frames have no usable record and are interpolated, "
                     f"the first is number {gaps[0][0]}")
    return lines


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
        frames, report = load_sunquakenet(Path(root) if root else fetch(), size=None, progress=True)
        return frames, vars(report)
    model = of_dataclass(TwinSettings)
    values = {name: value for name, value in profiles.load(profile)["data"].items() if name in model.model_fields}
    twin = TwinSettings(**values | parse(model, settings, "the twin"))
    if build is not None:
        echo(build_twin(twin, progress=True, **build))
    elif not (twin_folder(twin) / "card.json").is_file():
        raise SqError(f"this twin is not built yet: sq data build --profile {profile}")
    return load_frames("twin", settings=twin, size=min(224, twin.size), progress=True), {}


def _observed_event(text: str):
    """Return the event of Table 1 that `text` names, or another one at the time that it gives."""
    from datetime import UTC, datetime

    from sqlib.data import catalogue, find_event
    from sqlib.data.catalogue import make_event

    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        if ":60" in text:  # a leap second, which Python does not know
            from sqlib.sun.ingest.records import utc

            with in_words(f"no time {text!r}", "a leap second is written like 2012-06-30T23:59:60"):
                return make_event(utc(text))
        with in_words(f"no event {text!r}", "a time is written like 2014-03-29T17:48", told=False):
            return find_event(text)
    time = time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
    return {event.time: event for event in catalogue()}.get(time) or make_event(time)


def _in_words(content: dict, report: dict) -> str:
    """The counts of a frame set, then a row per cycle and per event, then what was odd."""
    import pandas as pd

    lines = [f"{name:<14}{value}" for name, value in content.items() if not isinstance(value, dict | list)]
    cycles = [{"cycle": cycle, **counts} for cycle, counts in content["cycles"].items()]
    for rows in (cycles, content["per_event"]):
        lines += ["", pd.DataFrame(rows).drop(columns="event", errors="ignore").to_string(index=False)]
    for name, value in report.items():
        if isinstance(value, tuple):
            more = [f"  … and {len(value) - 10} more"] * (len(value) > 10)
            lines += [f"{name.replace('_', ' '):<22}{len(value)}", *(f"  {one}" for one in value[:10]), *more]
        elif name == "upsampled":
            lines += [f"{name:<22}{value}"]
    return "\n".join(lines)
