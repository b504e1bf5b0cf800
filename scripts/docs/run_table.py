"""A training run as a small table.

    python -m scripts.docs.run_table RUN/log.jsonl --out docs/runs/NAME.csv

A log has a line of JSON every few steps, 50 kB a run. The table has `ROWS` rows: the mean of each term of the
loss over the steps of the row, the median of the rates, and the figures of the last validation in it.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
from collections.abc import Sequence
from pathlib import Path

ROWS = 20
RATES = ("samples_a_second", "waiting_share")
LAST = ("step", "skipped")
"""Counters: a row has their last value, as it has validation's; of rates the median, of losses the mean."""
LEFT_OUT = ("minutes_left", "share")
VALIDATION = "validation"

Record = dict[str, float]


def read_log(path: Path) -> list[Record]:
    """The numbers of each line; tables within a line get names of their own, other things are left out."""
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        record: Record = {}
        for name, value in json.loads(line).items():
            inner = value if isinstance(value, dict) else {"": value}
            record |= {
                f"{name}_{key}".rstrip("_"): x for key, x in inner.items() if isinstance(x, int | float)
            }
        records.append({name: value for name, value in record.items() if name not in LEFT_OUT})
    return [record for record in records if "step" in record]


def table(records: Sequence[Record], *, rows: int = ROWS) -> list[Record]:
    """The log in at most so many rows, in the order of the log; columns in the order in which they appear.

    A validation belongs to the row of the step before it.
    """
    steps = sum(not _is_validation(record) for record in records)
    chunks: list[list[Record]] = []
    count = 0
    for record in records:
        if not _is_validation(record):
            if count * rows // steps >= len(chunks):
                chunks.append([])
            count += 1
        if chunks:
            chunks[-1].append(record)
    columns = list(dict.fromkeys(name for record in records for name in record))
    columns.sort(key=lambda name: name.startswith(VALIDATION))
    return [{name: _summary(name, chunk) for name in columns if _values(name, chunk)} for chunk in chunks]


def write_table(rows: Sequence[Record], path: Path) -> None:
    """A CSV with a column for everything that any row has."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    columns.sort(key=lambda name: name.startswith(VALIDATION))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(
            [f"{row[name]:.4g}" if name in row and name != "step" else row.get(name, "") for name in columns]
            for row in rows
        )


def _is_validation(record: Record) -> bool:
    return any(name.startswith(VALIDATION) for name in record)


def _values(name: str, chunk: Sequence[Record]) -> list[float]:
    return [record[name] for record in chunk if name in record]


def _summary(name: str, chunk: Sequence[Record]) -> float:
    values = _values(name, chunk)
    if name in LAST or name.startswith(VALIDATION):
        return values[-1]
    return statistics.median(values) if name in RATES else statistics.fmean(values)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("log", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    records = read_log(options.log)
    write_table(table(records), options.out)
    rates = [record[RATES[0]] for record in records if RATES[0] in record]
    pace = f", {statistics.median(rates):.0f} samples a second (median)" if rates else ""
    print(f"{options.log}: {records[-1]['step']:,} steps{pace} -> {options.out}")


if __name__ == "__main__":
    main()
