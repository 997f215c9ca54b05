"""How notebooks become a book: the command `sq`, parameters, execution, comparison, scorecard, exports, site."""

import os
import sys

# a user's modules, those of $PYTHONPATH and of the folder that `python -m` is called in, take the place of no other
_OWN = os.path.realpath(os.path.join(__path__[0], ".."))
_USERS = {os.path.realpath(path) for path in (*os.environ.get("PYTHONPATH", "").split(os.pathsep), ".")} - {_OWN}
sys.path.sort(key=lambda path: os.path.realpath(path) in _USERS)

# nbformat loads it for a check of addresses that no notebook asks for, and its grammars take each process two seconds
sys.modules.setdefault("rfc3987_syntax", None)
