"""Damaged files of every format: an error that names the file, or what can be saved. Never anything else."""

import contextlib
import warnings
from pathlib import Path

import pqdif_checker
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples_of_formats import FILES, read_all, write_sample

from opq.errors import InvalidInput

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
KINDS = [*FILES, "pqdif-plain"]
INSERTED = [b"9", b",", b"\n", b"1e99", b"-", b"nan", b"inf", b"\x00", b'"', b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff"]


def made(folder: Path, kind: str) -> Path:
    if kind != "pqdif-plain":
        return write_sample(folder, kind)
    path = write_sample(folder, "pqdif")
    path.write_bytes(pqdif_checker.plain(path.read_bytes()))
    return path


def survives(path: Path) -> None:
    """Read everything there is, or be told in words that it cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with contextlib.suppress(InvalidInput):
            read_all(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_off_anywhere_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path, kind)
    files = {one: one.read_bytes() for one in tmp_path.iterdir()}
    for file, data in files.items():
        for cut in range(len(data)):
            file.write_bytes(data[:cut])
            survives(path)
        file.write_bytes(data)


@pytest.mark.parametrize("kind", KINDS)
@FUZZ
@given(data=st.data())
def test_flipped_bits_are_read_or_refused(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    path = made(tmp_path, kind)
    file = data.draw(st.sampled_from(sorted(tmp_path.iterdir())))
    content = bytearray(file.read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) * 8 - 1), min_size=1, max_size=8)):
        content[at // 8] ^= 1 << at % 8
    file.write_bytes(content)
    survives(path)


@pytest.mark.parametrize("kind", KINDS)
@FUZZ
@given(data=st.data())
def test_inserted_and_lost_bytes_are_read_or_refused(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    path = made(tmp_path, kind)
    file = data.draw(st.sampled_from(sorted(tmp_path.iterdir())))
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(content)))
    content[at : at + data.draw(st.integers(0, 9))] = data.draw(st.sampled_from(INSERTED))
    file.write_bytes(content)
    survives(path)


@pytest.mark.parametrize("kind", FILES)
@FUZZ
@given(noise=st.binary(max_size=600))
def test_noise_is_refused(tmp_path: Path, kind: str, noise: bytes) -> None:
    path = made(tmp_path, kind)
    path.write_bytes(noise)
    survives(path)


@pytest.mark.parametrize("kind", ["comtrade-ascii", "csv", "pqds"])
@FUZZ
@given(text=st.text(alphabet='0123456789,;\t.-eEnaif\n\r "', max_size=300))
def test_noise_in_the_rows_of_a_table_is_read_or_refused(tmp_path: Path, kind: str, text: str) -> None:
    path = made(tmp_path, kind)
    file = path.with_suffix(".dat") if kind == "comtrade-ascii" else path
    head = b"" if kind == "comtrade-ascii" else file.read_bytes()
    file.write_bytes(head + text.encode())
    survives(path)
