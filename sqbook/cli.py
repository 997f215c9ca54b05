"""The command `sq`: parameters, runs, exports and the book. `sqbook.cli_data` has the part that is about data."""

import math
import sys

import click

from sqbook.cli_data import GIVEN, JSON, WORKERS, columns, group, show
from sqbook.user_settings import use_defaults
from sqlib.errors import SqError
from sqlib.memory import keep_freed

NAME = click.argument("notebook")
FORCE = click.option("--force", is_flag=True, help="Run again even if nothing changed.")
COUNT = {"type": click.IntRange(1), "metavar": "N"}


def main(argv: list[str] | None = None) -> int:
    """Run `sq` with `argv`; return 0, 2 for an error of the user's, 130 when interrupted."""
    keep_freed()
    use_defaults()
    try:
        return sq.main(argv, "sq", standalone_mode=False) or 0
    except click.UsageError as error:
        told, code = f"error: {error.format_message()}\n  see {error.ctx.command_path if error.ctx else 'sq'} --help", 2
    except click.Abort:
        told, code = "interrupted; what was finished is kept, and the same command goes on from there", 130
    except (SqError, OSError) as error:  # the second: a disk that is full or forbidden, a name that is too long
        told, code = f"error: {error}", 2
    print(f"sq: {told}", file=sys.stderr)
    return code


@click.group(no_args_is_help=False, epilog="Example: sq run 01_dataset -p seed=7 --profile smoke")
def sq() -> None:
    """The companion of Mercea et al. (2023): data, notebooks and the book.

    A NOTEBOOK is given by name (01_dataset) or path.
    """


sq.add_command(group)


@sq.command("params")
@NAME
@click.option("--all", "everything", is_flag=True, help="List the settings that it shares with other chapters, too.")
@click.option("--profile", default="laptop", help="Whose values are shown: smoke, workshop, laptop (default), paper.")
@JSON
def params_(notebook, everything, profile, as_json) -> None:
    """Say what can be set in a notebook, with the values of a profile."""
    from sqbook import parameters

    path, values = parameters.resolve(notebook, profile, {})
    found = parameters.described(parameters.settable(path) if everything else parameters.parameters(path))
    found = [one | {"value": values.get(one["name"], one["default"])} for one in found]
    show(found, as_json, *columns([(p["name"], p["type"], repr(p["value"]), p["help"]) for p in found]))


@sq.command()
@click.argument("notebooks", metavar="NOTEBOOK...", nargs=-1, required=True)
@GIVEN
@FORCE
@click.option("--workers", default=1, help="Notebooks at a time, with one thread each (default: 1).", **COUNT)
@JSON
def run(notebooks, force, workers, as_json, **given) -> None:
    """Execute notebooks, or find the runs that are there already."""
    from sqlib.show.provenance import read_card

    folders = _execute(notebooks, workers, force, **given)
    show([{**read_card(folder), "folder": str(folder)} for folder in folders], as_json, *folders)


@sq.command()
@NAME
@click.option("--minutes", default=math.inf, help="Stop after so many; the same command goes on.")
@click.option("--anew", is_flag=True, help="Train here, too, what came with the book (results/weights).")
@click.option("--ship", is_flag=True, help="Copy the networks to results/weights, where others find them.")
@GIVEN
@JSON
def train(notebook, minutes, anew, ship, as_json, **given) -> None:
    """Train the networks of a notebook beforehand.

    In pieces or by torchrun, if you like. `sq train locator` trains those that say where and when a source is.
    """
    if not minutes >= 0:
        raise click.UsageError(f"--minutes is a number of at least 0, not {minutes}", click.get_current_context())
    if notebook == "locator":
        from sqlib.learn.locator_training import train_as_shipped

        where, when = (str(run.weights) for run in train_as_shipped(60 * minutes))
        print(f"{where}\nused by: find_sources(frames, net=locator.load({where!r}))")
        print(f"{when}\nused by: find_events(frames, net=(net := locator.load({when!r})), "
              "calibration=event_search.calibration_of(net))")
        return
    from sqbook.parameters import resolve
    from sqlib.learn import trained
    from sqlib.learn.chapters import train_chapter

    [(_, own)] = _jobs([notebook], **given)
    path, values = resolve(notebook, given["profile"], own)
    cards = train_chapter(path.stem, values, progress=True, minutes=minutes, anew=anew)
    if ship:
        trained.ship(card["key"] for card in cards.values())
    rows = [(card["key"], name, f"{card['epochs']:>4} epochs", f"{card['parameters']:>10,} weights", card["device"])
            for name, card in cards.items()]
    show(cards, as_json, *columns(rows))


@sq.command("runs")
@JSON
def runs_(as_json) -> None:
    """List the runs that are kept."""
    from sqbook import execute
    from sqlib.paths import home

    found = execute.runs()
    rows = [(card["made"][:16].replace("T", " "), card["notebook"], card["key"], card["profile"], card["data"],
             f"{card['seconds_in_all']:>7.1f} s", f"{len(card['records'])} records") for card in found]
    show(found, as_json, *columns(rows) or [f"no runs yet in {home()}: sq run NOTEBOOK"])


@sq.command("compare")
@click.argument("a")
@click.argument("b")
@JSON
def compare_(a, b, as_json) -> None:
    """Set two runs side by side.

    It compares parameters and numbers, and writes a page with figures. A and B are keys of runs (or their beginnings),
    folders of runs, or names of notebooks, whose latest runs are meant.
    """
    from sqbook import compare

    found = compare.compare(compare.find_run(a), compare.find_run(b))
    page = compare.write_page(found)
    show({**found, "page": str(page)}, as_json, compare.as_text(found), f"page: {page}")


@sq.command("sweep")
@NAME
@GIVEN
@WORKERS
@JSON
def sweep_(notebook, workers, scheduler, as_json, **given) -> None:
    """Run a notebook over a grid of parameters.

    Such as -p rate=.02,.05 -p seed=1..5: every combination is a run.
    """
    from sqbook import compare, parameters

    path = parameters.notebook_path(notebook)
    points = compare.grid(parameters.settable(path), given["settings"], path.name)
    [(_, fixed)] = _jobs([notebook], **given | {"settings": []})
    table, folder = compare.sweep(notebook, points, given["profile"], fixed=fixed, scheduler=scheduler,
                                  workers=1 if workers is None else workers)
    rows = table.to_dict(orient="records")
    lines = [(*(f"{name}={row[name]}" for name in points[0]), row["run"] or f"failed: {row['error']}") for row in rows]
    show({"folder": str(folder), "runs": table}, as_json, *columns(lines), *map("summary: {}".format, folder.iterdir()))


@sq.command("slides")
@NAME
@GIVEN
@FORCE
def slides_(notebook, force, **given) -> None:
    """Make a slide deck of a chapter, one HTML file."""
    from sqbook import slides

    [folder] = _execute([notebook], 1, force, **given)
    print(slides.write_slides(folder))


@sq.command("student")
@click.argument("folder")
@click.option("--check", is_flag=True, help="Only say whether they are there, as they would be written.")
@click.option("--profile", default="", help="Write the values of this profile into their parameter cells.")
def student_(folder, check, profile) -> None:
    """Write the notebooks for students, without solutions.

    To FOLDER, which must be new or empty.
    """
    from sqbook import student

    if check:
        number = student.check_student(folder, profile)
        show({}, False, f"{number} student notebooks in {folder}: all as they would be written")
    else:
        show({}, False, *student.write_student(folder, profile))


@sq.command()
@GIVEN
@FORCE
@click.option("--workers", help="Chapters at a time, with one thread each (default: one a core as far as memory "
              "reaches, one on a GPU).", **COUNT)
@click.option("--publish", is_flag=True, help="Also keep records, tables, figures and run cards in results/PROFILE.")
@click.option("--pdf", is_flag=True, help="Also print it whole to one PDF (needs Chromium).")
def book(force, workers, publish, pdf, **given) -> None:
    """Execute all chapters and build the book."""
    from sqbook import execute
    from sqbook import pdf as printed
    from sqbook.site import build as pages

    if pdf:
        printed.find_chromium()  # rather now than when all has been run
    names = pages.chapters()
    folders = dict(zip(names, _execute(names, workers, force, **given)))
    if publish:
        print(execute.publish(folders, given["profile"]))
    print("building the pages ...", file=sys.stderr)
    site = pages.build_book(folders)
    print(site / "index.html")
    if pdf:
        print(printed.write_pdf(pages.one_page(), site.parent / "finding-sunquakes.pdf"))


def _jobs(notebooks, data, root, profile, settings) -> list[tuple[str, dict]]:
    """Notebooks, each with what the command line sets in it; all of it is checked before the first runs."""
    from sqbook import parameters
    from sqlib.typed import parse

    texts = [*(f"{name}={value}" for name, value in (("data", data), ("root", root)) if value is not None), *settings]
    paths = [parameters.notebook_path(notebook) for notebook in notebooks]
    jobs = [(name, parse(parameters.settable(path), texts, path.name)) for name, path in zip(notebooks, paths)]
    for name, values in jobs:
        parameters.resolve(name, profile, values)
    return jobs


def _execute(notebooks, workers: int | None, force: bool, **given) -> list:
    """The run folders of notebooks."""
    from sqbook import execute

    return execute.all_done(execute.run_all(_jobs(notebooks, **given), given["profile"], workers, force=force))


if __name__ == "__main__":
    sys.exit(main())
