import numpy as np
import pytest
from scipy import ndimage

from lineament.data.drawing.zbuffer import draw_mesh
from lineament.data.heads.lids import Lids, lid_margins
from lineament.data.views.expression_edits import FOLLOW_MM, ExpressionEditor, UprightFace
from lineament.data.views.random_expressions import BARED, LIDS, SIDES, EditProbabilities, random_expression
from lineament.data.views.rotated import framing_camera
from lineament.expression_keys import other_side
from lineament.geometry.rotation import matrix_from_angles
from lineament.geometry.topology import LID_PAIRS_68

SIZE = 160


@pytest.fixture(scope="module")
def editor(lfm):
    return ExpressionEditor(lfm)


@pytest.fixture(scope="module")
def face(lfm):
    """The face at rest: skin of one colour, black eyes, a pattern around it."""
    rest = np.zeros(100, np.float32), np.zeros(53, np.float32)
    landmarks = lfm.landmarks_model(*rest, scheme="lfm-68").astype(float)
    camera = framing_camera(matrix_from_angles(0.2, 0.05, 0), 0.45, landmarks, SIZE)
    x, y = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    image = (128 + 90 * np.sin(x / 3) * np.cos(y / 4))[..., None].repeat(3, axis=2).astype(np.uint8)
    index = draw_mesh(
        camera.image_from_model(lfm.neutral_model), lfm.triangles, size_hw=(SIZE, SIZE)
    ).triangle_index
    first, last = lfm.parts["eyeballs"]
    image[index >= 0] = [190, 140, 120]
    image[(index >= first) & (index < last)] = [0, 0, 0]
    return UprightFace(image, np.ones((SIZE, SIZE)), camera, *rest)


def changed(lfm, expression, **weights):
    expression = expression.copy()
    for name, weight in weights.items():
        for full in (name, *(name + side for side in SIDES)):
            if full in lfm.expression_names:
                expression[lfm.expression_names.index(full)] = weight
    return expression


def lid_gap(lfm, face):
    landmarks = lfm.landmarks_model(face.identity, face.expression, scheme="lfm-68")
    return max(np.linalg.norm(landmarks[a] - landmarks[b]) for a, b in LID_PAIRS_68)


def test_no_other_expression_leaves_the_picture_as_it_is(editor, face):
    same = editor.edited(face, face.expression, np.random.default_rng(0))
    np.testing.assert_array_equal(same.image, face.image)


@pytest.mark.parametrize("name", ["eyeBlink", "jawOpen", "browInnerUp"])
def test_far_from_the_face_nothing_changes(editor, face, lfm, name):
    edited = editor.edited(face, changed(lfm, face.expression, **{name: 0.9}), np.random.default_rng(0))
    assert (edited.image != face.image).any()
    mesh = draw_mesh(
        face.camera.image_from_model(lfm.neutral_model), lfm.triangles, size_hw=(SIZE, SIZE)
    ).mask
    far = ndimage.distance_transform_edt(~mesh) > FOLLOW_MM * face.camera.scale + 10
    assert far.sum() > 1000
    np.testing.assert_array_equal(edited.image[far], face.image[far])


def test_shut_lids_cover_the_eyes_with_skin_and_leave_no_gap_in_the_labels(editor, face, lfm):
    edited = editor.edited(face, changed(lfm, face.expression, eyeBlink=1.0), np.random.default_rng(0))
    assert lid_gap(lfm, face) > 5
    assert (
        lid_gap(lfm, edited) < 1.5
    )  # the slit's middle is shut exactly, its landmarks lie on the lids' rims
    black = (face.image < 10).all(axis=-1)
    assert black.sum() > 50
    assert (edited.image[black].max(axis=-1) < 40).mean() < 0.02
    assert np.median(edited.image[black][:, 0]) > 120


def test_shut_lids_end_in_a_dark_line_and_half_shut_ones_show_the_eye(editor, face, lfm):
    shut, half = (
        editor.edited(face, changed(lfm, face.expression, eyeBlink=weight), np.random.default_rng(0))
        for weight in (1.0, 0.5)
    )
    margin = lfm.vertices_model(shut.identity, shut.expression)[lid_margins(lfm)[0]]
    column, row = (
        shut.camera.image_from_model(margin)[len(margin) // 4 : -(len(margin) // 4), :2].astype(int).T
    )
    assert shut.image[row, column, 0].max() < 150  # the skin beside it has 190
    assert (shut.image < 15).all(axis=-1).sum() == 0
    black = (face.image < 10).all(axis=-1).sum()
    assert (half.image < 15).all(axis=-1).sum() > 0.15 * black


def test_large_eyes_are_shut_by_more_than_one_blink_and_labelled_so(editor, face, lfm):
    lids = Lids.of(lfm)
    large = np.zeros(100, np.float32)
    pull = lids.identity.mean(axis=(1, 2))
    large[np.argmax(np.abs(pull))] = 2.5 * np.sign(pull[np.argmax(np.abs(pull))])
    wide = UprightFace(face.image, face.shown, face.camera, large, face.expression)
    edited = editor.edited(wide, changed(lfm, face.expression, eyeBlink=1.0), np.random.default_rng(0))
    blinks = edited.expression[lids.blinks]
    assert blinks.min() > 1
    np.testing.assert_allclose(blinks, lids.closing(large, edited.expression), rtol=1e-6)


def test_an_opened_mouth_is_dark_or_shows_teeth(editor, face, lfm):
    visible = []
    for seed in range(4):
        new = changed(lfm, face.expression, jawOpen=0.7)
        edited = editor.edited(face, new, np.random.default_rng(seed))
        landmarks = lfm.landmarks_model(face.identity, new, scheme="lfm-68").astype(float)
        x, y = edited.camera.image_from_model((landmarks[62] + landmarks[66]) / 2)[:2]
        visible.append(edited.image[int(y), int(x)].astype(int).mean())
    assert np.mean(visible) < 90


def test_content_follows_the_mesh(editor, face, lfm):
    """A dot on the chin lands where the label of the opened jaw has the chin."""
    rest = lfm.landmarks_model(face.identity, face.expression, scheme="lfm-68").astype(float)
    x, y = face.camera.image_from_model(rest[57])[:2]  # below the lower lip
    image = face.image.copy()
    columns, rows = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    image[np.hypot(columns - x, rows - y) < 2.5] = [0, 255, 0]
    dotted = UprightFace(image, face.shown, face.camera, face.identity, face.expression)
    new = changed(lfm, face.expression, jawOpen=0.5)
    edited = editor.edited(dotted, new, np.random.default_rng(0))
    green = edited.image[..., 1].astype(int) - edited.image[..., 0] > 60
    found = np.array([columns[green].mean(), rows[green].mean()])
    landmarks = lfm.landmarks_model(face.identity, new, scheme="lfm-68").astype(float)
    expected = face.camera.image_from_model(landmarks[57])[:2]
    assert np.linalg.norm(expected - [x, y]) > 4
    assert np.linalg.norm(found - expected) < 1.2


def test_random_expressions_shut_eyes_exactly_and_stay_within_bounds(lfm):
    rng = np.random.default_rng(0)
    names = lfm.expression_names
    start = rng.uniform(0, 0.5, 53).astype(np.float32)
    shut = 0
    for _ in range(200):
        new = random_expression(start, names, EditProbabilities(), rng)
        assert new.min() >= 0
        assert new.max() <= 1
        if all(new[names.index("eyeBlink" + side)] == 1 for side in SIDES):
            shut += 1
            assert all(new[names.index(lid + side)] == 0 for lid in LIDS for side in SIDES)
    assert 50 < shut < 95


def test_edits_raise_single_keys_of_the_mouth_in_all_ways(lfm):
    rng = np.random.default_rng(0)
    names = lfm.expression_names
    start = rng.uniform(0, 0.2, 53).astype(np.float32)
    only = EditProbabilities().and_mouth_keys(1.0)
    raised: dict[str, int] = {}
    for _ in range(600):
        new = random_expression(start, names, only, rng)
        changed_names = [n for n, a, b in zip(names, start, new, strict=True) if a != b]
        assert all(name.startswith(("mouth", "jaw")) for name in changed_names)
        up = [name for name, weight in zip(names, new, strict=True) if weight > 0.25]
        assert not {"mouthLeft", "mouthRight"} <= set(up)
        if "mouthClose" in up:
            assert new[names.index("mouthClose")] <= 0.6 * new[names.index("jawOpen")] + 1e-6
        for name in up:
            raised[name] = raised.get(name, 0) + 1
    expected = {name for name in names if name.startswith(("mouth", "jaw"))} - {"jawForward"}
    assert set(raised) == expected
    assert raised["mouthLeft"] + raised["mouthRight"] > 200


def test_mouths_are_pulled_aside_with_teeth_bared_on_that_side_above_all(lfm):
    rng = np.random.default_rng(0)
    names = lfm.expression_names
    only = EditProbabilities().and_mouth_keys(1.0)
    rest = np.zeros(53, np.float32)
    drawn = [random_expression(rest, names, only, rng) for _ in range(800)]
    weight = {name: np.array([each[names.index(name)] for each in drawn]) for name in names}
    for side in SIDES:
        aside = (weight[f"mouth{side}"] > 0) & (weight["jawOpen"] == 0)
        for stem in BARED:
            own, others = weight[stem + side][aside], weight[other_side(stem + side)][aside]
            assert 0.05 < (own > 0).mean() < 0.6
            assert own.sum() > 2 * others.sum()


def test_a_fraction_of_the_edits_raises_keys_of_the_mouth():
    some = EditProbabilities().and_mouth_keys(0.25)
    others = some.shut + some.wink + some.half + some.mouth + some.brows + some.smile + some.jaw
    assert some.mouth_keys / (some.mouth_keys + others) == pytest.approx(0.25)
    assert EditProbabilities().and_mouth_keys(0.0) == EditProbabilities()
