"""There and back over the map, colours where the photo has them, weights where the regions are."""

import numpy as np
import pytest

from lineament.geometry.uv import Region, make_uv_map, region_weight_map, sample_texture


def bent_sheet(count: int = 24):
    """A sheet of count x count vertices filling most of the map, bent into a shell; and its triangles."""
    across, down = np.meshgrid(np.linspace(0.05, 0.95, count), np.linspace(0.1, 0.9, count))
    uv = np.stack([across, down], axis=-1).reshape(-1, 2)
    x, y = uv[:, 0] * 100, uv[:, 1] * 100
    vertices = np.stack([x, y, 30 * np.cos(x / 40) + 10 * np.sin(y / 30)], axis=-1)
    index = np.arange(count * count).reshape(count, count)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    return uv, vertices, np.concatenate([np.stack([a, c, b], axis=1), np.stack([a, d, c], axis=1)])


@pytest.fixture
def sheet():
    uv, vertices, triangles = bent_sheet()
    return uv, vertices, triangles, make_uv_map(uv, triangles, size=128)


def test_a_map_of_the_places_themselves_holds_the_texel_centres(sheet):
    uv, _, _, uv_map = sheet
    places = uv_map.position_map(uv)
    row, column = np.nonzero(uv_map.mask)
    np.testing.assert_allclose(places[row, column, 0], (column + 0.5) / 128, atol=1e-6)
    np.testing.assert_allclose(places[row, column, 1], (row + 0.5) / 128, atol=1e-6)


def test_the_mask_is_the_area_of_the_sheet(sheet):
    uv_map = sheet[3]
    assert uv_map.size == 128
    assert uv_map.mask.mean() == pytest.approx(0.9 * 0.8, abs=0.01)
    assert (uv_map.position_map(np.ones((576, 1)))[~uv_map.mask] == 0).all()


def test_vertices_come_back_from_their_position_map(sheet):
    _, vertices, _, uv_map = sheet
    back = uv_map.vertices(uv_map.position_map(vertices))
    assert np.abs(back - vertices).max() < 0.3  # of a sheet 90 wide; a texel is 0.8
    assert np.abs(back - vertices).mean() < 0.03


def test_batches_of_maps_are_the_maps_of_each(sheet):
    _, vertices, _, uv_map = sheet
    batch = np.stack([vertices, vertices * 2 + 1])
    maps = uv_map.position_map(batch)
    assert maps.shape == (2, 128, 128, 3)
    np.testing.assert_allclose(maps[1], uv_map.position_map(batch[1]))
    np.testing.assert_allclose(uv_map.vertices(maps)[1], uv_map.vertices(maps[1]))


def test_what_is_outside_the_mask_is_not_looked_at(sheet):
    _, vertices, _, uv_map = sheet
    positions = uv_map.position_map(vertices)
    spoilt = np.where(uv_map.mask[..., None], positions, 1e6)
    np.testing.assert_array_equal(uv_map.vertices(spoilt), uv_map.vertices(positions))


def test_vertices_without_a_place_are_nan_and_slivers_take_the_nearest_texel():
    uv, vertices, triangles = bent_sheet()
    uv = np.concatenate([uv, [[np.nan, np.nan], [0.01, 0.01]]])
    vertices = np.concatenate([vertices, [[1.0, 2, 3], vertices[0]]])
    uv_map = make_uv_map(uv, triangles, size=64)
    back = uv_map.vertices(uv_map.position_map(vertices))
    assert np.isnan(back[-2]).all()
    assert np.isfinite(back[:-2]).all()
    np.testing.assert_allclose(back[-1], vertices[0], atol=2)


def test_uv_that_covers_nothing_is_an_error():
    with pytest.raises(ValueError, match="right and down"):
        make_uv_map(np.full((3, 2), 7.0), np.array([[0, 1, 2]]))


def test_a_photo_that_is_a_ramp_gives_a_texture_of_positions(sheet):
    _, vertices, _, uv_map = sheet
    row, column = np.mgrid[:100, :100]
    photo = np.stack([column * 2, row * 2, 0 * row + 7], axis=-1).astype(np.uint8)
    texture = sample_texture(photo, vertices, uv_map)
    expected = uv_map.position_map(vertices)[..., :2] * 2 - 1  # pixel i is sampled at i + 0.5
    difference = np.abs(texture.colors_rgb[..., :2] - expected)[uv_map.mask]
    assert difference.max() <= 0.51
    assert (texture.colors_rgb[uv_map.mask][:, 2] == 7).all()
    np.testing.assert_array_equal(texture.visibility > 0, uv_map.mask)


def test_texels_outside_the_photo_are_unseen_and_hidden_vertices_stay_hidden(sheet):
    _, vertices, _, uv_map = sheet
    photo = np.full((100, 50, 3), 200, np.uint8)
    hidden = (vertices[:, 1] < 50).astype(float)
    texture = sample_texture(photo, vertices, uv_map, visibility=1 - hidden)
    row, column = np.nonzero(texture.visibility == 1)
    assert column.max() < 64
    assert row.min() > 60
    assert (texture.colors_rgb[:, 70:] == 0).all()


def test_weights_follow_the_regions_and_landmarks_come_first(sheet):
    uv, _, _, uv_map = sheet
    region = np.select([uv[:, 1] > 0.8, uv[:, 1] < 0.4], [Region.NECK, Region.FEATURE], Region.FACE)
    weights = region_weight_map(uv_map, region, np.array([[0.5, 0.5], [0.25, 0.25]]))
    assert weights[64, 64] == weights[32, 32] == 16
    assert (weights == 16).sum() == 2
    assert weights[20, 20] == 12
    assert weights[70, 20] == 3
    assert weights[110, 20] == 0
    assert (weights[~uv_map.mask] == 0).all()
