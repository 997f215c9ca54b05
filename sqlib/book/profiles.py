"""Profiles: every notebook's parameters at one size (smoke, laptop, paper), from profiles/NAME.yml."""

from pathlib import Path
from typing import Any

from sqlib.book.params import Parameter, check, nearest, notebook_path, parameters
from sqlib.errors import SqError
from sqlib.paths import home


def profile_names() -> list[str]:
    """Names of the profiles in home()/profiles."""
    return sorted(path.stem for path in (home() / "profiles").glob("*.yml"))


def load_profile(name: str) -> dict[str, dict]:
    """Return the profile `name` as {"data": {...}, "notebooks": {notebook: {...}}}, checked against the notebooks.

    Raises `SqError` for an unknown profile (with the nearest) and for a notebook or a parameter that is not there.
    """
    import yaml

    path = home() / "profiles" / f"{name}.yml"
    if name not in profile_names():
        raise SqError(f"there is no profile {name!r}{nearest(name, profile_names())}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise SqError(f"{path} cannot be read: {error}") from error
    sections = {key: (content.get(key) or {}) if isinstance(content, dict) else None for key in ("data", "notebooks")}
    if any(not isinstance(section, dict) for section in sections.values()):
        raise SqError(f"{path}: `data` and `notebooks` are mappings of names to values")
    if unknown := set(content) - set(sections):
        raise SqError(f"{path}: unknown section {sorted(unknown)[0]!r}{nearest(sorted(unknown)[0], sections)}")
    declared = {p.stem: parameters(p) for p in sorted((home() / "notebooks").glob("*.ipynb"))}
    for notebook, values in sections["notebooks"].items():
        if notebook not in declared:
            raise SqError(f"{path}: there is no notebook {notebook!r}{nearest(notebook, declared)}")
        sections["notebooks"][notebook] = check(declared[notebook], values or {}, f"{path.name}, {notebook}")
    return sections


def profile_values(profile: str, notebook: str, known: tuple[Parameter, ...]) -> dict[str, Any]:
    """Return the parameters that `profile` sets for `notebook`: its own, and of `data` those that it has."""
    content = load_profile(profile)
    names = {p.name for p in known}
    shared = {name: value for name, value in content["data"].items() if name in names}
    own = content["notebooks"].get(notebook, {})
    return {**check(known, shared, f"{profile}.yml, data"), **own, "profile": profile}


def resolve(notebook: str | Path, profile: str, overrides: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    """Return the notebook's path and the full set of its parameters: defaults < profile < overrides.

    A relative `root` is taken from the caller's folder, for the notebook runs in another.
    """
    path = notebook_path(notebook, home() / "notebooks")
    known = parameters(path)
    values = {p.name: p.default for p in known}
    values |= profile_values(profile, path.stem, known) | check(known, overrides, path.name)
    if values["root"]:
        values["root"] = str(Path(values["root"]).expanduser().resolve())
    return path, values
