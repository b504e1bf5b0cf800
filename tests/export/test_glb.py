"""GLB files are read back by the few lines below, and by Khronos' validator where node has it."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faces import egg_face
from glb_files import morphed, read_glb
from lineament.errors import ExportError
from lineament.export import export_glb, export_glb_animation, glb_targets
from lineament.export.frames import focal_px
from lineament.export.head_parts import inside_rgb
from lineament.expression_keys import ARKIT_NAMES, KeyScale
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.rotation import angle_between
from shared import node

VALIDATOR = Path(__file__).parent / "vendored" / "gltf-validator"
VALIDATE = """
const [folder, file] = process.argv.slice(1);
require(folder).validateBytes(new Uint8Array(require('fs').readFileSync(file)))
    .then(report => console.log(JSON.stringify(report.issues)));
"""


@pytest.fixture
def smiling(lfm):
    """A face of the built-in model with an expression and an identity."""
    numbers = np.random.default_rng(3)
    identity = numbers.normal(0, 1, 100).astype(np.float32)
    expression = numbers.uniform(0, 0.6, 53).astype(np.float32)
    face = egg_face(yaw=0.4, pitch=-0.1, roll=0.2)
    return type(face).from_coefficients(
        lfm, identity, expression, camera=face.camera, crop_box=face.crop_box, detection=face.detection
    )


def test_the_targets_by_their_weights_give_the_aligned_face_in_metres(tmp_path, smiling):
    export_glb(smiling, tmp_path / "face.glb", targets="all")
    document, array = read_glb(tmp_path / "face.glb")
    shown = morphed(document, array)
    assert list(shown) == ["skin", "eyes", "mouth", "teeth"]
    assert document["meshes"][0]["extras"]["targetNames"] == list(smiling.model.expression_names)
    for part, name in (("face", "skin"), ("mouth", "mouth")):
        own = np.unique(smiling.triangles[slice(*smiling.model.parts[part])])
        np.testing.assert_allclose(shown[name] * 1000, smiling.vertices_model[own], atol=0.06)
    skin, *_ = document["meshes"][0]["primitives"]
    triangles = smiling.triangles[slice(*smiling.model.parts["face"])]
    np.testing.assert_array_equal(array(skin["indices"]).reshape(-1, 3), triangles)
    count = len(shown["skin"])
    np.testing.assert_allclose(array(skin["attributes"]["TEXCOORD_0"]), smiling.model.uv[:count], atol=1e-6)
    for primitive in document["meshes"][0]["primitives"]:
        lengths = np.linalg.norm(array(primitive["attributes"]["NORMAL"]), axis=1)
        np.testing.assert_allclose(lengths, 1, atol=1e-5)


def test_normals_of_targets_are_those_of_the_moved_surface_however_many_are_found_at_once(
    tmp_path, smiling, monkeypatch
):
    export_glb(smiling, tmp_path / "face.glb", targets="all")
    document, array = read_glb(tmp_path / "face.glb")
    for primitive in document["meshes"][0]["primitives"]:
        triangles = array(primitive["indices"]).reshape(-1, 3)
        rest, normals = (array(primitive["attributes"][name]) for name in ("POSITION", "NORMAL"))
        for target in primitive["targets"][::7]:
            moved = vertex_normals(rest + array(target["POSITION"]).astype(float), triangles)
            np.testing.assert_allclose(normals + array(target["NORMAL"]), moved, atol=0.0101)
    monkeypatch.setattr("lineament.export.glb_targets.TOGETHER", 500)
    glb_targets._known_moves.cache_clear()
    export_glb(smiling, tmp_path / "few.glb", targets="all")
    glb_targets._known_moves.cache_clear()
    assert (tmp_path / "few.glb").read_bytes() == (tmp_path / "face.glb").read_bytes()


def test_arkits_names_are_the_52_and_merge_both_sides(tmp_path, smiling):
    export_glb(smiling, tmp_path / "face.glb")
    document, array = read_glb(tmp_path / "face.glb")
    names = document["meshes"][0]["extras"]["targetNames"]
    assert sorted(names) == sorted(ARKIT_NAMES)
    assert names == list(smiling.blendshapes)
    weights = dict(zip(names, document["meshes"][0]["weights"], strict=True))
    assert weights == pytest.approx(smiling.blendshapes, abs=1e-6)
    skin = document["meshes"][0]["primitives"][0]
    target = skin["targets"][names.index("cheekPuff")]
    both = [smiling.model.expression_names.index(f"cheekPuff{side}") for side in ("Left", "Right")]
    moved = array(target["POSITION"]) * 1000
    difference = smiling.model.expression_basis[both].sum(axis=0)[: len(moved)]
    np.testing.assert_allclose(moved, difference, atol=0.003)
    assert not array(skin["targets"][names.index("tongueOut")]["POSITION"]).any()


def target_of(path, name, part):
    """(V, 3) mm at rest, and the same with one target at 1, of one part of a head."""
    document, array = read_glb(path)
    number = document["meshes"][0]["extras"]["targetNames"].index(name)
    named = {
        document["materials"][primitive["material"]]["name"]: primitive
        for primitive in document["meshes"][0]["primitives"]
    }
    at_rest = array(named[part]["attributes"]["POSITION"]) * 1000.0
    return at_rest, at_rest + array(named[part]["targets"][number]["POSITION"]) * 1000.0


def test_eyeballs_turn_about_their_centres_with_the_keys_of_looking(tmp_path, smiling):
    export_glb(smiling, tmp_path / "face.glb")
    ways = {"Out": (1, 0, 32), "In": (-1, 0, 32), "Up": (0, 1, 25), "Down": (0, -1, 30)}
    for side, outward in (("Left", 1), ("Right", -1)):
        for way, (right, up, degrees) in ways.items():
            before, after = target_of(tmp_path / "face.glb", f"eyeLook{way}{side}", "eyes")
            own = before[:, 0] * outward > 0  # the person's left is the viewer's right
            np.testing.assert_allclose(after[~own], before[~own], atol=0.002)
            one, other = (each[own] - each[own].mean(axis=0) for each in (before, after))
            u, _, v = np.linalg.svd(one.T @ other)
            turn = u @ v
            np.testing.assert_allclose(one @ turn, other, atol=0.01)  # nothing is bent
            assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) == pytest.approx(degrees, abs=0.01)
            front = np.argmax(before[own][:, 2])
            moved = (after[own][front] - before[own][front])[:2] * [outward, 1]
            assert (np.sign(moved)[0] == right) if right else (np.sign(moved)[1] == up)


def test_teeth_stay_whole_when_the_jaw_opens_and_only_the_lower_row_goes_with_it(tmp_path, smiling):
    export_glb(smiling, tmp_path / "face.glb")
    before, after = target_of(tmp_path / "face.glb", "jawOpen", "teeth")
    upper = np.arange(len(before)) < len(before) // 2
    np.testing.assert_array_equal(after[upper], before[upper])
    assert (after[~upper] - before[~upper])[:, 1].max() < -10
    sizes = [np.linalg.norm(np.diff(each[~upper][:5], axis=0), axis=1) for each in (before, after)]
    np.testing.assert_allclose(*sizes, atol=0.01)


def test_what_lies_behind_lids_and_lips_has_colours_of_its_own(tmp_path, smiling):
    flesh = np.full((16, 16, 3), (190, 140, 120), np.uint8)
    export_glb(smiling, tmp_path / "face.glb", texture_rgb=flesh)
    document, _ = read_glb(tmp_path / "face.glb")
    pictures = {
        each["name"]: each["pbrMetallicRoughness"]["baseColorTexture"]["index"]
        for each in document["materials"]
    }
    assert pictures == {"skin": 0, "eyes": 1, "mouth": 1, "teeth": 1}
    assert inside_rgb()[128, 128].max() < 30  # the pupil
    assert inside_rgb()[128, 20].min() > 140  # the white of the eye
    assert inside_rgb()[64, 320].min() > 150  # a tooth


def test_a_person_is_at_rest_where_the_weights_say_so(tmp_path, smiling):
    scales = {"jawOpen": KeyScale(rest=0.1, full=0.6), "noseSneerLeft": KeyScale(measured=False)}
    export_glb(replace(smiling, key_scales=scales), tmp_path / "face.glb", targets="all")
    document, array = read_glb(tmp_path / "face.glb")
    names = list(smiling.model.expression_names)
    weights = dict(zip(names, document["meshes"][0]["weights"], strict=True))
    given = dict(zip(names, smiling.expression.tolist(), strict=True))
    assert weights["jawOpen"] == pytest.approx((given["jawOpen"] - 0.1) / 0.5, abs=1e-5)
    assert weights["noseSneerLeft"] == 0
    rest = np.zeros(53, np.float32)
    rest[names.index("jawOpen")] = 0.1
    rest[names.index("noseSneerLeft")] = given["noseSneerLeft"]
    expected = smiling.model.vertices_model(smiling.identity, rest)
    skin = document["meshes"][0]["primitives"][0]
    found = array(skin["attributes"]["POSITION"]) * 1000
    np.testing.assert_allclose(found, expected[: len(found)], atol=0.01)


def test_a_persons_own_rest_is_not_counted_and_stays_in_the_mesh(tmp_path, smiling):
    own = np.full(53, 0.05, np.float32)
    export_glb(smiling.relative_to(own), tmp_path / "face.glb", targets="all")
    document, array = read_glb(tmp_path / "face.glb")
    skin = document["meshes"][0]["primitives"][0]
    found = array(skin["attributes"]["POSITION"]) * 1000
    expected = smiling.model.vertices_model(smiling.identity, own)[: len(found)]
    np.testing.assert_allclose(found, expected, atol=0.01)
    weights = (smiling.expression - 0.05) / 0.95
    np.testing.assert_allclose(document["meshes"][0]["weights"], weights, atol=1e-5)


def test_the_head_is_turned_when_asked_for(tmp_path):
    face = egg_face(yaw=0.7, pitch=0.2, roll=-0.5)
    export_glb(face, tmp_path / "egg.glb", turned=True)
    document, _ = read_glb(tmp_path / "egg.glb")
    turn = matrix_of(document["nodes"][0]["rotation"])
    np.testing.assert_allclose(turn, face.pose.rotation, atol=1e-6)


def test_a_texture_is_a_picture_inside_of_the_file(tmp_path):
    export_glb(egg_face(), tmp_path / "egg.glb", texture_rgb=np.full((16, 16, 3), 200, np.uint8))
    document, _ = read_glb(tmp_path / "egg.glb")
    assert document["images"][0]["mimeType"] == "image/jpeg"
    assert document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"] == {"index": 0}


def test_an_animation_puts_each_frames_head_where_the_photo_has_it(tmp_path):
    size_hw = (400, 600)
    heads = [
        egg_face(center_xy=(200 + 60 * k, 150), scale=0.5 + 0.1 * k, yaw=0.3 * k, expression=0.2 * k)
        for k in range(4)
    ]
    times = [0.0, 0.04, 0.1, 0.5]
    export_glb_animation(heads, times, tmp_path / "egg.glb", size_hw=size_hw)
    document, array = read_glb(tmp_path / "egg.glb")
    track = {channel["target"]["path"]: channel for channel in document["animations"][0]["channels"]}
    assert sorted(track) == ["rotation", "translation", "weights"]
    samplers = document["animations"][0]["samplers"]
    values = {path: array(samplers[entry["sampler"]]["output"]) for path, entry in track.items()}
    np.testing.assert_allclose(array(samplers[0]["input"]), times, atol=1e-6)
    np.testing.assert_allclose(values["weights"], [0, 0.2, 0.4, 0.6], atol=1e-6)
    for head, turn, place in zip(heads, values["rotation"], values["translation"], strict=True):
        np.testing.assert_allclose(matrix_of(turn), head.pose.rotation, atol=1e-5)
        # What a camera at the origin that looks along -z sees, its picture's middle at (300, 200).
        projected = place * [1, -1, -1] * focal_px(size_hw) / -place[2]
        np.testing.assert_allclose(projected[:2] + np.array([300, 200]), head.pose.translation[:2], atol=0.01)
        assert focal_px(size_hw) / (-place[2] * 1000) == pytest.approx(head.pose.scale, rel=1e-5)


def test_neighbouring_turns_take_the_short_way(tmp_path):
    angles = np.linspace(0, 6, 30)
    heads = [egg_face(roll=angle) for angle in angles]
    export_glb_animation(heads, angles + 1, tmp_path / "egg.glb", size_hw=(100, 100))
    document, array = read_glb(tmp_path / "egg.glb")
    turns = array(document["animations"][0]["samplers"][0]["output"])
    assert (np.sum(turns[1:] * turns[:-1], axis=1) > 0.9).all()
    assert angle_between(matrix_of(turns[-1]), heads[-1].pose.rotation) < 1e-3


def test_frames_without_the_person_hide_the_head(tmp_path):
    head = egg_face()
    export_glb_animation([None, head, head, None, None, head], range(6), tmp_path / "egg.glb", size_hw=(9, 9))
    document, array = read_glb(tmp_path / "egg.glb")
    [channel] = [c for c in document["animations"][0]["channels"] if c["target"]["path"] == "scale"]
    sampler = document["animations"][0]["samplers"][channel["sampler"]]
    assert sampler["interpolation"] == "STEP"
    np.testing.assert_array_equal(array(sampler["input"]), [0, 1, 3, 5])
    np.testing.assert_array_equal(array(sampler["output"])[:, 0], [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("faces", "times", "message"),
    [
        ([None, None], [0, 1], "none of the frames"),
        ([None], [0, 1], "1 frames"),
        ([None, None], [1, 1], "ascend"),
    ],
)
def test_frames_and_times_that_make_no_film_are_refused(tmp_path, faces, times, message):
    with pytest.raises(ExportError, match=message):
        export_glb_animation(faces, times, tmp_path / "egg.glb", size_hw=(9, 9))


def test_a_face_that_is_not_finite_is_refused(tmp_path):
    face = egg_face()
    with pytest.raises(ExportError, match="finite"):
        export_glb(replace(face, vertices_image=face.vertices_image * np.nan), tmp_path / "egg.glb")
    assert list(tmp_path.iterdir()) == []


def test_the_khronos_validator_finds_nothing_to_complain_of(tmp_path, smiling):
    texture = np.full((16, 16, 3), 200, np.uint8)
    export_glb(smiling, tmp_path / "face.glb", texture_rgb=texture, turned=True)
    export_glb(egg_face(), tmp_path / "plain.glb", targets="all")
    egg = egg_face(yaw=0.3)
    export_glb_animation([egg, None, egg], [0, 1, 2], tmp_path / "film.glb", size_hw=(480, 640))
    for path in sorted(tmp_path.glob("*.glb")):
        issues = validated(path)
        assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]


def validated(path):
    """What Khronos' validator says of a file; without node the test is skipped."""
    command = [node(), "-e", VALIDATE, str(VALIDATOR), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def matrix_of(quaternion):
    """(3, 3) rotation of a unit quaternion x, y, z, w, by turning the three axes."""
    vector, w = np.asarray(quaternion[:3], float), float(quaternion[3])
    axes = np.eye(3)
    cross = np.cross(vector, axes)
    return (axes + 2 * (w * cross + np.cross(vector, cross))).T


def test_unknown_names_of_targets_are_refused(tmp_path, smiling):
    with pytest.raises(ExportError, match="'arkit' or 'all', not 'ARKit'"):
        export_glb(smiling, tmp_path / "face.glb", targets="ARKit")
    assert list(tmp_path.iterdir()) == []
