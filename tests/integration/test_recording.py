"""A field recording as the only input of the whole chain, by the commands a person would use."""

from pathlib import Path

import pytest

from opq.clock import NS
from opq.ids import BoxId, GridId
from opq.model.boxes import Box, Nominal
from opq.model.events import EventState
from opq.model.incidents import Incident, IncidentClass
from opq.store import Store, open_store
from opq.store.port import EventFilter, IncidentFilter
from opq.testing.processes import Processes, eventually, free_address

RECORDING = Path(__file__).parents[3] / "shared" / "data" / "comtrade" / "wisp_2.cfg"


def start_chain(processes: Processes, store_url: str) -> str:
    """Start ingest, Makai, hub and worker; return the address of ingest."""
    addresses = {name: free_address() for name in ("makai", "ingest", "hub")}
    processes.start("makai", "--listen", addresses["makai"], "--store", store_url)
    processes.start("ingest", "--listen", addresses["ingest"], "--makai", addresses["makai"], "--store", store_url)
    processes.start("hub", "--listen", addresses["hub"], "--store", store_url)
    processes.start("worker", "--hub", addresses["hub"])
    return addresses["ingest"]


def done(store: Store) -> bool:
    events = store.events.list()
    waiting = [task for task in store.tasks.list(limit=1000) if task.event_id and task.state.value != "done"]
    complete = store.events.count(EventFilter(states=(EventState.COMPLETE,)))
    return bool(events) and complete == len(events) and not waiting and store.incidents.count() > 0


@pytest.mark.shared_data
@pytest.mark.skipif(not RECORDING.exists(), reason=f"the public recordings are not at {RECORDING.parent}")
def test_a_field_record_gives_an_event_whose_incidents_say_what_its_description_says(tmp_path: Path) -> None:
    """Described as: a dip to 0.06-0.07 of the pre-fault level, 1.4-1.6 s below 0.9, then an overshoot to 1.47."""
    store_url = f"sqlite:{tmp_path / 'store'}"
    store = open_store(store_url)
    store.boxes.put(Box(BoxId("b-1"), GridId("g"), Nominal(230, 50)))
    with Processes(tmp_path) as processes:
        ingest = start_chain(processes, store_url)
        processes.start(
            "box", "--box-id", "b-1", "--ingest", ingest, "--data-dir", str(tmp_path / "boxes"), "--u-din-v", "230",
            "--f-nominal-hz", "50", "--source", "replay", "--input", str(RECORDING), "--channel", "1", "--scale-to-nominal",
        )  # fmt: skip
        assert processes.wait("box", 90) == 0, processes.log_text("box")
        eventually(lambda: done(store), "the event is complete and analysed", 30)
    incidents = store.incidents.list(IncidentFilter(plugin="ieee1159"), 1000)
    (event,) = store.events.list()
    assert {incident.event_id for incident in incidents} == {event.event_id}
    (interruption,) = of_class(incidents, IncidentClass.VOLTAGE_INTERRUPTION)
    assert 0.06 <= extreme(interruption) <= 0.075
    assert max(extreme(incident) for incident in of_class(incidents, IncidentClass.VOLTAGE_SWELL)) == pytest.approx(
        1.47, abs=0.02
    )
    low = [*of_class(incidents, IncidentClass.VOLTAGE_SAG), interruption]
    assert 1.3 <= sum(incident.finding.duration_ns for incident in low) / NS <= 1.8
    overshoot = min(
        item.finding.start_unix_ns for item in of_class(incidents, IncidentClass.VOLTAGE_SWELL) if extreme(item) > 1.4
    )
    assert overshoot > interruption.finding.end_unix_ns
    (waveform,) = {info.box_id for info in store.waveforms.of_event(event.event_id)}
    assert waveform == "b-1"


def of_class(incidents: list[Incident], wanted: IncidentClass) -> list[Incident]:
    return [incident for incident in incidents if incident.finding.incident_class is wanted]


def extreme(incident: Incident) -> float:
    assert incident.finding.extreme_pu is not None
    return incident.finding.extreme_pu
