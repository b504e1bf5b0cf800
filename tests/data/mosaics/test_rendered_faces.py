import numpy as np
import pytest

from lineament.data.mosaics.rendered_faces import SIZE_PX, rendered_faces


@pytest.fixture(scope="module")
def faces():
    return rendered_faces(3)


def test_faces_are_in_their_pictures(faces):
    assert len(faces) == 3
    assert faces.picture(0, scale=1.0)[0].shape == (SIZE_PX, SIZE_PX, 3)
    extent = np.ptp(faces.landmarks_image, axis=1).max(axis=1) / SIZE_PX
    assert np.all((extent > 0.3) & (extent < 0.8))
    np.testing.assert_allclose(np.linalg.norm(faces.up_xy, axis=1), 1, atol=1e-5)
    assert np.all(faces.up_xy[:, 1] < 0)


def test_a_face_does_not_depend_on_how_many_are_made(faces):
    assert rendered_faces(2).pictures == faces.pictures[:2]


def test_heads_from_behind_are_other_pictures(faces):
    behind = rendered_faces(1, backs=True)
    assert behind.pictures[0] != faces.pictures[0]
    assert np.ptp(behind.landmarks_image[0, :, 0]) > 20
