"""Packages with weights, as installing them would leave them: a folder and its dist-info on the path."""

import json

from lineament.bundle import Bundle, Manifest
from tools.update_weights_catalogue import index_row

MANIFEST = Manifest(
    name="toy", method="morphable-regressor", data="discs", licence="Apache-2.0", research=False
)


def toy_package(
    folder,
    monkeypatch,
    *,
    names,
    aliases=None,
    package="toy_weights",
    version="1.2",
    value=None,
    bundles=None,
):
    """Install a package of weights in a folder, which joins the path; returns the package's folder.

    `bundles` (name -> function that writes a path) makes the files, which hold nothing when left out.
    """
    home = folder / package
    home.mkdir()
    (home / "__init__.py").touch()
    rows = {}
    for name in names:
        path = home / f"{name}.lineament"
        write = (bundles or {}).get(name, lambda path: Bundle.write(path, MANIFEST, graphs={}))
        write(path)
        rows[name] = index_row(path, Bundle.open(path).manifest)
    index = {"format": 1, "weights": rows, "aliases": aliases or {}}
    (home / "index.json").write_text(json.dumps(index))
    about = folder / f"{package}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: {version}\n"
    )
    (about / "entry_points.txt").write_text(f"[lineament.weights]\ntoy = {value or package}\n")
    monkeypatch.syspath_prepend(folder)
    return home
