import numpy as np
import pytest

from lineament.evaluate.protocols.presets import PROTOCOLS
from lineament.evaluate.protocols.protocol import Average, Crops, Normaliser, Quantity
from lineament.evaluate.protocols.published import BINS, MEAN, OCCLUSION, PUBLISHED, published
from lineament.evaluate.scores.surfaces import MEASURES

MISPRINTS = {
    ("synergynet-reannotated", "SynergyNet (supplement)"),
    ("zhou-table1", "3DDFA + SDM"),
    ("synergynet-pose", "TriNet"),
    ("synergynet-pose", "QuatNet"),
    ("synergynet-pose", "SSRNet-MD"),
    ("dsfnet-table1", "SPDT"),
    ("sadrnet-table1", "SPDT"),
    ("zhou-table1", "SDM"),
    ("dsfnet-pose", "TriNet"),
    ("sadrnet-reconstruction", "PRNet"),  # its mean is over images
}


@pytest.mark.parametrize(
    "name",
    ["dsfnet-table1", "sadrnet-table1", "synergynet-table4", "zhou-table1", "cprfa-table2", "sadrnet-pose"],
)
def test_the_tables_of_the_papers_are_there(name):
    assert PROTOCOLS[name].title
    assert published(name, "aflw2000-3d").rows


def test_every_published_table_belongs_to_a_protocol_and_is_complete():
    for name, table in (PUBLISHED | {"dsfnet-occlusion": OCCLUSION["nod"]}).items():
        assert name in PROTOCOLS
        assert all(len(row) == len(table.columns) for row in table.rows.values())


@pytest.mark.parametrize("name", PUBLISHED)
def test_printed_means_follow_from_their_parts_but_for_known_misprints(name):
    for method, row in PUBLISHED[name].rows.items():
        if len(row) == 4 and None not in row and (name, method) not in MISPRINTS:
            assert row[3] == pytest.approx(np.mean(row[:3]), abs=0.021), (name, method)


def test_the_eight_choices_of_every_protocol_are_said_in_words():
    for protocol in PROTOCOLS.values():
        choices = dict(protocol.choices())
        assert len(choices) == 8
        assert all(choices.values())


def test_two_protocols_of_one_table_differ_in_words_where_they_differ_in_numbers():
    bins, images = (dict(PROTOCOLS[n].choices()) for n in ("sadrnet-table1", "sadrnet-table1-mean"))
    assert bins["average"] != images["average"]


def test_a_run_with_another_crop_than_the_paper_says_so():
    crop = dict(PROTOCOLS["dsfnet-table1"].choices(Crops.DETECTOR))["crop"]
    assert crop.startswith(Crops.DETECTOR.value)
    assert Crops.TRUTH.value in crop


def test_rows_of_one_set_are_not_put_beside_another():
    assert published("dsfnet-table1", "nsod") is None
    assert published("synergynet-florence", "rendered-scans") is None
    assert published("synergynet-florence", "florence").rows["SynergyNet"] == (1.87,)
    assert published("dsfnet-occlusion", "csod").rows["DSFNet"] == (4.44,)


def test_dsfnets_branches_stand_beside_it_with_their_printed_order():
    for name in ("dsfnet-table2", "dsfnet-reconstruction"):
        rows = published(name, "aflw2000-3d").rows
        assert {"DSFNet-ms", "DSFNet-is", "DSFNet without f_ms", "DSFNet"} <= set(rows)
        assert rows["DSFNet"] < rows["DSFNet without f_ms"] < rows["DSFNet-ms"]
    for name in ("csod", "nsod"):
        rows = published("dsfnet-occlusion", name).rows
        assert rows["DSFNet"] < rows["DSFNet-is"] < rows["DSFNet-ms"] < rows["SADRNet"]
    assert "Table 4" in PROTOCOLS["dsfnet-occlusion"].title
    assert published("dsfnet-occlusion", "masks") is None


def test_published_columns_are_columns_of_ours():
    for name, table in PUBLISHED.items():
        protocol = PROTOCOLS[name]
        if protocol.quantity is Quantity.POSE:
            assert set(table.columns) <= {"yaw", "pitch", "roll", "mean"}
        else:
            assert set(table.columns) <= {*BINS, *(["spread"] if protocol.spread else [])}
        if protocol.average is Average.BINS:
            # Of failures the paper prints one figure for all yaws.
            printed = MEAN if protocol.measure.endswith("-failed") else BINS
            assert table.columns in (printed, (*printed, "spread"))


def test_units_follow_from_the_normaliser_and_measures_exist():
    for protocol in PROTOCOLS.values():
        assert protocol.unit in ("%", "deg", "mm")
        if protocol.quantity is Quantity.SURFACE:
            assert MEASURES[protocol.measure].unit == protocol.unit
        assert (protocol.normaliser is Normaliser.DEGREES) == (protocol.quantity is Quantity.POSE)
