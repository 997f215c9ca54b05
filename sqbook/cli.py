"""The command `sq`: data, parameters, runs and the book."""

import math
import sys

import click

from sqbook.cli_data import JSON, Commands, group, options, print_json, workers_options
from sqlib.errors import SqError
from sqlib.memory import keep_freed

NAME = click.argument("notebook")
PARAMETER = "A parameter of the notebook or a shared setting, which goes before the profile's value"
FORCE = click.option("--force", is_flag=True, help="Run again even if nothing changed.")


def main(argv: list[str] | None = None) -> int:
    """Run `sq` with `argv`; return 0, 2 for an error of the user's, 130 when interrupted."""
    keep_freed()
    try:
        with sq.make_context("sq", list(sys.argv[1:] if argv is None else argv)) as context:
            sq.invoke(context)
        return 0
    except click.exceptions.Exit as end:  # of --help
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(f"{error.format_message()}\nsq: error: say which command", err=True)
    except click.UsageError as error:
        hint = f"\n  see {error.ctx.command_path} --help" if error.ctx else ""
        click.echo(f"sq: error: {error.format_message()}{hint}", err=True)
    except (click.Abort, KeyboardInterrupt):
        click.echo("sq: interrupted; what was finished is kept, and the same command goes on from there", err=True)
        return 130
    except BrokenPipeError:  # `sq runs | head`
        sys.stderr.close()
        return 0
    except SqError as error:
        click.echo(f"sq: error: {error}", err=True)
    except OSError as error:  # a disk that is full or forbidden, a name that is too long
        click.echo(f"sq: error: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", err=True)
    return 2


@click.group(cls=Commands, epilog="Example: sq run 01_dataset -p seed=7 --profile smoke")
def sq() -> None:
    """The companion of Mercea et al. (2023): data, notebooks and the book.

    A NOTEBOOK is given by name (01_dataset) or path.
    """


sq.add_command(group)


@sq.command("params")
@NAME
@click.option("--all", "everything", is_flag=True, help="List the settings that it shares with other chapters, too.")
@click.option("--profile", default="laptop", help="Whose values --all shows: smoke, laptop (default), paper.")
@JSON
def params_(notebook, everything, profile, as_json) -> None:
    """Say what can be set in a notebook."""
    from sqbook import parameters

    path = parameters.notebook_path(notebook)
    own, others = parameters.parameters(path), parameters.shared(path) if everything else ()
    values = parameters.resolve(path, profile, {})[1] if everything else {}
    rows = [vars(p) | ({"value": values.get(p.name, p.default)} if everything else {}) for p in (*own, *others)]
    if as_json:
        print_json(rows)
        return
    width = max(len(row["name"]) for row in rows)
    shown = [(one, one.get("value", one["default"])) for one in rows]
    lines = [f"  {one['name']:<{width}}  {one['type']:<11} {value!r:<12} {one['help']}" for one, value in shown]
    shared = [f"shared settings, as the profile {profile} has them:", *lines[len(own):]] if others else []
    click.echo("\n".join([f"parameters of {path.name}:", *lines[:len(own)], *shared]))


@sq.command()
@click.argument("notebooks", metavar="NOTEBOOK...", nargs=-1, required=True)
@options(PARAMETER)
@FORCE
@click.option("--workers", default=1, metavar="N", help="Notebooks at a time, with one thread each (default: 1).")
@JSON
def run(notebooks, data, root, profile, settings, force, workers, as_json) -> None:
    """Execute notebooks, or find the runs that are there already."""
    from sqlib.show.provenance import read_card

    folders = _execute(notebooks, profile, _overrides(notebooks, data, root, settings), workers, force)
    if as_json:
        print_json([{**read_card(folder), "folder": str(folder)} for folder in folders])
    else:
        click.echo("\n".join(map(str, folders)))


@sq.command()
@NAME
@click.option("--minutes", default=math.inf, help="Stop after so many; the same command goes on.")
@options(PARAMETER)
@JSON
def train(notebook, minutes, data, root, profile, settings, as_json) -> None:
    """Train the networks of a notebook beforehand.

    In pieces or by torchrun, if you like. `sq train locator` trains the network that says where a source is.
    """
    from sqbook import execute
    from sqbook.parameters import resolve

    if notebook == "locator":
        path = execute.train_locator(minutes)
        click.echo(f"{path}\nused by: find_sources(frames, net=locator.load({str(path)!r}))")
        return
    [overrides] = _overrides([notebook], data, root, settings)
    path, values = resolve(notebook, profile, overrides)
    cards = execute.train(path.stem, values, minutes=minutes)
    if as_json:
        print_json(cards)
        return
    for name, card in cards.items():
        sizes = f"{card['epochs']:>4} epochs  {card['parameters']:>10,} weights"
        click.echo(f"{card['key']}  {name:<24} {sizes}  {card['device']}")


@sq.command("runs")
@JSON
def runs_(as_json) -> None:
    """List the runs that are kept."""
    from sqbook import execute

    found = execute.runs()
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("no runs yet: sq run NOTEBOOK")
    for card in found:
        made, records = card["made"][:16].replace("T", " "), len(card["records"])
        click.echo(f"{made}  {card['notebook']:<20} {card['key']}  {card['profile']:<7} {card['data']:<11} "
                   f"{card['seconds_in_all']:>7.1f} s  {records} records")


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
    if as_json:
        print_json({**found, "page": str(page)})
    else:
        click.echo(f"{compare.as_text(found)}\n\npage: {page}")


@sq.command("sweep")
@NAME
@options("A parameter with the values to try, name=a,b,c or name=1..5")
@workers_options("Processes to share the runs among (default: 1).")
@JSON
def sweep_(notebook, data, root, profile, settings, workers, scheduler, as_json) -> None:
    """Run a notebook over a grid of parameters.

    Such as -p rate=.02,.05 -p seed=1..5: every combination is a run.
    """
    from sqbook import parameters, sweep

    path = parameters.notebook_path(notebook)
    points = sweep.grid(parameters.settable(path), settings, path.name)
    [fixed] = _overrides([notebook], data, root, [])
    workers = 1 if workers is None else workers
    rows, folder = sweep.sweep(notebook, points, profile, fixed=fixed, workers=workers, scheduler=scheduler)
    if as_json:
        print_json({"folder": str(folder), "runs": rows})
        return
    for row in rows:
        point = "  ".join(f"{name}={row[name]}" for name in points[0])
        click.echo(f"{point}  {row['run'] or 'failed: ' + row['error']}")
    for name in sweep.NAMES:
        if (folder / name).is_file():
            click.echo(f"summary: {folder / name}")


@sq.command("slides")
@NAME
@options(PARAMETER)
@FORCE
def slides_(notebook, data, root, profile, settings, force) -> None:
    """Make a slide deck of a chapter, one HTML file."""
    from sqbook import slides

    for folder in _execute([notebook], profile, _overrides([notebook], data, root, settings), 1, force):
        click.echo(slides.write_slides(folder))


@sq.command("student")
@click.argument("folder")
@click.option("--check", is_flag=True, help="Only say whether writing again would change anything.")
def student_(folder, check) -> None:
    """Write the notebooks for students, without solutions.

    To FOLDER, which must be new, empty, or written so before.
    """
    from sqbook import student

    if check:
        click.echo(f"{student.check_student(folder)} student notebooks in {folder}: all as they would be written")
        return
    for path in student.write_student(folder):
        click.echo(path)


@sq.command()
@options(PARAMETER)
@FORCE
@click.option("--workers", type=int, metavar="N", help="Chapters at a time, with one thread each "
              "(default: one a core as far as memory reaches, one on a GPU).")
@click.option("--publish", is_flag=True, help="Also keep records, tables, figures and run cards in results/PROFILE.")
@click.option("--pdf", is_flag=True, help="Also print it whole to one PDF (needs Chromium).")
def book(data, root, profile, settings, force, workers, publish, pdf) -> None:
    """Execute all chapters and build the book."""
    from sqbook import execute
    from sqbook import pdf as printed
    from sqbook.site import build as pages

    if pdf:
        printed.find_chromium()  # rather now than when all has been run
    names = pages.chapters()
    folders = dict(zip(names, _execute(names, profile, _overrides(names, data, root, settings), workers, force)))
    if publish:
        click.echo(execute.publish(folders, profile))
    click.echo("building the pages ...", err=True)
    site = pages.build_book(folders)
    click.echo(site / "index.html")
    if pdf:
        click.echo(printed.write_pdf(pages.one_page(), site.parent / "finding-sunquakes.pdf"))


def _overrides(notebooks, data, root, settings) -> list[dict]:
    """What the command line sets, for each of the notebooks, checked by name and type."""
    from sqbook import parameters
    from sqlib.typed import parse

    named = {name: value for name, value in (("data", data), ("root", root)) if value is not None}
    paths = [parameters.notebook_path(notebook) for notebook in notebooks]
    return [named | parse(parameters.settable(path), settings, path.name) for path in paths]


def _execute(notebooks, profile: str, overrides: list[dict], workers: int | None, force: bool) -> list:
    """The run folders of notebooks; all values are checked before the first runs. workers None: as many as fit."""
    from sqbook import execute
    from sqbook.parameters import resolve

    jobs = list(zip(notebooks, overrides))
    for notebook, values in jobs:
        resolve(notebook, profile, values)
    if workers is not None and workers < 1:
        raise SqError(f"--workers {workers}: at least 1")
    return execute.run_chapters(jobs, profile, workers=workers or execute.default_workers(len(jobs)), force=force)


if __name__ == "__main__":
    sys.exit(main())
