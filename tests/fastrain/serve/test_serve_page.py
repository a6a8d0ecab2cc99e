"""The page in a real browser, wide and narrow: a picture, a clip, a camera, a refusal, a token."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fastrain.bundle.scenes import with_modalities
from tests.fastrain.bundle.small import face, small_bundle
from tests.fastrain.serve.served import Served, png, served, video

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if BROWSER is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="no playwright to drive a browser with")

TOKEN = "correct-horse-battery"
WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def server(pad: Path) -> Iterator[Served]:
    with served(pad, "--max-mib", 1) as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless browser whose camera shows a real clip where there are some, else a rendered face."""
    camera = fake_camera(tmp_path_factory.mktemp("camera") / "camera.y4m")
    options = (
        "--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    )  # fmt: skip
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=BROWSER, args=list(options))
        yield running
        running.close()


def fake_camera(path: Path) -> Path:
    import av

    folder = os.environ.get("FAS_REAL_CLIPS", "")
    clips = sorted(Path(folder).glob("milk.mkv")) if folder else []
    if clips:
        with av.open(str(clips[0])) as container:
            frames = [frame.reformat(640, 480, "yuv420p") for frame in container.decode(video=0)]
    else:
        frames = [av.VideoFrame.from_ndarray(face(), format="rgb24").reformat(640, 480, "yuv420p")] * 10
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W640 H480 F30:1 Ip A1:1 C420jpeg\n")
        for frame in frames:
            file.write(b"FRAME\n" + frame.to_ndarray().tobytes())
    return path


@pytest.fixture(params=WIDTHS)
def page(browser: Any, server: Served, request: pytest.FixtureRequest) -> Iterator[Any]:
    faults: list[str] = []
    shown = browser.new_page(viewport={"width": request.param, "height": 900})
    shown.on("pageerror", lambda error: faults.append(str(error)))
    shown.on("request", lambda asked: faults.append(asked.url) if not mine(asked.url, server) else None)
    shown.goto(f"http://127.0.0.1:{server.port}/")
    shown.wait_for_selector("#trust li")
    yield shown
    assert shown.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    assert not faults  # no error, and nothing asked of anybody else
    shown.close()


def mine(url: str, server: Served) -> bool:
    return url.startswith((f"http://127.0.0.1:{server.port}/", "blob:", "data:"))


def judged(page: Any, word: str) -> str:
    """Wait for a decision; return all that the page says of it."""
    page.wait_for_selector(f"#word:text-is('{word}')", timeout=20_000)
    return page.inner_text("#answer")


def box_is_drawn(page: Any) -> bool:
    """Tell whether the canvas has the colour of a box where the server saw a face."""
    script = """() => { const c = document.getElementById("shown");
        const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data; let n = 0;
        for (let i = 0; i < d.length; i += 4)
          if ([[31,157,61],[214,40,40],[224,168,0]].some(p => p.every((v, k) => Math.abs(d[i + k] - v) < 3))) n += 1;
        return n; }"""
    return page.evaluate(script) > 200


def test_a_picture_shows_box_score_threshold_decision_and_trust(page, tmp_path):
    (tmp_path / "a.png").write_bytes(png(face()))
    page.set_input_files("#file", tmp_path / "a.png")
    shown = judged(page, "Bona fide")
    assert "Score 0.489" in shown and "bona fide from 0.400 (source_eer)" in shown
    page.wait_for_selector("#shown:visible")
    page.wait_for_timeout(100)
    assert box_is_drawn(page)
    assert "30 people" in page.inner_text("#trust") and "Nothing that is sent is stored" in page.inner_text("#stored")
    (tmp_path / "b.png").write_bytes(png(face(0.5)))
    page.set_input_files("#file", tmp_path / "b.png")
    assert "Unlike anything seen: brightness" in judged(page, "Attack")


def test_a_picture_that_is_dropped_on_the_page(page):
    script = """bytes => { const carried = new DataTransfer();
        carried.items.add(new File([new Uint8Array(bytes)], "dropped.png", {type: "image/png"})); return carried; }"""
    carried = page.evaluate_handle(script, list(png(face())))
    page.dispatch_event("#drop", "drop", {"dataTransfer": carried})
    assert "Score 0.489" in judged(page, "Bona fide")


def test_the_camera_is_judged_until_it_is_stopped(page):
    page.click("#webcam")
    judged(page, "Bona fide")
    assert box_is_drawn(page)
    page.click("#webcam:text-is('Stop the camera')")
    page.wait_for_selector("#webcam:text-is('Use the camera')")


def test_a_clip_no_face_and_what_is_refused(page, tmp_path):
    video(tmp_path / "a.mp4", 12)
    page.set_input_files("#file", tmp_path / "a.mp4")
    assert "2 frames" in judged(page, "Bona fide")
    (tmp_path / "grey.png").write_bytes(png(np.full((240, 320, 3), 90, np.uint8)))
    page.set_input_files("#file", tmp_path / "grey.png")
    assert "no face" in judged(page, "No answer") and page.is_hidden("#scale")
    (tmp_path / "words.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "words.png")
    assert "wrong type" in judged(page, "Not judged")


def test_depth_and_infrared_are_added_to_the_picture_that_was_chosen(browser, tmp_path):
    images = with_modalities(face(), ("rgb", "depth", "ir"))
    for name, image in images.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), image[..., ::-1] if name == "rgb" else image)
    three = small_bundle(tmp_path / "three.fasb", threshold=0.4, three=True)
    with served(three) as running:
        for width in WIDTHS:
            shown = browser.new_page(viewport={"width": width, "height": 900})
            shown.goto(f"http://127.0.0.1:{running.port}/")
            shown.wait_for_selector("#part-depth:disabled", state="attached")
            assert "sees depth and infrared too" in shown.inner_text("#parts-hint")
            shown.set_input_files("#file", tmp_path / "rgb.png")
            assert "judged by colour" in judged(shown, "Attack")
            shown.set_input_files("#part-depth", tmp_path / "depth.png")
            shown.set_input_files("#part-ir", tmp_path / "ir.png")
            assert "judged by colour, depth, infrared" in judged(shown, "Bona fide")
            assert "infrared: ir.png" in shown.inner_text("#part-buttons")
            assert shown.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
            shown.close()


def test_a_token_is_asked_for(browser, pad):
    with served(pad, "--token", TOKEN) as running:
        shown = browser.new_page()
        shown.goto(f"http://127.0.0.1:{running.port}/")
        shown.wait_for_selector("#ask-token:visible")
        shown.fill("#token", TOKEN)
        shown.click("#ask-token button")
        shown.wait_for_selector("#trust li")
        assert shown.is_hidden("#ask-token")
        shown.close()
