"""One door to all face models: a name, or the path of a file or folder that a user brings."""

from __future__ import annotations

import os
import zipfile
from contextlib import suppress
from pathlib import Path
from weakref import WeakValueDictionary

from lineament.errors import ModelError
from lineament.geometry.morphable import MorphableModel
from lineament.models.arrays import existing
from lineament.models.bfm import read_bfm2009, read_bfm_h5
from lineament.models.builtin import load_builtin
from lineament.models.flame import read_flame
from lineament.models.ict import read_ict
from lineament.models.travelling import travels_as

_READER_OF_SUFFIX = {".mat": read_bfm2009, ".h5": read_bfm_h5, ".hdf5": read_bfm_h5, ".pkl": read_flame}
_BUILTIN = "lfm"
_loaded: WeakValueDictionary[str, MorphableModel] = WeakValueDictionary()
"""The built-in model, as long as anybody has it: the methods of an aligner share one."""


def load_model(name_or_path: str | Path) -> MorphableModel:
    """The face model of that name or file; pickled, it is that name and a checksum, and no arrays.

    The built-in model is the same object for all who have it at a time; files are read each time.

    Args:
        name_or_path: "lfm", the model inside the package; or the path of ICT-FaceKit (the folder FaceXModel
            or an .npz), of the Basel Face Model 2009 (.mat, or the folder of the 300W-LP kit), 2017 or 2019
            (.h5), or of FLAME (.pkl, .npz).

    Raises:
        ModelError: nothing is there, or it is none of these.
    """
    if not isinstance(name_or_path, str | os.PathLike) or not os.fspath(name_or_path):
        raise ModelError(
            f'A face model is named "lfm" or by the path of its file, found {name_or_path!r}. Give either.'
        )
    if str(name_or_path) == _BUILTIN:
        return _builtin()
    path = existing(name_or_path, kind='a face model: "lfm", or the path of ICT-FaceKit, Basel or FLAME')
    return travels_as(_read(path), str(path.absolute()), load_model)


def _builtin() -> MorphableModel:
    """The model inside the package, loaded once: nothing about it can change."""
    model = _loaded.get(_BUILTIN)
    if model is None:
        model = _loaded[_BUILTIN] = travels_as(load_builtin(), _BUILTIN, load_model)
    return model


def _read(path: Path) -> MorphableModel:
    """The model of a file or folder that is there."""
    suffix = path.suffix.lower()
    if not (path.is_file() or path.is_dir()):
        raise ModelError(f"{path} is neither a file on a disk nor a folder: a device or a pipe has no end.")
    if path.is_dir():
        return read_ict(path) if any(path.glob("*.obj")) else read_bfm2009(path)
    if suffix == ".npz":
        return read_flame(path) if _holds(path, "v_template") else read_ict(path)
    if suffix in _READER_OF_SUFFIX:
        return _READER_OF_SUFFIX[suffix](path)
    raise ModelError(
        f"{path} is of no face-model format lineament knows; known are .npz (ICT-FaceKit, FLAME), .pkl "
        "(FLAME), .mat and .h5 (Basel), and the folders of ICT-FaceKit and of the 300W-LP kit."
    )


def _holds(path: Path, key: str) -> bool:
    """Whether an .npz has an array of that name; a damaged one has none, and its reader will say so."""
    with suppress(Exception), zipfile.ZipFile(path) as archive:
        return f"{key}.npy" in archive.namelist()
    return False
