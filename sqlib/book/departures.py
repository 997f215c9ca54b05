"""How a run departs from the paper: its parameters beside the paper's settings, for the first table of a learning chapter."""

import pandas as pd

# parameter: what it sets, and the paper's value (Section 4.1; where it prints none, the authors' published code)
PAPER = {
    "resolution": ("frames, pixels a side", "224"),
    "crop": ("part of a frame that is seen", "whole"),
    "thin": ("negative frames trained on", "all"),
    "backbone": ("backbone", "resnet18"),
    "weights": ("first weights", "imagenet"),
    "pool": ("pooling over the frame", "avg"),
    "encoding": ("size of the encoding", "512"),
    "projection": ("size of the projection", "128"),
    "backbone_shuffled": ("backbone, High-Metrics", "densenet121"),
    "encoding_shuffled": ("encoding and projection, High-Metrics", "20"),
    "batch": ("samples in a batch", "not printed (code: 8)"),
    "rate": ("learning rate", "0.05"),
    "warmup": ("epochs of warm-up", "10"),
    "decay": ("weight decay", "0.0001"),
    "upsample": ("times a positive is in an epoch", "more than 1, not printed"),
    "joint": ("class head", "monitors; a gradient is not excluded"),
    "low_pass": ("Solarized Low-Pass, probability", "0.5"),
    "positional": ("turns and flips", "turns"),
    "erasing": ("Random Erasing", "paper"),
    "extra": ("further augmentations", "none"),
    "windows": ("frames that are mixed", "3"),
    "epochs_self": ("epochs self-supervised", "500"),
    "epochs_supervised": ("epochs supervised", "100"),
    "epochs_shuffled": ("epochs, High-Metrics", "50"),
    "epochs": ("epochs supervised", "100"),
}
# Appendix A
AUTOENCODERS = {
    "resolution": PAPER["resolution"],
    "crop": PAPER["crop"],
    "cycle": ("solar cycle", "23"),
    "test": ("test set", "26 positives, 171 negatives"),
    "network": ("network", "ResNet-6, its widths not printed"),
    "latents": ("latent sizes", "from 32 to 4096, which not printed"),
    "batch": ("frames in a batch", "not printed"),
    "rate": ("learning rate (Adam)", "not printed"),
    "epochs": ("epochs", "not printed"),
    "epochs_tuned": ("epochs of fine-tuning", "not printed"),
    "neighbours": ("neighbours of the two maps", "250, 15"),
}
WORDS = {
    "crop": lambda n: f"middle {n}×{n}" if n else "whole",
    "thin": lambda n: "all" if n == 1 else f"1 of {n}",
    "upsample": lambda n: str(n) if n else "until classes are equal",
    "joint": lambda on: "teaches the backbone too" if on else "watches only",
}


def departures(parameters: dict, paper: dict[str, tuple[str, str]] = PAPER, leave=()) -> pd.DataFrame:
    """What the paper did and what this run does: setting, paper, here, same ("yes" or "no", or None where it does not say).

    A row per parameter of a run that `paper` knows, but for those to `leave` out.
    """

    def plain(value) -> str:
        if isinstance(value, list):
            return ", ".join(map(str, value)) or "none"
        return f"{value:g}" if isinstance(value, float) else str(value)

    rows = []
    for name in [name for name in paper if name in parameters and name not in leave]:
        (setting, theirs), ours = paper[name], WORDS.get(name, plain)(parameters[name])
        rows.append((setting, theirs, ours, None if "not" in theirs else "yes" if ours == theirs else "no"))
    return pd.DataFrame(rows, columns=["setting", "paper", "here", "same"])
