"""Where the book's repository is, if whoever builds it says so; launch, source, edit and issue buttons lead there."""

import os
import re

from sqlib.errors import SqError

GITHUB = re.compile(r"https://github\.com/[A-Za-z0-9](?:-?[A-Za-z0-9])*/(?!\.+$)(?!.*\.git$)[\w.-]+", re.ASCII)
BRANCH = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)*", re.ASCII)


def repository() -> tuple[str, str] | None:
    """The address ($SQ_REPOSITORY) and the branch ($SQ_BRANCH, "main"); None without an address.

    Raises `SqError` for an address that is not https://github.com/OWNER/NAME, as Binder and Colab open no other.
    """
    url, branch = os.environ.get("SQ_REPOSITORY", ""), os.environ.get("SQ_BRANCH") or "main"
    if not url:
        return None
    if not GITHUB.fullmatch(url):
        raise SqError(f"SQ_REPOSITORY={url!r} is not https://github.com/OWNER/NAME; "
                      "unset it for a book without buttons to it")
    if not BRANCH.fullmatch(branch) or ".." in branch:
        raise SqError(f"SQ_BRANCH={branch!r} is not the name of a branch, such as main")
    return url, branch


def configured(text: str) -> str:
    """Return the text of _config.yml with the buttons that lead to the repository, where one is known."""
    import yaml

    known = repository()
    if known is None:
        return text
    config = yaml.safe_load(text)
    config["repository"] = dict(zip(("url", "branch"), known))
    config["html"] |= dict.fromkeys(("use_repository_button", "use_edit_page_button", "use_issues_button"), True)
    config["launch_buttons"] |= {
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
        "notebook_interface": "jupyterlab",
    }
    return yaml.safe_dump(config, sort_keys=False)
