"""Every command of `opq` on a small filled store, for people and for programs; and what is said when it goes wrong."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
from rich.cells import cell_len

from opq.clock import NS, iso
from opq.codec import decode
from opq.ids import BoxId, EventId, TaskId, new_id
from opq.model.features import FEATURES
from opq.model.incidents import IncidentClass
from opq.model.measurements import fold_trend
from opq.model.tasks import TaskState
from opq.model.waveforms import voltage_segments
from opq.store import Store, open_store
from opq.store.cut_offs import record_cut_off
from opq.store.users import Users
from opq.testing.samples import event, finding, incident, task
from opq.testing.site import SAG, SWELL, fill_site
from opq.trust.policy import Right
from opq_cli.main import main


@dataclass
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert (self.code, self.err) == (0, "")
        return json.loads(self.out)

    def rows(self) -> list[dict[str, str]]:
        assert self.code == 0, self.err
        return list(csv.DictReader(io.StringIO(self.out)))


Opq = Callable[..., Answer]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path / 'store'}"


@pytest.fixture
def store(url: str) -> Any:
    opened = open_store(url)
    fill_site(opened, time.time_ns())
    opened.tasks.add([task(f"ieee1159:{SAG}:0"), task("itic:dead:0", plugin="itic")])
    opened.tasks.claim(["itic"], "w", 2**62, 2**62)
    opened.tasks.fail(TaskId("itic:dead:0"), "w", "Traceback\n  File x\nValueError: sour milk", None)
    yield opened
    opened.close()


@pytest.fixture
def opq(
    store: Store, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Opq:
    monkeypatch.setenv("OPQ_STORE", url)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["opq", *arguments])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return run


# --- boxes


def test_boxes_are_listed_with_what_was_last_seen_of_them(opq: Opq) -> None:
    header, *lines = opq("boxes", "list").out.splitlines()
    assert header.split() == [
        "box",
        "name",
        "grid",
        "feeder",
        "nominal",
        "state",
        "last",
        "seen",
        "V",
        "Hz",
        "THD",
        "%",
        "note",
    ]
    assert len(lines) == 5
    assert "on line" in lines[0]
    assert "off line" in lines[4]
    assert lines[0].startswith("house-1  House 1  demo  feeder-1  120 V 60 Hz")


def test_an_update_is_signed_checked_and_offered(opq: Opq, store: Store, tmp_path: Path) -> None:
    payload = tmp_path / "payload" / "opq_box_agent"
    payload.mkdir(parents=True)
    (payload / "__init__.py").write_text("")
    assert opq("update", "keygen", "--out", "keys").code == 0
    assert (
        opq("update", "keygen", "--out", "keys").err
        == "opq: keys/update.key: there is a key already; nothing was changed\n"
    )
    signed = opq("update", "sign", "payload", "--key", "keys/update.key", "--version", "9.1", "--out", "u.opq")
    assert "wrote u.opq: version 9.1" in signed.out
    assert "u.opq: right; version 9.1" in opq("update", "verify", "u.opq", "--key", "keys/update.pub").out
    assert "No updates were offered" in opq("boxes", "update").out
    one = opq("boxes", "update", "house-1", "u.opq", "--key", "keys/update.pub")
    assert one.out.startswith("offered version 9.1 to house-1;")
    assert opq("boxes", "update", "--all", "u.opq").out.startswith("offered version 9.1 to 5 boxes;")
    assert len(opq("boxes", "update", "--json").json) == 5
    assert opq("boxes", "update", "house-2", "--json").json[0]["offer"]["state"] == "offered"
    (tmp_path / "other").write_bytes((tmp_path / "u.opq").read_bytes().replace(b"9.1", b"9.9"))
    assert "not signed with the key" in opq("boxes", "update", "house-1", "other", "--key", "keys/update.pub").err
    assert "expected either a box or --all" in opq("boxes", "update", "house-1", "u.opq", "--all").err


def test_boxes_in_json_are_complete(opq: Opq, store: Store) -> None:
    listed = opq("boxes", "list", "--json").json
    assert [item["box"]["box_id"] for item in listed] == [f"house-{number}" for number in range(1, 6)]
    status = store.boxes.status(BoxId("house-1"))
    assert listed[0]["status"]["u_rms_v"] == status.u_rms_v
    assert listed[0]["status"]["last_frame"] == iso(status.last_frame_unix_ns)
    assert listed[0]["box"]["nominal"] == {"u_din_v": 120, "f_hz": 60}


def test_a_box_is_added_changed_and_removed(opq: Opq, store: Store) -> None:
    added = opq("boxes", "add", "attic", "--grid", "west", "--u-din-v", "230", "--f-hz", "50", "--name", "Dachboden")
    assert added.out == "enrolled attic on grid west, 230 V 50 Hz\n"
    assert "never" in next(line for line in opq("boxes", "list").out.splitlines() if line.startswith("attic"))
    changed = opq(
        "boxes", "set", "attic", "--name", "Roof", "--grid", "east", "--feeder", "f2", "--window-cycles", "5",
        "--u-low-pu", "0.9", "--u-high-pu", "1.1", "--f-deviation-hz", "0.2", "--thd-pct", "8", "--transient-pu", "0.1",
    )  # fmt: skip
    assert changed.out == "changed attic\n"
    box = store.boxes.get(BoxId("attic"))
    assert (box.name, box.grid_id, box.feeder, box.window_cycles) == ("Roof", "east", "f2", 5)
    limits = box.limits
    assert (limits.u_low_pu, limits.u_high_pu, limits.f_deviation_hz) == (0.9, 1.1, 0.2)
    assert (limits.thd_pct, limits.transient_pu) == (8, 0.1)
    assert opq("boxes", "set", "attic", "--name", "Roof").out == "attic is already so\n"
    assert opq("boxes", "set", "attic", "--feeder", "").out == "changed attic\n"
    assert opq("boxes", "remove", "attic").out == "removed attic\n"
    assert store.boxes.get(BoxId("attic")) is None


def test_without_boxes_the_list_says_how_to_enrol_one(opq: Opq, tmp_path: Path) -> None:
    empty = opq("boxes", "list", "--store", f"sqlite:{tmp_path / 'empty'}")
    assert empty.out == "No boxes yet. Enrol one with: opq boxes add BOX_ID --u-din-v 120 --f-hz 60\n"
    assert opq("boxes", "list", "--store", f"sqlite:{tmp_path / 'empty'}", "--json").json == []


# --- events and incidents


def test_events_are_listed_newest_first_and_by_what_is_asked_for(opq: Opq) -> None:
    listed = opq("events", "list", "--json").json
    assert listed[0]["event_id"] == SAG
    assert [item["start_unix_ns"] for item in listed] == sorted(
        (item["start_unix_ns"] for item in listed), reverse=True
    )
    lines = opq("events", "list").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [item["event_id"] for item in listed]
    assert [item["event_id"] for item in opq("events", "list", "--limit", "1", "--json").json] == [SAG]
    half_an_hour_ago = iso(time.time_ns() - 1800 * NS)
    assert [item["event_id"] for item in opq("events", "list", "--from", half_an_hour_ago, "--json").json] == [SAG]
    assert SAG not in [item["event_id"] for item in opq("events", "list", "--to", half_an_hour_ago, "--json").json]
    assert opq("events", "list", "--grid", "nowhere").out == "No events.\n"
    assert opq("events", "list", "--box", "house-2", "--json").json


def test_an_event_is_shown_with_boxes_waveforms_and_incidents(opq: Opq) -> None:
    shown = opq("events", "show", SAG)
    assert shown.out.startswith(f"event {SAG} on grid demo: complete, revision 0\n")
    whole = opq("events", "show", SAG, "--json").json
    assert len(whole["boxes"]) >= 4
    for part in whole["boxes"]:
        for text in (part["box_id"], part["role"], *part["reasons"]):
            assert text in shown.out
    assert all(item["incident_id"] in shown.out for item in whole["incidents"])
    assert all(item["event_id"] == SAG for item in whole["acquisitions"])
    assert whole["acquisitions"]


def test_incidents_are_listed_shown_and_removed(opq: Opq, store: Store) -> None:
    listed = opq("incidents", "list", "--class", "VOLTAGE_SAG", "--json").json
    assert len(listed) == 4
    assert {item["finding"]["incident_class"] for item in listed} == {"VOLTAGE_SAG"}
    (mine,) = opq("incidents", "list", "--class", "VOLTAGE_SAG", "--box", "house-1", "--event", SAG, "--json").json
    incident_id = mine["incident_id"]
    lines = opq("incidents", "list").out.splitlines()
    assert len(lines) == store.incidents.count() + 1
    shown = opq("incidents", "show", incident_id).out
    assert shown.startswith("VOLTAGE_SAG at house-1, ")
    for key in mine["finding"]["evidence"]:
        assert key in shown
    assert opq("incidents", "show", incident_id, "--json").json == mine
    assert opq("incidents", "remove", incident_id).out == f"removed {incident_id}\n"
    assert opq("incidents", "remove", incident_id).code == 1
    assert len(opq("incidents", "list", "--class", "VOLTAGE_SAG", "--json").json) == 3


def test_tasks_are_listed_and_put_back(opq: Opq, store: Store) -> None:
    (dead,) = opq("tasks", "list", "--state", "dead", "--json").json
    assert dead["task_id"] == "itic:dead:0"
    assert dead["error"].startswith("Traceback")
    lines = opq("tasks", "list").out.splitlines()
    assert next(line for line in lines if "dead:0" in line).endswith("ValueError: sour milk")
    assert len(opq("tasks", "list", "--plugin", "ieee1159", "--json").json) == 1
    assert opq("tasks", "requeue", "itic:dead:0").out == "queued itic:dead:0\n"
    assert store.tasks.get(TaskId("itic:dead:0")).state is TaskState.QUEUED


# --- export


def test_measurements_are_exported_with_a_time_axis_and_exactly_as_stored(opq: Opq, store: Store) -> None:
    rows = opq("export", "measurements", "--box", "house-1").rows()
    kept = store.measurements.range(BoxId("house-1"), 0, 2**62)
    assert len(rows) == len(kept) == 300
    for row, item in zip(rows, kept, strict=True):
        assert row["time_utc"] == iso(item.start_unix_ns)
        assert int(row["unix_ns"]) == item.start_unix_ns
        assert (int(row["windows"]), int(row["flags"])) == (item.windows, item.flags)
        for feature in FEATURES:
            written = [np.float32(row[f"{feature.name}_{which}"]) for which in ("min", "mean", "max")]
            assert written == [np.float32(value) for value in item.feature(feature.name)]


def test_an_interval_is_exported_without_its_end(opq: Opq, store: Store) -> None:
    kept = store.measurements.range(BoxId("house-1"), 0, 2**62)
    low, high = -(-kept[10].start_unix_ns // NS), -(-kept[20].start_unix_ns // NS)
    rows = opq("export", "measurements", "--box", "house-1", "--from", iso(low * NS), "--to", iso(high * NS)).rows()
    wanted = [item.start_unix_ns for item in kept if low * NS <= item.start_unix_ns < high * NS]
    assert [int(row["unix_ns"]) for row in rows] == wanted
    assert len(rows) == 10


def test_trends_are_exported_minute_by_minute(opq: Opq, store: Store) -> None:
    kept = store.measurements.range(BoxId("house-1"), 0, 2**62)
    trends = [
        fold_trend(BoxId("house-1"), item.start_unix_ns // 60_000_000_000 * 60_000_000_000, [item]) for item in kept
    ]
    store.trends.put(trends)
    rows = opq("export", "trends", "--box", "house-1").rows()
    held = store.trends.range(BoxId("house-1"), 0, 2**62)
    assert [int(row["unix_ns"]) for row in rows] == [item.start_unix_ns for item in held]
    assert np.float32(rows[0]["u_rms_v_mean"]) == np.float32(held[0].feature("u_rms_v")[1])


def test_waveforms_are_exported_sample_by_sample_in_volts(opq: Opq, store: Store, tmp_path: Path) -> None:
    out = tmp_path / "sag.csv"
    said = opq("export", "waveforms", "--event", SAG, "--out", str(out), "--json").json
    infos = store.waveforms.of_event(SAG)
    assert said == {"kind": "waveforms", "file": str(out), "rows": sum(info.samples for info in infos)}
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == said["rows"]
    first = [row for row in rows if row["box_id"] == infos[0].box_id]
    (segment,) = voltage_segments(infos[0], decode(store.waveforms.data(infos[0].acquisition_id)))
    np.testing.assert_allclose([float(row["u_v"]) for row in first], segment.volts, atol=infos[0].volts_per_count / 10)
    at = [int(row["unix_ns"]) for row in first]
    assert at[0] == segment.start_unix_ns
    assert set(np.diff(at)) <= {83_333, 83_334}
    assert first[0]["time_utc"].endswith(f".{at[0] % NS:09d}Z")
    assert opq("export", "waveforms", "--event", SAG, "--out", str(out)).out == f"wrote {len(rows)} rows to {out}\n"


# --- what goes wrong


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("boxes add Not_A_Name", "box_id: got 'Not_A_Name', expected 1 to 63 of a-z, 0-9 and -"),
        ("boxes add house-1", "box house-1 is already enrolled; change it with: opq boxes set house-1 ..."),
        ("boxes add b --u-din-v 12", "u_din_v: got 12 V, expected 50 to 1000 V"),
        ("boxes add b --f-hz 400", "f_hz: got 400 Hz, expected 45 to 65 Hz"),
        ("boxes add b --grid A", "grid_id: got 'A', expected 1 to 63 of a-z, 0-9 and -"),
        ("boxes set attic --name x", "box attic is not enrolled; enrolled: house-1, house-2, house-3, house-4, house-5"),
        ("boxes remove attic", "box attic is not enrolled"),
        ("events show none", "event 'none' is not in the store; list them with: opq events list"),
        ("events list --from yesterday", "time: got 'yesterday', expected ISO 8601 such as 2026-11-24T18:00:00Z"),
        ("incidents show none", "incident 'none' is not in the store; list them with: opq incidents list"),
        ("incidents remove none", "incident 'none' is not in the store"),
        ("incidents list --class SAG", "--class: got 'SAG', expected one of ARCING_TRANSIENT, ENVELOPE_VIOLATION, "),
        ("tasks list --state bad", "--state: got 'bad', expected one of dead, done, leased, queued"),
        ("tasks requeue none", "task 'none' is not in the store; list them with: opq tasks list"),
        (f"tasks requeue ieee1159:{SAG}:0",
         f"task ieee1159:{SAG}:0 is queued; only a dead or done task can be put back"),
        ("export", "Missing argument"),
        ("export volts", "kind: got 'volts', expected one of measurements, trends, waveforms"),
        ("export trends", "--box: exporting trends needs a box, got none"),
        ("export measurements --box attic", "box attic is not enrolled; enrolled: house-1"),
        ("export waveforms", "--event: exporting waveforms needs an event, got none"),
        ("export waveforms --event none", "event 'none' is not in the store; list them with: opq events list"),
        ("export trends --box house-1 --from no", "time: got 'no', expected ISO 8601"),
        ("export trends --box house-1 --json", "--json says what was written to a file: give --out FILE too"),
        ("export trends --box house-1 --out /nowhere/x.csv", "--out: cannot write /nowhere/x.csv: No such file or directory"),
        ("boxes list --store postgres://x", "store: got 'postgres://x', expected sqlite:DIRECTORY or mongodb://HOST/DATABASE"),
        ("boxes list --store sqlite:", "store: got 'sqlite:', expected sqlite:DIRECTORY"),
        ("boxes list --store sqlite:/proc/nowhere", "/proc/nowhere"),
        ("up --duration soon", "--duration: got 'soon', expected a length of time such as 90s, 10m or 2h"),
        ("up --duration 0s", "--duration: got '0s', expected a length of time such as 90s, 10m or 2h"),
        ("up --supply 120", "--supply: got '120', expected VOLTS/HERTZ such as 120/60 or 230/50"),
        ("up --supply 12/60", "u_din_v: got 12 V, expected 50 to 1000 V"),
        ("up --report r.json", "--report judges a run that ends: give --duration too, e.g. --duration 90s"),
        ("up --report no/r.json --duration 9s", "--report: there is no folder "),
        ("up --boxes 201", "Invalid value for '--boxes'"),
        ("boxes list --limit 5", "No such option"),
        ("nothing", "No such command 'nothing'"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_said_on_standard_error_without_a_traceback(opq: Opq, arguments: str, message: str) -> None:
    answer = opq(*arguments.split())
    assert answer.code in (1, 2)
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    if answer.code == 1:
        assert answer.err.startswith("opq: ")
        assert answer.err.count("\n") == 1


def test_a_refused_export_leaves_no_file_behind(opq: Opq, tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    assert opq("export", "measurements", "--box", "attic", "--out", str(out)).code == 1
    assert not out.exists()


def test_up_leaves_nothing_behind_when_its_options_are_wrong(opq: Opq, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    assert opq("up", "--supply", "x").code == 1
    assert sorted(tmp_path.iterdir()) == before


# --- as a real process


def command(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("opq")), *arguments]


def test_the_installed_command_says_its_version(tmp_path: Path) -> None:
    done = subprocess.run(command("--version"), cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == f"opq {version('opq')}\n"


def test_the_installed_command_ends_with_1_and_one_line_on_errors_of_ours(tmp_path: Path) -> None:
    done = subprocess.run(
        command("events", "show", "x", "--store", "oracle:x"), cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "opq: store: got 'oracle:x', expected sqlite:DIRECTORY or mongodb://HOST/DATABASE\n"


def on_a_terminal(columns: int, *arguments: str) -> list[str]:
    """Run the command on a terminal of so many columns; its lines."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "dumb"}
    process = subprocess.Popen(command(*arguments), stdout=theirs, stdin=subprocess.DEVNULL, env=environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # how Linux says that the other side was closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait(20) == 0
    return shown.decode().replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()


@pytest.mark.parametrize(
    "arguments",
    ["boxes list", "events list", "incidents list", "tasks list", f"events show {SAG}", f"events show {SWELL}"],
)
def test_eighty_columns_are_enough_and_ids_are_whole(store: Store, url: str, arguments: str) -> None:
    now = time.time_ns()
    long_id = new_id(now)
    store.events.put(event(long_id, start_unix_ns=now, end_unix_ns=now + NS))
    found = finding(
        "house-1", incident_class=IncidentClass.FREQUENCY_INTERRUPTION, start_unix_ns=now, end_unix_ns=now + NS
    )
    store.incidents.put(incident(long_id, event_id=EventId(long_id), finding=found))
    store.tasks.add([task(f"semi_f47:{long_id}:0", plugin="semi_f47", created_unix_ns=now)])
    lines = on_a_terminal(80, *arguments.split(), "--store", url)
    assert max(map(cell_len, lines)) <= 80, "\n".join(lines)
    whole = {
        "boxes list": [each.box_id for each in store.boxes.list()],
        "events list": [each.event_id for each in store.events.list()],
        "incidents list": [each.incident_id for each in store.incidents.list()],
        "tasks list": [each.task_id for each in store.tasks.list()],
    }.get(arguments)
    if arguments.endswith("list"):
        assert [line.split()[0] for line in lines[1:]] == whole


def test_a_box_that_was_cut_off_is_listed_and_shown_with_the_reason(opq: Opq, store: Store) -> None:
    for _ in range(2):
        record_cut_off(store, BoxId("house-1"), time.time_ns(), "rate: this box sends too much")
    for words in (("boxes", "list"), ("boxes", "show", "house-1")):
        assert "cut off 0 s ago, 2 times so far: rate: this box sends too much" in opq(*words).out
    assert "cut off" not in opq("boxes", "show", "house-2").out


# --- people, and what they changed


def test_users_are_added_invited_changed_and_removed(opq: Opq, store: Store) -> None:
    added = opq("users", "add", "alice", "--boxes", "house-2")
    assert added.code == 0
    assert added.out.startswith("opqi_")
    assert Users(store).accept(added.out.strip(), "kitchen table lamp", time.time_ns()) == "alice"
    assert opq("users", "add", "alice").err.startswith("opq: user alice is there already")
    assert opq("users", "add", "Bob!").err.startswith("opq: user: got 'Bob!', expected 1 to 64")
    assert "no-such-box is not known at this site" in opq("users", "add", "bob", "--boxes", "no-such-box").err
    assert opq("users", "add", "bob", "--role", "king").err.startswith("opq: --role: got 'king', expected one of")
    assert opq("users", "set", "alice", "--role", "expert", "--disable").out == "changed alice\n"
    (user,) = opq("users", "list", "--json").json
    assert (user["user_id"], user["role"], user["state"], user["boxes"]) == ("alice", "expert", "disabled", ["house-2"])
    assert opq("users", "invite", "alice").out.startswith("opqi_")
    assert opq("users", "remove", "alice").code == 0
    assert opq("users", "list").out == "No users yet. Add one with: opq users add NAME --role admin\n"


def test_tokens_are_made_listed_and_revoked(opq: Opq, store: Store) -> None:
    opq("users", "add", "alice", "--role", "expert")
    made = opq("users", "token", "alice", "--name", "my report", "--scopes", "site, waveforms", "--life", "12h")
    principal = Users(store).token_principal(made.out.strip(), time.time_ns())
    assert principal.scopes == {Right.SITE, Right.WAVEFORMS}
    (token,) = opq("users", "tokens", "alice", "--json").json
    assert (token["name"], token["scopes"]) == ("my report", ["site", "waveforms"])
    assert made.out.strip() not in opq("users", "tokens").out
    assert opq("users", "revoke-token", token["token_id"]).code == 0
    assert opq("users", "revoke-token", token["token_id"]).err.startswith(
        f"opq: token {token['token_id']} is not known"
    )
    bad = opq("users", "token", "alice", "--name", "x", "--scopes", "all")
    assert bad.err == "opq: --scopes: got 'all', expected one of administer, boxes, site, waveforms\n"


@pytest.mark.parametrize(
    ("words", "action", "subject"),
    [
        (["boxes", "add", "attic"], "box.put", "attic"),
        (["boxes", "set", "house-1", "--name", "Attic"], "box.put", "house-1"),
        (["boxes", "remove", "house-1"], "box.remove", "house-1"),
        (["boxes", "override", "house-1", "--thd-pct", "8", "--for", "10m"], "override.put", "house-1"),
        (["boxes", "enrol", "house-1"], "enrolment.put", "house-1"),
        (["boxes", "revoke", "house-1"], "revocation of box.put", "house-1"),
        (["ca", "issue", "ingest", "--out", "tls"], "certificate.put", None),
        (["ca", "rotate"], "authority.rotate", None),
        (["ca", "rotate", "--forget-old"], "authority.forget_old", None),
        (["incidents", "remove", "outage"], "incident.remove", "outage"),
        (["tasks", "requeue", "itic:dead:0"], "task.requeue", "itic:dead:0"),
        (["makai", "detectors", "set", "habit", "threshold=3.5"], "settings.put", "makai/detectors"),
        (["store", "backup", "copy.zip"], "store.backup", "copy.zip"),
        (["users", "add", "alice"], "invitation.put", "alice"),
    ],
)
def test_whatever_is_changed_at_the_command_line_is_in_the_audit_log(
    opq: Opq, words: list[str], action: str, subject: str | None
) -> None:
    assert opq("ca", "init").code == 0
    before = opq("audit", "list", "--json").json
    done = opq(*words)
    assert done.code == 0, done.err
    after = opq("audit", "list", "--json").json[: -len(before)]
    assert after
    assert all(entry["actor"].endswith("at the command line") for entry in after)
    assert action in [entry["action"] for entry in after if subject in (None, entry["subject"])]
    assert opq("audit", "check").out.startswith(f"{len(before) + len(after)} entries, none changed, the newest with")


def test_a_restored_log_goes_on_where_it_ended(opq: Opq, tmp_path: Path) -> None:
    opq("boxes", "set", "house-1", "--name", "Attic")
    assert opq("store", "backup", "copy.zip").code == 0
    copy = f"sqlite:{tmp_path / 'copy'}"
    assert opq("store", "restore", "copy.zip", "--store", copy).code == 0
    actions = [entry["action"] for entry in opq("audit", "list", "--store", copy, "--json").json]
    assert actions == ["store.restore", "store.backup", "box.put"]
    assert opq("audit", "check", "--store", copy).code == 0


def test_a_changed_audit_log_is_told(opq: Opq, tmp_path: Path) -> None:
    for name in ("Attic", "Loft"):
        opq("boxes", "set", "house-1", "--name", name)
    with apsw.Connection(str(tmp_path / "store" / "opq.sqlite")) as db:
        db.execute("DROP TRIGGER audit_is_not_changed")
        db.execute("UPDATE audit SET rest = replace(rest, 'Attic', 'Cellar') WHERE number = 1")
    told = opq("audit", "check")
    assert (told.code, told.out) == (1, "audit log: entry 1 was changed after it was written\n")
    assert "audit log: entry 1 was changed" in opq("store", "check").out
