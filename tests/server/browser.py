"""Chromium without a window, whose microphone hears a file: driven through its DevTools protocol."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect

PROGRAM: Final = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
_WHEN: Final = """new Promise(resolve => {
    const look = () => (%s) && (observer.disconnect(), resolve());
    const observer = new MutationObserver(look);
    observer.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
    look();
})"""


@contextmanager
def chromium(folder: Path, heard: Path) -> Iterator[str]:
    """Where one that runs takes commands. Its profile is in `folder`; `heard` is a WAV file, which is heard once."""
    assert PROGRAM is not None
    words = [
        *(PROGRAM, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={folder}"),
        *("--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"),
        "--no-sandbox",  # it would need rights that containers do not give, and only pages of the test are loaded
        *("--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={heard}%noloop"),
    ]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        reading = threading.Thread(target=process.stderr.read)  # of what it says later: else it would wait
        try:
            line = next((line for line in process.stderr if line.startswith("DevTools listening on ")), "")
            reading.start()
            assert line, f"{PROGRAM} does not start"
            yield line.split()[-1]
        finally:
            process.terminate()
            process.wait(timeout=60)
            reading.join()


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self.complaints: list[str] = []
        """What the browser wrote into its console as a warning or an error, and exceptions that nobody caught."""
        self._socket = socket
        self._target = self._session = self._context = ""
        self._numbers = count()
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def read(self) -> None:
        """For ever."""
        async for text in self._socket:
            message = json.loads(text)
            if "id" in message:
                self._answers.pop(message["id"]).set_result(message)
            else:
                self._note(message["method"], message["params"])

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("warning", "error"):
            self.complaints.append(params["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("warning", "error", "assert"):
            self.complaints.append(str(params["args"]))

    async def open(self) -> None:
        context = await self.call("Target.createBrowserContext", disposeOnDetach=True)
        made = await self.call("Target.createTarget", url="about:blank", browserContextId=context["browserContextId"])
        self._target, self._context = made["targetId"], context["browserContextId"]
        attached = await self.call("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol; raises `RuntimeError` where it fails."""
        number = next(self._numbers)
        self._answers[number] = answered = asyncio.get_running_loop().create_future()
        own = {} if method.startswith(("Browser.", "Target.")) else {"sessionId": self._session}
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params, **own}))
        answer = await answered
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        found: dict[str, Any] = answer["result"]
        return found

    async def go(self, url: str, *, microphone: bool = True) -> None:
        """Load `url`, which may use the microphone or may not."""
        setting = "granted" if microphone else "denied"
        where = {"origin": url, "browserContextId": self._context}
        await self.call("Browser.setPermission", permission={"name": "microphone"}, setting=setting, **where)
        await self.call("Page.navigate", url=url)
        await self.when("document.body && document.body.dataset.state")

    async def run(self, expression: str) -> Any:
        """The value of `expression` in the page, waited for where it is a promise."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    async def when(self, condition: str) -> None:
        """Wait until `condition` is true. It is looked at when the document changes."""
        await self.run(_WHEN % condition)

    async def text(self, name: str) -> str:
        return str(await self.run(f"document.getElementById({name!r}).textContent"))

    async def click(self, name: str) -> None:
        await self.run(f"document.getElementById({name!r}).click()")

    async def close(self) -> None:
        """As somebody who closes the tab."""
        await self.call("Target.closeTarget", targetId=self._target)


@asynccontextmanager
async def tab(where: str) -> AsyncIterator[Page]:
    """A tab of its own, with storage of its own, in the Chromium that takes commands at `where`."""
    async with connect(where, compression=None, proxy=None, max_size=None) as socket:
        page = Page(socket)
        reading = asyncio.create_task(page.read())
        try:
            await page.open()
            yield page
        finally:
            reading.cancel()
            await asyncio.wait([reading])
