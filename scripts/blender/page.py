"""Runs the scripts of docs/tasks/blender.md inside Blender, on a character and a rig made for it.

``ENV/bin/python -m scripts.blender.page FILM.glb``, where ENV is an environment with the package bpy (see
``check.py``) and FILM.glb what `lineament video` wrote. Ends with status 1 where something is off.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np

PAGE = Path(__file__).parents[2] / "docs" / "tasks" / "blender.md"
KEYS = ("jawOpen", "eyeBlinkLeft", "browInnerUp", "cheekPuff", "tongueOut")  # of the character


def main() -> None:
    """Import, make a character and a rig, run the page's scripts, compare in every frame."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=sys.argv[1])
    head, character, rig = bpy.data.objects["head"], made_character(), made_rig()
    follow, turn, bake = (
        code
        for code in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
        if "import bpy" in code
    )
    frames = range(int(head.data.shape_keys.animation_data.action.frame_range[1]) + 1)
    for script in (follow, turn):
        exec(script, {})  # noqa: S102 - our own page
    off, expected = [], {}
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        expected[frame] = weights_of(head)
        off.append(difference(character, expected[frame]))
    rotated = max(bone_off(head, rig, frame) for frame in frames)
    exec(bake, {})  # noqa: S102
    bpy.data.objects.remove(head)
    baked = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        baked.append(difference(character, expected[frame]))
    print(f"Blender {bpy.app.version_string}, {len(frames)} frames")
    print(f"keys at most off: driven {max(off):.6f}, baked {max(baked):.6f}; bone's rotation {rotated:.6f}")
    sys.exit(max(*off, *baked, rotated) > 1e-4)


def made_character() -> Any:  # noqa: ANN401 - bpy is not typed
    """A triangle with shape keys."""
    mesh = bpy.data.meshes.new("character")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    character = bpy.data.objects.new("Character", mesh)
    bpy.context.collection.objects.link(character)
    for name in ("Basis", *KEYS):
        character.shape_key_add(name=name).value = 0  # Blender 5 begins at 1
    return character


def made_rig() -> Any:  # noqa: ANN401
    """An armature whose bone lies askew."""
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("rig"))
    bpy.context.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bone = rig.data.edit_bones.new("Head")
    bone.head, bone.tail, bone.roll = (0, 0, 1), (0.3, 0.2, 2), 0.4
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


def weights_of(head: Any) -> dict[str, float]:  # noqa: ANN401
    """What the character's keys should be."""
    ours = {key.name: key.value for key in head.data.shape_keys.key_blocks}
    both = {name: (ours[f"{name}Left"] + ours[f"{name}Right"]) / 2 for name in ("browInnerUp", "cheekPuff")}
    return {name: (ours | both).get(name, 0.0) for name in KEYS}


def difference(character: Any, expected: dict[str, float]) -> float:  # noqa: ANN401
    """The largest error of a key; keys of a character end at 0 and 1."""
    keys = character.data.shape_keys.key_blocks
    return max(abs(keys[name].value - min(max(value, 0), 1)) for name, value in expected.items())


def bone_off(head: Any, rig: Any, frame: int) -> float:  # noqa: ANN401
    """How far the bone's rotation is from its rest turned as the head is."""
    bpy.context.scene.frame_set(frame)
    turn = np.array(head.matrix_world)[:3, :3]
    turn = turn / np.linalg.norm(turn, axis=0)
    rest = np.array(rig.data.bones["Head"].matrix_local)[:3, :3]
    posed = np.array(rig.matrix_world @ rig.pose.bones["Head"].matrix)[:3, :3]
    return float(np.abs(posed - turn @ rest).max())


if __name__ == "__main__":
    main()
