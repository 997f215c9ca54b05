"""Augmentations of a batch: what each must preserve, how often it happens, and that a seed makes the same views."""

import math

import pytest
import torch

from sqlib.errors import SqError
from sqlib.learn.augment import (
    ASPECTS,
    EXTRAS,
    POSITIONAL,
    RECTANGLES,
    SYMMETRIES,
    augment,
    chance,
    draw_boxes,
    draw_symmetry,
    erase,
    random_erasing,
    turn,
)
from sqlib.learn.settings import Views

MANY = 20_000
PLAIN = Views(low_pass=0, positional="none", erasing="none")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def batch_of(count=8, channels=3, height=32, width=32):
    return torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8, generator=seeded(99))


def likely(found: int, count: int, probability: float) -> bool:
    """Whether a number of successes lies within five standard deviations of the binomial's mean."""
    return abs(found - count * probability) <= 5 * math.sqrt(count * probability * (1 - probability)) + 1e-9


def eight(sample: torch.Tensor) -> list[torch.Tensor]:
    """The images of a sample under a square's symmetries."""
    turns = [sample.rot90(k, (-2, -1)) for k in range(4)]
    return turns + [image.flip(-1) for image in turns]


def test_each_number_of_a_symmetry_is_what_its_name_says():
    sample = batch_of(1)[0]
    expected = {
        "as it is": sample,
        "h-flip": sample.flip(-1),
        "v-flip": sample.flip(-2),
        "90°": sample.rot90(1, (-2, -1)),
        "180°": sample.rot90(2, (-2, -1)),
        "270°": sample.rot90(3, (-2, -1)),
        "transpose": sample.mT,
        "other transpose": sample.mT.flip(-2, -1),
    }
    turned = turn(sample.expand(8, -1, -1, -1), torch.arange(8))
    assert all((turned[number] == expected[name]).all() for name, number in SYMMETRIES.items())


@pytest.mark.parametrize("kind", POSITIONAL)
def test_each_turned_sample_is_one_of_the_eight_images_of_its_own_input_with_channels_in_time_order(kind):
    batch = batch_of(64)
    for sample, turned in zip(batch, turn(batch, draw_symmetry(64, kind, seeded()))):
        assert sum(bool((turned == image).all()) for image in eight(sample)) == 1  # of all channels at once


def test_the_papers_choice_is_applied_to_half_with_weights_two_two_and_six():
    names = {number: name for name, number in SYMMETRIES.items()}
    found = [names[number] for number in draw_symmetry(MANY, "turns", seeded()).tolist()]
    assert likely(found.count("as it is"), MANY, 0.5)
    assert likely(found.count("h-flip"), MANY, 0.5 * 0.2) and likely(found.count("v-flip"), MANY, 0.5 * 0.2)
    assert all(likely(found.count(angle), MANY, 0.5 * 0.6 / 3) for angle in ("90°", "180°", "270°"))


def test_published_never_makes_a_quarter_turn_for_its_three_rotations_add_up_to_half_a_turn():
    sample = batch_of(1)[0]
    in_sequence = sample.rot90(1, (-2, -1)).rot90(2, (-2, -1)).rot90(3, (-2, -1))
    assert (in_sequence == sample.rot90(2, (-2, -1))).all()
    possible = {SYMMETRIES[name] for name in ("as it is", "h-flip", "v-flip", "180°")}
    assert set(draw_symmetry(MANY, "published", seeded()).tolist()) == possible
    assert turn(batch_of(8, 3, 20, 30), draw_symmetry(8, "published", seeded())).shape == (8, 3, 20, 30)


def test_a_quarter_turn_of_a_frame_that_is_not_square_is_refused():
    with pytest.raises(SqError, match="20 × 30"):
        turn(batch_of(64, 3, 20, 30), draw_symmetry(64, "turns", seeded()))


def test_erased_rectangles_come_as_often_and_as_large_as_each_class_says():
    size = 224
    boxes = draw_boxes(MANY, (size, size), seeded()).double()
    tall, wide = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    assert boxes.min() >= 0 and boxes.max() <= size and len(RECTANGLES) == 8
    for number, (probability, least, largest) in enumerate(RECTANGLES):
        met = tall[:, number] > 0
        assert likely(int(met.sum()), MANY, probability)
        high, broad = tall[met, number], wide[met, number]
        rounding = (high + broad + 1) / 2 / size**2  # half a pixel on either side
        share, aspect = high * broad / size**2, high / broad
        assert (share >= least - rounding).all() and (share <= largest + rounding).all()
        assert abs(float(share.mean()) - (least + largest) / 2) < 0.001
        assert ((high + 0.5) / (broad - 0.5) >= ASPECTS[0]).all() and ((high - 0.5) / (broad + 0.5) <= ASPECTS[1]).all()
        assert abs(float(aspect.log().mean()) - sum(map(math.log, ASPECTS)) / 2) < 0.03
        assert boxes[met, number, 0].min() == 0 and boxes[met, number, 2].max() == size  # anywhere, to the very edges


def test_erasing_fills_just_the_boxes_in_all_channels():
    batch, boxes = batch_of(40), draw_boxes(40, (32, 32), seeded())
    expected = batch.clone()
    for sample, rectangles in zip(expected, boxes.tolist()):
        for top, left, bottom, right in rectangles:
            if bottom > top:
                sample[:, top:bottom, left:right] = 100
    assert (erase(batch.clone(), boxes) == expected).all() and (expected != batch).any()
    untouched = batch.clone()
    assert (random_erasing(batch, seeded(), fill=7) == 7).sum() > (batch == 7).sum() and (batch == untouched).all()


def test_a_rectangle_too_wide_for_a_long_frame_is_left_out():
    boxes = draw_boxes(2000, (400, 20), seeded(), ((1.0, 0.04, 0.05),))
    # 4 % of it at an aspect of .6 is already 23 pixels wide
    assert boxes[..., 3][boxes[..., 2] > boxes[..., 0]].numel() == 0


def test_low_pass_meets_half_of_the_samples():
    assert likely(int(chance(MANY, Views().low_pass, seeded()).sum()), MANY, 0.5)


def test_the_same_seed_makes_the_same_views_and_another_seed_others():
    batch = batch_of(32)
    views = Views(extra=tuple(EXTRAS))
    assert (augment(batch, views, seeded(1)) == augment(batch, views, seeded(1))).all()
    assert (augment(batch, views, seeded(1)) != augment(batch, views, seeded(2))).any()


def test_every_sample_decides_for_itself_and_the_batch_given_stays_as_it_was():
    batch = batch_of(1).repeat(64, 1, 1, 1)
    before, made = batch.clone(), augment(batch, Views(), seeded())
    assert len(made.flatten(1).unique(dim=0)) > 50 and (batch == before).all()
    assert (augment(batch, PLAIN, seeded()) == batch).all()


@pytest.mark.parametrize("name", EXTRAS)
def test_every_extra_keeps_shape_and_type_and_changes_about_half_of_the_samples(name):
    batch = batch_of(64, 3, 32, 32) // 2 + 20  # neither end of the range is met, so that stretching changes something
    made = augment(
        batch, Views(low_pass=0, positional="none", erasing="none", extra=(name,), extra_probability=0.5), seeded()
    )
    assert made.shape == batch.shape and made.dtype == torch.uint8
    changed = int((made != batch).flatten(1).any(1).sum())
    assert 10 <= changed <= 54


@pytest.mark.parametrize("name", [name for name in EXTRAS if not name.startswith("auto_augment")])
@pytest.mark.parametrize("channels", [1, 5])
def test_extras_take_any_window_and_mix_no_channels(name, channels):
    batch = batch_of(6, channels) // 2 + 20
    made = EXTRAS[name](batch, seeded(2))
    assert made.shape == batch.shape
    if name != "jitter":  # whose mean is that of the sample
        assert (made[:, :1] == EXTRAS[name](batch[:, :1], seeded(2))).all()


def test_auto_augment_leaves_the_default_generator_as_it_was_and_wants_one_or_three_channels():
    state = torch.get_rng_state()
    EXTRAS["auto_augment_imagenet"](batch_of(4), seeded())
    assert (torch.get_rng_state() == state).all()
    with pytest.raises(SqError, match="not 5"):
        EXTRAS["auto_augment_cifar10"](batch_of(4, 5), seeded())


@pytest.mark.parametrize("size", [32, 300])
def test_a_shift_moves_each_sample_as_a_whole_by_at_most_an_eighth(size):
    batch = torch.randint(0, 255, (6, 3, size, size), dtype=torch.uint8)
    reach = size // 8
    for before, after in zip(batch, EXTRAS["shift"](batch, torch.Generator().manual_seed(1))):
        row = next(y for y in range(-reach, reach + 1) for x in range(-reach, reach + 1)
                   if torch.equal(torch.roll(before[0, :2], x, 1)[0], after[0, y % size]))
        assert any(torch.equal(torch.roll(before, (row, x), (1, 2)), after) for x in range(-reach, reach + 1))
