"""The page, in a browser: Chromium, whose microphone hears a file."""

from __future__ import annotations

import asyncio
import re
import sys
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from subprocess import run as run_program
from typing import Any

import numpy as np
import pytest

from tests.fakes import run
from tests.real_speech import REPOSITORY, clip, needs_engines
from tests.server.browser import PROGRAM, Page, chromium, tab
from tests.server.process import served
from tests.server.serving import Parrot, Server, serving
from workbench.audio.decode import decode
from workbench.audio.wav import header
from workbench.server.access import LOOPBACK_NAMES, Access
from workbench.server.limits import Limits
from workbench.server.page import PATHS
from workbench.types import Samples

TOKEN = "a-token-that-nobody-guesses"
NAMED = Access(hosts=LOOPBACK_NAMES, token=TOKEN)
RATE = 48_000
IDLE = "document.body.dataset.state === 'idle'"
LISTENING = "document.body.dataset.state === 'listening'"
PROBLEM = "document.querySelector('#problem p').textContent"
needs_browser = pytest.mark.skipif(PROGRAM is None, reason="apt-get install chromium")
Test = Callable[[Server, Page], Awaitable[None]]


def heard(path: Path, samples: Samples) -> Path:
    """A file for the microphone: after its end Chromium would go on with its last sound."""
    samples = np.concatenate([samples, np.zeros(60 * RATE, np.float32)])
    path.write_bytes(header(len(samples), RATE) + (samples * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One that hears a second of a tone and a second of nothing, in turns."""
    folder = tmp_path_factory.mktemp("chromium")
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    both = np.concatenate([tone, np.zeros(RATE)]).astype(np.float32)
    with chromium(folder / "profile", heard(folder / "tone.wav", np.tile(both, 30))) as where:
        yield where


def browse(where: str, test: Test, *, clean: bool = True, **how: Any) -> None:
    """Run `test` with a server of quick engines and a tab. `clean`: the browser's console stays empty."""

    async def limited() -> None:
        async with asyncio.timeout(60), serving(**how) as server, tab(where) as page:
            await test(server, page)
            assert page.complaints == [] or not clean

    asyncio.run(limited())


async def start(page: Page, url: str) -> None:
    await page.go(url)
    await page.when(IDLE)
    await page.click("listen")


async def enter_token(page: Page, token: str) -> None:
    await page.run(f"document.getElementById('token').value = '{token}'")
    await page.run("document.querySelector('#access button').click()")


async def idle(server: Server) -> None:
    """Wait until no session is left on the server."""
    async with server.http() as client:
        while "workbench_sessions 0.0" not in (await client.get("/metrics", headers=server.authorization)).text:
            pass


@needs_browser
def test_what_is_said_is_shown_with_its_translation_until_stopped(browser: str) -> None:
    async def test(server: Server, page: Page) -> None:
        await page.go(server.url)
        await page.when(IDLE)
        await page.run("document.getElementById('translate').value = 'xx'")
        await page.click("listen")
        await page.when("Number(document.getElementById('level').ariaValueNow) > 50")
        await page.when("document.getElementById('speaking').textContent === 'Speech'")
        await page.when("document.querySelector('#finals .translation:not(.interim)')?.textContent")
        assert await page.run("document.querySelector('#finals .source').textContent") == "Hello there."
        assert await page.run("document.querySelector('#finals .translation').textContent") == ".ereht olleH"
        assert await page.run("document.querySelector('#finals .translation').lang") == "xx"
        await page.click("listen")
        await page.when(IDLE)
        assert await page.text("interims") == ""
        assert await page.run(PROBLEM) == ""
        await idle(server)
        async with server.http() as client:
            assert 'workbench_streams_closed_total{code="1000"} 1.0' in (await client.get("/metrics")).text

    browse(browser, test)


@needs_browser
def test_it_goes_by_keyboard(browser: str) -> None:
    async def press(page: Page, key: str, text: str = "", modifiers: int = 0) -> None:
        how = {"key": key, "code": key, "windowsVirtualKeyCode": {"Tab": 9, "Enter": 13}[key], "modifiers": modifiers}
        await page.call("Input.dispatchKeyEvent", type="keyDown", text=text, **how)
        await page.call("Input.dispatchKeyEvent", type="keyUp", **how)

    async def test(server: Server, page: Page) -> None:
        await page.go(server.url)
        await page.when(IDLE)
        await press(page, "Enter", modifiers=2)
        await page.when(LISTENING)
        await press(page, "Enter", modifiers=2)
        await page.when(IDLE)
        reached: list[str] = []
        while reached[-1:] != ["listen"] and len(reached) < 20:
            await press(page, "Tab")
            reached.append(await page.run("document.activeElement.id"))
            assert await page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert reached == ["language", "translate", "echo", "noise", "captions", "listen"]
        for state in (LISTENING, IDLE):
            await press(page, "Enter", text="\r")
            await page.when(state)
            assert await page.run("document.activeElement.id") == "listen"

    browse(browser, test)


@needs_browser
def test_it_asks_for_a_token_and_says_when_it_is_wrong(browser: str) -> None:
    async def test(server: Server, page: Page) -> None:
        await page.go(server.url)
        await page.when(f"{PROBLEM}.includes('asks for a token')")
        await enter_token(page, "wrong")
        await page.when(f"{PROBLEM}.includes('refused the token')")
        await enter_token(page, TOKEN)
        await page.when(IDLE)
        await page.click("listen")
        await page.when("document.getElementById('finals').textContent")
        assert await page.run(PROBLEM) == ""
        assert await page.run("document.getElementById('access').hidden")
        assert await page.run("document.activeElement.id") == "listen"
        assert TOKEN not in await page.run("location.href + document.cookie + JSON.stringify(localStorage)")
        assert TOKEN not in await page.run("JSON.stringify(performance.getEntries())")
        refused = [line for line in page.complaints if "401" not in line]
        assert refused == []

    browse(browser, test, allowed=NAMED, clean=False)


@needs_browser
@pytest.mark.parametrize("token", ["two words", "l’ettre", ""])
def test_a_token_that_cannot_be_one_is_refused(browser: str, token: str) -> None:
    async def test(server: Server, page: Page) -> None:
        await page.go(server.url)
        await page.when(f"{PROBLEM}.includes('asks for a token')")
        await enter_token(page, token)
        await page.when(f"{PROBLEM}.includes('refused the token')")

    browse(browser, test, allowed=NAMED, clean=False)


@needs_browser
def test_it_says_that_the_server_is_full_and_connects_again(browser: str) -> None:
    async def test(server: Server, page: Page) -> None:
        async with server.listen("stages=vad"):
            await start(page, server.url)
            await page.when(f"{PROBLEM}.includes('no room now: there are 1 sessions already')")
            await page.when(IDLE)
        await idle(server)
        await page.run("document.querySelector('#problem button').click()")
        await page.when(LISTENING)
        assert await page.run(PROBLEM) == ""

    browse(browser, test, limits=Limits(sessions=1))


@needs_browser
def test_it_says_that_the_microphone_is_kept_from_it(browser: str) -> None:
    async def test(server: Server, page: Page) -> None:
        await page.go(server.url, microphone=False)
        await page.when(IDLE)
        await page.click("listen")
        await page.when(f"{PROBLEM}.includes('Allow it beside the address')")
        await page.when(IDLE)

    browse(browser, test)


@needs_browser
def test_it_says_that_there_is_no_microphone(browser: str) -> None:
    async def test(server: Server, page: Page) -> None:
        await page.call(
            "Page.addScriptToEvaluateOnNewDocument",
            source="navigator.mediaDevices.getUserMedia = async () => {throw new DOMException('', 'NotFoundError')}",
        )
        await start(page, server.url)
        await page.when(f"{PROBLEM}.includes('There is no microphone')")

    browse(browser, test)


@needs_browser
def test_a_microphone_that_goes_ends_the_stream(browser: str) -> None:
    async def test(server: Server, page: Page) -> None:
        await page.call(
            "Page.addScriptToEvaluateOnNewDocument",
            source="""const opened = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async (what) => window.media = await opened(what)""",
        )
        await start(page, server.url)
        await page.when(LISTENING)
        await page.run("media.getTracks()[0].dispatchEvent(new Event('ended'))")
        await page.when(f"{PROBLEM}.includes('The microphone is gone')")
        await page.when(IDLE)
        await idle(server)

    browse(browser, test)


@needs_browser
def test_a_lost_connection_can_be_made_again_and_captions_stay(browser: str) -> None:
    async def test(server: Server, page: Page) -> None:
        writers: list[asyncio.StreamWriter] = []

        async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            while data := await reader.read(65536):
                writer.write(data)
            writer.close()

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there = await asyncio.open_connection("127.0.0.1", server.port)
            await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer), return_exceptions=True)

        async with await asyncio.start_server(relay, "127.0.0.1", 0) as between:
            await start(page, f"http://127.0.0.1:{between.sockets[0].getsockname()[1]}")
            await page.when("document.getElementById('finals').textContent")
            for writer in writers:
                writer.transport.abort()
            await page.when(f"{PROBLEM}.includes('The connection was lost')")
            await page.when(IDLE)
            said = await page.text("finals")
            await page.run("document.querySelector('#problem button').click()")
            await page.when(LISTENING)
            await page.when(f"document.getElementById('finals').textContent.length > {len(said)}")
            assert (await page.text("finals")).startswith(said)
            await page.click("listen")
            await page.when(IDLE)

    browse(browser, test, clean=False)


@needs_browser
def test_it_says_that_the_server_was_stopped(browser: str) -> None:
    async def test() -> None:
        async with asyncio.timeout(60), tab(browser) as page:
            async with serving() as server:
                await start(page, server.url)
                await page.when(LISTENING)
            await page.when(f"{PROBLEM}.includes('The server was stopped')")
            await page.run("document.querySelector('#problem button').click()")
            await page.when(f"{PROBLEM}.includes('The server does not answer')")

    asyncio.run(test())


@needs_browser
def test_it_waits_for_engines_that_are_not_loaded(browser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(server: Server, page: Page) -> None:
        await page.go(server.url)
        await page.when("document.getElementById('state').textContent.includes('the parrot is ill')")
        monkeypatch.setattr(Parrot, "fails", False)
        await page.when(IDLE)

    monkeypatch.setattr(Parrot, "fails", True)
    browse(browser, test, ready=False, clean=False)


@needs_browser
def test_audio_that_the_connection_is_too_slow_for_is_left_out_and_counted(browser: str) -> None:
    async def test(server: Server, page: Page) -> None:
        await page.call(
            "Page.addScriptToEvaluateOnNewDocument",
            source="Object.defineProperty(WebSocket.prototype, 'bufferedAmount', {get: () => window.waiting ?? 0})",
        )
        await start(page, server.url)
        await page.when(LISTENING)
        await page.run("window.waiting = 10_000_000")
        await page.when("document.getElementById('notice').textContent.includes('0.3 s of audio were left out')")
        await page.click("listen")
        await page.when(IDLE)

    browse(browser, test)


@needs_browser
def test_closing_the_tab_frees_the_session(browser: str) -> None:
    async def test(server: Server, page: Page) -> None:
        await start(page, server.url)
        await page.when("document.getElementById('finals').textContent")
        async with server.http() as client:
            assert "workbench_sessions 1.0" in (await client.get("/metrics")).text
        await page.close()
        await idle(server)

    browse(browser, test)


@needs_browser
def test_everything_has_a_name_and_only_final_text_is_read_aloud(browser: str) -> None:
    async def test(server: Server, page: Page) -> None:
        await page.go(server.url)
        await page.when(IDLE)
        nodes = (await page.call("Accessibility.getFullAXTree"))["nodes"]
        controls = {"button", "checkbox", "combobox", "meter", "log", "form", "main"}
        names = {n["role"]["value"]: n["name"]["value"] for n in nodes if n.get("role", {}).get("value") in controls}
        assert set(names) == controls
        assert all(names.values())
        live = "[...document.querySelectorAll('[aria-live]')].map(one => one.id)"
        assert await page.run(live) == ["finals"]
        assert not await page.run("document.getElementById('finals').contains(document.getElementById('interims'))")

    browse(browser, test)


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_telephone_by_day_and_night(browser: str, scheme: str) -> None:
    async def test(server: Server, page: Page) -> None:
        size = {"width": 360, "height": 640, "deviceScaleFactor": 2, "mobile": True}
        await page.call("Emulation.setDeviceMetricsOverride", **size)
        wanted = [{"name": "prefers-color-scheme", "value": scheme}]
        await page.call("Emulation.setEmulatedMedia", features=wanted)
        await start(page, server.url)
        await page.when("document.getElementById('finals').textContent")
        width, height = "document.documentElement.scrollWidth", "document.documentElement.scrollHeight"
        assert await page.run(f"[{width}, {height}]") == [360, 640]
        for part, ground in (("body", "body"), (".source", "main"), ("#listen", "#listen"), ("#state", "body")):
            assert await contrast(page, part, ground) >= 4.5, part

    browse(browser, test)


async def contrast(page: Page, part: str, ground: str) -> float:
    """Between the text of `part` and what `ground` is filled with, as WCAG counts it."""

    async def luminance(selector: str, name: str) -> float:
        colour = await page.run(f"getComputedStyle(document.querySelector('{selector}')).{name}")
        parts = np.array([int(value) for value in re.findall(r"\d+", colour)[:3]]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    dark, light = sorted([await luminance(part, "color"), await luminance(ground, "backgroundColor")])
    return (light + 0.05) / (dark + 0.05)


async def lines(page: Page, part: str) -> str:
    """The words of final captions, in lower case."""
    texts = await page.run(f"[...document.querySelectorAll('#finals {part}')].map(one => one.textContent)")
    return re.sub(r"[^\w ]", "", " ".join(texts).lower())


@needs_browser
@needs_engines
@pytest.mark.timeout(180)
def test_real_speech_is_captioned_and_translated_with_the_right_words(tmp_path: Path) -> None:
    speech = np.concatenate([chunk.samples for chunk in decode(clip("read/jfk.flac"), sample_rate=RATE)])
    pause = np.zeros(2 * RATE, np.float32)
    said = np.tile(np.concatenate([speech, pause]), 3)  # a browser that is busy misses some
    options = ("--model", "tiny.en", "--profile", "auto", "--language", "en")

    async def test(where: str, url: str) -> None:
        async with asyncio.timeout(150), tab(where) as page:
            await page.go(url)
            await page.when(f"{PROBLEM}.includes('asks for a token')")
            await enter_token(page, TOKEN)
            await page.when(IDLE)
            assert await page.run("[...document.getElementById('language').options].map(o => o.value)") == ["en"]
            await page.run("document.getElementById('translate').value = 'pt'")
            await page.click("listen")
            await page.when("document.querySelector('#interims .caption.interim')?.textContent.length > 10")
            finals = "document.getElementById('finals').textContent.toLowerCase()"
            await page.when(f"{finals}.includes('your country can do for you')")
            await page.when(f"{finals}.includes('you can do for your country')")
            await page.click("listen")
            await page.when(IDLE)
            assert "country" in await lines(page, ".source")
            assert "país" in await lines(page, ".translation:not(.interim)")
            assert await page.run("document.querySelectorAll('.interim.caption').length") == 0
            assert await page.run(PROBLEM) == ""
            assert [line for line in page.complaints if "401" not in line] == []

    with (
        served(tmp_path, TOKEN, *options) as url,
        chromium(tmp_path / "profile", heard(tmp_path / "speech.wav", said)) as where,
    ):
        asyncio.run(test(where, url))


# as it is served


def test_it_opens_without_a_token_and_everything_else_does_not() -> None:
    async def test() -> None:
        async with serving(allowed=NAMED) as server, server.http() as client:
            for path in PATHS:
                answer = await client.get(path)
                assert answer.status_code == 200
                policy = answer.headers["content-security-policy"]
                assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
                assert "unsafe" not in policy
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["referrer-policy"] == "no-referrer"
                assert answer.headers["permissions-policy"] == "microphone=(self)"
            for path in ("/static/", "/static/page.html", "/static/..%2fguard.py", "/v1/languages", "/openapi.json"):
                assert (await client.get(path)).status_code == 401, path
                shown = await client.get(path, headers=server.authorization)
                assert shown.status_code == (404 if path.startswith("/static") else 200), path

    run(test)


def test_it_is_part_of_the_wheel(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    run_program(build, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert {f"workbench/server/static/{name}" for name in PATHS.values()} <= set(archive.namelist())
