from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse import csgraph

from lineament.errors import ModelError
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.raster import rasterize
from lineament.geometry.rotation import matrix_from_angles
from lineament.geometry.topology import LID_PAIRS_68, MIRROR_68, boundary_loops, unique_edges
from lineament.models import load_model
from lineament.models.builtin import BUILTIN_PATH, load_builtin, load_builtin_compact

FLIP = np.float32([-1, 1, 1])
REST = np.zeros(100, np.float32)


def coefficients(count: int = 3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 100)).astype(np.float32), rng.uniform(0, 1, (count, 53)).astype(np.float32)


def weights(model, **named: float) -> np.ndarray:
    found = np.zeros(len(model.expression_names), np.float32)
    for name, weight in named.items():
        found[model.expression_names.index(name)] = weight
    return found


def landmarks(model, **named: float) -> np.ndarray:
    return model.landmarks_model(REST, weights(model, **named), scheme="lfm-68")


def skin(model) -> np.ndarray:
    first, last = model.parts["face"]
    return model.triangles[first:last]


def test_its_name_opens_it(lfm):
    assert repr(load_model("lfm")) == repr(lfm)
    assert lfm.expression_bounds == (0.0, 1.0)


def test_the_asset_is_small_and_names_its_source():
    assert BUILTIN_PATH.stat().st_size < 8e6
    with np.load(BUILTIN_PATH) as data:
        licence = str(data["licence"])
    assert "ICT-FaceKit" in licence
    assert "MIT" in licence


def test_mirrored_coefficients_make_exactly_the_mirrored_face(lfm):
    identity, expression = coefficients()
    vertices = lfm.vertices_model(identity, expression)
    mirrored = lfm.vertices_model(*lfm.mirrored(identity, expression))
    np.testing.assert_allclose(mirrored, vertices[:, lfm.mirror.vertex] * FLIP, atol=1e-4)


def test_the_mirror_of_the_mirror_is_the_same_vertex_and_the_same_blendshape(lfm):
    vertex, expression = lfm.mirror.vertex, lfm.mirror.expression
    np.testing.assert_array_equal(vertex[vertex], np.arange(len(vertex)))
    np.testing.assert_array_equal(expression[expression], np.arange(len(expression)))
    assert set(np.unique(lfm.mirror.identity_sign)) == {-1, 1}


def test_the_mirror_of_a_left_blendshape_is_the_right_one(lfm):
    for name, other in zip(lfm.expression_names, lfm.mirror.expression, strict=True):
        swapped = name.replace("Left", "*").replace("Right", "Left").replace("*", "Right")
        assert lfm.expression_names[other] == swapped


@pytest.mark.parametrize("part", ["face", "eyeballs"])  # the dark bag behind the lips has no sides to keep
def test_the_mirror_images_of_triangles_are_triangles(lfm, part):
    first, last = lfm.parts[part]
    triangles = lfm.triangles[first:last]
    mirrored = lfm.mirror.vertex[triangles][:, ::-1]
    assert turned_to_smallest_corner(mirrored) == turned_to_smallest_corner(triangles)


def turned_to_smallest_corner(triangles) -> set[tuple[int, ...]]:
    """Triangles with their orientation, wherever their list of corners starts."""
    return {tuple(np.roll(t, -int(np.argmin(t))).tolist()) for t in triangles}


def test_every_part_is_a_range_of_triangles_and_together_they_are_all(lfm):
    ranges = sorted(lfm.parts.values())
    assert list(lfm.parts) == ["face", "eyeballs", "mouth"]
    assert ranges[0][0] == 0
    assert ranges[-1][1] == len(lfm.triangles)
    assert all(before[1] == after[0] for before, after in pairwise(ranges))


def test_the_skin_is_one_surface_with_openings(lfm):
    edges = unique_edges(skin(lfm))
    kept, local = np.unique(edges, return_inverse=True)
    links = sparse.coo_matrix((np.ones(len(edges)), local.reshape(-1, 2).T), shape=(len(kept), len(kept)))
    assert csgraph.connected_components(links, directed=False, return_labels=False) == 1
    loops = boundary_loops(skin(lfm))
    assert len(loops) >= 4  # the outer border, two eyes, the mouth


def test_the_uv_chart_of_the_skin_is_inside_the_map_unflipped_and_symmetric(lfm):
    assert lfm.uv.min() >= 0
    assert lfm.uv.max() <= 1
    a, b, c = (lfm.uv[skin(lfm)[:, corner]] for corner in range(3))
    area = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    assert (area < 0).all() or (area > 0).all()
    covered = uv_raster(lfm) >= 0
    np.testing.assert_array_equal(covered, covered[:, ::-1])
    assert 43_000 < covered.sum() < 48_000
    # Nothing lies twice over another: the triangles' areas sum up to what they cover.
    np.testing.assert_allclose(np.abs(area).sum() * 256**2, covered.sum(), rtol=0.005)


def uv_raster(model) -> np.ndarray:
    """(256, 256) triangle seen at each texel, -1 for none."""
    flat = np.concatenate([model.uv * 256, np.zeros((len(model.uv), 1))], axis=1).astype(np.float32)
    return rasterize(flat, skin(model), size_hw=(256, 256)).triangle_index


def test_the_face_is_as_large_as_a_persons_and_looks_at_the_viewer(lfm):
    points = lfm.neutral_model[np.unique(skin(lfm))]
    width, height, _ = np.ptp(points, axis=0)
    assert 130 < width < 220
    assert 170 < height < 300
    nose_tip, eye_corners = landmarks(lfm)[30], landmarks(lfm)[[36, 45]]
    assert nose_tip[2] > eye_corners[:, 2].max()
    assert nose_tip[1] < eye_corners[:, 1].min()


def test_all_schemes_have_68_landmarks_close_to_each_other(lfm):
    assert set(lfm.schemes) == {"lfm-68", "300w-lp", "ibug-68"}
    registered, *others = (
        lfm.landmarks_model(REST, np.eye(53, dtype=np.float32), scheme=name)
        for name in ("lfm-68", "300w-lp", "ibug-68")
    )
    for points in others:
        assert registered.shape == points.shape == (53, 68, 3)
        assert np.median(np.linalg.norm(registered - points, axis=-1)) < 5


@pytest.mark.parametrize("yaw", [0.0, 0.4, -1.2])
def test_points_that_people_set_are_alike_on_both_sides_of_a_mirrored_face(lfm, yaw):
    scheme, rng = lfm.schemes["ibug-68"], np.random.default_rng(1)
    identity, expression = rng.normal(size=100), rng.uniform(0, 0.6, 53)
    twin = identity * lfm.mirror.identity_sign, expression[lfm.mirror.expression]
    own = scheme.points_model(
        lfm.vertices_model(identity, expression), identity, expression, matrix_from_angles(yaw, 0.2, 0)
    )
    other = scheme.points_model(lfm.vertices_model(*twin), *twin, matrix_from_angles(-yaw, 0.2, 0))
    np.testing.assert_allclose(other[list(MIRROR_68)] * FLIP, own, atol=0.02)


def test_the_jaw_that_people_set_follows_the_outline_of_a_turned_head(lfm):
    scheme = lfm.schemes["ibug-68"]
    ahead, turned = (
        scheme.points_model(lfm.neutral_model, rotation=matrix_from_angles(yaw, 0, 0)) for yaw in (0, 1.2)
    )
    moved = np.linalg.norm(turned - ahead, axis=1)
    assert moved[:8].max() > 3  # mm, of the side that is seen
    np.testing.assert_array_equal(moved[9:17], 0)


def test_the_registered_landmarks_are_symmetric(lfm):
    points = landmarks(lfm)
    np.testing.assert_allclose(points[list(MIRROR_68)] * FLIP, points, atol=0.01)


def test_the_persons_right_eye_is_on_the_viewers_left(lfm):
    points = landmarks(lfm)
    assert points[36:42, 0].max() < 0 < points[42:48, 0].min()


def test_a_full_blink_closes_the_eyes(lfm):
    rest, closed = landmarks(lfm), landmarks(lfm, eyeBlinkLeft=1, eyeBlinkRight=1)
    for upper, lower in LID_PAIRS_68:
        gap = np.linalg.norm(closed[upper] - closed[lower])
        assert gap < 0.25 * np.linalg.norm(rest[upper] - rest[lower])


def test_a_blink_of_the_left_eye_leaves_the_right_one_open(lfm):
    moved = np.linalg.norm(landmarks(lfm, eyeBlinkLeft=1) - landmarks(lfm), axis=-1)
    assert moved[42:48].max() > 5
    assert moved[36:42].max() < 0.1


def test_an_open_jaw_parts_the_inner_lips_and_lowers_the_chin(lfm):
    rest, opened = landmarks(lfm), landmarks(lfm, jawOpen=1)
    assert np.linalg.norm(opened[62] - opened[66]) > np.linalg.norm(rest[62] - rest[66]) + 20
    assert opened[8, 1] < rest[8, 1] - 10


@pytest.mark.parametrize(("name", "side"), [("jawLeft", 1), ("jawRight", -1)])
def test_the_jaw_moves_to_the_persons_own_side(lfm, name, side):
    assert side * (landmarks(lfm, **{name: 1})[8, 0] - landmarks(lfm)[8, 0]) > 4


@pytest.mark.parametrize(("name", "side"), [("cheekPuffLeft", 1), ("cheekPuffRight", -1)])
def test_a_puffed_cheek_moves_outwards_on_its_side(lfm, name, side):
    inside = np.unique(skin(lfm))
    moved = (lfm.vertices_model(REST, weights(lfm, **{name: 1})) - lfm.neutral_model)[inside]
    outwards = (moved * vertex_normals(lfm.neutral_model, skin(lfm))[inside]).sum(axis=1)
    cheek = lfm.neutral_model[inside[np.argmax(outwards)]]
    assert outwards.max() > 5
    assert outwards[np.linalg.norm(moved, axis=1) > 4].mean() > 1
    assert side * cheek[0] > 15


def test_compact_modes_make_faces_of_the_blendshapes_space(lfm):
    compact = load_builtin_compact(29)
    full = lfm.expression_basis.reshape(53, -1).astype(float)
    modes = compact.expression_basis.reshape(29, -1).astype(float)
    assert np.linalg.matrix_rank(modes) == 29
    fraction = np.linalg.lstsq(full.T[::20], modes.T[::20], rcond=None)[0]
    left_over = np.linalg.norm(full.T @ fraction - modes.T, axis=0) / np.linalg.norm(modes, axis=1)
    assert left_over.max() < 1e-3


def test_compact_modes_keep_most_of_what_an_expression_moves(lfm):
    compact = load_builtin_compact(29)
    points = slice(None, None, 10)
    modes = compact.expression_basis[:, points].reshape(29, -1).astype(float)
    _, expression = coefficients(20)
    wanted = (expression * (expression > 0.8)) @ lfm.expression_basis[:, points].reshape(53, -1).astype(float)
    left_over = wanted - np.linalg.lstsq(modes.T, wanted.T, rcond=None)[0].T @ modes
    assert np.linalg.norm(left_over) < 0.25 * np.linalg.norm(wanted)


def test_landmarks_of_the_compact_model_follow_its_modes(lfm):
    compact = load_builtin_compact(10)
    expression = np.random.default_rng(0).normal(size=10).astype(np.float32)
    assert compact.expression_names[0] == "expression_0"
    assert compact.expression_bounds is None
    with np.load(BUILTIN_PATH) as data:
        blendshapes = expression @ data["expression_modes"][:10]
    for scheme in lfm.schemes:
        np.testing.assert_allclose(
            compact.landmarks_model(REST, expression, scheme=scheme),
            lfm.landmarks_model(REST, blendshapes, scheme=scheme),
            atol=1e-3,
        )


def test_a_damaged_asset_says_to_reinstall(tmp_path):
    content = BUILTIN_PATH.read_bytes()
    damaged = tmp_path / "lfm.npz"
    for part in (b"", content[:1000], content[:-100], content[:5000] + bytes(3000) + content[8000:]):
        damaged.write_bytes(part)
        with pytest.raises(ModelError, match=r"is damaged.*Reinstall lineament"):
            load_builtin(damaged)
