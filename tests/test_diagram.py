"""Figure 17 follows its recipe: what is switched off shows as off, and a second step as a second box."""

from dataclasses import replace

from sqlib.learn.augment import Views
from sqlib.learn.settings import Settings
from sqlib.show.plots_recipe import KINDS, draw, stages


def kinds(run):
    return {name: kind for row in stages(run, 224) for name, _, kind in row}


def test_a_changed_recipe_changes_the_diagram():
    paper = Settings("weighted", window=3, start=Settings("simclr"))
    own = [kinds(paper)[name] for name in ("Solarized Low-Pass", "Time-Based Mixing", "Random Erasing")]
    assert own == ["custom"] * 3
    assert {"SimCLR", "weighted SupCon"} <= kinds(paper).keys()
    bare = replace(paper, window=1, views=Views(low_pass=0, positional="none", erasing="none"), start=None)
    off = {name for name, kind in kinds(bare).items() if kind == "off"}
    assert off == {"Time-Based Mixing", "Solarized Low-Pass", "turns and flips", "Random Erasing"}
    assert kinds(replace(paper, views=Views(extra=("gaussian_blur",))))["further transforms"] == "standard"
    assert "further transforms" not in kinds(paper)
    assert "SimCLR" not in kinds(bare)


def test_every_box_is_drawn_with_its_words():
    rows = stages(Settings("weighted", start=Settings("simclr")), 224)
    drawn = [text.get_text() for text in draw(rows).axes[0].texts]
    assert all(name in drawn and kind in KINDS for row in rows for name, _, kind in row)
