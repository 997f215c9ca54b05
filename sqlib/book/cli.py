"""The command `sq`: data, parameters, runs and the book."""

import argparse
import json
import math
import sys
from dataclasses import fields
from pathlib import Path

from sqlib.book import pages, params, records, runs  # none of which imports anything heavy
from sqlib.errors import SqError

DATA_HELP = "twin (simulated, the default) or sunquakenet (real frames)"


def main(argv: list[str] | None = None) -> int:
    """Run `sq` with `argv`; return 0, 2 for an error of the user's, 130 when interrupted."""
    args = _parser().parse_args(argv)
    try:
        args.do(args)
    except SqError as error:
        print(f"sq: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("sq: interrupted; what was finished is kept, and the same command goes on from there", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `sq runs | head`
        sys.stderr.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sq",
        description="The companion of Mercea et al. (2023): data, notebooks and the book.",
        epilog="example: sq run 01_dataset -p seed=7 --profile smoke",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    data = commands.add_parser("data", help="build, describe or export the frames").add_subparsers(
        metavar="ACTION", required=True
    )
    build = _command(data, "build", _data_build, "make the simulated data set, or load and report the real one")
    build.add_argument("--workers", type=int, metavar="N", help="processes to share the events among (default: by cores)")
    build.add_argument("--scheduler", metavar="ADDR", help="address of a running Dask scheduler to use instead")
    info = _command(data, "info", _data_info, "say what is in a data set: events, frames, labels")
    export = _command(data, "export", _data_export, "write the frames as pictures in SunquakeNet's layout")
    export.add_argument("folder", type=Path, metavar="FOLDER", help="where to write; must be new or empty")
    for command in (build, info, export):
        _options(command, "a setting of the twin, such as seed=7", data="twin", root="")

    settable = _command(commands, "params", _params, "say what can be set in a notebook")
    settable.add_argument("notebook", metavar="NOTEBOOK", help="name (01_dataset) or path")

    run = _command(commands, "run", _run, "execute notebooks, or find the run that is there already")
    run.add_argument("notebooks", metavar="NOTEBOOK", nargs="+", help="name (01_dataset) or path")

    train = _command(commands, "train", _train, "train the networks of a notebook beforehand, in pieces or by torchrun")
    train.add_argument("notebook", metavar="NOTEBOOK", help="name (03_contrastive) or path")
    train.add_argument("--minutes", type=float, default=math.inf, help="stop after so many; the same command goes on")

    kept = _command(commands, "runs", _runs, "list the runs that are kept")
    book = _command(commands, "book", _book, "execute all chapters and build the book")
    for command in (run, train, book):
        _options(command, "a parameter of the notebooks, which goes before the profile's value")
    for command in (run, book):
        command.add_argument("--force", action="store_true", help="run again even if nothing changed")
    for command in (info, settable, run, train, kept):
        command.add_argument("--json", action="store_true", help="print JSON, for a program to read")
    return parser


def _command(commands, name: str, do, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.set_defaults(do=do)
    return command


def _options(command: argparse.ArgumentParser, setting: str, **defaults) -> None:
    command.add_argument("--data", choices=("twin", "sunquakenet"), help=DATA_HELP)
    command.add_argument("--root", metavar="FOLDER", help="folder of SunquakeNet")
    command.add_argument("--profile", default="laptop", help="size of everything: smoke, laptop (default), paper")
    command.add_argument("-p", metavar="name=value", action="append", default=[], dest="settings",
                         help=f"{setting}; may be repeated")  # fmt: skip
    command.set_defaults(**defaults)


def _print_json(content) -> None:
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
        _print_json(info(frames) | ({"report": report} if report else {}))
    else:
        _print_info(info(frames), report)


def _data_export(args) -> None:
    from sqlib.data.export import export_frames

    print(export_frames(_frames(args, build=False)[0], args.folder))


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


def _params(args) -> None:
    path = params.notebook_path(args.notebook)
    known = params.parameters(path)
    if args.json:
        _print_json([vars(p) for p in known])
        return
    width = max(len(p.name) for p in known)
    print(f"parameters of {path.name}:")
    for p in known:
        print(f"  {p.name:<{width}}  {p.type:<11} {p.default!r:<12} {p.help}")


def _execute(args, notebooks: list[str]):
    """Yield the run folder of each notebook; the parameters of all are checked before the first runs."""
    overrides = [_overrides(args, notebook) for notebook in notebooks]
    for notebook, values in zip(notebooks, overrides):
        yield runs.run_notebook(notebook, values, args.profile, force=args.force)


def _overrides(args, notebook: str) -> dict:
    """Return the parameters of a notebook that the command line sets."""
    path = params.notebook_path(notebook)
    named = {name: value for name, value in (("data", args.data), ("root", args.root)) if value is not None}
    return named | params.parse(params.parameters(path), args.settings, path.name)


def _train(args) -> None:
    path, values = params.resolve(args.notebook, args.profile, _overrides(args, args.notebook))
    from sqlib.book.training import train_chapter

    cards = train_chapter(path.stem, values, progress=True, minutes=args.minutes)
    if args.json:
        _print_json(cards)
        return
    for name, card in cards.items():
        print(f"{card['key']}  {name:<24} {card['epochs']:>4} epochs  {card['parameters']:>10,} weights  {card['device']}")


def _run(args) -> None:
    cards = []
    for folder in _execute(args, args.notebooks):
        cards.append({**records.read_json(folder / "card.json"), "folder": str(folder)})
        if not args.json:
            print(folder)
    if args.json:
        _print_json(cards)


def _runs(args) -> None:
    found = runs.runs()
    if args.json:
        _print_json(found)
        return
    if not found:
        print("no runs yet: sq run NOTEBOOK")
    for card in found:
        print(f"{card['made'][:16].replace('T', ' ')}  {card['notebook']:<20} {card['key']}  {card['profile']:<7} "
              f"{card['data']:<11} {card['seconds_in_all']:>7.1f} s  {len(card['records'])} records")  # fmt: skip


def _book(args) -> None:
    names = pages.chapters()
    folders = dict(zip(names, _execute(args, names)))
    print("building the pages ...", file=sys.stderr)
    print(pages.build_book(folders) / "index.html")


if __name__ == "__main__":
    sys.exit(main())
