"""PQDIF: what monitors export is read, and what is written has the structure of the standard, byte by byte."""

import csv
import io
import struct
import zlib
from pathlib import Path
from uuid import UUID

import numpy as np
import pqdif_checker
import pytest
from samples_of_formats import RATE_HZ, START_NS, recording, values_of

from opq.clock import parse_iso
from opq.errors import CorruptData, InvalidInput, LimitExceeded
from opq.formats import ChannelInfo, StoredRecording, open_recordings, write_recordings
from opq.formats.pqdif import (
    TREND_COLUMNS,
    Collection,
    build,
    observations,
    read_records,
    tags,
    trend_rows,
    write_trends_csv,
)
from opq.formats.pqdif.element import Kind, Value, parse_body, unix_ns
from opq.formats.pqdif.ids import CHARACTERISTICS, QUANTITY_TYPES, VALUE_TYPES
from opq.formats.pqdif.series import MOST_VALUES, Series


def identifier(table: dict[UUID, str], name: str) -> UUID:
    return next(key for key, value in table.items() if value == name)


def write_trees(path: Path, *trees: Collection) -> Path:
    """Write records as they are."""
    data = b""
    for number, tree in enumerate(trees, 1):
        data += build.record_bytes(tree, len(data), last=number == len(trees))
    path.write_bytes(data)
    return path


def container(style: int = 2) -> Collection:
    return build.collection(
        tags.CONTAINER,
        build.uint4(tags.COMPRESSION_STYLE_ID, style),
        build.uint4(tags.COMPRESSION_ALGORITHM_ID, 1 if style else 0),
    )


def source(kind: str, *series: tuple[str, int, int]) -> Collection:
    """Return a data source with one channel: value type, unit and storage method of each series."""
    definitions = [
        [
            build.guid(tags.VALUE_TYPE_ID, identifier(VALUE_TYPES, value_type)),
            build.uint4(tags.QUANTITY_UNITS_ID, unit),
            build.guid(tags.QUANTITY_CHARACTERISTIC_ID, identifier(CHARACTERISTICS, "rms")),
            build.uint4(tags.STORAGE_METHOD_ID, method),
        ]
        for value_type, unit, method in series
    ]
    channel: list[Collection | Value] = [
        build.text(tags.CHANNEL_NAME, "UA"),
        build.uint4(tags.PHASE_ID, 1),
        build.uint4(tags.QUANTITY_MEASURED_ID, 1),
        build.guid(tags.QUANTITY_TYPE_ID, identifier(QUANTITY_TYPES, kind)),
        build.numbered(tags.SERIES_DEFNS, tags.ONE_SERIES_DEFN, definitions),
    ]
    return build.collection(tags.REC_DATA_SOURCE, build.numbered(tags.CHANNEL_DEFNS, tags.ONE_CHANNEL_DEFN, [channel]))


def observation(*series: list[Collection | Value]) -> Collection:
    instance: list[Collection | Value] = [
        build.uint4(tags.CHANNEL_DEFN_IDX, 0),
        build.numbered(tags.SERIES_INSTANCES, tags.ONE_SERIES_INSTANCE, series),
    ]
    return build.collection(
        tags.REC_OBSERVATION,
        build.text(tags.OBSERVATION_NAME, "Event"),
        build.timestamp(tags.TIME_START, START_NS),
        build.numbered(tags.CHANNEL_INSTANCES, tags.ONE_CHANNEL_INST, [instance]),
    )


def numbers(kind: Kind, *values: float) -> list[Collection | Value]:
    return [build.vector(tags.SERIES_VALUES, kind, np.array(values))]


WAVES = source("waveform", ("time", 2, 1), ("val", 6, 1))


@pytest.mark.shared_data
def test_an_export_of_1999_has_its_47_observations(shared: Path) -> None:
    file = read_records(shared / "pqdif" / "example.pqd")
    found = list(observations(file))
    assert file.compressed
    assert len(file.headers) == 50
    assert [one.name for one in found].count("Steady-state trend") == 27
    assert [one.name for one in found].count("RMS Variation") == 5
    assert sum(one.is_waveform for one in found) == 20
    assert len(found) == 47
    trend = found[0]
    assert trend.start_unix_ns == parse_iso("1999-06-01T01:06:20Z")
    assert [(one.name, one.phase, one.quantity) for one in trend.channels[2:4]] == [
        ("SS RMS VCA", "CA", "voltage"),
        ("SS RMS IA", "A", "current"),
    ]
    assert [one.value_type for one in trend.channels[0].series] == ["time", "min", "max", "avg"]
    least, most, mean = (trend.channels[0].of(name) for name in ("min", "max", "avg"))
    assert least is not None
    assert most is not None
    assert mean is not None
    assert (least.values() <= mean.values()).all()
    assert (mean.values() <= most.values()).all()
    assert file.notes == []


@pytest.mark.shared_data
def test_waveforms_of_an_export_are_recordings_with_one_rate_each(shared: Path) -> None:
    with open_recordings(shared / "pqdif" / "example.pqd") as file:
        first, second = file.recordings[:2]
        assert len(file.recordings) == 40
        volts = values_of(first)
    assert first.source.endswith("example.pqd #2 Obs 15360 Hz")
    assert (first.sample_rate_hz, first.samples, [one.unit for one in first.channels]) == (15_360, 1536, ["V"] * 3)
    assert (second.sample_rate_hz, second.samples, [one.unit for one in second.channels]) == (7680, 768, ["A"] * 3)
    assert [one.phase for one in first.channels] == ["AB", "BC", "CA"]
    # Line-to-line voltages of a 34.5-kV feeder: six cycles of 256 samples, and they add up to nothing.
    assert np.sqrt(np.mean(volts**2, axis=1)) == pytest.approx(34_500, rel=0.05)
    assert np.median(np.abs(volts.sum(axis=0))) < 0.02 * np.abs(volts).max()


@pytest.mark.shared_data
def test_an_export_passes_the_independent_look_except_for_its_own_order(shared: Path) -> None:
    data = (shared / "pqdif" / "example.pqd").read_bytes()
    file = read_records(shared / "pqdif" / "example.pqd")
    assert all(zlib.adler32(data[one.body_offset :][: one.body_size]) == one.checksum for one in file.headers)


@pytest.mark.shared_data
def test_trends_and_rms_variations_become_rows(shared: Path) -> None:
    out = io.StringIO()
    count = write_trends_csv(read_records(shared / "pqdif" / "example.pqd"), out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert len(rows) == count == 48_978
    assert tuple(rows[0]) == TREND_COLUMNS
    assert {row["quantity_type"] for row in rows} == {"valuelog", "phasor"}
    assert {row["value_type"] for row in rows} >= {"min", "max", "avg"}
    assert rows[1]["time_utc"] == "1999-06-01T01:21:20.000000Z"
    assert 34_000 < float(rows[0]["value"]) < 35_000


def test_what_is_written_is_read_again_and_has_the_published_structure(tmp_path: Path) -> None:
    three = [recording(500, 3, seed=1), recording(70, 2, seed=2), recording(1, 1, seed=3)]
    three[2] = StoredRecording(
        "x", (ChannelInfo("w", "furlong", "odd"),), 50.5, None, 3, lambda wanted: iter([np.array([[0.1, 2.0, 1e-9]])])
    )  # fmt: skip
    written = write_recordings(tmp_path / "a.pqd", three)
    records = pqdif_checker.check((tmp_path / "a.pqd").read_bytes())
    assert [record.tag for record in records] == [
        pqdif_checker.CONTAINER, pqdif_checker.DATA_SOURCE, pqdif_checker.SETTINGS, *[pqdif_checker.OBSERVATION] * 3
    ]  # fmt: skip
    with open_recordings(tmp_path / "a.pqd") as file:
        assert len(file.recordings) == 3
        for stored, again in zip(three, file.recordings, strict=True):
            assert np.array_equal(values_of(again), values_of(stored))
        again = file.recordings[0]
    assert (again.sample_rate_hz, again.start_unix_ns, again.details.f_nominal_hz) == (RATE_HZ, START_NS, 50)
    assert (again.details.station, again.details.device) == ("station", "device")
    assert [(one.name, one.unit, one.phase, one.step) for one in again.channels] == [
        ("U1", "V", "A", 0.5), ("U2", "V", "B", 0.5), ("U3", "V", "C", 0.5)
    ]  # fmt: skip
    assert written.notes == [
        "recording 3 has no time; written as 1970",
        "channel 'w': PQDIF has no unit 'furlong', written without one",
    ]
    assert file.recordings[2].start_unix_ns is None


def test_the_required_elements_of_each_record_are_there(tmp_path: Path) -> None:
    write_recordings(tmp_path / "a.pqd", [recording()])
    required = {
        pqdif_checker.CONTAINER: ["tagVersionInfo", "tagFileName", "tagCreation"],
        pqdif_checker.DATA_SOURCE: [
            "tagDataSourceTypeID", "tagNameDS", "tagEffective", "tagPhaseID", "tagQuantityTypeID", "tagQuantityMeasuredID",
            "tagValueTypeID", "tagQuantityUnitsID", "tagQuantityCharacteristicID", "tagStorageMethodID",
        ],
        pqdif_checker.SETTINGS: ["tagEffective", "tagTimeInstalled", "tagUseCalibration", "tagUseTransducer"],
        pqdif_checker.OBSERVATION: ["tagObservationName", "tagTimeCreate", "tagTimeStart", "tagTriggerMethodID"],
    }  # fmt: skip
    for record in pqdif_checker.check((tmp_path / "a.pqd").read_bytes()):
        there = {tags.NAMES[tag] for tag in record.elements}
        assert set(required[record.tag]) <= there


def test_files_without_compression_are_read(tmp_path: Path) -> None:
    write_recordings(tmp_path / "a.pqd", [recording()])
    (tmp_path / "b.pqd").write_bytes(pqdif_checker.plain((tmp_path / "a.pqd").read_bytes()))
    with open_recordings(tmp_path / "b.pqd") as file:
        assert np.array_equal(values_of(file.recordings[0]), values_of(recording()))


def test_a_damaged_record_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    write_recordings(tmp_path / "a.pqd", [recording(seed=1), recording(seed=2), recording(seed=3)])
    data = bytearray((tmp_path / "a.pqd").read_bytes())
    middle = read_records(tmp_path / "a.pqd").headers[4]
    data[middle.body_offset + 20] ^= 0xFF
    (tmp_path / "a.pqd").write_bytes(data)
    with open_recordings(tmp_path / "a.pqd") as file:
        assert len(file.recordings) == 2
        assert np.array_equal(values_of(file.recordings[1]), values_of(recording(seed=3)))
    assert f"record at byte {middle.offset}: its checksum is wrong; read all the same" in file.notes
    assert any(note.startswith(f"record at byte {middle.offset} (tagRecObservation)") for note in file.notes)


def test_a_file_that_is_cut_off_gives_the_records_before(tmp_path: Path) -> None:
    write_recordings(tmp_path / "a.pqd", [recording(seed=1), recording(seed=2)])
    data = (tmp_path / "a.pqd").read_bytes()
    last = read_records(tmp_path / "a.pqd").headers[-1]
    (tmp_path / "a.pqd").write_bytes(data[:-7])
    with open_recordings(tmp_path / "a.pqd") as file:
        assert len(file.recordings) == 1
    assert any(f"byte {last.offset}: the record ends at byte {len(data)}" in note for note in file.notes)


def test_a_chain_of_records_that_goes_round_ends(tmp_path: Path) -> None:
    write_recordings(tmp_path / "a.pqd", [recording()])
    data = bytearray((tmp_path / "a.pqd").read_bytes())
    last = read_records(tmp_path / "a.pqd").headers[-1]
    struct.pack_into("<I", data, last.offset + 40, 0)
    struct.pack_into("<I", data, read_records(tmp_path / "a.pqd").headers[-2].offset + 40, 64)
    (tmp_path / "a.pqd").write_bytes(data)
    with pytest.raises(InvalidInput, match="holds no waveforms"):
        open_recordings(tmp_path / "a.pqd")


def test_a_body_that_inflates_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opq.formats.pqdif.records._MOST_INFLATED", 1000)
    path = write_trees(tmp_path / "a.pqd", container(), WAVES, observation(numbers(Kind.REAL8, *range(1000))))
    file = read_records(path)
    with pytest.raises(CorruptData, match="inflates to more than 1000 bytes"):
        file.tree(file.headers[2])


def test_links_in_a_circle_and_counts_that_do_not_fit_are_refused() -> None:
    entry = tags.CHANNEL_DEFNS.bytes_le + bytes([1, 0, 0, 0]) + struct.pack("<2I", 0, 32)
    with pytest.raises(CorruptData, match="nested more than 32 deep"):
        parse_body(struct.pack("<I", 1) + entry, tags.CONTAINER)
    with pytest.raises(CorruptData, match="a collection of 99 elements does not fit"):
        parse_body(struct.pack("<I", 99) + entry, tags.CONTAINER)
    far = tags.SERIES_VALUES.bytes_le + bytes([3, 41, 0, 0]) + struct.pack("<2I", 32, 32)
    with pytest.raises(CorruptData, match="values of 8 bytes do not fit"):
        parse_body(struct.pack("<I", 1) + far + struct.pack("<I", 10**9), tags.CONTAINER)


def test_an_absurd_count_of_steps_is_refused() -> None:
    stored = build.vector(tags.SERIES_VALUES, Kind.REAL8, np.array([1, MOST_VALUES * 10.0, 1e-3]))
    series = Series("time", "s", "", stored, increments=True)
    with pytest.raises(CorruptData, match=r"announces 5e\+08 values"):
        series.values()


def test_runs_of_steps_follow_one_another() -> None:
    stored = build.vector(tags.SERIES_VALUES, Kind.REAL8, np.array([2, 3, 1.0, 2, 10.0]))
    series = Series("time", "s", "", stored, increments=True)
    assert series.values().tolist() == [0, 1, 2, 3, 13]
    assert len(series) == 5
    assert series.even_step() is None


def test_times_that_are_not_even_are_resampled_and_told(tmp_path: Path) -> None:
    path = write_trees(
        tmp_path / "a.pqd", container(), WAVES,
        observation(numbers(Kind.REAL8, 0, 1, 2, 4), numbers(Kind.INT2, 0, 10, 20, 40)),
    )  # fmt: skip
    with open_recordings(path) as file:
        assert values_of(file.recordings[0]).tolist() == [[0, 10, 20, 30, 40]]
    assert file.notes == ["observation 1, channel 'UA': uneven times, resampled to 1 Hz by straight lines"]


def test_time_stamps_of_the_clock_give_the_start(tmp_path: Path) -> None:
    stamps = np.zeros(3, [("days", "<u4"), ("seconds", "<f8")])
    stamps["days"], stamps["seconds"] = 40_000, [10, 10.5, 11]
    path = write_trees(
        tmp_path / "a.pqd", container(), source("waveform", ("time", 1, 1), ("val", 6, 1)),
        observation([Value(tags.SERIES_VALUES, Kind.TIMESTAMP, stamps, scalar=False)], numbers(Kind.REAL4, 1, 2, 3)),
    )  # fmt: skip
    with open_recordings(path) as file:
        assert file.recordings[0].sample_rate_hz == 2
        assert file.recordings[0].start_unix_ns == unix_ns(40_000, 10.0)


def test_the_zero_of_time_stamps_is_that_of_the_standard() -> None:
    assert unix_ns(36_312, 3980.0) == parse_iso("1999-06-01T01:06:20Z")
    assert unix_ns(1, 0.0) is None
    assert unix_ns(36_312, float("nan")) is None


def test_values_are_multiplied_by_the_ratio_of_a_transducer_that_is_still_to_be_applied(tmp_path: Path) -> None:
    setting = [
        build.uint4(tags.CHANNEL_DEFN_IDX, 0),
        build.real8(tags.XD_SYSTEM_SIDE_RATIO, 100.0),
        build.real8(tags.XD_MONITOR_SIDE_RATIO, 0.5),
    ]
    settings = build.collection(
        tags.REC_MONITOR_SETTINGS,
        build.boolean(tags.USE_TRANSDUCER, True),
        build.numbered(tags.CHANNEL_SETTINGS_ARRAY, tags.ONE_CHANNEL_SETTING, [setting]),
    )
    path = write_trees(
        tmp_path / "a.pqd", container(), WAVES, settings,
        observation(numbers(Kind.REAL8, 0, 1, 2), numbers(Kind.INT2, 1, 2, 3)),
    )  # fmt: skip
    with open_recordings(path) as file:
        assert values_of(file.recordings[0]).tolist() == [[200, 400, 600]]
        assert file.recordings[0].channels[0].step == 200
    assert file.notes == ["values multiplied by the ratio of their transducer: channel 1 by 200"]


def test_a_file_with_trends_only_says_so_and_its_rows_are_there(tmp_path: Path) -> None:
    path = write_trees(
        tmp_path / "a.pqd", container(), source("valuelog", ("time", 2, 1), ("avg", 6, 1)),
        observation(numbers(Kind.REAL4, 0, 600), numbers(Kind.REAL8, 230.5, 231)),
    )  # fmt: skip
    with pytest.raises(InvalidInput, match="holds no waveforms, but 1 observations of other kinds"):
        open_recordings(path)
    rows = list(trend_rows(read_records(path)))
    assert [(row[1] - START_NS, row[8], row[9], row[10]) for row in rows] == [
        (0, "avg", "V", 230.5), (600 * 10**9, "avg", "V", 231)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("broken", "note"),
    [
        (observation(numbers(Kind.REAL8, 0), numbers(Kind.INT2, 1, 2, 3)), "got 3 values and 1 times"),
        (observation(numbers(Kind.REAL8, 0, 0, 0), numbers(Kind.INT2, 1, 2, 3)), "sample 2 is not after"),
        (observation(numbers(Kind.REAL8, 0, 1, 2), numbers(Kind.INT2)), "holds no values"),
    ],
)
def test_a_channel_that_makes_no_sense_is_left_out_and_named(tmp_path: Path, broken: Collection, note: str) -> None:
    good = observation(numbers(Kind.REAL8, 0, 1, 2), numbers(Kind.INT2, 1, 2, 3))
    path = write_trees(tmp_path / "a.pqd", container(), WAVES, good, broken)
    with open_recordings(path) as file:
        assert len(file.recordings) == 1
    assert any(note in one and "observation 2, channel 'UA'" in one for one in file.notes)


def test_other_compression_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="compression of style 1 with algorithm 1 is not supported"):
        open_recordings(write_trees(tmp_path / "a.pqd", container(style=1)))


def test_a_recording_too_large_for_a_record_is_refused_before_it_is_read(tmp_path: Path) -> None:
    huge = StoredRecording("x", (ChannelInfo("u", "V"),), 1e6, None, 10**9, lambda wanted: iter(()))
    with pytest.raises(LimitExceeded, match="too many for one PQDIF record"):
        write_recordings(tmp_path / "a.pqd", [huge])
    assert list(tmp_path.iterdir()) == []


def test_a_tree_is_shown_with_the_names_of_the_standard(tmp_path: Path) -> None:
    write_recordings(tmp_path / "a.pqd", [recording()])
    file = read_records(tmp_path / "a.pqd")
    shown = "\n".join(file.tree(file.headers[3]).lines())
    assert "tagObservationName = Recording 1" in shown
    assert "    tagOneChannelInst" in shown
