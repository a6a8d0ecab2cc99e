"""Who may ask: this machine alone, unless there are a token and a certificate; and what is scored together."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
import threading
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from fasdata.errors import UserError
from fasdata.extract.child import Lost
from fasdata.extract.processes import ClipProcess
from fastrain.bundle.answers import Decision, NoAnswer
from fastrain.bundle.finding import Recording
from fastrain.bundle.form import BundleFacts, JitterOfBundle, PlaceFacts
from fastrain.bundle.loading import load
from fastrain.bundle.opened import Bundle
from fastrain.serve.guard import LOOPBACK, Guard
from fastrain.serve.judging import Judge
from fastrain.serve.limits import Limits
from fastrain.serve.server import ServeRequest, require_safe
from fastrain.serve.trust import trust
from tests.fastrain.bundle.small import face, small_bundle
from tests.fastrain.serve.served import FORM, form, png, served

TOKEN = "correct-horse-battery"


def asked(
    path: str, method: str = "GET", token: str = "", names: tuple[str, ...] = (), **headers: str
) -> tuple[int, dict]:
    """Ask a guard before an application that answers 200; return status and headers, or the error."""
    reply: list[dict] = []

    async def app(scope: dict, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b"{}"})  # type: ignore[operator]

    async def send(message: dict) -> None:
        reply.append(message)

    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": path, "method": method, "headers": pairs}
    asyncio.run(Guard(app, token, names, lambda kind: None)(scope, None, send))  # type: ignore[arg-type]
    return reply[0]["status"], json.loads(reply[1]["body"]) | {"headers": dict(reply[0]["headers"])}


def test_without_the_token_only_the_page_is_given():
    for path, status in (("/", 200), ("/page.js", 200), ("/healthz", 200), ("/v1/model", 401), ("/metrics", 401)):
        assert asked(path, token=TOKEN)[0] == status
    assert asked("/v1/model", token=TOKEN, authorization=f"Bearer {TOKEN}")[0] == 200
    for wrong in (f"Bearer {TOKEN}x", TOKEN, "Bearer ", f"Basic {TOKEN}"):
        status, reply = asked("/v1/predict", "POST", token=TOKEN, authorization=wrong)
        assert (
            status == 401
            and reply["error"]["kind"] == "no token"
            and reply["headers"][b"www-authenticate"] == b"Bearer"
        )


def test_pages_of_others_cannot_have_a_browser_ask():
    for host in ("localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"):
        assert asked("/v1/model", names=LOOPBACK, host=host)[0] == 200
    assert asked("/v1/model", names=LOOPBACK, host="evil.example:8000")[0] == 421
    assert asked("/v1/predict", "POST", host="a.example", origin="https://a.example")[0] == 200
    assert asked("/v1/predict", "POST", host="a.example", origin="https://b.example")[0] == 403
    assert asked("/v1/predict", "POST", host="a.example", origin="null")[0] == 403
    assert b"default-src 'self'" in asked("/")[1]["headers"][b"content-security-policy"]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"host": "0.0.0.0"}, "no --token and no --tls"),
        ({"host": "192.168.1.7", "token": TOKEN}, "found no --tls"),
        ({"host": "example.org", "tls": True}, "found no --token"),
        ({"token": "short"}, "expected 16 or more"),
        ({"tls": (Path("nowhere.pem"), Path("key.pem"))}, "there is no nowhere.pem"),
    ],
)
def test_addresses_beyond_this_machine_need_token_and_certificate(tmp_path, request_, words):
    more = dict(request_)
    if more.get("tls") is True:
        more["tls"] = (tmp_path / "a", tmp_path / "b")
        for path in more["tls"]:
            path.touch()
    with pytest.raises(UserError, match=words):
        require_safe(ServeRequest(Path("a.fasb"), **more))


def test_limits_of_nothing_are_refused():
    with pytest.raises(UserError, match="the limit queue is 0"):
        Limits(queue=0)
    with pytest.raises(UserError, match="the limit body seconds is nan"):
        Limits(body_seconds=float("nan"))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_with_token_and_certificate_it_listens_everywhere_and_answers_over_https(pad, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    line = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(cert))  # fmt: skip
    subprocess.run(line, check=True, capture_output=True)
    more = ("--host", "0.0.0.0", "--tls", cert, key)
    trusted = ssl.create_default_context(cafile=str(cert))
    with served(pad, *more, ready=False, FASTRAIN_SERVE_TOKEN=TOKEN) as running:
        assert running.greeting.strip().startswith("brightness") and "https://" in running.greeting
        asking = urllib.request.Request(
            f"https://127.0.0.1:{running.port}/v1/predict", form(png(face())),
            {**FORM, "Authorization": f"Bearer {TOKEN}"},
        )  # fmt: skip
        with urllib.request.urlopen(asking, context=trusted, timeout=60) as reply:
            assert json.loads(reply.read())["decision"] == "bonafide"


# -- What is scored together, and what is lost -------------------------------------------------------------------------


def test_what_waits_is_scored_together_and_each_gets_its_own_answer(pad, tmp_path):
    sizes: list[int] = []
    predictor = load(pad)
    brightness = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5] * 2
    for place, light in enumerate(brightness):
        (tmp_path / f"{place}.png").write_bytes(png(face(light)))
    judge = Judge(slow(predictor), 2, 300.0, sizes.append)
    try:
        futures = [judge.judge(Recording(str(n), {"rgb": tmp_path / f"{n}.png"})) for n in range(len(brightness))]
        answers = [future.result(300).answer for future in futures]
    finally:
        judge.close()
    assert [answer.name for answer in answers] == [str(n) for n in range(len(brightness))]
    for light, answer in zip(brightness, answers, strict=True):
        assert isinstance(answer, Decision) and answer.score == pytest.approx(0.4887 * light, abs=0.01)
    assert sum(sizes) == len(brightness) and max(sizes) > 1


def slow(predictor):
    """Return the predictor with a network that takes its time, so that others come to wait."""
    import time

    class Slow:
        def scores(self, images, *, parts=False):
            time.sleep(0.15)
            return predictor.scorer.scores(images)

    return replace(predictor, scorer=Slow())


def test_one_that_cannot_be_scored_costs_no_other_its_answer(pad, tmp_path):
    predictor = load(pad)

    class Choosy:
        def scores(self, images, *, parts=False):
            scores = predictor.scorer.scores(images)["score"]
            if (scores < 0.3).any():
                raise UserError("too dark for me")
            return {"score": scores}

    judge = Judge(slow(replace(predictor, scorer=Choosy())), 2, 300.0)
    try:
        futures = []
        for place, light in enumerate((1.0, 0.5, 0.9, 0.5, 1.0, 0.8)):
            (tmp_path / f"{place}.png").write_bytes(png(face(light)))
            futures.append((light, judge.judge(Recording(str(place), {"rgb": tmp_path / f"{place}.png"}))))
        for light, future in futures:
            if light == 0.5:
                assert isinstance(future.exception(300), UserError)
            else:
                assert isinstance(future.result(300).answer, Decision)
    finally:
        judge.close()


def test_a_file_that_ends_the_process_that_decodes_it_gets_no_answer_and_the_next_one_does(pad, tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(png(face()))
    recording = Recording("a", {"rgb": tmp_path / "a.png"})
    whole = ClipProcess.run
    fates = [Lost("the decoder ended its process"), None]

    def run(process, job):
        fate = fates.pop(0)
        if fate is not None:
            raise fate
        return whole(process, job)

    monkeypatch.setattr(ClipProcess, "run", run)
    judge = Judge(load(pad), 1, 300.0)
    try:
        lost, next_one = (judge.judge(recording).result(300).answer for _ in range(2))
    finally:
        judge.close()
    assert isinstance(lost, NoAnswer) and lost.kind == "unreadable" and "ended its process" in lost.reason
    assert isinstance(next_one, Decision) and next_one.bonafide


def test_the_processes_that_find_faces_start_before_anybody_asks_and_a_slow_one_keeps_nobody_waiting(
    pad, tmp_path, monkeypatch
):
    (tmp_path / "a.png").write_bytes(png(face()))
    started: list[ClipProcess] = []
    late, start = threading.Event(), ClipProcess.start

    def slowly(process):
        started.append(process)
        if len(started) == 1:
            late.wait(300)
        start(process)

    monkeypatch.setattr(ClipProcess, "start", slowly)
    judge = Judge(load(pad, self_test=False), 2, 300.0)
    try:
        answers = [judge.judge(Recording("a", {"rgb": tmp_path / "a.png"})).result(300).answer for _ in range(3)]
    finally:
        late.set()
        judge.close()
    assert len(set(started)) == 2 and {answer.word for answer in answers} == {"bonafide"}


# -- In words ----------------------------------------------------------------------------------------------------------


def test_how_far_it_can_be_trusted_is_said_of_what_the_bundle_holds(pad, tmp_path):
    facts = Bundle.read(pad).facts
    reply = " ".join(trust(facts))
    for words in ("by source_eer", "10.0% of bona fide faces were rejected (95 % interval 2% to 20%)", "30 people",
                  "middle 98 % of 100 training clips", "was not measured"):  # fmt: skip
        assert words in reply, reply
    flips = [{"amount": 0.1, "label": label, "faces": 9, "share": share, "ever": 1.0}
             for label, share in (("", 0.3), ("attack", 0.4), ("bonafide", 0.1))]  # fmt: skip
    earlier = facts.model_copy(update={"jitter": JitterOfBundle(rows=flips)})  # without species
    assert "30% of the decisions were others; most often for attacks, 40%:" in " ".join(trust(earlier))
    few = facts.model_copy(update={"rates": [facts.rates[0].model_copy(update={"people": 9})]})
    assert "9 people only" in " ".join(trust(few))
    place = PlaceFacts(promise="bpcer<=0.05", value=0.4, low=0.38, high=0.42,
                       confidence=0.9, people=60, presentations=240, observed=0.0,
                       bound=0.038, data="lab.csv")  # fmt: skip
    local = " ".join(trust(facts.model_copy(update={"place": [place]})))
    assert "for one place" in local and "held for 60 people there, at most 3.8% with 90% confidence" in local
    seeing = facts.networks[0].model_copy(update={"modalities": ["rgb", "depth", "ir"]})
    assert "depth and ir too" in " ".join(trust(facts.model_copy(update={"networks": [seeing]})))
    bare = BundleFacts(**{**facts.model_dump(), "threshold": None, "rates": [], "seen": None,
                          "jitter": JitterOfBundle(why="no faces").model_dump()})  # fmt: skip
    reply = " ".join(trust(bare))
    assert "no error rate is known" in reply and "is not told" in reply


def test_a_bundle_without_a_threshold_is_not_served(tmp_path):
    from fastrain.serve.server import room_of

    path = small_bundle(tmp_path / "a.fasb")
    from tests.fastrain.bundle.planting import planted

    def without(facts: dict) -> None:
        facts["threshold"] = None
        for expected in facts["self_test"]:
            expected["threshold"] = expected["bonafide"] = None

    planted(path, tmp_path / "b.fasb", without)
    with pytest.raises(UserError, match="has no threshold"):
        room_of(ServeRequest(tmp_path / "b.fasb"))
    assert room_of(ServeRequest(tmp_path / "b.fasb", threshold=0.3)).about()["threshold"]["value"] == 0.3
