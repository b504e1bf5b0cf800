"""Results in files for other programs.

Frames, units and handedness of every format are in ``docs/exports.md`` and, as code, in
:mod:`lineament.export.frames`: the one place where axes, origins and units are turned round for others. A
file is written under a temporary name and renamed, so that a half-written one is never found.
"""

from lineament.export.albedo import albedo_texture
from lineament.export.animation import HeadMotion, export_glb_animation, export_motion
from lineament.export.arrays import export_npz
from lineament.export.csv_table import export_csv
from lineament.export.dataframe import to_dataframe
from lineament.export.faces_json import export_json
from lineament.export.frontal import frontal_view
from lineament.export.glb import export_glb
from lineament.export.maps import FaceMaps, export_depth, face_maps
from lineament.export.mean_texture import MeanTexture
from lineament.export.obj import export_obj
from lineament.export.ply import export_ply
from lineament.export.table import export_parquet, rewrite_weights
from lineament.export.texture import FaceTexture, FaceTexturer, export_texture

__all__ = [
    "FaceMaps",
    "FaceTexture",
    "FaceTexturer",
    "HeadMotion",
    "MeanTexture",
    "albedo_texture",
    "export_csv",
    "export_depth",
    "export_glb",
    "export_glb_animation",
    "export_json",
    "export_motion",
    "export_npz",
    "export_obj",
    "export_parquet",
    "export_ply",
    "export_texture",
    "face_maps",
    "frontal_view",
    "rewrite_weights",
    "to_dataframe",
]
