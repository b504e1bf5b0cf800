"""Rows of the published tables, as printed: their authors' numbers, measured by their authors' codes.

Percent of the protocol's size, degrees or mm. `None` where a paper leaves a cell out. Misprints are kept and
named in `remarks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Row = tuple[float | None, ...]

BINS = ("0-30", "30-60", "60-90", "mean")
ANGLES = ("yaw", "pitch", "roll", "mean")
MEAN = ("mean",)
SPREAD = (*BINS, "spread")


@dataclass(frozen=True, slots=True)
class Published:
    """A table.

    Attributes:
        columns: names of its columns, some of those of :mod:`lineament.evaluate.scores.scoring`.
        rows: method -> one number a column.
        remarks: what is odd about it.
    """

    columns: tuple[str, ...]
    rows: Mapping[str, Row]
    remarks: str = ""


_SPARSE: dict[str, Row] = {
    "3DDFA": (3.78, 4.54, 7.93, 5.42),
    "PRNet": (2.75, 3.51, 4.61, 3.62),
    "3DDFA-V2": (2.63, 3.42, 4.48, 3.51),
    "SADRNet": (2.66, 3.30, 4.42, 3.46),
    "SPDT": (3.56, 4.06, 4.11, 3.88),
}
_POSE: dict[str, Row] = {
    "FSANet": (4.50, 6.08, 4.64, 5.07),
    "3DDFA (TPAMI)": (4.33, 5.98, 4.30, 4.87),
    "2DASL": (3.85, 5.06, 3.50, 4.13),
    "TriNet": (4.20, 5.77, 4.04, 3.97),
    "RankPose": (2.99, 4.75, 3.25, 3.66),
    "3DDFA-V2": (4.06, 5.26, 3.48, 4.27),
    "SynergyNet": (3.42, 4.09, 2.55, 3.35),
}
_DETECTION = {
    "cprfa-table1-68": Published(
        SPREAD, {"FAN-3D": (2.67, 3.76, 5.24, 3.89, 1.05), "DAFI": (2.35, 2.84, 3.75, 2.98, 0.58)}
    ),
    "cprfa-table1-68-rate": Published(
        SPREAD, {"FAN-3D": (100.0, 100.0, 100.0, 100.0, 0.0), "DAFI": (37.4, 28.1, 17.7, 27.7, 8.05)}
    ),
    "cprfa-table1-68-failed": Published(MEAN, {"FAN-3D": (1.25,), "DAFI": (2.75,)}),
    "cprfa-table1-chosen": Published(SPREAD, {"DAFI, 512 vertices": (2.17, 2.61, 3.50, 2.76, 0.55)}),
    "cprfa-table1-chosen-rate": Published(SPREAD, {"DAFI, 512 vertices": (49.3, 42.1, 32.2, 41.2, 7.01)}),
    "cprfa-table1-chosen-failed": Published(MEAN, {"DAFI, 512 vertices": (1.60,)}),
    "cprfa-table1-all": Published(SPREAD, {"DAFI, 53,215 vertices": (2.63, 3.11, 4.01, 3.25, 0.57)}),
    "cprfa-table1-all-rate": Published(SPREAD, {"DAFI, 53,215 vertices": (29.0, 27.5, 22.7, 26.4, 2.69)}),
    "cprfa-table1-all-failed": Published(MEAN, {"DAFI, 53,215 vertices": (2.05,)}),
}
"""CPRFA's detection table, of AFLW2000-3D; its spreads have the divisor 3."""
_TRINET = "TriNet's printed mean does not match its parts (4.67)."

PUBLISHED: dict[str, Published] = {
    "dsfnet-table1": Published(
        BINS,
        _SPARSE
        | {
            "Dense Corr": (3.62, 6.06, 9.56, 6.41),
            "3DSTN": (3.15, 4.33, 5.98, 4.49),
            "DAMDN": (2.90, 3.83, 4.95, 3.89),
            "N3DMM": (None, None, None, 4.12),
            "DeFA": (None, None, None, 4.50),
            "SynergyNet": (2.65, 3.30, 4.27, 3.41),
            "DSFNet": (2.46, 3.20, 4.16, 3.27),
        },
        "The printed row of 2DASL repeats PRNet's and is left out.",
    ),
    "synergynet-table4": Published(
        BINS,
        {
            "ESR": (4.60, 6.70, 12.67, 7.99),
            "3DDFA": (3.43, 4.24, 7.17, 4.94),
            "Dense Corr": (3.62, 6.06, 9.56, 6.41),
            "3DSTN": (3.15, 4.33, 5.98, 4.49),
            "3D-FAN": (3.16, 3.53, 4.60, 3.76),
            "3DDFA (TPAMI)": (2.84, 3.57, 4.96, 3.79),
            "PRNet": (2.75, 3.51, 4.61, 3.62),
            "2DASL": (2.75, 3.46, 4.45, 3.55),
            "3DDFA-V2 (MR)": (2.75, 3.49, 4.53, 3.59),
            "3DDFA-V2 (MRS)": (2.63, 3.42, 4.48, 3.51),
            "SynergyNet": (2.65, 3.30, 4.27, 3.41),
        },
    ),
    "synergynet-reannotated": Published(
        BINS,
        {
            "DHM": (2.28, 3.10, 6.95, 4.11),
            "3DDFA": (2.84, 3.52, 5.15, 3.83),
            "PRNet": (2.35, 2.78, 4.22, 3.11),
            "MGCNet": (2.72, 3.12, 3.76, 3.20),
            "Deng et al.": (2.56, 3.11, 4.45, 3.37),
            "3DDFA-V2": (2.84, 3.03, 4.13, 3.33),
            "SynergyNet (main table)": (2.16, 2.61, 3.66, 2.81),
            "SynergyNet (supplement)": (2.05, 2.49, 3.52, 2.65),
        },
        "SynergyNet prints two rows; the supplement's mean is not that of its bins (2.69).",
    ),
    "sadrnet-table1": Published(
        BINS,
        _SPARSE
        | {
            "3D-FAN": (2.77, 3.48, 4.61, 3.62),
            "DeFA": (None, None, None, 4.50),
            "3DSTN": (3.15, 4.33, 5.98, 4.49),
            "Nonlinear 3DMM": (None, None, None, 4.12),
            "CMD": (None, None, None, 3.90),
            "DAMDN": (2.90, 3.83, 4.95, 3.89),
        },
    ),
    "sadrnet-table1-mean": Published(
        MEAN, {"3DDFA": (6.03,), "DeFA": (4.36,), "PRNet": (3.26,), "SADRNet": (3.05,)}
    ),
    "sadrnet-table1-3d": Published(
        MEAN, {"3DDFA": (7.50,), "DeFA": (6.23,), "PRNet": (4.70,), "SADRNet": (4.33,)}
    ),
    "zhou-table1": Published(
        BINS,
        {
            "SDM": (3.67, 4.94, 9.67, 6.12),
            "3DDFA": (3.78, 4.54, 7.93, 5.42),
            "3DDFA + SDM": (3.43, 4.24, 7.17, 5.42),
            "Yu et al.": (3.62, 6.06, 9.56, None),
            "3DSTN": (3.15, 4.33, 5.98, 4.49),
            "DeFA": (None, None, None, 4.50),
            "Chang et al.": (3.11, 3.84, 6.60, 4.52),
            "Tran et al.": (None, None, None, 4.12),
            "Zhou and Huang": (2.84, 3.70, 4.69, 3.75),
        },
        "The mean of 3DDFA + SDM does not match its parts (4.95).",
    ),
    "cprfa-table2": Published(
        SPREAD,
        {
            "3DDFA": (3.78, 4.54, 7.93, 5.42, 2.21),
            "3DSTN": (3.15, 4.33, 5.98, 4.49, 1.42),
            "LDFC (Yu et al.)": (3.62, 6.06, 9.56, 6.41, 2.44),
            "CPRFA": (3.12, 3.62, 5.40, 4.05, 1.20),
        },
        "The spread of LDFC has the divisor 3, the others 2.",
    ),
    **_DETECTION,
    "cprfa-table2-aflw": Published(
        SPREAD,
        {
            "3DDFA": (5.00, 5.06, 6.74, 5.60, 0.99),
            "3DSTN": (3.55, 3.92, 5.21, 4.23, 0.87),
            "LDFC (Yu et al.)": (5.94, 6.48, 7.96, 6.79, 0.85),
            "CPRFA": (3.71, 4.20, 5.52, 4.47, 0.76),
        },
        "The spreads of LDFC and CPRFA have the divisor 3, the others 2.",
    ),
    "synergynet-aflw": Published(
        BINS,
        {
            "ESR": (5.66, 7.12, 11.94, 8.24),
            "3DDFA": (4.75, 4.83, 6.39, 5.32),
            "3D-FAN": (4.40, 4.52, 5.17, 4.69),
            "3DSTN": (3.55, 3.92, 5.21, 4.23),
            "3DDFA (TPAMI)": (4.11, 4.38, 5.16, 4.55),
            "PRNet": (4.19, 4.69, 5.45, 4.77),
            "3DDFA-V2": (3.98, 4.31, 4.99, 4.43),
            "SynergyNet, ResNet-50": (3.76, 3.92, 4.48, 4.06),
            "SynergyNet, MobileNet": (3.86, 4.13, 4.61, 4.20),
        },
    ),
    "zhou-aflw-lfpa": Published(MEAN, {"PAWF": (4.72,), "DeFA": (3.86,), "Zhou and Huang": (3.24,)}),
    "sadrnet-dense-2d": Published(
        MEAN, {"3DDFA": (5.06,), "DeFA": (4.44,), "PRNet": (3.17,), "SADRNet": (2.93,)}
    ),
    "sadrnet-dense-3d": Published(
        MEAN, {"3DDFA": (6.55,), "DeFA": (6.04,), "PRNet": (4.40,), "3DDFA-V2": (4.18,), "SADRNet": (4.02,)}
    ),
    "dsfnet-table2": Published(
        MEAN,
        {
            "3DDFA": (6.55,),
            "DeFA": (6.04,),
            "PRNet": (4.40,),
            "3DDFA-V2": (4.18,),
            "SynergyNet": (4.06,),
            "SADRNet": (4.02,),
            "DSFNet-ms": (4.15,),
            "DSFNet-is": (3.89,),
            "DSFNet without f_ms": (3.96,),
            "DSFNet": (3.80,),
        },
    ),
    "dsfnet-reconstruction": Published(
        MEAN,
        {
            "3DDFA": (5.36,),
            "DeFA": (5.64,),
            "PRNet": (3.96,),
            "SADRNet": (3.25,),
            "DSFNet-ms": (3.46,),
            "DSFNet-is": (3.16,),
            "DSFNet without f_ms": (3.27,),
            "DSFNet": (3.24,),
        },
    ),
    "sadrnet-reconstruction": Published(
        BINS,
        {
            "3DDFA": (None, None, None, 5.36),
            "DeFA": (None, None, None, 5.64),
            "PRNet": (3.72, 4.04, 4.45, 3.96),
            "SPDT": (None, None, None, 3.70),
            "SADRNet": (3.17, None, None, 3.25),
        },
        "Two cells of SADRNet's row are damaged in our copy and left out.",
    ),
    "synergynet-reconstruction": Published(
        MEAN, {"3DDFA": (5.37,), "DeFA": (5.55,), "PRNet": (3.96,), "2DASL": (2.10,), "SynergyNet": (1.97,)}
    ),
    "zhou-table2": Published(MEAN, {"3DDFA": (2.43,), "DeFA": (4.33,), "Zhou and Huang": (2.19,)}),
    "synergynet-pose": Published(
        ANGLES,
        _POSE
        | {
            "PnP with true landmarks": (5.92, 11.76, 8.27, 8.65),
            "FAN (12 points)": (6.36, 12.30, 8.71, 9.12),
            "HopeNet": (6.47, 6.56, 5.44, 6.16),
            "SSRNet-MD": (5.14, 7.09, 5.89, 6.01),
            "QuatNet": (3.97, 5.62, 3.92, 4.15),
        },
        f"{_TRINET} So with QuatNet's (4.50).",
    ),
    "dsfnet-pose": Published(
        ANGLES,
        _POSE
        | {
            "FDN": (3.78, 5.61, 3.88, 4.42),
            "MNN": (3.34, 4.69, 3.48, 3.83),
            "WHENet-V": (4.44, 5.75, 4.31, 4.83),
            "img2pose": (3.43, 5.03, 3.28, 3.91),
            "6DRepNet": (3.63, 4.91, 3.37, 3.97),
            "SADRNet": (2.93, 5.00, 3.54, 3.82),
            "DSFNet": (2.65, 4.28, 2.82, 3.25),
        },
        _TRINET,
    ),
    "sadrnet-pose": Published(
        ANGLES,
        {
            "FSANet": (4.50, 6.08, 4.64, 5.07),
            "GLDL": (3.02, 5.06, 3.68, 3.92),
            "QuatNet": (3.97, 5.61, 3.92, 4.50),
            "FDN": (3.78, 5.61, 3.88, 4.42),
            "MNN": (3.34, 4.69, 3.48, 3.83),
            "SADRNet": (2.93, 5.00, 3.54, 3.82),
        },
    ),
    "sadrnet-pose-fix": Published(ANGLES, {"SADRNet-fix": (2.93, 4.43, 2.95, 3.44)}),
    "synergynet-florence": Published(
        MEAN, {"PRNet": (2.25,), "2DASL": (2.05,), "3DDFA-V2": (2.04,), "SynergyNet": (1.87,)}
    ),
    "sadrnet-florence": Published(
        MEAN,
        {
            "3DDFA": (6.38,),
            "VRN-Guided": (5.26,),
            "PRNet": (3.75,),
            "SPDT": (3.83,),
            "3DDFA-V2": (3.56,),
            "SADRNet": (3.12,),
        },
    ),
}

OCCLUSION: dict[str, Published] = {
    set_name: Published(MEAN, {name: (row[column],) for name, row in rows.items()})
    for rows in (
        {
            "SynergyNet": (5.49, 7.95, 14.66),
            "SADRNet": (6.70, 5.31, 8.70),
            "DSFNet-ms": (5.23, 5.06, 6.62),
            "DSFNet-is": (4.78, 4.59, 5.83),
            "DSFNet": (4.80, 4.44, 5.40),
        },
    )
    for column, set_name in enumerate(("nod", "csod", "nsod"))
}
"""DSFNet's Table 4 by occlusion set; the lists of its sets are not published, so ours are other images."""


def published(protocol: str, data_set: str) -> Published | None:
    """The table of a protocol for a data set; None where nothing was printed.

    Rows of AFLW2000-3D are never put beside another set's numbers, except where the protocol is of that set.
    """
    if protocol == "dsfnet-occlusion":
        return OCCLUSION.get(data_set)
    home = {"synergynet-aflw": "aflw", "cprfa-table2-aflw": "aflw", "zhou-aflw-lfpa": "aflw-lfpa"}
    florence = protocol in ("synergynet-florence", "sadrnet-florence")
    expected = "florence" if florence else home.get(protocol, "aflw2000-3d")
    return PUBLISHED.get(protocol) if data_set == expected else None
