from lineament.data.photographs.collections import read_collection
from lineament.data.samples.held_out import is_held_out, judged_photos, person_of
from shared import shared_path


def test_each_photograph_was_judged_once():
    eyes = judged_photos().eyes
    names = [name for label in eyes.values() for name in label]
    assert len(names) == len(set(names))
    assert min(len(label) for label in eyes.values()) >= 20


def test_everybody_who_was_judged_is_held_out_in_every_collection():
    judged = judged_photos()
    for photo in (*judged.eyes["closed"], *judged.wide_mouths):
        for collection in ("ytf", "lfw_expressions"):
            assert is_held_out(collection, person_of(photo))
            assert is_held_out(collection, f"{collection}/{person_of(photo)}")


def test_others_are_not_held_out():
    assert not is_held_out("ytf", "Nobody_At_All")
    assert not is_held_out("congress", "congress/000012")


def test_a_name_ends_before_its_last_underscore():
    assert person_of("ytf/training/Amy_Brenneman_03.jpg") == "Amy_Brenneman"


def test_the_judged_photographs_are_there_and_little_is_lost():
    for name, least in (("ytf", 80), ("lfw_expressions", 40)):
        collection = read_collection(shared_path("photos"), name)
        judged = judged_photos()
        listed = {p for label in (*judged.eyes.values(), judged.wide_mouths) for p in label}
        own = {p.removeprefix(f"{name}/") for p in listed if p.startswith(f"{name}/")}
        assert own <= set(collection.photo_names)
        assert len(own) >= least
        lost = sum(is_held_out(name, person) for person in collection.people)
        assert lost < 0.05 * len(collection.photo_names)
