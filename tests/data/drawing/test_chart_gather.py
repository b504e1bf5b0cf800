import numpy as np

from lineament.data.drawing.chart_gather import ChartGather
from lineament.data.drawing.zbuffer import draw_mesh, interpolate

VERTICES = np.array([[1.0, 1.0, 0.0], [7.0, 1.0, 0.0], [1.0, 7.0, 0.0], [7.0, 7.0, 0.0]])
TRIANGLES = np.array([[0, 1, 2], [1, 3, 2]])


def test_a_fixed_gather_is_what_interpolating_over_the_chart_gives():
    chart = draw_mesh(VERTICES, TRIANGLES, size_hw=(8, 8))
    attributes = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    found = ChartGather.of(chart, TRIANGLES)(attributes)
    np.testing.assert_allclose(found, interpolate(chart, TRIANGLES, attributes), atol=1e-6)
    assert found.shape == (8, 8, 5)
    assert not found[~chart.mask].any()


def test_its_tables_say_the_same_in_any_library():
    gather = ChartGather.of(draw_mesh(VERTICES, TRIANGLES, size_hw=(8, 8)), TRIANGLES)
    values = (VERTICES[gather.vertex_index] * gather.weights[..., None]).sum(axis=1)
    np.testing.assert_allclose(gather(VERTICES).reshape(64, 3)[gather.texel], values, atol=1e-5)
    row, column = gather.texel // 8, gather.texel % 8
    np.testing.assert_allclose(values[:, :2], np.stack([column, row], axis=1) + 0.5, atol=1e-5)
