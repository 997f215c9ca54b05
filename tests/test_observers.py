"""Observers that learn nothing from pictures, against slow loops and closed forms."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from sqlib.data.catalogue import catalogue
from sqlib.data.frames import make_frameset, make_index
from sqlib.errors import SqError
from sqlib.judge import duration, metrics, observers, pitfalls
from sqlib.paths import home
from sqlib.sun.twin import TwinSettings, simulate

pytestmark = pytest.mark.usefixtures("sq_home")  # what an observer said is kept there
SMALL = TwinSettings(size=64, frames=160, seed=5)


@pytest.fixture(scope="module")
def hmi():
    return observers.template("HMI", SMALL, SMALL.size)


def table1(events) -> pd.DataFrame:
    rows = [(event.key, event.cycle, n, int(n in event.positives)) for event in events for n in range(256)]
    return pd.DataFrame(rows, columns=["event", "cycle", "frame", "label"])


def test_the_frames_number_alone_scores_by_the_share_of_the_events_annotated_then():
    index = pd.DataFrame({"event": list("aaaabbbbcccc"), "cycle": [23] * 8 + [24] * 4, "frame": [*range(4)] * 3,
                          "label": [0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1]})
    assert observers.annotated_share(index).to_numpy().T.tolist() == [[0, 1, 0.5, 0], [0, 0, 0, 1]]
    smooth = observers.annotated_share(index, 4.0)
    assert observers.frame_number(index, index).tolist() == [*smooth[23], *smooth[23], *smooth[24]]
    wide = observers.annotated_share(index, 1.0)[23]
    by_hand = sum(c * math.exp(-((n - 2) ** 2) / 2) for n, c in enumerate([0, 1, 0.5, 0])) / math.sqrt(2 * math.pi)
    assert wide[2] == pytest.approx(by_hand, rel=0.01)
    assert (observers.frame_number(index[index["cycle"] == 23], index)[8:] == 0).all()


def test_the_number_gives_the_papers_frames_away_unless_cubes_begin_at_random_times(rng):
    labelled = [event for event in catalogue() if event.labelled]
    taught, asked = table1(labelled[::2]), table1(labelled[1::2])
    told = metrics.average_precision(asked["label"], observers.frame_number(taught, asked))
    share, chance = asked["label"].mean(), []
    for _ in range(5):
        later, then = pitfalls.restarted(taught, rng), pitfalls.restarted(asked, rng)
        chance.append(metrics.average_precision(then["label"], observers.frame_number(later, then)))
    assert told > 5 * share
    assert np.mean(chance) < 2.2 * share


def test_the_box_car_is_the_classical_detector_on_block_averages(rng):
    index = make_index({"event": "e", "cycle": 24, "frame": range(30), "time": pd.Timestamp("2012-01-01"), "label": 0,
                        "boxes": [()] * 30})
    frames = make_frameset(rng.integers(0, 99, (30, 18, 18), dtype=np.uint8), index, "twin", "cube")
    blocks = np.array([[[frame[y : y + 4, x : x + 4].mean() for x in range(0, 16, 4)] for y in range(0, 16, 4)]
                       for frame in frames.pixels.astype(float)])
    assert np.allclose(observers.box_car(frames), duration.classical(blocks, index, 9, 1.25), rtol=1e-5)


def test_a_correlation_is_the_slow_sum(rng):
    volume, kernel = torch.from_numpy(rng.normal(size=(5, 6, 7))), torch.from_numpy(rng.normal(size=(3, 5, 3)))
    found, by_hand = observers.correlate(volume, kernel), torch.zeros(5, 6, 7, dtype=torch.float64)
    for place in np.ndindex(5, 6, 7):
        for offset in np.ndindex(3, 5, 3):
            there = [p + o - n // 2 for p, o, n in zip(place, offset, (3, 5, 3))]
            if all(0 <= t < n for t, n in zip(there, (5, 6, 7))):
                by_hand[place] += kernel[offset] * volume[tuple(there)]
    assert torch.allclose(found, by_hand)


def test_for_independent_samples_the_ratio_is_that_of_exponential_laws(rng):
    """u of mean 1 + s h against u of mean 1, sample by sample."""
    profile, noise = torch.tensor([[[0.2, 1.0, 0.5]]], dtype=torch.float64), torch.tensor([[[0.0, 1.0, 0.0]]]).double()
    weight, offset = observers.weights(profile, noise, 4.0)
    u, mean = torch.from_numpy(rng.exponential(2, (1, 1, 3))), 1 + 4.0 * profile
    wanted = (-u / mean - mean.log() + u).sum()
    assert float((weight * (u - 1)).sum() + offset) == pytest.approx(float(wanted))


def test_samples_that_are_copies_of_one_count_once():
    """Five samples that are all the core's own image say what the core says; a halo that is one sample says it once."""
    same = torch.ones(1, 1, 5, dtype=torch.float64)
    weight, offset = observers.weights(same, same, 3.0)
    assert weight.flatten().tolist() == pytest.approx([0, 0, 0.75, 0, 0])
    assert offset == pytest.approx(0.75 - math.log(4))


def test_the_template_is_a_source_seen_through_the_telescope(hmi):
    """It peaks in its middle, lasts as long as real ones and a little longer than speckle, which lasts 446 s."""
    middle = tuple(n // 2 for n in hmi.profile.shape)
    assert hmi.profile.argmax() == torch.tensor(np.ravel_multi_index(middle, hmi.profile.shape))
    assert 0.85 < float(hmi.profile.max()) <= 1 and (hmi.profile >= 0).all()
    course = hmi.profile[:, middle[1], middle[2]].numpy()
    seconds = (np.interp(np.linspace(0, len(course) - 1, 999), np.arange(len(course)), course) > 0.5).mean() \
        * (len(course) - 1) * hmi.step * 45
    assert 380 < seconds < 560
    speckle = hmi.noise[:, middle[1], middle[2]].numpy()
    lags = (np.arange(len(speckle)) - middle[0]) * hmi.step * 45.0
    assert np.abs(speckle - duration.correlation(lags)).max() < 0.12
    assert (np.diff(hmi.strengths) > 0).all() and hmi.annotated.max() == pytest.approx(1)


def test_the_ideal_observer_finds_what_is_bright_and_knows_more_if_it_is_told_where(hmi):
    events = [replace(event, key=f"2124_01_0{n}_12_00_00") for n, event in enumerate(
        [event for event in catalogue() if event.instrument == "HMI" and event.labelled][:8], 1)]
    rows, pixels = [], []
    for event in events:
        cube = simulate(event, SMALL)
        gray = cube.power * (255 / cube.power.max((1, 2), keepdims=True))
        pixels.append(np.rint(gray).astype(np.uint8))
        for n in range(cube.first_frame, cube.first_frame + 160):
            boxes = tuple(box for (first, last), own in cube.boxes if first <= n <= last for box in own)
            rows.append((event.key, 24, n, pd.Timestamp("2124-01-01") + pd.Timedelta(seconds=45 * n),
                         int(n in event.positives), boxes))
    index = make_index(pd.DataFrame(rows, columns=["event", "cycle", "frame", "time", "label", "boxes"]))
    frames = make_frameset(np.concatenate(pixels), index, "twin", "frame")
    found = observers.ideal(frames, SMALL)
    labels = index["label"].to_numpy()
    ap = {name: metrics.average_precision(labels, found[name]) for name in found}
    box_car = metrics.average_precision(labels, observers.box_car(frames))
    assert ap["told"] > ap["scanning"] > box_car
    shuffled = np.random.default_rng(1).permutation(len(labels))
    mixed = make_frameset(frames.pixels[shuffled], index.iloc[shuffled].reset_index(drop=True), "twin", "frame")
    again = observers.ideal(mixed, SMALL)
    assert np.allclose(again.to_numpy(), found.to_numpy()[shuffled])
    near = observers.ideal(frames, SMALL, 32)
    assert not np.allclose(near["scanning"], found["scanning"])
    kept = max(home().glob("data/answers/ideal_*/answer.npy"), key=lambda path: path.stat().st_mtime_ns)
    assert observers.ideal(frames, SMALL, 32).equals(near)
    kept.write_bytes(kept.read_bytes()[:50])
    with pytest.raises(SqError, match="is damaged"):
        observers.ideal(frames, SMALL, 32)
    with pytest.raises(SqError, match="frames of 64 pixels, cubes of 256"):
        observers.ideal(frames, TwinSettings())
    with pytest.raises(SqError, match="frames are missing"):
        observers.ideal(make_frameset(frames.pixels[::2], index[::2].reset_index(drop=True), "twin", "frame"), SMALL)


def test_shares_of_sources_add_up_and_are_counts_where_all_hangs_together(rng):
    strengths, levels = rng.exponential(size=600), rng.uniform(0.1, 1.5, 600)
    found = observers.shares(strengths, levels, np.full(600, 20.0))
    assert found.sum() == pytest.approx(1) and (found > 0).all()
    assert found.sum((1, 2)) == pytest.approx(np.full(observers.STRENGTHS, 1 / observers.STRENGTHS), abs=0.01)
    by_hand = np.bincount(np.digitize(levels, observers.LEVELS), minlength=len(observers.LEVELS) + 1) / 600
    assert found.sum((0, 2)) == pytest.approx(by_hand, abs=0.01)
    assert found[:, :, np.digitize(20.0, observers.AWAY)].sum() > 0.98


def test_odds_of_an_annotation_are_those_of_a_slow_sum(hmi, rng):
    peaks, frames = rng.normal(3, 2, 20), 60
    found = observers.annotated_given(peaks, hmi, frames)
    for frame in (0, 31, 59):
        yes = no = 0.0
        for place, ratio in enumerate(peaks):
            after = round(frame - ((place + 0.5) * hmi.step - 0.5))
            if abs(after) <= observers.FAR:
                chance = hmi.annotated[after + observers.FAR]
                yes += chance * math.exp(ratio) * hmi.step / 256
                no += (1 - chance) * math.exp(ratio) * hmi.step / 256
        assert found[frame] == pytest.approx(math.log(yes / (1 + no)), abs=1e-3)
