"""Judging: metrics, the paper's printed numbers, and what embeddings and predictions say beside them."""
