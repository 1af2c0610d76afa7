"""What a Makai process may be told, and what it says when it makes no sense."""

import pytest

from opq.rpc.service import parse_settings
from opq_makai.settings import MakaiSettings


def test_a_lone_makai_is_all_the_shards_there_are() -> None:
    assert parse_settings(MakaiSettings, "opq makai", ["--makai-id", "m"]).all_shards == ("m",)
    assert parse_settings(MakaiSettings, "opq makai", ["--shards", "makai-1,b"]).all_shards == ("makai-1", "b")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--shards", "b,c"], "opq makai: --shards: got 'b,c', expected makai-1 (--makai-id) to be among them\n"),
        (["--quiet-s", "1"], "opq makai: --quiet-s: Input should be greater than or equal to 2 (got '1')\n"),
    ],
)
def test_settings_that_make_no_sense_are_one_line(
    capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_settings(MakaiSettings, "opq makai", flags)
    assert (ended.value.code, capsys.readouterr().err) == (2, said)
