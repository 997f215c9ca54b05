"""What a notebook calls to publish: figures, tables, movies, maps and claims, each shown, saved, marked and recorded.

Each takes the page, what it shows, a `name` (fig01: its record, its files, its place on the page), and in words of
`about`:

label : the number in the book, "Figure 1": the paper's own where it has one
caption : what is to be seen, and the message with its number
alt : what a figure shows, for a reader who cannot see it; must not be empty
numbers, paper : what is found, in numbers, and what the paper says of it; go to the record
compare : the paper's numbers beside ours, {"F1": (paper, here)}, each with the ends of our interval where there is one,
    (paper, here, low, high), or a list of such; the scorecard reads this and nothing else. See `pairs`.
source : "simulated", "observed", "published", "theory", "everyday" or several; default by the chapter's data set
made_by : the functions (or their names) that made it, for the note below it; without it the note says what the cell
    calls

`SqError` for words that are empty, a name that this run has published already, and numbers that JSON cannot hold.
"""

import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlib import profiles
from sqlib.errors import SqError
from sqlib.memory import keep_freed
from sqlib.paths import home, replacing
from sqlib.show import provenance as cards
from sqlib.show import records
from sqlib.show import style as figures
from sqlib.show.bundle import bundle, render
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
    origin: str = "simulated"  # of the data set, a word of `records.SOURCES`
    settings: Typed = field(default_factory=Typed)  # the shared settings of the chapter, see `sqlib.profiles`
    started: float = field(default_factory=time.monotonic)


def begin(name: str, **values) -> Page:
    """Begin the chapter `name`: apply the figures' style, keep freed memory, and return the page for the functions below.

    The parameters are those of the running notebook, the annotated names of its parameter cell:

    data : "twin" (simulated) or "sunquakenet" (real frames)
    out : folder for records and figures, set by `sq run`; "" (by hand) is home()/runs/NAME/interactive
    root : folder of the real frames; where they were made of the reader's own cubes, every mark says so
    settings : shared settings that differ from the profile's; all of them are in `page.settings`

    `page.parameters` has both, parameters and shared settings. values : the parameters where no notebook runs.
    `SqError` for a missing parameter, other data, an unknown setting, or a damaged card of the reader's own cubes.
    """
    from sqlib.data.frames import own_card

    values = values or _parameters()
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


def _parameters() -> dict[str, Any]:
    """What the running notebook has annotated so far: the names of its parameter cell, with their values."""
    from IPython import get_ipython

    if (shell := get_ipython()) is None:
        raise SqError("no notebook is running: give begin the parameters, data=, seed=, profile=")
    return {name: shell.user_ns[name] for name in shell.user_ns.get("__annotations__", {}) if name in shell.user_ns}


def figure(page: Page, fig, name: str, *, series=None, **about) -> None:
    """Show `fig` (matplotlib), save it as figures/NAME.png and its numbers as tables/NAME.csv, and record it.

    series : the plotted data for the CSV (DataFrame, or dict of equally long columns); without it `numbers` is written
    """
    record = _record(page, "figure", name, f"figures/{name}.png", **about)
    _write_csv(page, name, series, about.get("numbers"))
    _show(page, record, still=_picture(page, fig, record))


def movie(page: Page, frames, name: str, *, fps: float = 8, times=None, still=None, boxes=None, region=None,
          **about) -> None:
    """Show `frames`, uint8 (T, H, W) or (T, H, W, 3) (see `style.colour`), as a small offline player.

    times : a text per frame ("t = 12 min"); default the frame's number
    still : the frame shown first, and without scripts; default the middle one
    boxes, region : layers of boxes to switch on, and grays of the active region, see `sqlib.show.movie`
    The sprite sheet is saved as figures/NAME.webp; all of the player takes at most 600 kB.
    """
    from sqlib.show.movie import movie as play

    words = [str(t) for t in times] if times is not None else [f"{i + 1} of {len(frames)}" for i in range(len(frames))]
    first = len(frames) // 2 if still is None else still
    player, sheet = play(frames, name, words, fps, first, 425_000, boxes, region)
    record = _record(page, "movie", name, f"figures/{name}.webp", **about)
    _write_csv(page, name, None, about.get("numbers"))
    _show(page, record, player=player, sheet=sheet)


def playground(page: Page, tried, name: str, **about) -> None:
    """Show frames and what augmentations made of them, to choose from; a still for the record and where scripts are
    off.

    tried : of `sqlib.show.playground.attempts`, whose contrasts are written to tables/NAME.csv
    """
    from sqlib.show import playground as ground

    player, sheet = ground.playground(tried)
    about = {"numbers": {"pictures": len(tried.pictures)}, **about}
    record = _record(page, "figure", name, f"figures/{name}.png", **about)
    _write_csv(page, name, tried.table)
    _show(page, record, still=_picture(page, ground.still(tried), record), player=player, sheet=sheet)


def embedding_map(page: Page, points, index, pixels, status, name: str, *, axes=("UMAP 1", "UMAP 2"), **about) -> None:
    """Show a map of embeddings with a mark a frame to explore, and save it as a still, figures/NAME.png.

    points, index, pixels, status : see `sqlib.show.embedding_map`; at most 3,000 marks and 400 kB. Points and classes
    are written to tables/NAME.csv.
    """
    from sqlib.show import plots_embedding
    from sqlib.show.embedding_map import embedding_map as explorer

    player, sheet = explorer(points, index, pixels, status, {"name": name, "alt": about.get("alt", "")}, axes)
    record = _record(page, "map", name, f"figures/{name}.png", **about)
    x, y = (column.round(4) for column in points.T)
    _write_csv(page, name, {"event": index["event"], "frame": index["frame"], "x": x, "y": y, "class": status})
    still = _picture(page, plots_embedding.clusters(points, status, axes), record)
    _show(page, record, still=still, player=player, sheet=sheet)


def threshold(page: Page, scores, labels, events, name: str, **about) -> None:
    """Show what a detector's threshold does to precision, recall and events found, with a slider; a still for the
    record.

    scores, labels, events : see `sqlib.show.threshold.levels`, whose rows are written to tables/NAME.csv
    """
    from sqlib.show import threshold as thresholds

    levels = thresholds.levels(scores, labels, events)
    record = _record(page, "figure", name, f"figures/{name}.png", **{"numbers": levels, **about})
    _write_csv(page, name, levels)
    still = _picture(page, thresholds.still(levels), record)
    _show(page, record, still=still, player=thresholds.slider(levels))


def table(page: Page, frame, name: str, *, formats=None, **about) -> None:
    """Show `frame` (DataFrame) as a table, save it as tables/NAME.csv, and record it.

    The first column names the rows. formats: format per column, `{"power": ".2f"}`, or a function; numbers otherwise
    have 4 significant digits; None and NaN show as a dash. numbers: what goes to the record; default every row.
    `SqError` for a table without rows, and columns of the same name.
    """
    if frame.empty or not frame.columns.is_unique:
        raise SqError(f"{name}: a table has at least one row, and columns with different names")
    rows = frame.astype(object).where(frame.notna(), None)
    record = _record(page, "table", name, f"tables/{name}.csv",
                     **{"numbers": rows, **about})
    _write_csv(page, name, frame)
    numeric = [i > 0 and kind.kind in "iufb" for i, kind in enumerate(frame.dtypes)]
    columns = [{"text": str(column), "look": "sq-number"} if how else str(column)
               for column, how in zip(frame, numeric)]
    forms = [(formats or {}).get(column) for column in frame]
    body = [[_cell(value, form, i) for i, (value, form) in enumerate(zip(values, forms))]
            for values in frame.itertuples(index=False, name=None)]
    _show(page, record, table={"columns": columns, "rows": body})


def claim(page: Page, name: str, numbers, paper=None, *, label: str = "", source=None) -> None:
    """Record numbers that belong to no figure or table, such as `claim-C1`; they get a place in the book, unseen."""
    _show(page, _record(page, "claim", name, label=label or name, numbers=numbers, paper=paper, source=source))


def close(page: Page, fingerprint: str = "") -> None:
    """End the chapter: give its records the data set's `fingerprint`, write card.json and show the run card, folded."""
    from IPython.display import HTML, display

    for name, content in records.read_records(page.folder).items():
        if content["fingerprint"] != fingerprint:
            records.write_json(page.folder / "records" / f"{name}.json", {**content, "fingerprint": fingerprint})
    seconds = time.monotonic() - page.started
    card = cards.make_card(page.name, page.parameters, fingerprint=fingerprint, seconds=seconds, made=page.commit)
    card |= {"own": mark(page, (page.origin,))} if page.own else {}
    records.write_json(page.folder / "card.json", card)
    display(HTML(render("card.html", rows=cards.rows(card))))


def mark(page: Page, sources: tuple[str, ...]) -> str:
    """Return the words that say where the data come from: "SIMULATED (twin, seed 1265)"."""
    return records.mark(sources, page.parameters["seed"], page.own)


def pairs(frame, names=None) -> dict[str, list[tuple]]:
    """What the columns "X, paper" and "X, here" of a table say of each X, or of those in `names`, for `compare=`."""
    known = [column.removesuffix(", paper") for column in frame if column.endswith(", paper")]
    return {name: list(zip(frame[f"{name}, paper"], frame[f"{name}, here"])) for name in names or known}


def _record(page: Page, kind: str, name: str, file: str = "", *, label: str, caption: str = "", alt: str = "",
            numbers=None, paper=None, compare=None, source=None, made_by=()) -> dict:
    """Check the words, write the record, and return it with the words of its mark."""
    said = {} if kind == "claim" else {"caption": caption} if kind == "table" else {"caption": caption, "alt": alt}
    for what, text in {"label": label, **said}.items():
        if not str(text).strip():
            raise SqError(f"{name}: {what} is empty; a reader who cannot see the picture has only these words")
    sources = records.check_sources(source or page.origin)
    names = [one if isinstance(one, str) else f"{one.__module__}.{one.__qualname__}" for one in made_by]
    more = said | ({"file": file} if file else {}) | ({"own": page.own} if page.own else {})
    more |= {"made_by": names} if names else {}
    card = {**page.parameters, "commit": page.commit, "notebook": page.name, "fingerprint": ""}
    written = records.record(name, numbers, paper, compare=compare, card=card, folder=page.folder, source=sources,
                             label=label, kind=kind, replace=page.interactive, **more)
    return {**written, "mark": mark(page, sources)}


def _show(page: Page, record: dict, *, still: bytes = b"", sheet: bytes = b"", player=None, table=None) -> None:
    """Save the pictures of a record, and show it."""
    from IPython.display import display

    if still:
        _write(page.folder / "figures" / f"{record['name']}.png", still)
    if sheet:  # a movie's is what its record names; those of other players are for the book alone
        place = "figures" if record["kind"] == "movie" else "players"
        _write(page.folder / place / f"{record['name']}.webp", sheet)
    display(bundle(record, still=still, sheet=sheet, player=player, table=table), raw=True)


def _picture(page: Page, fig, record: dict) -> bytes:
    """The figure as a PNG with the mark of its source; closes it."""
    import matplotlib.pyplot as plt

    figures.stamp(fig, record["mark"], figures.INK[record["source"][0]])
    data = figures.png(fig)
    plt.close(fig)
    return data


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as aside:
        aside.write_bytes(data)


def _write_csv(page: Page, name: str, series, numbers=None) -> None:
    """Write `series` to tables/NAME.csv, or without it `numbers`, a row each; without both nothing."""
    import pandas as pd

    if series is None and isinstance(numbers, dict):
        series = {"name": list(numbers), "value": list(numbers.values())}
    content = numbers if series is None else series
    if content is not None:
        table = pd.DataFrame(content).to_csv(index=False, lineterminator="\n")
        _write(page.folder / "tables" / f"{name}.csv", table.encode())


def _cell(value, form, place: int) -> str | dict[str, str]:
    """A cell as the templates show it: its text, and its look where that is a number's or a long text's."""
    text = re.sub(r"(?<=\d) ([…±]) (?=\S)", "\u00a0\\1\u00a0", _text(value, form))  # "10 … 49" stays on one line
    number = place > 0 and (isinstance(value, int | float) or hasattr(value, "dtype"))
    look = "sq-number" if number else "sq-text" if len(text) > 16 else ""  # words are no column of single ones
    return {"text": text, "look": look} if look else text


def _text(value, form) -> str:
    if value is None or str(value) in ("<NA>", "NaT") or value != value:
        return "–"
    if callable(form):
        return str(form(value))
    if form:
        return format(value, form)
    floating = isinstance(value, float) or str(getattr(value, "dtype", "")).startswith("float")
    return f"{value:.4g}" if floating else str(value)
