"""Chapters' recorded experiments: what is run again, what is read, what counts as recorded."""

import json

import numpy as np
import pytest
from helpers import refused

from lib.laboratory import record
from lib.laboratory.record import sampled

done = []


def experiment(name, size):
    done.append((name, size))
    return {"sum": np.float32(size) / 3, "rows": np.arange(size), "name": name}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder in which three runs are recorded."""
    done.clear()
    monkeypatch.setenv(record.RECORD, "1")
    sampled(experiment, [("a", 1), ("b", 2), ("c", 3)], folder=tmp_path)
    monkeypatch.delenv(record.RECORD)
    assert done == [("a", 1), ("b", 2), ("c", 3)]
    done.clear()
    return tmp_path


@pytest.mark.parametrize("again", [0, 1, 2, 3])
def test_the_first_are_run_again_and_the_others_are_read(again, folder):
    found = sampled(experiment, [("c", 3), ("a", 1), ("b", 2)], again, folder)
    assert done == [("c", 3), ("a", 1), ("b", 2)][:again]
    assert found == [{"sum": 1.0, "rows": [0, 1, 2], "name": "c"},
                     {"sum": 0.333333, "rows": [0], "name": "a"},
                     {"sum": 0.666667, "rows": [0, 1], "name": "b"}]


@pytest.mark.parametrize("number", [1, 4, 10])
def test_one_more_can_be_drawn(number, folder, monkeypatch):
    monkeypatch.setenv(record.DRAW, str(number))
    sampled(experiment, [("a", 1), ("b", 2), ("c", 3)], 1, folder)
    assert done == [("a", 1), ("b", 2)]


def test_what_is_not_recorded_is_run(folder):
    assert sampled(experiment, [("a", 1), ("d", 4)], 0, folder)[1]["name"] == "d"
    assert done == [("d", 4)]


def test_another_function_of_that_name_gives_its_own_results(folder):
    def experiment(name, size):
        return size + 1
    assert sampled(experiment, [("a", 1), ("b", 2)], 0, folder) == [2, 3]


def test_reading_writes_nothing_and_recording_keeps_what_else_is_known(folder, monkeypatch):
    path = folder / "experiment.json"
    before = path.read_bytes()
    sampled(experiment, [("d", 4)], folder=folder)
    assert path.read_bytes() == before
    monkeypatch.setenv(record.RECORD, "1")
    sampled(experiment, [("d", 4)], 0, folder)
    assert len(json.loads(path.read_text())["runs"]) == 4


def test_a_run_that_stands_twice_is_refused(folder):
    with refused("twice", "b"):
        sampled(experiment, [("b", 2), ("b", 2)], folder=folder)


def test_a_record_is_read_by_its_name(folder):
    found = record.recorded("experiment", [("b", 2)], folder)
    assert found == [{"sum": 0.666667, "rows": [0, 1], "name": "b"}] and not done
    with refused("were not recorded: [('z', 9)]"):
        record.recorded("experiment", [("b", 2), ("z", 9)], folder)
    with pytest.raises(FileNotFoundError):
        record.recorded("another", [("b", 2)], folder)
