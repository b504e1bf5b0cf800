import numpy as np

from lineament.data.drawing.zbuffer import draw_mesh
from lineament.data.heads.coarse_head import CoarseHead
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from samples import make_sample


def test_the_few_triangles_stand_where_the_mesh_is(lfm):
    head = CoarseHead.of(lfm, scheme="lfm-68")
    view = make_sample(seed=4).view
    coarse = head.vertices_model(view.identity, view.expression)
    whole = np.asarray(lfm.vertices_model(view.identity, view.expression), np.float32)
    camera = WeakPerspective(matrix_from_angles(0.5, 0.1, 0.0), 0.6, np.array([80.0, 80.0, 0.0]))
    first, last = lfm.parts["face"]
    fine = draw_mesh(camera.image_from_model(whole), lfm.triangles[first:last], size_hw=(160, 160)).depth
    front = head.front(camera, coarse, (160, 160))
    both = np.isfinite(fine) & np.isfinite(front)
    assert both.sum() > 0.97 * np.isfinite(fine).sum()
    assert np.median(np.abs(fine[both] - front[both])) < 0.5
    assert len(head.triangles) < len(lfm.triangles) / 2
    np.testing.assert_allclose(
        head.scheme.points_model(coarse, view.identity, view.expression),
        lfm.landmarks_model(view.identity, view.expression, scheme="lfm-68"),
        atol=1e-3,
    )
