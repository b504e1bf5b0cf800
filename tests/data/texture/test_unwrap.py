from __future__ import annotations

import numpy as np
import pytest

from lineament.data.drawing.zbuffer import draw_mesh, interpolate
from lineament.data.fitting.fitted import FittedPhoto
from lineament.data.samples.sample import Kind, Provenance
from lineament.data.texture.unwrap import LUMINANCE, TextureChart, Unwrapped, delit, unwrap
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.harmonics import harmonics
from lineament.geometry.rotation import matrix_from_angles

SIZE = 64


@pytest.fixture(scope="module")
def chart(lfm) -> TextureChart:
    return TextureChart.of(lfm, size=SIZE)


def painted_photo(lfm, yaw: float) -> FittedPhoto:
    """A photograph of the mean face in smooth colours that depend on the place on the chart, evenly lit."""
    camera = WeakPerspective(matrix_from_angles(yaw, 0.1, 0.05), 1.0, np.array([130.0, 140.0, 0.0]))
    placed = camera.image_from_model(lfm.neutral_model)
    raster = draw_mesh(placed, lfm.triangles, size_hw=(270, 260))
    uv = interpolate(raster, lfm.triangles, lfm.uv)
    colors = paint(uv) * raster.mask[..., None]
    return FittedPhoto(
        np.rint(255 * colors).astype(np.uint8),
        camera,
        np.zeros(100, np.float32),
        np.zeros(53, np.float32),
        Provenance("made", "one", "nobody", Kind.PHOTOGRAPHED),
    )


def paint(uv: np.ndarray) -> np.ndarray:
    u, v = uv[..., 0], uv[..., 1]
    return 0.5 + 0.25 * np.stack([np.sin(5 * u), np.cos(4 * v), np.sin(3 * u + 4 * v)], axis=-1)


@pytest.mark.parametrize("yaw", [0.0, 0.7])
def test_a_painted_face_is_given_back_where_it_is_seen(lfm, chart, yaw):
    visible = unwrap(painted_photo(lfm, yaw), chart)
    at = (np.arange(SIZE) + 0.5) / SIZE
    truth = paint(np.stack(np.meshgrid(at, at), axis=-1))
    sure = visible.weight > 0.5
    assert sure.sum() > 0.25 * chart.mask.sum()
    assert np.quantile(np.abs(visible.colors_rgb - truth)[sure], 0.98) < 0.02


def test_what_the_face_itself_hides_has_no_weight(lfm, chart):
    weight = unwrap(painted_photo(lfm, 1.2), chart).weight  # the nose to the viewer's right
    left, right = weight[:, : SIZE // 2], weight[:, SIZE // 2 :]
    # Of a head turned to the viewer's right the half at the viewer's left is seen.
    assert left.sum() > 5 * right.sum()


def test_beyond_the_photographs_border_nothing_is_known(lfm, chart):
    photo = painted_photo(lfm, 0.0)
    half = FittedPhoto(photo.image[:, :130], photo.camera, photo.identity, photo.expression, photo.provenance)
    whole, cut = unwrap(photo, chart).weight, unwrap(half, chart).weight
    assert cut[:, SIZE * 3 // 5 :].max() == 0
    np.testing.assert_allclose(cut[:, : SIZE * 2 // 5], whole[:, : SIZE * 2 // 5], atol=1e-6)


def test_light_of_second_order_is_found_and_divided_out(lfm, chart):
    photo = painted_photo(lfm, 0.0)
    even = unwrap(photo, chart)
    skin = np.float32([0.65, 0.5, 0.4])
    shade = harmonics(even.normals.astype(float)) @ np.array([0.9, 0.15, 0.25, 0.2, 0, 0, 0.02, 0, 0]) / 4
    shade = np.clip(shade / shade[chart.core].mean(), 0.5, 1.6)
    lit = np.sqrt(np.clip(skin**2 * shade[..., None], 0, 1)).astype(np.float32)
    found = delit(Unwrapped(lit, even.normals, even.weight), chart)
    core = chart.core & (even.weight > 0.5)
    ratio = found.albedo_rgb[core] / skin
    assert ratio.std() < 0.02
    assert abs(ratio.mean() - 1) < 0.05
    assert (lit[core] / skin).std() > 0.08


def test_hair_and_cloth_outside_the_core_lose_their_weight(chart):
    normals = np.zeros((SIZE, SIZE, 3), np.float32)
    normals[..., 2] = 1
    colors = np.broadcast_to(np.float32([0.7, 0.55, 0.45]), (SIZE, SIZE, 3)).copy()
    colors[:14] = (0.1, 0.08, 0.08)  # dark hair on the upper forehead
    found = delit(Unwrapped(colors, normals, chart.mask.astype(np.float32)), chart)
    assert found.weight[:12].max() == 0
    assert found.weight[chart.core].min() == 1
    assert (found.albedo_rgb @ LUMINANCE)[chart.core].std() < 1e-3
