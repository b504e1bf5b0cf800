import numpy as np
import pytest
from PIL import Image

from lineament.data.fitting.fitter import Fits
from lineament.data.fitting.quality import Reason, judge
from lineament.data.fitting.report import TILE, ReportInput, sheet_choices, write_fit_report


@pytest.fixture
def report(lfm):
    """Nine frontal faces in grey pictures, their residuals from good to bad."""
    count = 9
    fits = Fits(
        rotation=np.tile(np.eye(3), (count, 1, 1)),
        scale=np.full(count, 0.4),
        translation=np.tile([60.0, 50.0, 0.0], (count, 1)),
        identity=np.zeros((count, 5)),
        expression=np.zeros((count, 53)),
        residual=np.linspace(0.005, 0.04, count),
    )
    names = [f"<{number}>.jpg" for number in range(count)]
    grey = np.full((100, 120, 3), 90, np.uint8)
    return ReportInput("Fits of <album>", names, fits, judge(fits), lfm, lambda _: grey)


def test_sheets_run_from_the_best_to_the_worst_that_is_kept(report):
    choices = sheet_choices(report.quality, 3)
    kept = np.flatnonzero(report.quality.is_kept)
    assert choices["best"][1].tolist() == kept[:3].tolist()
    assert choices["worst"][1].tolist() == kept[::-1][:3].tolist()
    assert not set(choices["rejected"][1]) & set(kept)


def test_the_page_names_every_reason_and_shows_only_files_that_are_there(report, tmp_path):
    page = write_fit_report(tmp_path / "report", report, tiles=1)
    text = page.read_text(encoding="utf-8")
    assert "Fits of &lt;album&gt;" in text
    assert str(Reason.RESIDUAL) in text
    shown = [part.split('"')[0] for part in text.split('src="')[1:]]
    assert set(shown) == {path.name for path in page.parent.glob("*.png")}


def test_each_face_stands_beside_its_mesh(report, tmp_path):
    write_fit_report(tmp_path, report, tiles=1)
    pair = np.asarray(Image.open(tmp_path / "best.png"))[:TILE, : 2 * TILE].astype(int)
    middle = slice(TILE // 2 - 10, TILE // 2 + 10)
    np.testing.assert_array_equal(pair[middle, TILE // 2], np.full((20, 3), 90))
    assert np.abs(pair[middle, TILE + TILE // 2] - 90).max() > 60


def test_a_collection_without_a_single_good_fit_still_gets_its_page(report, tmp_path):
    bad = judge(
        Fits(**{n: getattr(report.fits, n) for n in Fits.__dataclass_fields__} | {"scale": np.zeros(9)})
    )
    choices = sheet_choices(bad, 4)
    assert len(choices["best"][1]) == 0
    assert len(choices["rejected"][1]) == 4
