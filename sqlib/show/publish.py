"""What a notebook calls to publish: figures, tables, movies, maps and claims, each shown, saved, marked and recorded.

Each takes the page, what it shows, a `name` (fig01: its record, its files, its place on the page), and in words of
`about`:

label : the number in the book, "Figure 1": the paper's own where it has one
caption : what is to be seen, and the message with its number
alt : what a figure shows, for a reader who cannot see it; must not be empty
numbers, paper : what is found, in numbers, and what the paper says of it; go to the record
compare : the paper's numbers beside ours, {"F1": (paper, here)}, each with the ends of our interval where there is one,
    (paper, here, low, high), or a list of such; the scorecard reads this and nothing else. See `pairs`.
headlines : what the book is quoted for, {"f1_shuffled": (value, low, high, what it is in words)}, None for ends that
    there are not; each name once in a book
source : "simulated", "observed", "published", "theory", "everyday" or several; default by the chapter's data set
made_by : the functions (or their names) that made it, for the note below it; without it the note says what the cell
    uses

`SqError` for words that are empty, a name that this run has published already, and numbers that JSON cannot hold.
"""

import re
import time
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from sqlib import profiles
from sqlib.errors import SqError
from sqlib.judge.sentences import interval  # noqa: F401  # notebooks call it from here
from sqlib.memory import keep_freed
from sqlib.paths import home, replacing
from sqlib.show import provenance as cards
from sqlib.show import records
from sqlib.show import style as figures
from sqlib.show.bundle import Player, bundle, render
from sqlib.typed import Typed


@dataclass(frozen=True)
class Page:
    """A chapter that is being executed: its parameters, and the folder that its records and figures go to."""

    name: str
    folder: Path
    parameters: dict[str, Any]
    interactive: bool  # run by hand, not by `sq run`: a cell may publish again what it published before
    commit: str
    own: str = ""  # name of the folder whose cubes the frames were made of, where they are the reader's own
    origin: str = "simulated"  # of the data set, a word of `records.MARKS`
    settings: Typed = field(default_factory=Typed)  # the shared settings of the chapter, see `sqlib.profiles`
    started: float = field(default_factory=time.monotonic)


def begin(name: str, **values) -> Page:
    """Begin the chapter `name`: apply the figures' style, keep freed memory; the page for the functions below.

    The parameters are those of the running notebook, the annotated names of its parameter cell:

    data : "twin" (simulated) or "sunquakenet" (real frames)
    out : folder for records and figures, set by `sq run`; "" (by hand) is home()/runs/NAME/interactive
    root : folder of the real frames; where they were made of the reader's own cubes, every mark says so
    settings : shared settings that differ from the profile's; all of them are in `page.settings`

    `page.parameters` has both, parameters and shared settings. values : the parameters where no notebook runs.
    `SqError` for a missing parameter, other data, an unknown setting, or a damaged card of the reader's own cubes.
    """
    from IPython import get_ipython

    from sqlib.data.frames import own_card

    if not values and (shell := get_ipython()) is None:
        raise SqError("no notebook is running: give begin the parameters, data=, seed=, profile=")
    if not values:
        known = shell.user_ns
        values = {one: known[one] for one in known.get("__annotations__", {}) if one in known}
    if missing := [one for one in ("data", "seed", "profile") if one not in values]:
        raise SqError(f"{name} lacks the parameters {', '.join(missing)}: run its parameter cell first")
    values = {"root": "", "out": "", "settings": [], **values}
    data, root, out = values["data"], values["root"], values.pop("out")
    if data not in ("twin", "sunquakenet"):
        raise SqError(f"data={data!r} is unknown: twin (simulated) or sunquakenet (real frames)")
    settings = profiles.settings(name, values["profile"], values.pop("settings"))
    folder = Path(out) if out else home() / "runs" / name / "interactive"
    figures.use_style()
    keep_freed()
    own = own_card(root) if root and data != "twin" else {}
    origin = f"own-{own['source']}" if own else "simulated" if data == "twin" else "observed"
    parameters = values | settings.model_dump()
    return Page(name, folder, parameters, not out, cards.commit(), own.get("name", ""), origin, settings)


def figure(page: Page, shown, name: str, *, series=None, **about) -> None:
    """Show a figure (matplotlib) or a `Player`; save its picture as figures/NAME.png, its numbers as tables/NAME.csv.

    The picture of a movie, figures/NAME.webp, holds all its frames.
    series : the data for the CSV (DataFrame, or dict of equally long columns); without it a player's, then `numbers`
    """
    import matplotlib.pyplot as plt

    player = shown if isinstance(shown, Player) else Player({}, still=shown)
    about, fig, still = {"caption": "", "alt": "", "numbers": player.numbers, **about}, player.still, b""
    kind = {"movie": "movie", "map": "map"}.get(player.shown.get("kind"), "figure")
    record = _record(page, kind, name, file=f"figures/{name}.{'png' if fig else 'webp'}", **about)
    if fig:
        figures.stamp(fig, record["mark"], figures.INK[record["source"][0]])
        still = figures.png(fig)
        plt.close(fig)
    _write(page, f"figures/{name}.png", still)
    # a movie's sheet is what its record names; those of other players are for the book only
    _write(page, f"{'players' if fig else 'figures'}/{name}.webp", player.sheet)
    numbers = about["numbers"]
    series = player.table if series is None else series
    if series is None and isinstance(numbers, dict):
        series = {"name": list(numbers), "value": list(numbers.values())}
    _write(page, f"tables/{name}.csv", numbers if series is None else series)
    _display(record, still=still, player=player)


def table(page: Page, frame, name: str, *, formats=None, **about) -> None:
    """Show `frame` (DataFrame) as a table, save it as tables/NAME.csv, and record it.

    The first column names the rows. formats: format per column, `{"power": ".2f"}`, or a function; numbers otherwise
    have 4 significant digits; None and NaN show as a dash. numbers: what goes to the record; default every row.
    `SqError` for a table without rows, and columns of the same name.
    """
    if frame.empty or not frame.columns.is_unique:
        raise SqError(f"{name}: a table has at least one row, and columns with different names")
    record = _record(page, "table", name, file=f"tables/{name}.csv", **{"caption": "", "numbers": frame, **about})
    _write(page, f"tables/{name}.csv", frame)
    columns = [{"text": str(column), "look": "sq-number"} if i and kind.kind in "iufb" else str(column)
               for i, (column, kind) in enumerate(frame.dtypes.items())]
    forms = [(formats or {}).get(column) for column in frame]
    body = [[_cell(value, form, i) for i, (value, form) in enumerate(zip(values, forms))]
            for values in frame.itertuples(index=False, name=None)]
    _display(record, table={"columns": columns, "rows": body})


def claim(page: Page, name: str, numbers, paper=None, *, source=None) -> None:
    """Record numbers that belong to no figure or table, such as `claim-C1`; they get a place in the book, unseen."""
    _display(_record(page, "claim", name, label=name, numbers=numbers, paper=paper, source=source))


def verdict(page: Page, first, second=None, paper=None, *, source=None, **more) -> tuple:
    """Record what became of a claim, by its first and second rule (`sqlib.judge.claims.judge`), and say it in words.

    The record, such as claim-C1, has the first verdict, whether its rule tests the claim, the second under `second`,
    and `more` numbers. Returns both verdicts, a row of `claims.as_table`.
    """
    numbers = asdict(first) | {"second": second and asdict(second)} | more
    claim(page, f"claim-{first.claim}", numbers, paper, source=source)
    rules = [f"  By the {name} rule, {one}" for name, one in (("first", first), ("second", second)) if one]
    print(f"{first.claim}: {first.statement}.", *rules, sep="\n")
    return first, second


def finding(*sentences: str) -> None:
    """Say in words (Markdown) what a figure or table shows, below it; the notes of a slide deck have it, too."""
    _say("**What we found.** " + " ".join(sentence for sentence in sentences if sentence))


def results(*lines: str) -> None:
    """Say what a chapter found, in a list of sentences (Markdown); an empty one is left out."""
    _say("\n".join(f"- {line}" for line in lines if line))


def close(page: Page, fingerprint: str = "") -> None:
    """End the chapter: give its records the data set's `fingerprint`, write card.json and show the run card, folded."""
    from IPython.display import HTML, display

    for name, content in records.read_records(page.folder).items():
        if content["fingerprint"] != fingerprint:
            records.write_json(page.folder / "records" / f"{name}.json", {**content, "fingerprint": fingerprint})
    seconds = time.monotonic() - page.started
    card = cards.make_card(page.name, page.parameters, fingerprint=fingerprint, seconds=seconds, made=page.commit)
    card |= {"own": records.mark([page.origin], page.parameters["seed"], page.own)} if page.own else {}
    records.write_json(page.folder / "card.json", card)
    display(HTML(render("card.html", card=card, origin=cards.origin(card))))


def pairs(frame, names=None) -> dict[str, list[tuple]]:
    """What the columns "X, paper" and "X, here" of a table say of each X, or of those in `names`, for `compare=`."""
    known = [column.removesuffix(", paper") for column in frame if column.endswith(", paper")]
    return {name: list(zip(frame[f"{name}, paper"], frame[f"{name}, here"])) for name in names or known}


def _record(page: Page, kind: str, name: str, *, source=None, **about) -> dict:
    """Write the record, and return it with the words of its mark."""
    card = {**page.parameters, "commit": page.commit, "notebook": page.name, "fingerprint": ""}
    written = records.record(name, kind=kind, source=source or page.origin, own=page.own, card=card,
                             folder=page.folder, replace=page.interactive, **about)
    return {**written, "mark": records.mark(written["source"], written["seed"], page.own)}


def _display(record: dict, **shown) -> None:
    from IPython.display import display

    display(bundle(record, **shown), raw=True)


def _say(words: str) -> None:
    from IPython.display import Markdown, display

    display(Markdown(escape(words, quote=False)))  # a folder's name may be among them


def _write(page: Page, place: str, content) -> None:
    """Write bytes, or columns or rows as CSV, to `place` in the folder of the run; None writes nothing."""
    import pandas as pd

    if content is not None and not isinstance(content, bytes):
        content = pd.DataFrame(content).to_csv(index=False, lineterminator="\n").encode()
    if content:
        with replacing(page.folder / place) as aside:
            aside.write_bytes(content)


def _cell(value, form, place: int) -> str | dict[str, str]:
    """A cell as the templates show it: its text, and its look where that is a number's or a long text's."""
    floating = isinstance(value, float) or str(getattr(value, "dtype", "")).startswith("float")
    if value is None or str(value) in ("<NA>", "NaT") or value != value:
        text = "–"
    elif callable(form):
        text = str(form(value))
    else:
        text = format(value, form) if form else f"{value:.4g}" if floating else str(value)
    text = re.sub(r"(?<=\d) ([…±]) (?=\S)", "\u00a0\\1\u00a0", text)  # "10 … 49" stays on one line
    number = place > 0 and (isinstance(value, int | float) or hasattr(value, "dtype"))
    look = "sq-number" if number else "sq-text" if len(text) > 16 else ""  # words are no column of single ones
    return {"text": text, "look": look} if look else text
