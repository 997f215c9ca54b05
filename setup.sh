#!/bin/sh
# Sets up .venv, for `make`: with the Python that PYTHON names, or with the one that .venv has, or with the newest one
# found that the lock supports. What is there already is kept; an environment that somebody else made is never removed.
set -eu
cd "$(dirname "$0")"
VERSIONS="3.13 3.12 3.11" # newest first; as requires-python in pyproject.toml, environment.yml and the workflow say
MARK=.venv/requirements.lock # the lock as it was installed there; empty until then
FITS='
import sys
name = "%d.%d" % sys.version_info[:2]
if name not in sys.argv[1].split():
    sys.exit(print("is Python " + name) or 1)
import sysconfig
if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
    sys.exit(print("is another build than the usual CPython") or 1)
try:
    import ensurepip, venv
except ImportError:
    sys.exit(print("lacks venv (Debian, Ubuntu: sudo apt install python%s-venv)" % name) or 1)
print(name)
'

# Whether an interpreter can make .venv: sets `answer` to its version, or to what is wrong with it.
fits() {
  answer="is missing"
  command -v "$1" >/dev/null 2>&1 || return 1
  answer=$("$1" -c "$FITS" "$VERSIONS" 2>/dev/null) && return 0
  answer=${answer:-"does not run"}
  return 1
}

stop() {
  printf '%s\n' "$@"
  exit 1
}

no_python() {
  stop "This needs Python $(echo "$VERSIONS" | sed 's/ \([^ ]*\) / \1 or /; s/ /, /'), and $1." \
    "To get one: sudo apt install python3 python3-venv (Debian, Ubuntu), sudo dnf install python3.13 (Fedora)," \
    "brew install python@3.13 (macOS), conda create -n sun python=3.13 and conda activate sun (conda)," \
    "pyenv install 3.13 and pyenv global 3.13 (pyenv), or an installer from python.org." \
    "Then again; or name it: make book PYTHON=/path/to/python3.13"
}

# The version in .venv; empty where its Python or pip do not run, or its commands belong to another folder.
have=$(.venv/bin/python -c 'import pip, sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || have=""
grep -qF "$(pwd -P)/.venv/bin" .venv/bin/pip 2>/dev/null || have=""

want=""
if [ -n "${PYTHON:-}" ]; then
  fits "$PYTHON" || no_python "$PYTHON $answer"
  want=$answer
else
  case " $VERSIONS " in *" ${have:-none} "*) want=$have ;; esac
fi
if [ -z "$want" ]; then
  seen=""
  for PYTHON in $(printf 'python%s ' $VERSIONS) python3 python; do
    fits "$PYTHON" && want=$answer && break
    [ "$answer" = "is missing" ] || seen="$seen; $PYTHON $answer"
  done
  [ -n "$want" ] || no_python "none was found$seen"
fi

if [ "$have" != "$want" ]; then
  if [ -e .venv ] || [ -L .venv ]; then
    why="its Python or its pip does not run, or the folder was moved"
    [ -z "$have" ] || why="it has Python $have"
    [ -f $MARK ] || stop "There is an environment in .venv that was not made here, and it cannot be used: $why." \
      "Move it away, for instance by mv .venv .venv-old, and then again."
    echo "The environment in .venv cannot be used: $why. It is made anew."
  fi
  echo "Making the environment in .venv with Python $want ($PYTHON) ..."
  "$PYTHON" -m venv --clear --without-pip .venv # at once, so that even one that is cut off now is known as ours
  : >$MARK
  "$PYTHON" -m venv .venv
fi

# The index, mirror, proxy, certificates and cache are those of the user's pip; see the Makefile for the rest.
if ! cmp -s requirements.lock $MARK; then
  echo "Installing the locked packages into .venv (some minutes the first time) ..."
  .venv/bin/python -m pip install --target= --prefix="$(pwd -P)/.venv" --require-hashes -r requirements.lock
fi
if ! cmp -s requirements.lock $MARK || ! cmp -s pyproject.toml .venv/pyproject.toml; then
  .venv/bin/python -m pip install --target= --prefix="$(pwd -P)/.venv" --quiet --no-deps --no-build-isolation -e .
  cp pyproject.toml .venv/pyproject.toml
  cp requirements.lock $MARK
fi
echo "Python $want in .venv"
