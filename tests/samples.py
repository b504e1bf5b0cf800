"""Samples of the built-in face, posed at will, and folders of them."""

import numpy as np

from lineament.data.labels.targets import posed
from lineament.data.samples.codec import Storage
from lineament.data.samples.face_labels import AnnotatedPoints, FaceLabels, PointSource
from lineament.data.samples.point_schemes import find_point_scheme
from lineament.data.samples.sample import Kind, Provenance, Sample
from lineament.data.samples.shards import Recipe, ShardFolder, write_shard
from lineament.data.samples.view import View
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from lineament.models.builtin import load_builtin


def provenance(number=0, *, validation=False, kind=Kind.ROTATED):
    return Provenance("ytf", f"A_{number}.jpg", "ytf/A", kind, validation)


def make_sample(
    *,
    yaw=0.0,
    pitch=0.0,
    roll=0.0,
    size=128,
    seed=0,
    identity_count=100,
    expression_count=53,
    occluded=True,
    number=0,
    validation=False,
):
    """A sample whose head fills most of the picture; a square in front of it where occluded."""
    rng = np.random.default_rng(seed)
    translation = size * np.array([0.52, 0.47, 0.0])
    camera = WeakPerspective(matrix_from_angles(yaw, pitch, roll), size / 256, translation)
    row, column = np.mgrid[0:size, 0:size] / size
    image = np.stack([row, column, 0.5 + 0.5 * np.sin(9 * row * column)], axis=-1)
    mask = None
    if occluded:
        mask = np.zeros((size, size), bool)
        mask[size // 4 : size // 2, size // 2 : size * 3 // 4] = True
    view = View(
        (255 * image).astype(np.uint8),
        camera,
        rng.standard_normal(identity_count).astype(np.float32),
        (rng.uniform(0, 1, expression_count) * (rng.uniform(size=expression_count) < 0.2)).astype(np.float32),
    )
    return Sample.of_view(view, mask, provenance(number, validation=validation))


def posed_sample(sample, model):
    """The mesh of a sample."""
    return posed(sample.labels, model, size_hw=sample.size_hw)


def noise_sample(rng, number):
    """A picture of noise in 160 px with a random face's labels; every third is kept for validation."""
    camera = WeakPerspective(
        matrix_from_angles(*rng.uniform(-0.5, 0.5, 3)),
        rng.uniform(0.5, 0.7),
        np.append(rng.uniform(75, 85, 2), 0.0),
    )
    image = rng.integers(0, 256, (160, 160, 3), np.uint8)
    labels = rng.normal(0, 0.5, 100).astype(np.float32), rng.uniform(0, 0.3, 53).astype(np.float32)
    about = Provenance("noise", str(number), str(number), Kind.ROTATED, number % 3 == 0)
    return Sample.of_view(View(image, camera, *labels), None, about)


def annotated_sample(*, size=128, seed=0, scheme="300w-lp", count=None, number=0, source=PointSource.HAND):
    """A picture with annotated points alone: those of the mean face about frontal, `count` of them or all."""
    rng = np.random.default_rng(seed)
    model = load_builtin()
    camera = WeakPerspective(
        matrix_from_angles(*rng.uniform(-0.3, 0.3, 3)), size / 256, size * np.array([0.52, 0.47, 0.0])
    )
    landmarks = camera.image_from_model(model.landmark_points("300w-lp").neutral_model)
    of_68 = np.array(find_point_scheme(scheme).of_68)
    points = np.where(of_68[:, None] >= 0, landmarks[of_68, :2], np.nan)
    if count is not None:
        points[rng.permutation(len(points))[count:]] = np.nan
    labels = FaceLabels(None, points=AnnotatedPoints(points, scheme, source))
    return Sample(rng.integers(0, 256, (size, size, 3), np.uint8), labels, provenance(number))


def assert_same(one, two):
    """Both samples are equal in everything."""
    np.testing.assert_array_equal(one.image, two.image)
    np.testing.assert_allclose(one.camera.rotation, two.camera.rotation, atol=1e-15)
    np.testing.assert_allclose(one.camera.translation, two.camera.translation, atol=1e-12)
    assert one.camera.scale == two.camera.scale
    np.testing.assert_array_equal(one.identity, two.identity)
    np.testing.assert_array_equal(one.expression, two.expression)
    np.testing.assert_array_equal(one.occlusion, two.occlusion)
    assert one.provenance == two.provenance


RECIPE = Recipe(
    source="ytf",
    licence="research",
    seed=1,
    command="make",
    face_model="lfm",
    storage=Storage(picture="png", coefficients="float32"),
)
NAMES = ["ytf_00000", "ytf_00001", "ytf_00002"]


def samples(count=3, first=0):
    """Small samples; the second is kept for validation, the third has no mask."""
    return [
        make_sample(seed=first + n, size=32, number=first + n, validation=n == 1, occluded=n != 2)
        for n in range(count)
    ]


def fill(folder, names=NAMES):
    """Make what is missing of a folder of shards of three samples each."""
    shards = ShardFolder(folder, RECIPE)
    for name in shards.unfinished(names):
        shards.add(write_shard(folder, name, samples(), RECIPE.storage))
    return shards
