"""YAML as its writer meant it: what YAML 1.1 reads as another value than stands there is refused, with the line."""

import re
from typing import Any

import yaml

TAG = "tag:yaml.org,2002:"
TEXT = {f"{TAG}timestamp"}  # read as text: no setting is a date
NUMBER = re.compile(r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?$")  # 1e-3, too


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader, without octal numbers, base 60, and keys that are given twice."""

    def compose_mapping_node(self, anchor):
        """A mapping; its keys are looked at before merge keys (<<) bring theirs, which may be given anew."""
        node, seen = super().compose_mapping_node(anchor), {}
        for key, _ in node.value:
            name = (key.tag, str(key.value))
            if name in seen:
                first = seen[name].start_mark.line + 1
                raise _refusal(key, f"{key.value!r} is already in line {first}, and only one can hold: join them")
            seen[name] = key
        return node

    def _number(self, node):
        word = self.construct_scalar(node)
        if ":" in word:
            raise _refusal(node, f"YAML reads {word} as a number in base 60: write it as a decimal, or in quotes")
        if re.fullmatch(r"[-+]?0[0-9_]+", word):
            raise _refusal(node, f"YAML reads {word} as an octal number: drop the 0 in front, or put it in quotes")
        kind = "int" if node.tag == f"{TAG}int" else "float"
        return getattr(self, f"construct_yaml_{kind}")(node)


Loader.yaml_implicit_resolvers = {first: [one for one in known if one[0] not in TEXT]
                                  for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver(f"{TAG}float", NUMBER, list("-+.0123456789"))
for _kind in ("int", "float"):
    Loader.add_constructor(f"{TAG}{_kind}", Loader._number)


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
