"""The whole chain on MongoDB instead of SQLite: the same programs, another store URL."""

import time
from pathlib import Path

import pytest

from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.incidents import IncidentClass
from opq.sim.scenario import demo_scenario, save_scenario
from opq.store import open_store
from opq.store.port import IncidentFilter
from opq.testing.mongo_wire import MongoWireServer
from opq.testing.processes import Processes, eventually, free_address


@pytest.mark.timeout(120)
def test_a_feeder_sag_is_found_at_each_of_its_boxes(tmp_path: Path) -> None:
    with MongoWireServer() as server, Processes(tmp_path) as processes:
        url = server.url("opq")
        store = open_store(url)
        scenario = demo_scenario(4, time.time_ns() + 4_000_000_000, Nominal(230, 50))
        for box in scenario.boxes:
            store.boxes.put(box)
        save_scenario(scenario, tmp_path / "scenario.json")
        where = {name: free_address() for name in ("makai", "ingest", "hub")}
        processes.start("makai", "--listen", where["makai"], "--store", url)
        processes.start("ingest", "--listen", where["ingest"], "--makai", where["makai"], "--store", url)
        processes.start("hub", "--listen", where["hub"], "--store", url)
        processes.start("worker", "--hub", where["hub"])
        boxes = ["--scenario", str(tmp_path / "scenario.json"), "--data-dir", str(tmp_path / "boxes")]
        processes.start("simulate", "--ingest", where["ingest"], *boxes)
        sags = IncidentFilter(classes=(IncidentClass.VOLTAGE_SAG,))
        eventually(lambda: store.incidents.count(sags) == 4, "four sags are stored", 40)
        found = store.incidents.list(sags)
        assert {incident.finding.box_id for incident in found} == {box.box_id for box in scenario.boxes}
        assert all(incident.finding.extreme_pu == pytest.approx(0.75, abs=0.003) for incident in found)
        assert store.measurements.count(BoxId("sim-01")) >= 8
        store.close()
