"""The half of `check.py` that runs inside Blender; needs bpy and numpy, and nothing of lineament."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

MARGIN = 1.06  # of lineament.export.frontal
SIZE = 512
SAMPLES = 8


class Checks:
    """Prints each comparison and remembers whether one failed."""

    def __init__(self) -> None:
        self.failed = 0

    def __call__(self, what: str, figure: object, passed: bool) -> None:
        """A line a check."""
        self.failed += not passed
        print(f"{'ok  ' if passed else 'OFF '} {what}: {figure}")


def main() -> None:
    """Open both files of the folder, compare, draw the first."""
    folder = Path(sys.argv[1])
    expected = dict(np.load(folder / "expected.npz"))
    check = Checks()
    print(f"Blender {bpy.app.version_string}")
    check_still(folder, expected, check)
    check_film(folder, expected, check)
    sys.exit(check.failed > 0)


def check_still(folder: Path, expected: dict[str, Any], check: Checks) -> None:
    """Names, values, size, direction, a key moved by hand, colours."""
    head = opened(folder / "still.glb")
    keys = head.data.shape_keys.key_blocks[1:]  # the first is the face at rest
    names = [key.name for key in keys]
    check("shape keys", len(names), names == expected["names"].tolist())
    values = np.array([key.value for key in keys])
    check("largest error of their values", *small(values - expected["weights"], 1e-5))
    points = drawn_points(head)
    check("vertices at most off, mm", *small(1000 * (points - expected["still"]), 0.1))
    size = np.ptp(points, axis=0)
    check("width, depth, height, m", size.round(3).tolist(), bool(0.15 < size[2] < 0.3 and size[2] > size[0]))
    nose = points[np.argmin(points[:, 1])]
    check("foremost point, m (face looks along -y)", nose.round(3).tolist(), bool(nose[1] < -0.05))
    head.data.shape_keys.key_blocks["jawOpen"].value = 1
    jaw = drawn_points(head)
    check("jawOpen = 1, vertices at most off, mm", *small(1000 * (jaw - expected["jaw_open"]), 0.1))
    head.data.shape_keys.key_blocks["jawOpen"].value = float(
        expected["weights"][expected["names"].tolist().index("jawOpen")]
    )
    check_colours(folder, head, points, check)


def check_film(folder: Path, expected: dict[str, Any], check: Checks) -> None:
    """Every frame's weights and vertices, the gap, the camera."""
    bpy.context.scene.render.fps = int(expected["rate"])
    head = opened(folder / "film.glb")
    off_weights, off_mm = [], []
    for row, number in enumerate(expected["seen"].tolist()):
        bpy.context.scene.frame_set(number)
        values = [key.value for key in head.data.shape_keys.key_blocks[1:]]
        off_weights.append(np.abs(values - expected["frame_weights"][row]).max())
        off_mm.append(1000 * np.abs(drawn_points(head) - expected["frames"][row]).max())
    check(f"animation, {len(off_mm)} frames: weights at most off", *small(np.array(off_weights), 1e-4))
    check("animation: vertices at most off, mm", *small(np.array(off_mm), 0.15))
    bpy.context.scene.frame_set(int(expected["gap"]))
    size = float(np.ptp(drawn_points(head), axis=0).max())
    check("size of the head in the frame without the person, m", size, size < 1e-3)
    camera = next(item for item in bpy.data.objects if item.type == "CAMERA")
    check(
        "camera's view from top to bottom off, degrees",
        *small(np.degrees(np.array([camera.data.angle_y - expected["view_angle"]])), 0.01),
    )
    ahead = camera.matrix_world.to_quaternion() @ type(camera.location)((0, 0, -1))
    check("camera looks along", [round(value, 4) for value in ahead], ahead.y > 0.9999)


def opened(path: Path) -> Any:  # noqa: ANN401 - bpy is not typed
    """The head of a file, in an empty scene."""
    rate = bpy.context.scene.render.fps
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = rate  # keys are put on frames by the rate at import
    bpy.ops.import_scene.gltf(filepath=str(path))
    return bpy.data.objects["head"]


def drawn_points(head: Any) -> Array:  # noqa: ANN401
    """(N, 3) m in the world, as Blender draws them."""
    bpy.context.view_layer.update()
    shown = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    flat = np.empty(3 * len(shown.data.vertices), np.float32)
    shown.data.vertices.foreach_get("co", flat)
    world = np.array(shown.matrix_world)
    return flat.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]


def small(difference: Array, limit: float) -> tuple[float, bool]:
    """The largest of differences, and whether it is below a limit."""
    largest = float(np.abs(difference).max())
    return round(largest, 6), largest < limit


def check_colours(folder: Path, head: Any, points: Array, check: Checks) -> None:  # noqa: ANN401
    """The head from the front in its own colours, against lineament's own frontal view."""
    drawn = rendered(folder / "still.png", head, points)
    expected = pixels(folder / "expected.png")
    both = (drawn[..., 3] > 0.99) & (expected[..., 3] > 0.99)
    fraction = both.sum() / (expected[..., 3] > 0.99).sum()
    check("share of the frontal view that Blender fills", round(float(fraction), 4), fraction > 0.98)
    difference = 255 * np.abs(drawn[both][:, :3] - expected[both][:, :3])
    check("median difference of its colours, of 255", *small(np.median(difference), 4))
    upright, rotated = (
        float(np.corrcoef(drawn[both][:, 1], other[both][:, 1])[0, 1]) for other in (expected, expected[::-1])
    )
    check("correlation, upright and upside down", (round(upright, 3), round(rotated, 3)), upright > 0.97)


def rendered(path: Path, head: Any, points: Array) -> Array:  # noqa: ANN401
    """(S, S, 4) the head from the front by Cycles, its texture shining by itself."""
    scene = bpy.context.scene
    nodes, links = head.active_material.node_tree.nodes, head.active_material.node_tree.links
    texture = next(node for node in nodes if node.type == "TEX_IMAGE")
    shine = nodes.new("ShaderNodeEmission")
    links.new(texture.outputs["Color"], shine.inputs["Color"])
    end = next(node for node in nodes if node.type == "OUTPUT_MATERIAL")
    links.new(shine.outputs["Emission"], end.inputs["Surface"])
    camera = bpy.data.objects.new("front", bpy.data.cameras.new("front"))
    low, high = points.min(axis=0), points.max(axis=0)
    camera.data.type, camera.data.ortho_scale = "ORTHO", MARGIN * float((high - low)[[0, 2]].max())
    middle = (low + high) / 2
    camera.location, camera.rotation_euler = (middle[0], -1.0, middle[2]), (np.pi / 2, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.engine, scene.cycles.samples, scene.cycles.device = "CYCLES", SAMPLES, "CPU"
    scene.view_settings.view_transform = "Standard"
    scene.render.film_transparent = True
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    scene.render.resolution_percentage = 100
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return pixels(path)


def pixels(path: Path) -> Array:
    """(H, W, 4) 0..1 of a PNG, from the top, as stored."""
    picture = bpy.data.images.load(str(path))
    picture.colorspace_settings.name = "Non-Color"
    width, height = picture.size
    return np.array(picture.pixels[:], np.float32).reshape(height, width, 4)[::-1]


if __name__ == "__main__":
    main()
