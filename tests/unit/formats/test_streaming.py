"""Recordings are read in blocks of any size, and never need to be whole in memory."""

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples_of_formats import FILES, recording, values_of, write_sample

from opq.errors import InvalidInput
from opq.formats import (
    Channel,
    ChannelInfo,
    Recording,
    StoredRecording,
    WriteOptions,
    in_volts,
    open_recordings,
    read_recording,
    with_channels,
    write_recordings,
)
from opq.formats.missing import LONGEST_GAP, filled
from opq.formats.recording import SampleArray


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("block", [1, 2, 5, 11, 4000])
def test_blocks_of_any_size_give_the_same_samples(tmp_path: Path, kind: str, block: int) -> None:
    with open_recordings(write_sample(tmp_path, kind)) as file:
        (stored,) = file.recordings
        assert np.array_equal(values_of(stored, block), values_of(stored))
        assert values_of(stored).shape[1] == stored.samples == 12


@pytest.mark.parametrize("kind", [kind for kind in FILES if kind != "raw16"])
def test_channels_come_in_the_order_they_are_asked_for(tmp_path: Path, kind: str) -> None:
    with open_recordings(write_sample(tmp_path, kind)) as file:
        (stored,) = file.recordings
        both = values_of(stored)
        (swapped,) = stored.blocks([1, 0, 1], 100)
        assert np.array_equal(swapped, both[[1, 0, 1]])


def test_numbers_of_channels_and_blocks_that_make_no_sense_are_refused() -> None:
    stored = recording()
    with pytest.raises(InvalidInput, match="channel number: got 2, expected 0 to 1"):
        stored.blocks([2], 10)
    with pytest.raises(InvalidInput, match="samples_per_block: got 0"):
        stored.blocks([0], 0)
    assert list(stored.blocks([], 10)) == []


def test_a_channel_is_found_by_name_before_its_number_and_without_either_it_is_the_first_voltage() -> None:
    infos = (ChannelInfo("i", "A"), ChannelInfo("1", "count"), ChannelInfo("u", "V"))
    stored = StoredRecording("x", infos, 1.0, None, 0, lambda numbers: iter(()))
    assert stored.channel_index("1") == 1
    assert stored.channel_index("3") == 2
    assert stored.channel_index() == 2
    with pytest.raises(
        InvalidInput, match=r"channel 'w' is not in the recording; it has: 1 'i' \[A\], 2 '1' \[count\]"
    ):
        stored.channel_index("w")
    with pytest.raises(InvalidInput, match="a channel in volts is not in the recording"):
        StoredRecording("x", infos[:1], 1.0, None, 0, lambda numbers: iter(())).channel_index()


def test_large_libraries_are_imported_only_when_a_file_needs_them() -> None:
    code = "import sys, opq.formats; sys.exit(bool({'pyarrow', 'soundfile', 'comtrade'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_recording_that_is_not_there_is_named(tmp_path: Path) -> None:
    with open_recordings(write_sample(tmp_path, "csv")) as file, pytest.raises(InvalidInput, match="got recording 2"):
        file.recording(2)


def test_a_view_of_some_channels_is_in_volts() -> None:
    counts = Recording("x", 10.0, (Channel("a", "count", np.arange(3.0)), Channel("b", "A", np.arange(3.0) + 1)))
    seen = in_volts(with_channels(counts.stored(), [1, 0]), 0.5)
    assert [info.unit for info in seen.channels] == ["A", "V"]
    assert values_of(seen).tolist() == [[1, 2, 3], [0, 0.5, 1]]
    assert values_of(counts.stored()).tolist() == [[0, 1, 2], [1, 2, 3]]


def gappy(values: list[list[float]], sizes: list[int]) -> Iterator[SampleArray]:
    whole, at = np.array(values), 0
    for size in sizes:
        yield whole[:, at : at + size].copy()
        at += size
    if at < whole.shape[1]:
        yield whole[:, at:].copy()


def test_missing_values_are_on_a_line_between_their_neighbours_and_counted() -> None:
    notes: list[str] = []
    nan = np.nan
    out = list(filled(gappy([[nan, 1, nan, nan, 4, nan]], [2, 1]), ["u"], notes))
    assert np.concatenate(out, axis=1).tolist() == [[1, 1, 2, 3, 4, 4]]
    assert notes == ["channel 'u': 4 missing values, the first at sample 1; interpolated"]


@given(st.lists(st.one_of(st.just(np.nan), st.floats(-1e6, 1e6)), min_size=1, max_size=40), st.data())
def test_filling_does_not_depend_on_how_the_samples_are_cut(values: list[float], data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 7), max_size=10))
    rows = [values, values[::-1]]
    cut = np.concatenate(list(filled(gappy(rows, sizes), ["a", "b"], [])), axis=1)
    whole = np.concatenate(list(filled(gappy(rows, []), ["a", "b"], [])), axis=1)
    assert np.allclose(cut, whole, rtol=1e-9, atol=1e-6)
    assert np.isfinite(cut).all()


def test_a_channel_without_values_does_not_hold_the_others_back() -> None:
    def chunks() -> Iterator[SampleArray]:
        for _ in range(20):
            yield np.stack([np.full(LONGEST_GAP // 4, np.nan), np.ones(LONGEST_GAP // 4)])

    sizes = [chunk.shape[1] for chunk in filled(chunks(), ["a", "b"], [])]
    assert max(sizes) <= 2 * LONGEST_GAP
    assert sum(sizes) == 20 * (LONGEST_GAP // 4)


def long_recording(samples: int) -> StoredRecording:
    """Return a recording that makes its samples when they are asked for."""

    def chunks(wanted: tuple[int, ...]) -> Iterator[SampleArray]:
        for at in range(0, samples, 50_000):
            piece = np.rint(1000 * np.sin(np.arange(at, min(at + 50_000, samples)) / 40))
            yield np.stack([piece + number for number in wanted])

    infos = tuple(ChannelInfo(f"u{number}", "V", step=1.0) for number in range(2))
    return StoredRecording("long", infos, 12_000.0, None, samples, chunks)


@pytest.mark.parametrize(
    ("name", "variant"), [("a.cfg", "binary"), ("a.cff", "float32"), ("a.wav", ""), ("a.parquet", ""), ("a.flac", "")]
)
def test_long_recordings_are_written_and_read_in_little_memory(tmp_path: Path, name: str, variant: str) -> None:
    samples = 3_000_000
    tracemalloc.start()
    try:
        write_recordings(tmp_path / name, [long_recording(samples)], options=WriteOptions(variant))
        with open_recordings(tmp_path / name) as file:
            (stored,) = file.recordings
            assert sum(block.shape[1] for block in stored.blocks([0, 1], 65_536)) == samples
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # All samples as float64 are 48 MB.
    assert peak < 40e6


def test_what_is_loaded_whole_is_what_the_blocks_give(tmp_path: Path) -> None:
    path = write_sample(tmp_path, "comtrade-binary")
    loaded = read_recording(path)
    with open_recordings(path) as file:
        assert np.array_equal(np.stack([channel.samples for channel in loaded.channels]), values_of(file.recordings[0]))
    assert [(one.name, one.unit, one.phase) for one in loaded.channels] == [("U1", "V", "A"), ("U2", "V", "B")]
