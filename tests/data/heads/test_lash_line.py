import numpy as np
import pytest

from lineament.data.heads.lash_line import STRENGTH, Lashes, random_lashes, with_lashes

SKIN = np.array([200.0, 160.0, 140.0])
MARGIN = np.column_stack([np.linspace(10, 30, 9), np.full(9, 20.0)])


@pytest.fixture
def picture():
    return np.broadcast_to(SKIN.astype(np.uint8), (40, 40, 3)).copy()


def painted(picture, *, margin=MARGIN, visibility=None, length_mm=6.0, strength=1.0, px_per_mm=0.5):
    visibility = np.ones(len(margin)) if visibility is None else visibility
    return with_lashes(picture, margin, visibility, Lashes(length_mm, strength), px_per_mm, SKIN).astype(int)


def test_lashes_darken_the_margin_and_what_is_below_it_and_nothing_far_away(picture):
    dark = picture.astype(int).sum(axis=2) - painted(picture, px_per_mm=0.8).sum(axis=2)
    assert dark.min() >= 0
    assert dark[20, 20] > 200  # beside the margin
    assert dark[21, 20] > dark[22, 20] > 0  # hanging from it
    assert dark[21, 20] > dark[17, 20]
    assert dark[:17].max() == dark[26:].max() == dark[:, :4].max() == dark[:, 36:].max() == 0


def test_they_are_longest_at_the_temple(picture):
    dark = picture.astype(int).sum(axis=2) - painted(picture, px_per_mm=0.8).sum(axis=2)
    assert dark[22, 14] > dark[22, 27]
    mirrored = painted(picture, margin=MARGIN[::-1], px_per_mm=0.8)
    np.testing.assert_allclose(painted(picture, px_per_mm=0.8)[:, :40], mirrored[:, ::-1], atol=1)


def test_a_margin_that_is_not_seen_has_none(picture):
    visibility = np.where(MARGIN[:, 0] < 20, 0.0, 1.0)
    out = painted(picture, visibility=visibility)
    assert (out[:, :16] == picture[:, :16]).all()
    assert (out[20, 24] < picture[20, 24]).all()
    assert (painted(picture, strength=0.0) == picture).all()


def test_a_margin_outside_the_picture_changes_nothing_and_one_at_its_edge_is_cut(picture):
    assert (painted(picture, margin=MARGIN + 100) == picture).all()
    assert (painted(picture, margin=MARGIN + np.array([15, 18])) != picture).any()


def test_the_given_picture_stays_as_it_is(picture):
    painted(picture)
    assert (picture == SKIN.astype(np.uint8)).all()


def test_random_lashes_differ_and_are_never_missing():
    rng = np.random.default_rng(0)
    drawn = [random_lashes(rng) for _ in range(50)]
    assert len({one.length_mm for one in drawn}) == 50
    assert min(one.strength for one in drawn) >= STRENGTH[0]
