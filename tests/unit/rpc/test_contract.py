"""The contract: generated code is current, and nothing that was promised has changed."""

from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

import opq.v1
from opq.model.features import FEATURE_NAMES
from opq.v1 import box_pb2, enrolment_pb2, features_pb2, makai_pb2, mauka_pb2, problem_pb2, waveform_pb2

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "data" / "opq-v1.golden.txt"
MODULES = (box_pb2, enrolment_pb2, features_pb2, makai_pb2, mauka_pb2, problem_pb2, waveform_pb2)


def described() -> list[str]:
    """One line per field, enum value and call: what must stay as it is."""
    lines = []
    for module in MODULES:
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            for field in message.field:
                kind = field.type_name or field.Type.Name(field.type)
                lines.append(
                    f"{file.package}.{message.name}.{field.name} = {field.number} {field.Label.Name(field.label)} {kind}"
                )
        for enum in file.enum_type:
            lines += [f"{file.package}.{enum.name}.{value.name} = {value.number}" for value in enum.value]
        for service in file.service:
            lines += [
                f"{file.package}.{service.name}/{call.name}({call.input_type} {call.client_streaming})"
                f" {call.output_type} {call.server_streaming}"
                for call in service.method
            ]
    return sorted(lines)


def test_nothing_that_was_promised_has_changed() -> None:
    promised = GOLDEN.read_text().splitlines()
    broken = sorted(set(promised) - set(described()))
    assert not broken, "the wire contract may only grow; these lines are gone or changed:\n" + "\n".join(broken)


def test_what_was_added_is_promised_too() -> None:
    new = sorted(set(described()) - set(GOLDEN.read_text().splitlines()))
    assert not new, f"add to {GOLDEN.relative_to(ROOT)}:\n" + "\n".join(new)


def test_the_generated_code_was_made_from_the_contract_as_it_is() -> None:
    recorded = dict(
        reversed(line.split()) for line in (Path(opq.v1.__file__).parent / "sources.sha256").read_text().splitlines()
    )
    now = {
        f"opq/v1/{path.name}": sha256(path.read_bytes()).hexdigest() for path in (ROOT / "proto/opq/v1").glob("*.proto")
    }
    assert recorded == now, "run proto/generate.sh"


def test_every_feature_is_a_column_of_the_frame_under_its_own_name() -> None:
    columns = {field.name for field in features_pb2.FeatureFrame.DESCRIPTOR.fields}
    assert set(FEATURE_NAMES) <= columns


@pytest.mark.parametrize("path", sorted((ROOT / "proto" / "opq" / "v1").glob("*.proto")), ids=lambda path: path.name)
def test_every_message_field_and_call_is_documented(path: Path) -> None:
    lines = path.read_text().splitlines()
    undocumented = [
        line.strip()
        for before, line in pairwise(lines)
        if line.strip().endswith((";", "{"))
        and not line.startswith(("syntax", "package", "import"))
        and not before.strip().startswith("//")
    ]
    assert not undocumented
