"""Where the book's repository is, if the one who builds it says so: launch, source, edit and issue buttons."""

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
        raise SqError(f"SQ_REPOSITORY={url!r} is not https://github.com/OWNER/NAME; unset it for a book without buttons to it")
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


def launch_note() -> str:
    """Return what a reader should know who presses Binder or Colab; "" where there are no such buttons."""
    known = repository()
    if known is None:
        return ""
    url, branch = known
    return LAUNCH.format(url=url, branch=branch, name=url.rsplit("/", 1)[-1])


LAUNCH = """
## Without installing anything

The rocket above each chapter opens its notebook on a machine that is lent by others. No test of this book covers these services.

**Binder** installs the locked packages, PyTorch among them, so the first start takes long. Its machines have little
memory: in the cell of parameters set `profile` and the sizes to those of `smoke`, which the tables below list.

**Colab** opens the notebook alone. Before its first cell add one with these lines:

```
!git clone --depth 1 --branch {branch} {url}.git
%cd {name}
!python --version
!python -m pip install -r requirements.lock
!python -m pip install --no-deps --no-build-isolation -e .
```

They need Python 3.11. Colab chooses its own; where it shows another one, and offers no older runtime, take Binder. Restart
the session after installing, and begin with `%cd /content/{name}`.
"""
