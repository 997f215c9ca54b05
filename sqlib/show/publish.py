"""What a notebook calls to publish: figures, tables, movies, maps and claims, each shown, saved, marked and recorded."""

import base64
import re
import time
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from sqlib import profiles
from sqlib.errors import SqError
from sqlib.memory import keep_freed
from sqlib.paths import home, replacing
from sqlib.show import provenance as cards
from sqlib.show import records
from sqlib.show import style as figures
from sqlib.show.movie import player
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


def figure(page: Page, fig, name: str, *, label: str, caption: str, alt: str, numbers=None, paper=None, series=None,
           source=None) -> None:  # fmt: skip
    """Show `fig` (matplotlib) with its caption, save it as figures/NAME.png, its numbers as tables/NAME.csv, record it.

    label : the number in the book, "Figure 1": the paper's own where it has one
    alt : what the figure shows, for a reader who cannot see it; must not be empty
    numbers, paper : what the figure says in numbers, and the paper's values; go to the record
    series : the plotted data for the CSV (DataFrame, or dict of equally long columns); without it `numbers` is written
    source : "simulated", "observed", "published", "theory", "everyday" or several; default by the chapter's data set
    """
    sources = _checked(page, name, label, caption, alt, source)
    data = _picture(page, fig, sources)
    _write_csv(page, name, series, numbers)
    picture = f'<img alt="{escape(alt)}" src="data:image/png;base64,{base64.b64encode(data).decode()}">'
    _publish(page, "figure", f"{name}.png", data, picture, numbers, paper, sources, label, caption, alt)


def movie(page: Page, frames, name: str, *, label: str, caption: str, alt: str, fps: float = 8, times=None, still=None,
          boxes=None, region=None, numbers=None, paper=None, source=None) -> None:  # fmt: skip
    """Show `frames`, uint8 (T, H, W) or (T, H, W, 3) (see `figures.colour`), as a small offline player.

    times : a text per frame ("t = 12 min"); default the frame's number
    still : the frame shown first, and without scripts; default the middle one
    boxes, region : layers of boxes to switch on, and grays of the active region, see `sqlib.show.movie.player`
    The sprite sheet is saved as figures/NAME.webp; all of the player takes at most 600 kB.
    """
    sources = _checked(page, name, label, caption, alt, source)
    words = [str(t) for t in times] if times is not None else [f"{i + 1} of {len(frames)}" for i in range(len(frames))]
    first = len(frames) // 2 if still is None else still
    html, data = player(frames, name, alt, words, fps, first, 430_000, boxes, region)
    _write_csv(page, name, None, numbers)
    _publish(page, "movie", f"{name}.webp", data, html, numbers, paper, sources, label, caption, alt)


def playground(page: Page, tried, name: str, *, label: str, caption: str, alt: str, source=None) -> None:
    """Show frames and what augmentations made of them, to choose from; a still for the record and where scripts are off.

    tried : of `sqlib.show.playground.attempts`, whose contrasts are written to tables/NAME.csv
    """
    from sqlib.show import playground as ground

    sources = _checked(page, name, label, caption, alt, source)
    data = _picture(page, ground.still(tried), sources)
    _write_csv(page, name, tried.table)
    html = ground.playground(tried, name, alt, data)
    _publish(page, "figure", f"{name}.png", data, html, {"pictures": len(tried.pictures)}, None, sources, label, caption, alt)


def embedding_map(page: Page, points, index, pixels, status, name: str, *, label: str, caption: str, alt: str,
                  axes=("UMAP 1", "UMAP 2"), numbers=None, paper=None, source=None) -> None:  # fmt: skip
    """Show a map of embeddings with a mark a frame to explore, and save it as a still, figures/NAME.png.

    points, index, pixels, status : see `sqlib.show.embedding_map`; at most 3,000 marks and 400 kB. Points and classes
    are written to tables/NAME.csv.
    """
    from sqlib.show import plots_embedding
    from sqlib.show.embedding_map import embedding_map as explorer

    sources = _checked(page, name, label, caption, alt, source)
    html = explorer(points, index, pixels, status, name, alt, axes)
    data = _picture(page, plots_embedding.clusters(points, status, axes), sources)
    x, y = (column.round(4) for column in points.T)
    _write_csv(page, name, {"event": index["event"], "frame": index["frame"], "x": x, "y": y, "class": status})
    _publish(page, "map", f"{name}.png", data, html, numbers, paper, sources, label, caption, alt)


def threshold(page: Page, scores, labels, events, name: str, *, label: str, caption: str, alt: str, source=None) -> None:
    """Show what a detector's threshold does to precision, recall and events found, with a slider; a still for the record.

    scores, labels, events : see `sqlib.show.threshold.levels`, whose rows are written to tables/NAME.csv
    """
    from sqlib.show import threshold as thresholds

    sources = _checked(page, name, label, caption, alt, source)
    levels = thresholds.levels(scores, labels, events)
    data = _picture(page, thresholds.still(levels), sources)
    _write_csv(page, name, levels)
    html = thresholds.slider(levels, name, alt)
    _publish(page, "figure", f"{name}.png", data, html, levels, None, sources, label, caption, alt)


def table(page: Page, frame, name: str, *, label: str, caption: str, formats=None, numbers=None, paper=None,
          source=None) -> None:  # fmt: skip
    """Show `frame` (DataFrame) as a table, save it as tables/NAME.csv, and record it.

    The first column names the rows. formats: format per column, `{"power": ".2f"}`, or a function; numbers otherwise
    have 4 significant digits; None and NaN show as a dash. numbers: what goes to the record; default every row.
    `SqError` for a table without rows, columns of the same name, and as `figure` does.
    """
    sources = _checked(page, name, label, caption, caption, source)
    if frame.empty or not frame.columns.is_unique:
        raise SqError(f"{name}: a table has at least one row, and columns with different names")
    _write_csv(page, name, frame)
    rows = frame.astype(object).where(frame.notna(), None) if numbers is None else numbers
    _record(page, name, rows, paper, sources, label, "table", caption=caption, file=f"tables/{name}.csv")
    numeric = [" class='sq-number'" * (i > 0 and kind.kind in "iufb") for i, kind in enumerate(frame.dtypes)]
    head = "".join(f'<th scope="col"{how}>{escape(str(column))}</th>' for column, how in zip(frame.columns, numeric))
    forms = [(formats or {}).get(column) for column in frame.columns]
    body = "".join(_row(values, forms) for values in frame.itertuples(index=False, name=None))
    _show(
        f'<div class="sq-table" id="{name}" tabindex="0" role="region" aria-label="{escape(label)}"><table>'
        f"<caption>{_caption(page, label, caption, sources)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def claim(page: Page, name: str, numbers, paper=None, *, label: str = "", source=None) -> None:
    """Record numbers that belong to no figure or table, such as `claim-C1`; shows nothing."""
    sources = records.check_sources(source or page.origin)
    _record(page, name, numbers, paper, sources, label, "claim")


def close(page: Page, fingerprint: str = "") -> None:
    """End the chapter: give its records the data set's `fingerprint`, write card.json and show the run card, folded."""
    for name, content in records.read_records(page.folder).items():
        if content["fingerprint"] != fingerprint:
            records.write_json(page.folder / "records" / f"{name}.json", {**content, "fingerprint": fingerprint})
    seconds = time.monotonic() - page.started
    card = cards.make_card(page.name, page.parameters, fingerprint=fingerprint, seconds=seconds, made=page.commit)
    card |= {"own": mark(page, (page.origin,))} if page.own else {}
    records.write_json(page.folder / "card.json", card)
    _show(cards.as_html(card))


def mark(page: Page, sources: tuple[str, ...]) -> str:
    """Return the words that say where the data come from: "SIMULATED (twin, seed 1265)"."""
    return records.mark(sources, page.parameters["seed"], page.own)


def _checked(page: Page, name: str, label: str, caption: str, alt: str, source) -> tuple[str, ...]:
    records.check_name(name)
    for what, text in (("label", label), ("caption", caption), ("alt", alt)):
        if not str(text).strip():
            raise SqError(f"{name}: {what} is empty; a reader who cannot see the picture has only these words")
    return records.check_sources(source or page.origin)


def _record(page: Page, name: str, numbers, paper, sources, label: str, kind: str, **more) -> None:
    card = {**page.parameters, "commit": page.commit, "notebook": page.name, "fingerprint": ""}
    more |= {"own": page.own} if page.own else {}
    records.record(name, numbers, paper, card=card, folder=page.folder, source=sources, label=label, kind=kind,
                   replace=page.interactive, **more)  # fmt: skip


def _publish(page: Page, kind: str, file: str, data: bytes, inner: str, numbers, paper, sources, label, caption, alt) -> None:
    """Save a picture's bytes as figures/`file`, record it, and show its HTML `inner` over the caption."""
    name = Path(file).stem
    _write(page.folder / "figures" / file, data)
    _record(page, name, numbers, paper, sources, label, kind, caption=caption, alt=alt, file=f"figures/{file}")
    words = _caption(page, label, caption, sources)
    _show(f'<figure class="sq-figure" id="{name}">{inner}<figcaption>{words}</figcaption></figure>')


def _picture(page: Page, fig, sources) -> bytes:
    """The figure as a PNG with the mark of its source; closes it."""
    import matplotlib.pyplot as plt

    figures.stamp(fig, mark(page, sources), figures.INK[sources[0]])
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


def _caption(page: Page, label: str, caption: str, sources) -> str:
    return (
        f"<strong>{escape(label)}.</strong> {escape(caption)} "
        f'<span class="sq-mark sq-{sources[0]}">{escape(mark(page, sources))}</span>'
    )


def _row(values: tuple, forms: list) -> str:
    head, *cells = (escape(_whole(_text(value, form))) for value, form in zip(values, forms))
    body = "".join(f"<td{_kind(value, text)}>{text}</td>" for value, text in zip(values[1:], cells))
    return f'<tr><th scope="row"{_room(head)}>{head}</th>{body}</tr>'


def _whole(text: str) -> str:
    """The text of a cell with "10 … 49" and "8.6 ± 3.5" kept on one line."""
    return re.sub(r"(?<=\d) ([…±]) (?=\S)", "\u00a0\\1\u00a0", text)


def _kind(value, text: str) -> str:
    if isinstance(value, int | float) or hasattr(value, "dtype"):
        return ' class="sq-number"'
    return _room(text)


def _room(text: str) -> str:
    return ' class="sq-text"' * (len(text) > 16)  # words are not set as a column of single ones


def _text(value, form) -> str:
    if value is None or str(value) in ("<NA>", "NaT") or value != value:
        return "–"
    if callable(form):
        return str(form(value))
    if form:
        return format(value, form)
    floating = isinstance(value, float) or str(getattr(value, "dtype", "")).startswith("float")
    return f"{value:.4g}" if floating else str(value)


def _show(html: str) -> None:
    from IPython.display import HTML, display

    display(HTML(html))
