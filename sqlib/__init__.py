"""Physics, models and book machinery of the companion to Mercea et al. (2023), doi:10.1007/s11207-022-02081-7."""

__version__ = "0.1.0"
