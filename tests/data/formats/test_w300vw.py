import pytest

from lineament.data.formats.w300vw import iterate_w300vw
from lineament.errors import DataError


@pytest.fixture
def root(tmp_path, write_photo):
    """Two videos of two labelled frames; only the first frame of the first was written out."""
    text = "version: 1\nn_points: 68\n{\n" + "2 3\n" * 68 + "}\n"
    for video in ("001", "002"):
        labels = tmp_path / video / "annot"
        labels.mkdir(parents=True)
        for frame in (1, 2):
            (labels / f"{frame:06d}.pts").write_text(text)
    write_photo(tmp_path / "001" / "frames" / "000001.jpg")
    return tmp_path


def test_frames_come_video_by_video_and_know_theirs(root):
    items = list(iterate_w300vw(root))
    assert [item.name for item in items] == ["001/000001", "001/000002", "002/000001", "002/000002"]
    assert [item.subject for item in items] == ["001", "001", "002", "002"]
    assert items[0].landmarks.tolist()[0] == [1.5, 2.5]
    assert items[0].scheme == "68-outline"
    assert len(list(iterate_w300vw(root / "002"))) == 2


def test_a_frame_that_was_not_written_says_how_to(root):
    first, second, *_ = iterate_w300vw(root)
    assert first.photo.read().shape == (40, 60, 3)
    with pytest.raises(DataError, match=r"Frame 2 .*ffmpeg -i .*vid\.avi"):
        second.photo.read()


def test_bad_labels_are_noted_and_the_rest_is_read(root):
    (root / "001" / "annot" / "000001.pts").write_text("")
    (root / "001" / "annot" / "first.pts").write_text((root / "002" / "annot" / "000001.pts").read_text())
    errors = []
    assert len(list(iterate_w300vw(root, errors=errors))) == 3
    assert "000001.pts" in str(errors[0])
    assert "first.pts" in str(errors[1])


def test_a_folder_without_videos_says_what_is_expected(tmp_path):
    with pytest.raises(DataError, match="annot"):
        next(iterate_w300vw(tmp_path))
