import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from lineament.data.build.preview_page import preview_page
from lineament.data.samples.sample import Provenance
from lineament.models.builtin import load_builtin
from samples import make_sample, provenance

NAMES = [
    "</script><script>alert(1)</script>.jpg",
    "<!--<script>.jpg",
    "__SAMPLES__.jpg",
    "a'b\"c&d\u2028.jpg",
    "caf\udce9.jpg",
    "<img src=x onerror=alert(1)>",
]


class Elements(HTMLParser):
    """Which elements a browser finds, and the text of the one that holds the samples."""

    def __init__(self):
        super().__init__()
        self.names, self.table, self.inside = [], "", False

    def handle_starttag(self, tag, attributes):
        self.names.append(tag)
        self.inside = ("id", "samples") in attributes

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        self.table += data if self.inside else ""


def read(page):
    elements = Elements()
    elements.feed(page)
    return elements


class About:
    source, licence, command = "<b>source</b>", "</script>", "<!--"


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_photo_may_be_called_anything(name):
    model = load_builtin()
    plain = make_sample(size=64, occluded=False)
    named = replace(plain, provenance=Provenance(name, name, name, provenance().kind, False))
    page = read(preview_page([named], model, About))
    assert json.loads(page.table)["samples"][0]["photo"] == f"{name}/{name}"
    assert page.names == read(preview_page([plain], model, About)).names
    assert "<" not in page.table
