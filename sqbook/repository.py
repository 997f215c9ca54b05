"""Where the book's repository is, if whoever builds it says so; launch, source, edit and issue buttons lead there."""

import os
import re

from sqlib.errors import SqError

GITHUB = re.compile(r"https://github\.com/[A-Za-z0-9](?:-?[A-Za-z0-9])*/(?!\.+$)(?!.*\.git$)[\w.-]+", re.ASCII)
BRANCH = re.compile(r"(?!.*\.\.)\w[\w.-]*(?:/\w[\w.-]*)*", re.ASCII)
BUTTONS = {
    "html": dict.fromkeys(("use_repository_button", "use_edit_page_button", "use_issues_button"), True),
    "launch_buttons": {"binderhub_url": "https://mybinder.org", "colab_url": "https://colab.research.google.com",
                       "notebook_interface": "jupyterlab"},
}


def repository() -> tuple[str, str] | None:
    """The address ($SQ_REPOSITORY) and the branch ($SQ_BRANCH, "main"); None without an address.

    Raises `SqError` for an address that is not https://github.com/OWNER/NAME, as Binder and Colab open no other.
    """
    url, branch = os.environ.get("SQ_REPOSITORY", ""), os.environ.get("SQ_BRANCH") or "main"
    if url and not (GITHUB.fullmatch(url) and BRANCH.fullmatch(branch)):
        raise SqError(f"SQ_REPOSITORY={url!r} is not https://github.com/OWNER/NAME, or SQ_BRANCH={branch!r} is not the "
                      "name of a branch; unset them for a book without buttons to it")
    return (url, branch) if url else None


def configured(text: str) -> str:
    """Return the text of _config.yml with the buttons that lead to the repository, where one is known."""
    import yaml

    if known := repository():
        config = yaml.safe_load(text)
        config["repository"] = dict(zip(("url", "branch"), known))
        for section, own in BUTTONS.items():
            config[section] |= own
        text = yaml.safe_dump(config, sort_keys=False)
    return text
