"""What a bundle of weights says of itself: the fields of its ``bundle.json``, checked one by one.

A bundle may come from anybody, so nothing is taken on trust: types, ranges, names of members. Names are plain
(letters, digits, ``_``, ``.``, ``-``), so that none can lead out of the file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from lineament.expression_keys import KeyScale
from lineament.files import checked_sha256, is_plain_name

Table: TypeAlias = Mapping[str, Any]

FORMAT = 1
MAX_CROP_PX = 4096
MAX_THREADS = 1024


@dataclass(frozen=True, slots=True)
class CropSpec:
    """How the network's crop is cut.

    Attributes:
        size: side, px.
        margin: side of the crop over the longer side of the landmarks' box.
    """

    size: int
    margin: float


@dataclass(frozen=True, slots=True)
class FaceModelSpec:
    """The face model whose coefficients or vertices the network gives.

    Attributes:
        name: what `load_model` takes.
        sha256: of the model's file when the bundle was made; None when that was not recorded.
    """

    name: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """The detector that finds the faces for these weights.

    Attributes:
        weights: name of a bundle; never a path, which would mean another file on each machine.
        options: fields of `DetectorOptions` that differ from its defaults.
    """

    weights: str
    options: Table = field(default_factory=dict)


DATA_SECTIONS = {
    "network": "whole face",
    "eye": "eye",
    "mouth": "mouth",
    "occlusion": "occlusion",
    "uncertainty": "uncertainty",
}
"""What `Manifest.data` calls the parts of weights that were trained apart, by graph, or output of one."""


def joined_data(by_part: Mapping[str, str]) -> str:
    """`Manifest.data` of parts that were trained apart; :attr:`Manifest.data_by_part` divides it again."""
    return "; ".join(f"{DATA_SECTIONS[part]}: {data}" for part, data in by_part.items())


@dataclass(frozen=True, slots=True)
class Member:
    """One file inside of the bundle.

    Attributes:
        file: its plain name.
        sha256: of its content.
    """

    file: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All that a bundle says of itself.

    Attributes:
        name: of the weights.
        method: key of ``METHODS``, or "detector".
        crop: how crops are cut; None where the method has no crops.
        face_model: None where the method has none.
        detector: None where boxes have to be given.
        first_look: name of the weights that look first at what the detector found, quicker ones, whose
            landmarks say where these look; None where they take the first look themselves.
        close_ups: name of the weights whose close-ups of eyes and mouth move this method's faces; None where
            they stay as the method has them, or where it has close-ups of its own.
        threads: CPU threads that suit the networks best; None takes all cores.
        max_uncertainty_mm: a face that was found and is less certain is not believed; None believes all.
        expression_keys: what the weights of expressions are at rest and fully raised, by the face model's
            names, and which of them are measured; those that it lacks are as given. The mesh has nothing
            to do with it.
        data: what the weights were trained on, in words.
        licence: terms of the weights, in words.
        research: whether a part of the data is for research only.
        trained: what else is known of them, JSON values by key.
        graphs: ONNX graphs by name; most methods have one, "network".
        arrays: files of constant arrays (.npz) by name.
    """

    name: str
    method: str
    crop: CropSpec | None = None
    face_model: FaceModelSpec | None = None
    detector: DetectorSpec | None = None
    first_look: str | None = None
    close_ups: str | None = None
    threads: int | None = None
    max_uncertainty_mm: float | None = None
    expression_keys: Mapping[str, KeyScale] = field(default_factory=dict)
    data: str
    licence: str
    research: bool
    trained: Table = field(default_factory=dict)
    graphs: Mapping[str, Member] = field(default_factory=dict)
    arrays: Mapping[str, Member] = field(default_factory=dict)

    def data_of(self, graph: str) -> str:
        """What one graph was trained on: its part of `data`, or all of it where that has no parts.

        Args:
            graph: name of one of the graphs.
        """
        return self.data_by_part.get(graph, self.data)

    @property
    def data_by_part(self) -> dict[str, str]:
        """`data` by the parts that were trained apart (:data:`DATA_SECTIONS`); empty where it has none."""
        sections = re.split(rf"(?:^|; )({'|'.join(DATA_SECTIONS.values())}): ", self.data)
        by_name = dict(zip(sections[1::2], sections[2::2], strict=True))
        return {part: by_name[name] for part, name in DATA_SECTIONS.items() if name in by_name}

    def to_json(self) -> bytes:
        """The content of ``bundle.json``."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode("utf-8") + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> Manifest:
        """The fields of a ``bundle.json``; those that this version does not know are left out.

        Raises:
            ValueError: it is not JSON, of a newer format, or a field is missing or cannot be; says which.
        """
        try:
            table = json.loads(content)
        except RecursionError as error:
            raise ValueError("its JSON is nested too deeply") from error
        if not isinstance(table, dict):
            raise ValueError("it is not a JSON object")
        if table.get("format") != FORMAT:
            raise ValueError(f"its format is {table.get('format')!r}, this version reads {FORMAT}")
        return cls(
            name=_plain(table, "name"),
            method=_plain(table, "method"),
            crop=_crop(table),
            face_model=_face_model(table),
            detector=_detector(table),
            first_look=_optional_plain(table, "first_look"),
            close_ups=_optional_plain(table, "close_ups"),
            threads=_optional_number(table, "threads", at_most=MAX_THREADS, whole=True),
            max_uncertainty_mm=_optional_number(table, "max_uncertainty_mm", at_most=math.inf),
            expression_keys=_expression_keys(table),
            data=_text(table, "data"),
            licence=_text(table, "licence"),
            research=_flag(table, "research"),
            trained=_table(table, "trained"),
            graphs=_members(table, "graphs", ".onnx"),
            arrays=_members(table, "arrays", ".npz"),
        )


def _text(table: Table, key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key!r} is {value!r}, expected text")
    return value


def _plain(table: Table, key: str) -> str:
    if not is_plain_name(table.get(key)):
        raise ValueError(f"{key!r} is {table.get(key)!r}, expected letters, digits, '_', '.' and '-'")
    return str(table[key])


def _optional_plain(table: Table, key: str) -> str | None:
    return None if table.get(key) is None else _plain(table, key)


def _flag(table: Table, key: str) -> bool:
    value = table.get(key)
    if not isinstance(value, bool):
        raise ValueError(f"{key!r} is {value!r}, expected true or false")
    return value


def _number(table: Table, key: str, *, at_most: float, whole: bool = False) -> Any:  # noqa: ANN401
    """A positive number."""
    value = table.get(key)
    kinds = int if whole else (int, float)
    if (
        isinstance(value, bool)
        or not isinstance(value, kinds)
        or not 0 < value <= at_most
        or value == math.inf
    ):
        raise ValueError(f"{key!r} is {value!r}, expected a positive {'whole ' if whole else ''}number")
    return value


def _optional_number(table: Table, key: str, *, at_most: float, whole: bool = False) -> Any:  # noqa: ANN401
    return None if table.get(key) is None else _number(table, key, at_most=at_most, whole=whole)


def _table(table: Table, key: str) -> Table:
    """An object of JSON; empty where there is none."""
    value = table.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{key!r} is {value!r}, expected an object")
    return value


def _crop(table: Table) -> CropSpec | None:
    crop = _table(table, "crop")
    if not crop:
        return None
    size = _number(crop, "size", at_most=MAX_CROP_PX, whole=True)
    return CropSpec(size, float(_number(crop, "margin", at_most=100)))


def _face_model(table: Table) -> FaceModelSpec | None:
    model = _table(table, "face_model")
    if not model:
        return None
    digest = model.get("sha256")
    return FaceModelSpec(
        _text(model, "name"), None if digest is None else checked_sha256(digest, "face_model's sha256")
    )


def _detector(table: Table) -> DetectorSpec | None:
    detector = _table(table, "detector")
    if not detector:
        return None
    return DetectorSpec(_plain(detector, "weights"), _table(detector, "options"))


def _expression_keys(table: Table) -> dict[str, KeyScale]:
    """What weights of expressions mean, by name."""
    scales = {}
    for name, row in _table(table, "expression_keys").items():
        if not is_plain_name(name) or not isinstance(row, dict):
            raise ValueError(f"'expression_keys' has {name!r}: {row!r}, expected plain names and objects")
        mix = row.get("mix", {})
        if not isinstance(mix, dict) or not all(map(is_plain_name, mix)):
            raise ValueError(f"'mix' of the key {name} is {mix!r}, expected plain names and numbers")
        values = {"rest": row.get("rest", 0.0), "full": row.get("full", 1.0)}
        values |= {"mesh_rest": row.get("mesh_rest", 0.0)}
        for part, value in (values | {f"mix of {other}": factor for other, factor in mix.items()}).items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{part!r} of the key {name} is {value!r}, expected a number")
        measured = row.get("measured", True)
        if not isinstance(measured, bool):
            raise ValueError(f"'measured' of the key {name} is {measured!r}, expected true or false")
        try:
            scales[name] = KeyScale(
                **{part: float(value) for part, value in values.items()},
                measured=measured,
                mix={other: float(factor) for other, factor in mix.items()},
            )
        except ValueError as error:
            raise ValueError(f"the key {name} cannot be: {error}") from error
    return scales


def _members(table: Table, key: str, suffix: str) -> dict[str, Member]:
    """Files of one kind by name."""
    members = {}
    for name, row in _table(table, key).items():
        file = row.get("file") if isinstance(row, dict) else None
        if not is_plain_name(name) or not is_plain_name(file) or not str(file).endswith(suffix):
            raise ValueError(f"{key!r} has {name!r}: {row!r}, expected plain names and a {suffix} file")
        members[name] = Member(str(file), checked_sha256(row.get("sha256"), f"the sha256 of {file}"))
    return members
