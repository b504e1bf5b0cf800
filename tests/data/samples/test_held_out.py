import json
import re

from lineament.data.photographs.collections import read_collection
from lineament.data.samples import held_out
from lineament.data.samples.held_out import PEOPLE_PATH, is_held_out, key_of, person_of
from shared import ROOT, shared_path


def test_the_list_names_nobody():
    people = json.loads(PEOPLE_PATH.read_text())["people"]
    assert len(people) == len(set(people)) == 76
    assert all(re.fullmatch("[0-9a-f]{16}", person) for person in people)


def test_who_is_held_out_is_so_in_every_collection(monkeypatch):
    monkeypatch.setattr(held_out, "_held_out_people", lambda: frozenset({key_of("Ann_Other")}))
    for collection in ("ytf", "lfw_expressions"):
        assert is_held_out(collection, "Ann_Other")
        assert is_held_out(collection, f"{collection}/Ann_Other")
    assert not is_held_out("ytf", "Ann_Others")


def test_others_are_not_held_out():
    assert not is_held_out("ytf", "Nobody_At_All")
    assert not is_held_out("congress", "congress/000012")


def test_a_name_ends_before_its_last_underscore():
    assert person_of("ytf/training/Ann_Other_03.jpg") == "Ann_Other"


def test_the_package_has_no_list_of_names():
    named = re.compile(r"\b[A-Z][a-z]+_[A-Z][a-z]+_\d{4}\b")
    for path in (ROOT / "src" / "lineament").rglob("*.json"):
        assert not named.search(path.read_text(encoding="utf-8")), path


def test_a_few_people_of_the_real_collections_are_held_out():
    for name in ("ytf", "lfw_expressions"):
        collection = read_collection(shared_path("photos"), name)
        lost = sum(is_held_out(name, person) for person in collection.people)
        assert 40 <= lost < 0.05 * len(collection.photo_names)


def test_people_whose_points_are_for_evaluation_are_held_out_of_their_own_collection():
    for collection, photo in (
        ("cfp", "cfp/401_profile_01"),
        ("cfp", "450_frontal"),
        ("fgnet", "061a02"),
        ("london", "london/neutral_front_004_03"),
        ("london", "smiling_front_139_08"),
        ("london", "canada_114m"),
    ):
        assert is_held_out(collection, photo)
    assert not is_held_out("mine", "401_profile_01")


def test_the_other_people_of_those_collections_are_trained_on():
    for collection, photo in (
        ("cfp", "400_profile_01"),
        ("fgnet", "060a61a"),
        ("london", "neutral_front_003_03"),
        ("london", "canada_110m"),
    ):
        assert not is_held_out(collection, photo)
