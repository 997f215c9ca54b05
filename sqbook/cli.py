"""The command `sq`: data, parameters, runs and the book."""

import argparse
import math
import re
import sys

from sqbook import cli_data
from sqbook import execute as runs
from sqbook import parameters as params
from sqbook.cli_data import add_command, add_options, print_json
from sqbook.site import build as pages  # none of which imports anything heavy
from sqlib.errors import SqError
from sqlib.memory import keep_freed
from sqlib.show.provenance import read_card


def main(argv: list[str] | None = None) -> int:
    """Run `sq` with `argv`; return 0, 2 for an error of the user's, 130 when interrupted."""
    args = _parser().parse_args(argv)
    keep_freed()
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
    except OSError as error:  # a disk that is full or forbidden, a name that is too long
        print(f"sq: error: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", file=sys.stderr)
        return 2
    return 0


class Parser(argparse.ArgumentParser):
    """A parser that names the nearest of the choices where it was given another word."""

    def error(self, message: str):
        """End the program with `message`, as argparse does."""
        wrong = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message, re.DOTALL)
        if wrong:
            word, known = wrong[1], [one.strip("'") for one in wrong[2].split(", ")]
            message = f"{message[: wrong.start()]}invalid choice: {word!r}{params.nearest(word, known)}"
        super().error(message)


def _parser() -> Parser:
    parser = Parser(
        prog="sq",
        description="The companion of Mercea et al. (2023): data, notebooks and the book.",
        epilog="example: sq run 01_dataset -p seed=7 --profile smoke",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    cli_data.add(commands)

    settable = add_command(commands, "params", _params, "say what can be set in a notebook")
    settable.add_argument("notebook", metavar="NOTEBOOK", help="name (01_dataset) or path")

    run = add_command(commands, "run", _run, "execute notebooks, or find the run that is there already")
    run.add_argument("notebooks", metavar="NOTEBOOK", nargs="+", help="name (01_dataset) or path")

    train = add_command(commands, "train", _train, "train the networks of a notebook beforehand, in pieces or by torchrun")
    train.add_argument("notebook", metavar="NOTEBOOK", help="name (03_contrastive) or path; or locator")
    train.add_argument("--minutes", type=float, default=math.inf, help="stop after so many; the same command goes on")

    kept = add_command(commands, "runs", _runs, "list the runs that are kept")
    beside = add_command(commands, "compare", _compare, "set two runs side by side: parameters, numbers, and a page with figures")
    for side in ("A", "B"):
        beside.add_argument(side.lower(), metavar=side, help="key of a run (or its beginning), its folder, or a notebook's name")
    swept = add_command(commands, "sweep", _sweep, "run a notebook over a grid of parameters: -p rate=.02,.05 -p seed=1..5")
    swept.add_argument("notebook", metavar="NOTEBOOK", help="name (03_contrastive) or path")
    swept.add_argument("--workers", type=int, default=1, metavar="N", help="processes to share the runs among (default: 1)")
    swept.add_argument("--scheduler", metavar="ADDR", help="address of a running Dask scheduler to use instead")
    deck = add_command(commands, "slides", _slides, "make a slide deck of a chapter: one file, which needs no network")
    deck.add_argument("notebook", metavar="NOTEBOOK", help="name (01_dataset) or path")
    class_ = add_command(commands, "student", _student, "write the notebooks without their solutions, for a class")
    class_.add_argument("folder", metavar="FOLDER", help="where to write; must be new, empty, or written so before")
    class_.add_argument("--check", action="store_true", help="only say whether writing again would change anything")
    book = add_command(commands, "book", _book, "execute all chapters and build the book")
    book.add_argument("--publish", action="store_true", help="also keep records, tables, figures and run cards in results/PROFILE")
    book.add_argument("--pdf", action="store_true", help="also print it whole to one PDF (needs Chromium)")
    for command in (run, train, deck, book):
        add_options(command, "a parameter of the notebooks, which goes before the profile's value")
    add_options(swept, "a parameter with the values to try, name=a,b,c or name=1..5")
    for command in (run, deck, book):
        command.add_argument("--force", action="store_true", help="run again even if nothing changed")
    for command in (run, book):
        command.add_argument("--workers", type=int, metavar="N", help="chapters at a time, with one thread each (default: run 1; "
                             "book one a core as far as memory reaches, one on a GPU)")  # fmt: skip
    for command in (settable, run, train, kept, beside, swept):
        command.add_argument("--json", action="store_true", help="print JSON, for a program to read")
    return parser


def _params(args) -> None:
    path = params.notebook_path(args.notebook)
    known = params.parameters(path)
    if args.json:
        print_json([vars(p) for p in known])
        return
    width = max(len(p.name) for p in known)
    print(f"parameters of {path.name}:")
    for p in known:
        print(f"  {p.name:<{width}}  {p.type:<11} {p.default!r:<12} {p.help}")


def _execute(args, notebooks: list[str], workers: int | None = 1) -> list:
    """The run folders of notebooks; the parameters of all are checked before the first runs. workers None: as many as fit."""
    from sqbook import parallel as many

    jobs = [(notebook, _overrides(args, notebook)) for notebook in notebooks]
    for notebook, values in jobs:
        params.resolve(notebook, args.profile, values)
    if workers is not None and workers < 1:
        raise SqError(f"--workers {workers}: at least 1")
    return many.run_all(jobs, args.profile, workers=workers or many.default_workers(len(jobs)), force=args.force)


def _overrides(args, notebook: str) -> dict:
    """Return the parameters of a notebook that the command line sets."""
    path = params.notebook_path(notebook)
    named = {name: value for name, value in (("data", args.data), ("root", args.root)) if value is not None}
    return named | params.parse(params.parameters(path), args.settings, path.name)


def _compare(args) -> None:
    from sqbook import compare

    found = compare.compare(compare.find_run(args.a), compare.find_run(args.b))
    page = compare.write_page(found)
    if args.json:
        print_json({**found, "page": str(page)})
        return
    print(f"{compare.as_text(found)}\n\npage: {page}")


def _sweep(args) -> None:
    from sqbook import sweep

    path = params.notebook_path(args.notebook)
    points = sweep.grid(params.parameters(path), args.settings, path.name)
    fixed = {name: value for name, value in (("data", args.data), ("root", args.root)) if value is not None}
    rows, folder = sweep.sweep(args.notebook, points, args.profile, fixed=fixed, workers=args.workers, scheduler=args.scheduler)
    if args.json:
        print_json({"folder": str(folder), "runs": rows})
        return
    for row in rows:
        point = "  ".join(f"{name}={row[name]}" for name in points[0])
        print(f"{point}  {row['run'] or 'failed: ' + row['error']}")
    for name in sweep.NAMES:
        if (folder / name).is_file():
            print(f"summary: {folder / name}")


def _train(args) -> None:
    if args.notebook == "locator":
        from sqlib.learn.locator_training import train

        path = train(seconds=60 * args.minutes).weights
        print(f"{path}\nused by: find_sources(frames, net=locator.load({str(path)!r}))")
        return
    path, values = params.resolve(args.notebook, args.profile, _overrides(args, args.notebook))
    from sqlib.learn.chapters import train_chapter

    cards = train_chapter(path.stem, values, progress=True, minutes=args.minutes)
    if args.json:
        print_json(cards)
        return
    for name, card in cards.items():
        print(f"{card['key']}  {name:<24} {card['epochs']:>4} epochs  {card['parameters']:>10,} weights  {card['device']}")


def _run(args) -> None:
    cards = []
    for folder in _execute(args, args.notebooks, 1 if args.workers is None else args.workers):
        cards.append({**read_card(folder), "folder": str(folder)})
        if not args.json:
            print(folder)
    if args.json:
        print_json(cards)


def _slides(args) -> None:
    from sqbook import slides

    for folder in _execute(args, [args.notebook]):
        print(slides.write_slides(folder))


def _student(args) -> None:
    from sqbook import student

    if args.check:
        print(f"{student.check_student(args.folder)} student notebooks in {args.folder}: all as they would be written")
        return
    for path in student.write_student(args.folder):
        print(path)


def _runs(args) -> None:
    found = runs.runs()
    if args.json:
        print_json(found)
        return
    if not found:
        print("no runs yet: sq run NOTEBOOK")
    for card in found:
        print(f"{card['made'][:16].replace('T', ' ')}  {card['notebook']:<20} {card['key']}  {card['profile']:<7} "
              f"{card['data']:<11} {card['seconds_in_all']:>7.1f} s  {len(card['records'])} records")  # fmt: skip


def _book(args) -> None:
    from sqbook import pdf as whole

    if args.pdf:
        whole.find_chromium()  # rather now than when all has been run
    names = pages.chapters()
    folders = dict(zip(names, _execute(args, names, args.workers)))
    if args.publish:
        print(runs.publish(folders, args.profile))
    print("building the pages ...", file=sys.stderr)
    site = pages.build_book(folders)
    print(site / "index.html")
    if args.pdf:
        print(whole.write_pdf(site, site.parent / "finding-sunquakes.pdf"))


if __name__ == "__main__":
    sys.exit(main())
