"""YAML as its writer meant it: what YAML 1.1 reads as another value than stands there is refused, with the line."""

import re
from typing import Any

import yaml

INT, FLOAT, TIME = (f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "timestamp"))
NUMBER = re.compile(r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?$")  # 1e-3, too


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader, without octal numbers, base 60, dates, and keys that are given twice."""

    def compose_node(self, parent, index):
        """The node that comes next, looked at before merge keys (<<) bring keys that may be given anew."""
        node, seen = super().compose_node(parent, index), {}
        if node.tag in (INT, FLOAT):
            if ":" in node.value:
                raise _refusal(node, f"YAML reads {node.value} as a number in base 60: write a decimal, or quotes")
            if re.fullmatch(r"[-+]?0[0-9_]+", node.value):
                raise _refusal(node, f"YAML reads {node.value} as an octal number: drop the 0 in front, or put it in "
                                     "quotes")
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            first = seen.setdefault((key.tag, str(key.value)), key)
            if first is not key:
                raise _refusal(key, f"{key.value!r} is already in line {first.start_mark.line + 1}, and only one can "
                                    "hold: join them")
        return node


Loader.yaml_implicit_resolvers = {first: [one for one in known if one[0] != TIME]
                                  for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver(FLOAT, NUMBER, list("-+.0123456789"))


def load(content: bytes) -> Any:
    """The value of a YAML document; `ValueError` says in which line it is at fault, and how.

    UTF-8 or, with a byte-order mark, UTF-16.
    """
    try:
        return yaml.load(content, Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ValueError(f"line {mark.line + 1}: {error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        raise ValueError(f"byte {error.position} is no text in UTF-8: save it as such") from error


def _refusal(node, words: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=words, problem_mark=node.start_mark)
