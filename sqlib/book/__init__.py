"""The book: parameters and profiles, papermill runs, records, figures in the book's style, pages, the command `sq`."""
