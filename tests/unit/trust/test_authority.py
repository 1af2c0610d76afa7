"""The authority: what it signs, how one root takes over from another, and what is on disk."""

import contextlib
import datetime
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from hypothesis import given, settings
from hypothesis import strategies as st

from opq.clock import DAY_NS, NS
from opq.errors import InvalidInput
from opq.ids import BoxId
from opq.trust.authority import BOX_LIFE_NS, Authority, forget_old_roots, issue, make_authority, rotate
from opq.trust.authority_file import load_authority, save_authority
from opq.trust.certificates import (
    describe,
    dump_chain,
    dump_key,
    load_chain,
    load_key,
    make_request,
    new_key,
    request_key,
    utc,
)
from opq.trust.files import Reloading
from opq.trust.material import TlsFiles, load_material
from opq.trust.names import Identity, Role
from opq.trust.policy import call_refusal, may_call
from opq.trust.records import Revocation, Revocations

T0 = 1_790_000_000 * NS
BOX = Identity(Role.BOX, BoxId("kitchen"))


def leaf(
    authority: Authority, identity: Identity = BOX, at: int = T0, life: int = BOX_LIFE_NS
) -> list[x509.Certificate]:
    return issue(authority, identity, new_key().public_key(), at, life)


def verifies(chain: list[x509.Certificate], roots: tuple[x509.Certificate, ...], at: int = T0 + NS) -> bool:
    """Ask a verifier that is not ours; `chain` is what the peer shows."""
    verifier = PolicyBuilder().store(Store(roots)).time(utc(at)).build_client_verifier()
    try:
        verifier.verify(chain[0], chain[1:])
    except VerificationError:
        return False
    return True


def test_a_certificate_says_who_it_is_for_until_when_and_under_which_number() -> None:
    info = describe(leaf(make_authority(T0))[0])
    assert info.identity == BOX
    assert info.not_after_unix_ns == T0 + BOX_LIFE_NS
    assert info.not_before_unix_ns == T0 - 300 * NS
    assert len(info.serial) >= 16
    assert info.expiry(T0) == ""
    assert "expired at" in info.expiry(T0 + BOX_LIFE_NS)
    assert "begins only at" in info.expiry(T0 - 301 * NS)


def test_only_servers_may_serve() -> None:
    authority = make_authority(T0)
    for role, serves in ((Role.INGEST, True), (Role.WORKER, False)):
        usage = leaf(authority, Identity(role))[0].extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert (x509.ExtendedKeyUsageOID.SERVER_AUTH in usage) is serves
    usage = leaf(authority)[0].extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]


def test_in_a_change_of_roots_everybody_believes_everybody_until_the_old_root_is_forgotten() -> None:
    old = make_authority(T0)
    new = rotate(old, T0)
    before, after = leaf(old), leaf(new)
    assert verifies(before, old.roots)
    assert verifies(before, new.roots), "an old certificate at who has the new bundle"
    assert verifies(after, old.roots), "a new certificate at who knows only the old root"
    assert verifies(after, new.roots)
    newest = rotate(new, T0)
    assert verifies(leaf(newest), old.roots), "two changes later"
    assert verifies(before, newest.roots)
    only = forget_old_roots(newest)
    assert verifies(leaf(only), only.roots)
    assert not verifies(before, only.roots)
    assert not verifies(leaf(make_authority(T0)), newest.roots), "of another authority"


def test_a_certificate_is_valid_in_its_time_only() -> None:
    authority = make_authority(T0)
    chain = leaf(authority, life=DAY_NS)
    assert [verifies(chain, authority.roots, T0 + at * DAY_NS // 4) for at in (0, 3, 4, 5)] == [True, True, True, False]
    assert not verifies(chain, authority.roots, T0 - DAY_NS)


def test_the_root_that_signed_is_found() -> None:
    old = make_authority(T0)
    new = rotate(old, T0)
    leaf(old)[0].verify_directly_issued_by(old.root)
    leaf(new)[0].verify_directly_issued_by(new.root)
    assert {old.root, new.root} <= set(new.roots)
    assert new.root not in old.roots


def test_of_a_request_only_the_key_counts_and_it_must_be_proven() -> None:
    key = new_key()
    assert request_key(make_request(key)) == key.public_key()
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "opq://box/cellar")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for other in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP521R1())):
        pem = builder.sign(other, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        with pytest.raises(InvalidInput, match="ECDSA on P-256"):
            request_key(pem)
    pem = builder.sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(InvalidInput, match="ECDSA on P-256"):
        request_key(pem)
    der = x509.load_pem_x509_csr(make_request(key)).public_bytes(serialization.Encoding.DER)
    forged = x509.load_der_x509_csr(der[:-1] + bytes([der[-1] ^ 1])).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(InvalidInput, match="its signature is not that of its key"):
        request_key(forged)


@settings(max_examples=200)
@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 255))
def test_a_spoilt_request_is_refused_in_a_sentence(junk: bytes, at: int, byte: int) -> None:
    good = make_request(new_key())
    for bad in (junk, good[:at], good[:at] + bytes([byte]) + good[at + 1 :]):
        # Anything but a key or an error of ours fails the test.
        with contextlib.suppress(InvalidInput):
            assert isinstance(request_key(bad), ec.EllipticCurvePublicKey)


def test_an_authority_reads_back_from_its_folder_and_its_key_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    authority = rotate(rotate(make_authority(T0), T0), T0)
    save_authority(authority, folder, replace=False)
    found = load_authority(folder)
    assert (found.roots, found.crosses) == (authority.roots, authority.crosses)
    assert dump_key(found.key) == dump_key(authority.key)
    assert stat.S_IMODE((folder / "authority.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert tuple(load_chain((folder / "ca.crt").read_bytes(), "ca.crt")) == authority.roots
    assert b"PRIVATE" not in (folder / "ca.crt").read_bytes()
    with pytest.raises(InvalidInput, match="is not overwritten"):
        save_authority(make_authority(T0), folder, replace=False)
    assert load_authority(folder).fingerprint == authority.fingerprint
    assert sorted(path.name for path in folder.iterdir()) == ["authority.pem", "ca.crt"]


def test_no_secret_is_in_what_is_printed_of_an_object(tmp_path: Path) -> None:
    authority, files = make_authority(T0), put_material(tmp_path)
    assert "PRIVATE" not in repr(authority)
    assert "PRIVATE" not in repr(load_material(files))
    (tmp_path / "tls.key").write_text("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
    with pytest.raises(InvalidInput) as error:
        load_material(files)
    assert "c2VjcmV0" not in str(error.value)
    assert error.value.__cause__ is None


def put_material(folder: Path, authority: Authority | None = None) -> TlsFiles:
    authority, key = authority or make_authority(T0), new_key()
    (folder / "tls.crt").write_bytes(dump_chain(issue(authority, BOX, key.public_key(), T0, DAY_NS)))
    (folder / "tls.key").write_bytes(dump_key(key))
    (folder / "ca.crt").write_bytes(authority.bundle)
    return TlsFiles(folder / "tls.crt", folder / "tls.key", folder / "ca.crt")


def test_key_and_certificate_must_belong_together_and_may_be_one_file(tmp_path: Path) -> None:
    files = put_material(tmp_path)
    material = load_material(files)
    both = tmp_path / "identity.pem"
    both.write_bytes(material.key + material.chain)
    assert load_material(TlsFiles(both, both, files.authorities)) == material
    files.key.write_bytes(dump_key(new_key()))
    with pytest.raises(InvalidInput, match="is not the key of the certificate"):
        load_material(files)
    with pytest.raises(InvalidInput, match=r"cannot read .*nowhere"):
        load_material(TlsFiles(tmp_path / "nowhere", files.key, files.authorities))


def test_files_replaced_one_after_the_other_are_taken_when_they_fit(tmp_path: Path) -> None:
    files, problems = put_material(tmp_path), list[str]()
    material = Reloading(files.paths, lambda: load_material(files), problems.append)
    first = material.current()
    assert material.current() is first
    new = tmp_path / "new"
    new.mkdir()
    put_material(new)
    (new / "tls.crt").replace(files.certificate)
    assert material.current() is first
    assert material.current() is first
    assert len(problems) == 1, "said once"
    (new / "tls.key").replace(files.key)
    (new / "ca.crt").replace(files.authorities)
    assert material.current() == load_material(files) != first
    files.authorities.unlink()
    assert material.current().info.identity == BOX, "the last good one stays"
    assert len(problems) == 2


def test_each_call_has_its_roles_and_what_is_not_in_the_table_is_nobodys() -> None:
    assert call_refusal(BOX, "/opq.v1.BoxService/Connect") == ""
    assert call_refusal(Identity(Role.INGEST), "/opq.v1.MakaiService/Feed") == ""
    assert call_refusal(BOX, "/opq.v1.MakaiService/Feed") == (
        "opq.v1.MakaiService/Feed: got a certificate of box kitchen, allowed: ingest"
    )
    assert call_refusal(Identity(Role.MAKAI), "/opq.v1.BoxService/Connect").endswith("allowed: box")
    assert may_call("/opq.v1.MakaiService/Unheard") == frozenset()
    assert call_refusal(Identity(Role.OPERATOR), "/other.Service/Call").endswith("allowed: nobody")
    assert may_call("/grpc.health.v1.Health/Check") == frozenset(Role)


def test_a_revocation_is_of_a_certificate_or_of_a_box_with_all_it_has() -> None:
    authority = make_authority(T0)
    one, two = (describe(leaf(authority)[0]) for _ in range(2))
    ingest = describe(leaf(authority, Identity(Role.INGEST))[0])
    by_serial = Revocations({one.serial: Revocation(T0, "lost")})
    assert by_serial.refusal(one) == f"the certificate of box kitchen was revoked at {iso_t0()} (lost)"
    assert by_serial.refusal(two) == ""
    by_box = Revocations(boxes={BoxId("kitchen"): Revocation(T0)})
    assert by_box.refusal(one)
    assert by_box.refusal(two)
    assert by_box.refusal(ingest) == ""


def iso_t0() -> str:
    return datetime.datetime.fromtimestamp(T0 // NS, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_a_combined_file_gives_its_key() -> None:
    key = new_key()
    chain = dump_chain(leaf(make_authority(T0)))
    assert dump_key(load_key(chain + dump_key(key), "x")) == dump_key(key)


@pytest.mark.parametrize("at", range(20, 700, 7))
def test_a_certificate_with_a_changed_letter_reads_or_is_refused(at: int) -> None:
    pem = bytearray(dump_chain([make_authority(T0).root]))
    at %= len(pem)
    pem[at] = ord("A") if pem[at] != ord("A") else ord("B")
    with contextlib.suppress(InvalidInput):
        describe(load_chain(bytes(pem), "certificate")[0])
