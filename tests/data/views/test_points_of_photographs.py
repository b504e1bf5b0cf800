"""Points that people set follow a photograph into the sample that shows it as it is."""

import numpy as np
import pytest

from lineament.data.build.worker import PhotoPart, _opened
from lineament.data.fitting.collection_fits import PhotoFit
from lineament.data.photographs.collection import PhotoEntry
from lineament.data.photographs.point_sets import PointSet
from lineament.data.samples.sample import Kind
from lineament.data.views.rotated import RotatedViewConfig, RotatedViewGenerator
from lineament.geometry.camera import WeakPerspective


class OnePhoto:
    """An archive of one grey photograph."""

    def image(self, name):
        return np.full((1400, 1400, 3), 128, np.uint8)


def test_hand_set_points_lie_on_the_face_in_the_sample_of_the_photograph(lfm, tmp_path):
    camera = WeakPerspective(np.eye(3), 5.0, np.array([700.0, 700, 0]))  # halved, as a face of 1,000 px is
    nobody = np.zeros(100, np.float32), np.zeros(53, np.float32)
    landmarks = lfm.landmarks_model(*nobody, scheme="300w-lp").astype(float)
    points = camera.image_from_model(landmarks)[:, :2]
    entry = PhotoEntry("a.png", "album/a", points=(PointSet(points, "300w-lp"),))
    part = PhotoPart("album_00000", "album", tmp_path, (entry,), False)
    photo = _opened(OnePhoto(), part, PhotoFit("a.png", "album/a", 0, camera, *nobody, 0.01))
    backgrounds = [np.zeros((260, 260, 3), np.uint8)]
    views = RotatedViewGenerator(lfm, backgrounds, RotatedViewConfig(views=2))(
        photo, np.random.default_rng(0)
    )
    shown = [view for view in views if view.kind == Kind.PHOTOGRAPHED]
    assert [view.points is not None for view in views] == [view.kind == Kind.PHOTOGRAPHED for view in views]
    expected = shown[0].view.camera.image_from_model(landmarks)[:, :2]
    assert shown[0].points.points_image == pytest.approx(expected, abs=0.05)
    assert shown[0].points.source == "hand"
