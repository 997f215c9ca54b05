"""How notebooks become a book: the command `sq`, parameters, execution, comparison, scorecard, exports, site."""
