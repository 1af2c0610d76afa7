"""Who is let in, over real TLS sockets: certificates, tokens, revocation, roles, and what is refused with which words."""

import asyncio
import contextlib
import datetime
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from opq.clock import DAY_NS, NS, SystemClock
from opq.errors import InvalidInput, Unavailable
from opq.ids import AcquisitionId, BoxId, EventId, GridId
from opq.model.boxes import Box, Nominal
from opq.model.events import Acquisition
from opq.rpc.channels import Dialer, Server, healthy, named_channel, open_channel
from opq.rpc.makai import MakaiClient
from opq.rpc.tls import ServerTls, watch_files
from opq.store import Store, open_store
from opq.store.certificates import Certificates
from opq.store.trust import grant_enrolment, init_authority, issue_certificate, revoke, rotate_authority
from opq.store.updates import offer_update, put_update
from opq.testing.peer import Peer, Upload, a_frame
from opq.testing.processes import free_address, soon
from opq.trust.authority import Authority, fingerprint, issue, make_authority
from opq.trust.authority_file import load_authority
from opq.trust.certificates import (
    CertificateInfo,
    describe_pem,
    dump_chain,
    dump_key,
    load_chain,
    make_request,
    new_key,
)
from opq.trust.material import TlsFiles, load_material
from opq.trust.names import Identity, Role
from opq.trust.records import Grant
from opq.trust.tokens import new_token
from opq.v1 import (
    box_pb2,
    box_pb2_grpc,
    enrolment_pb2,
    enrolment_pb2_grpc,
    makai_pb2,
    makai_pb2_grpc,
    mauka_pb2,
    mauka_pb2_grpc,
    waveform_pb2,
)
from opq_box_agent.identity import Enrolment, enrol, identity_files, renew
from opq_ingest.__main__ import serve as serve_ingest
from opq_ingest.settings import IngestSettings
from opq_makai.__main__ import serve as serve_makai
from opq_makai.settings import MakaiSettings
from opq_mauka.hub.__main__ import serve as serve_hub
from opq_mauka.settings import HubSettings

A, B = BoxId("a"), BoxId("b")
CLOCK = SystemClock()
LIFE_NS = DAY_NS


class Site:
    """An authority, a store, and certificates for anybody."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ca = folder, folder / "ca"
        self.authority = init_authority(self.ca, CLOCK.unix_ns())
        self.store: Store = open_store(f"sqlite:{folder / 'store'}")
        self.certificates = Certificates(self.store)
        for box_id in (A, B):
            self.store.boxes.put(Box(box_id, GridId("g"), Nominal(120, 60)))
        self.address, self.enrol_address, self.health_address = (free_address() for _ in range(3))

    def files(
        self, identity: Identity, authority: Authority | None = None, at: int | None = None, life_ns: int = LIFE_NS
    ) -> TlsFiles:
        """Make a certificate; of this site's own authority it is on record."""
        key, now = new_key(), CLOCK.unix_ns() if at is None else at
        if authority is None:
            chain = issue_certificate(self.store, self.authority, identity, key.public_key(), "by hand", now, life_ns)
        else:
            chain = issue(authority, identity, key.public_key(), now, life_ns)
        return self.put(chain, key)

    def put(self, chain: list[x509.Certificate], key: ec.EllipticCurvePrivateKey) -> TlsFiles:
        """Write a certificate and its key."""
        path = self.folder / f"{chain[0].serial_number:x}.pem"
        path.write_bytes(dump_key(key) + dump_chain(chain))
        return TlsFiles(path, path, self.ca / "ca.crt")

    def box(self, box_id: BoxId) -> TlsFiles:
        return self.files(Identity(Role.BOX, box_id))

    def tls(self, role: Role) -> dict[str, Path]:
        files = self.files(Identity(role))
        return {"tls_cert": files.certificate, "tls_key": files.key, "tls_ca": files.authorities}


@contextlib.asynccontextmanager
async def running(serve, settings, health_address: str) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(serve(settings, stop))
    while not await healthy(health_address):
        assert not task.done(), task.result()
        await asyncio.sleep(0.02)
    try:
        yield
    finally:
        stop.set()
        await task


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path)
    settings = IngestSettings(
        listen=made.address,
        enrol_listen=made.enrol_address,
        health_listen=made.health_address,
        store=f"sqlite:{tmp_path / 'store'}",
        makai="127.0.0.1:1",
        ca=made.ca,
        ack_period_s=0.1,
        **made.tls(Role.INGEST),
    )
    async with running(serve_ingest, settings, made.health_address):
        yield made
    made.store.close()


@contextlib.asynccontextmanager
async def peer(site: Site, files: TlsFiles) -> AsyncIterator[Peer]:
    async with Dialer(site.address, Role.INGEST, files) as dialer:
        made = Peer(await dialer.channel())
        try:
            yield made
        finally:
            made.call.cancel()


async def greeting_refused(site: Site, files: TlsFiles, box_id: str = "a") -> tuple[grpc.StatusCode, str]:
    async with peer(site, files) as box:
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            await box.send(box_pb2.BoxUp(hello=box_pb2.Hello(box_id=box_id, boot_id="x")).SerializeToString())
        return await box.refusal()


async def failed(call) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code(), error.value.details()


# --- the box is who its certificate says


async def test_a_box_streams_and_uploads_as_itself(site: Site) -> None:
    site.store.acquisitions.put(Acquisition(AcquisitionId("acq-a"), EventId("e"), A, 0, 1))
    async with peer(site, site.box(A)) as box:
        await box.hello("a")
        await box.frame(a_frame(1, box="a"))
        assert (await box.receive()).ack.last == [1]
        receipt = await box.stub.UploadWaveform(Upload("acq-a", "a").chunks())
        assert receipt.acquisition_id == "acq-a"


async def test_a_box_can_neither_greet_nor_upload_nor_resume_as_another(site: Site) -> None:
    for box_id in (A, B):
        site.store.acquisitions.put(Acquisition(AcquisitionId(f"acq-{box_id}"), EventId("e"), box_id, 0, 1))
    files = site.box(A)
    words = "box_id: got 'b' with a certificate of box a"
    assert await greeting_refused(site, files, "b") == (grpc.StatusCode.PERMISSION_DENIED, words)
    async with peer(site, files) as box:
        await box.hello("a")
        refused = (grpc.StatusCode.PERMISSION_DENIED, words)
        assert await failed(box.stub.UploadWaveform(Upload("acq-b", "b").chunks())) == refused
        asked = waveform_pb2.ResumeWaveformRequest(acquisition_id="acq-b", box_id="b")
        assert await failed(box.stub.ResumeWaveform(asked)) == refused
        # Under its own name the acquisition of another is none of its own.
        code, detail = await failed(box.stub.UploadWaveform(Upload("acq-b", "a").chunks()))
        assert (code, "nobody asked of box 'a'" in detail) == (grpc.StatusCode.NOT_FOUND, True)
        await box.frame(a_frame(1, box="b"))
        await box.receive()
    assert site.store.waveforms.received(AcquisitionId("acq-b")) == 0
    assert site.store.measurements.count(B) == 0, "what comes in the session of a is of a, whatever the frame says"


async def test_a_box_fetches_the_update_it_was_offered_and_none_of_another(site: Site) -> None:
    data = os.urandom(500_000)
    update = put_update(site.store, data, "9.0.0")
    offer_update(site.store, A, update, CLOCK.unix_ns())
    download = box_pb2.DownloadUpdateRequest
    async with peer(site, site.box(A)) as box:
        asked = download(box_id="a", update_id=update.update_id, offset=100)
        assert b"".join([piece.data async for piece in box.stub.DownloadUpdate(asked)]) == data[100:]
        for other, offset, code in (
            ("b", 0, grpc.StatusCode.PERMISSION_DENIED),
            ("a", len(data) + 1, grpc.StatusCode.INVALID_ARGUMENT),
        ):
            asked = download(box_id=other, update_id=update.update_id, offset=offset)
            assert (await failed(anext(aiter(box.stub.DownloadUpdate(asked)))))[0] is code
        asked = download(box_id="a", update_id="../" + "0" * 61)
        assert (await failed(anext(aiter(box.stub.DownloadUpdate(asked)))))[0] is grpc.StatusCode.INVALID_ARGUMENT
    async with peer(site, site.box(B)) as box:
        asked = download(box_id="b", update_id=update.update_id)
        assert (await failed(anext(aiter(box.stub.DownloadUpdate(asked)))))[0] is grpc.StatusCode.NOT_FOUND


async def test_a_service_is_no_box(site: Site) -> None:
    code, detail = await greeting_refused(site, site.files(Identity(Role.OPERATOR)))
    assert code == grpc.StatusCode.PERMISSION_DENIED
    assert detail == "opq.v1.BoxService/Connect: got a certificate of operator, allowed: box"


@pytest.mark.parametrize("which", ["expired", "not yet", "foreign"])
async def test_what_tls_itself_refuses_ends_unavailable_and_the_dialer_says_what_it_showed(
    site: Site, which: str
) -> None:
    now, box = CLOCK.unix_ns(), Identity(Role.BOX, A)
    shown = {
        "expired": lambda: site.files(box, at=now - 2 * DAY_NS),
        "not yet": lambda: site.files(box, at=now + DAY_NS),
        "foreign": lambda: site.files(box, make_authority(now)),
    }[which]()
    code, detail = await greeting_refused(site, shown)
    assert code == grpc.StatusCode.UNAVAILABLE
    async with Dialer(site.address, Role.INGEST, shown) as dialer:
        await dialer.channel()
        said = dialer.explain(detail, now)
    expected = {
        "expired": "expired at",
        "not yet": "begins only at",
        "foreign": "it does not accept our certificate of box a",
    }
    assert expected[which] in said
    assert site.store.boxes.status(A) is None


async def test_without_a_certificate_nothing_is_heard(site: Site) -> None:
    credentials = grpc.ssl_channel_credentials(site.authority.bundle)
    async with named_channel(site.address, Role.INGEST, credentials) as channel:
        code, _ = await failed(Peer(channel).hello("a"))
        assert code == grpc.StatusCode.UNAVAILABLE
    async with open_channel(site.address) as channel:
        code, _ = await failed(Peer(channel).hello("a"))
        assert code == grpc.StatusCode.UNAVAILABLE
    assert site.store.boxes.status(A) is None


async def test_a_box_believes_no_server_that_is_not_ingest_of_its_site(site: Site, tmp_path: Path) -> None:
    for role, authority in ((Role.MAKAI, None), (Role.INGEST, make_authority(CLOCK.unix_ns()))):
        files, address = site.files(Identity(role), authority), free_address()
        served = TlsFiles(files.certificate, files.key, site.ca / "ca.crt")

        server = Server(tls=ServerTls(watch_files(served)))
        await server.start(address, [])
        async with Dialer(address, Role.INGEST, site.box(A)) as dialer:
            code, detail = await failed(Peer(await dialer.channel()).hello("a"))
            assert code == grpc.StatusCode.UNAVAILABLE
            assert "the certificate of the server is not believed" in dialer.explain(detail, CLOCK.unix_ns())
        await server.stop(0)


# --- revocation and expiry


async def test_a_revoked_box_is_cut_off_within_seconds_with_the_reason_and_its_neighbour_notices_nothing(
    site: Site,
) -> None:
    files = site.box(A)
    async with peer(site, files) as box, peer(site, site.box(B)) as neighbour:
        await box.hello("a")
        await neighbour.hello("b")
        revoke(site.store, "a", CLOCK.unix_ns(), "stolen")
        code, detail = await box.refusal()
        assert code == grpc.StatusCode.UNAUTHENTICATED
        assert detail.startswith("the certificate of box a was revoked at ")
        assert detail.endswith(" (stolen)")
        await neighbour.frame(a_frame(1, box="b"))
        assert (await neighbour.receive()).ack.last == [1]
    assert (await greeting_refused(site, files))[0] == grpc.StatusCode.UNAUTHENTICATED
    code, detail = await greeting_refused(site, site.box(A))
    assert (code, "was revoked" in detail) == (grpc.StatusCode.UNAUTHENTICATED, True), "whatever certificate it has"
    await soon(lambda: not site.store.boxes.status(A).connected, "it is seen to be off line")


async def test_one_revoked_certificate_is_no_longer_accepted_and_another_of_the_box_is(site: Site) -> None:
    lost, kept = site.box(A), site.box(A)
    async with peer(site, lost) as thief:
        await thief.hello("a")
        revoke(site.store, load_material(lost).info.serial, CLOCK.unix_ns(), "")
        assert (await thief.refusal())[0] == grpc.StatusCode.UNAUTHENTICATED
    async with peer(site, kept) as box:
        await box.hello("a")


async def test_a_stream_ends_when_its_certificate_does_unless_the_box_has_the_next_one(site: Site) -> None:
    now, box_a, box_b = CLOCK.unix_ns(), Identity(Role.BOX, A), Identity(Role.BOX, B)
    short, renewed = (site.files(identity, at=now, life_ns=3 * NS) for identity in (box_a, box_b))
    async with peer(site, short) as ending, peer(site, renewed) as staying:
        await ending.hello("a")
        await staying.hello("b")
        await renew(site.address, renewed)
        code, detail = await ending.refusal()
        assert code == grpc.StatusCode.UNAUTHENTICATED
        assert detail.startswith("the certificate of box a expired at ")
        await asyncio.sleep(1.5)
        await staying.frame(a_frame(1, box="b"))
        assert (await staying.receive()).ack.last == [1]
    async with peer(site, renewed) as again:
        await again.hello("b")


# --- enrolment


def token_for(site: Site, box_id: BoxId = A, ttl_ns: int = 3600 * NS):
    return grant_enrolment(site.store, site.authority, box_id, CLOCK.unix_ns(), ttl_ns)


async def ask(site: Site, text: str, key: ec.EllipticCurvePrivateKey) -> enrolment_pb2.EnrolResponse:
    credentials = grpc.ssl_channel_credentials(site.authority.bundle)
    async with named_channel(site.enrol_address, Role.INGEST, credentials) as channel:
        request = enrolment_pb2.EnrolRequest(token=text, request_pem=make_request(key).decode())
        return await enrolment_pb2_grpc.EnrolmentServiceStub(channel).Enrol(request, timeout=10)


async def test_a_box_enrols_with_nothing_but_its_token_and_keeps_its_key_to_itself(site: Site, tmp_path: Path) -> None:
    files = identity_files(tmp_path / "box")
    info = await enrol(Enrolment(token_for(site), site.enrol_address), files)
    assert info.identity == Identity(Role.BOX, A)
    assert 29 * DAY_NS < info.not_after_unix_ns - CLOCK.unix_ns() <= 30 * DAY_NS
    assert files.key.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in (tmp_path / "box").iterdir()) == ["ca.crt", "identity.pem"]
    (issued,) = [one for one in site.certificates.all() if one.role is Role.BOX]
    assert (issued.serial, issued.how, issued.box_id) == (info.serial, "token", A)
    async with peer(site, files) as box:
        await box.hello("a")


async def test_a_token_is_good_once(site: Site) -> None:
    token = token_for(site)
    await ask(site, token.text, new_key())
    code, detail = await failed(ask(site, token.text, new_key()))
    assert code == grpc.StatusCode.UNAUTHENTICATED
    assert detail == "token: it was used already; make another one with: opq boxes enrol BOX"
    assert len(site.certificates.of(Identity(Role.BOX, A))) == 1


async def test_of_many_who_use_a_token_at_once_one_gets_a_certificate(site: Site) -> None:
    token = token_for(site)
    answers = await asyncio.gather(*(ask(site, token.text, new_key()) for _ in range(12)), return_exceptions=True)
    assert sum(isinstance(answer, enrolment_pb2.EnrolResponse) for answer in answers) == 1
    refused = {error.code() for error in answers if isinstance(error, grpc.aio.AioRpcError)}
    assert refused == {grpc.StatusCode.UNAUTHENTICATED}
    assert len(site.certificates.of(Identity(Role.BOX, A))) == 1


async def test_an_answer_that_was_lost_is_given_again_to_the_same_key(site: Site, tmp_path: Path) -> None:
    token, key = token_for(site), new_key()
    first = await ask(site, token.text, key)
    assert (await ask(site, token.text, key)).chain_pem == first.chain_pem
    assert len(site.certificates.of(Identity(Role.BOX, A))) == 1


async def test_an_expired_an_unknown_and_a_withdrawn_token_open_nothing(site: Site) -> None:
    token = new_token(A, site.authority.fingerprint)
    now = CLOCK.unix_ns()
    site.certificates.grant(token.digest, Grant(A, now - 2 * NS, now - NS))
    code, detail = await failed(ask(site, token.text, new_key()))
    assert (code, detail.startswith("token: it expired at ")) == (grpc.StatusCode.UNAUTHENTICATED, True)
    stranger = new_token(A, site.authority.fingerprint)
    withdrawn = token_for(site)
    revoke(site.store, "a", CLOCK.unix_ns(), "")
    for text in (stranger.text, withdrawn.text):
        code, detail = await failed(ask(site, text, new_key()))
        assert (code, "this site does not know it" in detail) == (grpc.StatusCode.UNAUTHENTICATED, True)
    assert site.certificates.of(Identity(Role.BOX, A)) == []


async def test_a_token_of_one_box_is_none_of_another(site: Site) -> None:
    token = token_for(site, A)
    forged = token.text.replace("opq1.a.", "opq1.b.")
    code, detail = await failed(ask(site, forged, new_key()))
    assert (code, detail) == (grpc.StatusCode.UNAUTHENTICATED, "token: it is not for box b")
    answer = await ask(site, token.text, new_key())
    (certificate, *_) = load_chain(answer.chain_pem.encode(), "answer")
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["opq://box/a"]


async def test_a_box_gives_its_token_to_no_site_but_that_of_the_fingerprint(site: Site, tmp_path: Path) -> None:
    token = grant_enrolment(site.store, make_authority(CLOCK.unix_ns()), A, CLOCK.unix_ns(), DAY_NS)
    with pytest.raises(InvalidInput, match="is not the site that the token is for"):
        await enrol(Enrolment(token, site.enrol_address), identity_files(tmp_path / "box"))
    with pytest.raises(Unavailable, match="does not answer with TLS"):
        await enrol(Enrolment(token_for(site), free_address()), identity_files(tmp_path / "box"))
    assert not (tmp_path / "box").exists()


async def test_enrolment_survives_a_change_of_roots_between_token_and_use(site: Site, tmp_path: Path) -> None:
    token = token_for(site)
    new = rotate_authority(site.ca, CLOCK.unix_ns())
    # The server shows the old chain still, and signs with the new root.
    files = identity_files(tmp_path / "box")
    await enrol(Enrolment(token, site.enrol_address), files)
    assert [fingerprint(root) for root in load_material(files).roots] == [fingerprint(root) for root in new.roots]
    async with peer(site, files) as box:
        await box.hello("a")


async def test_at_the_door_for_newcomers_nothing_else_is_served(site: Site) -> None:
    credentials = grpc.ssl_channel_credentials(site.authority.bundle)
    async with named_channel(site.enrol_address, Role.INGEST, credentials) as channel:
        asked = waveform_pb2.ResumeWaveformRequest(acquisition_id="acq-a", box_id="a")
        code, _ = await failed(box_pb2_grpc.BoxServiceStub(channel).ResumeWaveform(asked, timeout=5))
        assert code == grpc.StatusCode.UNIMPLEMENTED
        request = enrolment_pb2.RenewRequest(request_pem=make_request(new_key()).decode())
        code, _ = await failed(enrolment_pb2_grpc.EnrolmentServiceStub(channel).Renew(request, timeout=5))
        assert code == grpc.StatusCode.UNIMPLEMENTED


async def test_a_box_that_collects_certificates_is_stopped(site: Site) -> None:
    files = site.box(A)
    for _ in range(19):
        await renew(site.address, files)
    with pytest.raises(Unavailable, match="box a has 20 valid certificates already"):
        await renew(site.address, files)


async def test_a_revoked_box_does_not_renew_and_comes_back_by_enrolling(site: Site, tmp_path: Path) -> None:
    files = site.box(A)
    revoke(site.store, "a", CLOCK.unix_ns(), "")
    await asyncio.sleep(1.5)
    with pytest.raises(InvalidInput, match="refused by the site: the certificate of box a was revoked"):
        await renew(site.address, files)
    again = identity_files(tmp_path / "box")
    await enrol(Enrolment(token_for(site), site.enrol_address), again)
    await asyncio.sleep(1.5)
    assert (await greeting_refused(site, files))[0] == grpc.StatusCode.UNAUTHENTICATED
    async with peer(site, again) as box:
        await box.hello("a")


# --- another authority, other servers, other rules


def foreign_certificate(
    names: list[x509.GeneralName], now: datetime.datetime
) -> tuple[Authority, list[x509.Certificate], ec.EllipticCurvePrivateKey]:
    """Sign as an authority of somebody else would: another subject, and names of its own beside ours."""
    root, key = make_authority(CLOCK.unix_ns()), new_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Somebody")]))
        .issuer_name(root.root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(root.key, hashes.SHA256())
    )
    return root, [certificate], key


async def test_certificates_of_another_authority_do_as_well_by_their_dns_name(site: Site) -> None:
    now = datetime.datetime.now(datetime.UTC)
    root, chain, key = foreign_certificate([x509.DNSName("a.box.opq"), x509.DNSName("pi.example.org")], now)
    bundle = site.ca / "ca.crt"
    bundle.write_bytes(site.authority.bundle + root.bundle)
    async with peer(site, site.put(chain, key)) as box:
        await box.hello("a")
        revoke(site.store, f"{chain[0].serial_number:x}", CLOCK.unix_ns(), "lost")
        assert (await box.refusal())[0] == grpc.StatusCode.UNAUTHENTICATED


async def test_a_new_certificate_of_the_server_is_used_at_the_next_handshake_and_no_stream_is_dropped(
    site: Site,
) -> None:
    served = next(path for path in site.folder.glob("*.pem") if load_material_of(path).identity.role is Role.INGEST)
    async with peer(site, site.box(A)) as box:
        await box.hello("a")
        before = (await site_serial(site)).serial
        new = rotate_authority(site.ca, CLOCK.unix_ns())
        key = new_key()
        chain = issue(new, Identity(Role.INGEST), key.public_key(), CLOCK.unix_ns(), DAY_NS)
        served.write_bytes(dump_key(key) + dump_chain(chain))
        after = await site_serial(site)
        assert after.serial != before
        await box.frame(a_frame(1, box="a"))
        assert (await box.receive()).ack.last == [1]
    async with peer(site, site.box(B)) as other:  # its certificate is of the old root
        await other.hello("b")


def load_material_of(path: Path) -> CertificateInfo:
    return load_material(TlsFiles(path, path, path)).info


async def site_serial(site: Site) -> CertificateInfo:
    """Return the certificate that the server shows right now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    host, port = site.enrol_address.split(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return describe_pem(ssl.DER_cert_to_PEM_cert(der).encode())


async def test_clear_text_does_not_leave_the_machine() -> None:
    for listen in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0", "ingest.example.org:0"):
        with pytest.raises(InvalidInput, match="without TLS, expected an address on loopback, or --tls-cert"):
            await Server().start(listen, [])
    with pytest.raises(InvalidInput, match=r"ingest: got 'ingest\.example\.org:4500' without TLS"):
        Dialer("ingest.example.org:4500", Role.INGEST)
    for target in ("127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "localhost:1"):
        Dialer(target, Role.INGEST)


async def test_makai_hears_frames_from_ingest_only_and_tools_from_people_only(site: Site, tmp_path: Path) -> None:
    address, health = free_address(), free_address()
    settings = MakaiSettings(
        listen=address, health_listen=health, store=f"sqlite:{tmp_path / 'store'}", **site.tls(Role.MAKAI)
    )
    async with running(serve_makai, settings, health):
        assert not await healthy(address), "probes go to --health-listen"
        for role in Role:
            if role is Role.BOX:
                continue
            files = site.files(Identity(role))
            code = await first_status(address, files, Role.MAKAI, feed)
            assert (code is None) == (role is Role.INGEST), role
            client = MakaiClient({"makai-1": address}, files)
            if role in (Role.CLIENT, Role.OPERATOR, Role.VIEW):
                assert (await client.box_state(GridId("g"), A)).box_id == A
            else:
                with pytest.raises(InvalidInput, match="GetBoxState: got a certificate of"):
                    await client.box_state(GridId("g"), A)
        assert await first_status(address, site.box(A), Role.MAKAI, feed) == grpc.StatusCode.PERMISSION_DENIED


async def test_the_hub_gives_work_to_workers_only(site: Site, tmp_path: Path) -> None:
    address, health = free_address(), free_address()
    settings = HubSettings(
        listen=address, health_listen=health, store=f"sqlite:{tmp_path / 'store'}", **site.tls(Role.HUB)
    )
    async with running(serve_hub, settings, health):
        for role in Role:
            identity = Identity(role, A if role is Role.BOX else None)
            code = await first_status(address, site.files(identity), Role.HUB, work)
            assert code == (None if role is Role.WORKER else grpc.StatusCode.PERMISSION_DENIED), role
        assert await healthy(health)


async def first_status(address: str, files: TlsFiles, role: Role, call) -> grpc.StatusCode | None:
    """Return how a call is refused; None if it stands."""
    async with Dialer(address, role, files) as dialer:
        made = call(await dialer.channel())
        try:
            async with asyncio.timeout(0.5):
                return await made.code()
        except TimeoutError:
            return None
        finally:
            made.cancel()


def feed(channel):
    async def up() -> AsyncIterator[makai_pb2.FeedUp]:
        yield makai_pb2.FeedUp(hello=makai_pb2.FeedHello(ingest_id="x"))
        await asyncio.sleep(60)

    return makai_pb2_grpc.MakaiServiceStub(channel).Feed(up())


def work(channel):
    async def up() -> AsyncIterator[mauka_pb2.WorkUp]:
        plugin = mauka_pb2.PluginInfo(name="itic", version="1", kinds=["event"])
        yield mauka_pb2.WorkUp(hello=mauka_pb2.WorkerHello(worker_id="w", plugins=[plugin], credit=1))
        await asyncio.sleep(60)

    return mauka_pb2_grpc.MaukaServiceStub(channel).Work(up())


async def test_a_site_whose_ingest_does_not_sign_says_so(tmp_path: Path) -> None:
    site = Site(tmp_path)
    settings = IngestSettings(
        listen=site.address,
        enrol_listen=site.enrol_address,
        health_listen=site.health_address,
        store=f"sqlite:{tmp_path / 'store'}",
        makai="127.0.0.1:1",
        **site.tls(Role.INGEST),
    )
    async with running(serve_ingest, settings, site.health_address):
        code, detail = await failed(ask(site, token_for(site).text, new_key()))
        assert code == grpc.StatusCode.FAILED_PRECONDITION
        assert detail.startswith("this site signs no certificates for boxes")
    assert load_authority(site.ca).fingerprint == site.authority.fingerprint
    site.store.close()
