"""The built book: its pages, their checks."""
