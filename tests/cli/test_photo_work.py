"""Photographs from files to results: which are aligned together, what stays in memory, what is left."""

import weakref

import pytest
from PIL import Image

from lineament.batch import AlignerOptions
from lineament.cli.photo_work import PhotoTask, PhotoWork
from lineament.cli.photos import find_photos
from lineament.cli.results import ResultWriter
from lineament.errors import ConfigError
from lineament.result import AlignedPhoto


class Watcher:
    """An aligner that finds nobody and remembers the photos' sizes, and how many are in memory."""

    def __init__(self):
        self.together, self.most, self._seen = [], 0, []

    def _note(self, photos):
        self.together.append([photo.width for photo in photos])
        self._seen += [weakref.ref(photo) for photo in photos]
        self.most = max(self.most, sum(seen() is not None for seen in self._seen))

    def __call__(self, photo, boxes=None):
        self._note([photo])
        return []

    def align_together(self, photos):
        self._note(photos)
        return [AlignedPhoto(photo, []) for photo in photos]


@pytest.fixture
def watcher(monkeypatch):
    watcher = Watcher()
    monkeypatch.setattr("lineament.aligner.FaceAligner.from_pretrained", lambda *_, **__: watcher)
    return watcher


def tasks_of(folder, *widths):
    folder.mkdir()
    for number, width in enumerate(widths):
        Image.new("RGB", (width, 10)).save(folder / f"{number}.png")
    return [PhotoTask(photo) for photo in find_photos([str(folder)])]


def work_on(tasks, out, *, formats=("json",), layers=()):
    work = PhotoWork(AlignerOptions(), ResultWriter(formats, layers), out, with_rows=False)
    with work() as worker:
        return list(worker(tasks))


def test_small_photos_are_aligned_together_and_large_ones_with_few(watcher, tmp_path, monkeypatch):
    monkeypatch.setattr("lineament.cli.photo_work.PIXELS_TOGETHER", 1000)
    tasks = tasks_of(tmp_path / "album", 40, 41, 42, 300, 301, 43)
    assert len(work_on(tasks, tmp_path / "out")) == 6
    assert watcher.together == [[40, 41, 42], [300], [301], [43]]


def test_pictures_do_not_stay_in_memory(watcher, tmp_path, monkeypatch):
    monkeypatch.setattr("lineament.cli.photo_work.PIXELS_TOGETHER", 1000)
    work_on(tasks_of(tmp_path / "album", *[200] * 6), tmp_path / "out")
    assert watcher.most == 1


def test_a_photo_that_fails_leaves_the_others_of_its_group(watcher, tmp_path):
    tasks = tasks_of(tmp_path / "album", 40, 41, 42)
    tasks[0].photo.path.write_text("I am no photo")
    tasks.insert(2, PhotoTask(tasks[1].photo, problem="nobody wants it"))
    outcomes = work_on(tasks, tmp_path / "out")
    assert [outcome.error is None for outcome in outcomes] == [False, True, False, True]
    assert "0.png" in outcomes[0].error
    assert outcomes[2].error == "nobody wants it"
    assert watcher.together == [[41, 42]]


def test_one_temporary_folder_serves_all_photos_of_a_folder_and_none_is_left(watcher, tmp_path, monkeypatch):
    made = []
    mkdir = type(tmp_path).mkdir

    def noted(path, *arguments, **options):
        if path.name.startswith(".align-"):
            made.append(path.parent.name)
        return mkdir(path, *arguments, **options)

    tasks = tasks_of(tmp_path / "album", 40, 41)
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(type(tmp_path), "mkdir", noted)
    work_on(tasks, tmp_path / "out", formats=("json",), layers=("box",))
    assert made == ["out"]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"{n}{ending}" for n in (0, 1) for ending in (".json", "_overlay.png")}


def test_after_a_failed_photo_the_next_gets_whole_results(watcher, tmp_path, monkeypatch):
    refused = []

    def refuse(self, photo, faces, target, *, source):
        if not refused:
            refused.append(target)
            (target.parent / f"{target.name}.json").write_text("half")
            raise ConfigError("not this one")
        return write(self, photo, faces, target, source=source)

    write = ResultWriter._write
    monkeypatch.setattr(ResultWriter, "_write", refuse)
    outcomes = work_on(tasks_of(tmp_path / "album", 40, 41), tmp_path / "out")
    assert [outcome.error for outcome in outcomes] == ["not this one", None]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["1.json"]
