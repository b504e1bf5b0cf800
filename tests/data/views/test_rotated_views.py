import io

import numpy as np
import pytest
from PIL import Image

from lineament.data.samples.sample import Kind
from lineament.data.samples.shards import ShardFolder, write_shard
from lineament.data.samples.store import SampleStore
from lineament.data.views.rotated_views import read_rotated_views
from lineament.errors import DataError
from samples import RECIPE, make_sample

ROTATED, FRONTAL, HELD_OUT, OCCLUDED = range(4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A face turned far, one from the front, one kept for validation, and one behind something."""
    folder = tmp_path_factory.mktemp("samples")
    made = [
        make_sample(yaw=yaw, size=64, seed=n, number=n, validation=n == HELD_OUT, occluded=n == OCCLUDED)
        for n, yaw in enumerate((-1.2, 0.1, 1.0, 1.0))
    ]
    shards = ShardFolder(folder, RECIPE)
    shards.add(write_shard(folder, "ytf_00000", made, RECIPE.storage))
    return folder


def test_only_unoccluded_training_faces_turned_far_are_taken(folder, lfm):
    faces = read_rotated_views(folder)
    assert faces.names == (f"A_{ROTATED}.jpg",)
    sample = SampleStore(folder, kinds=[Kind.ROTATED])[ROTATED]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(faces.pictures[0]))), sample.image)
    points = lfm.landmarks_model(sample.identity, sample.expression, scheme="300w-lp")
    np.testing.assert_allclose(
        faces.landmarks_image[0], sample.camera.image_from_model(points)[:, :2], atol=1e-3
    )
    np.testing.assert_allclose(faces.up_xy[0], [0, -1], atol=0.01)  # neither pitch nor roll


def test_the_front_is_taken_when_asked_for_and_a_limit_holds(folder):
    assert len(read_rotated_views(folder, min_yaw=0.0)) == 2
    assert len(read_rotated_views(folder, min_yaw=0.0, limit=1)) == 1


def test_a_set_without_such_faces_says_what_recipe_makes_them(folder):
    with pytest.raises(DataError, match=r"turned by 80 degrees.*\[rotated\] count"):
        read_rotated_views(folder, min_yaw=np.radians(80))
