"""`workbench` alone: opens the interface, and leaves the terminal as it was, whatever ends it."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from workbench import paths
from workbench.cli import console
from workbench.errors import UsageError, WorkbenchError, did_you_mean, first_error

if TYPE_CHECKING:
    from workbench.live import Live
    from workbench.plugins import Registry
    from workbench.profiles.schema import Profile
    from workbench.tui.app import WorkbenchApp
    from workbench.tui.choices import Choices
    from workbench.tui.driver import Drawing
    from workbench.tui.shell import Shell

AUTO: Final = "auto"
"""The profile that is made for this machine."""
PATIENCE_S: Final = 3.0
"""How long the live session has to end when the interface is left."""
_HANG_UP: Final = 1
"""The number of the signal for a terminal that is gone, on systems without it too."""
_RESTORE: Final = (
    b"\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?2004l\x1b[?1004l\x1b[?7h\x1b[<u\x1b[?1049l\x1b[?25h"
)
"""No mouse, no bracketed paste, no focus reports, lines wrap, the usual keyboard and screen, a cursor."""


def open_workbench(
    profile: str | None = None,
    *,
    theme: str | None = None,
    language: str | None = None,
    mouse: bool = True,
    reset_layout: bool = False,
) -> int:
    """Open the workbench on this terminal. Gives the exit code; raises what went wrong in it."""
    return on_terminal(lambda: _make(profile, theme, language, reset_layout), mouse=mouse)


def on_terminal(make: Callable[[], Shell], *, mouse: bool = True, patience_s: float = PATIENCE_S) -> int:
    """Run the interface that `make` makes. Gives the exit code; raises what went wrong in it.

    `patience_s`: how long what is behind the interface has to end when the interface is left.
    """
    import asyncio

    with _terminal() as (terminal, drawing):
        app = make()
        asyncio.run(_run(app, terminal, drawing, mouse=mouse, patience_s=patience_s))
    if isinstance(app.failure, ExceptionGroup):
        raise first_error(app.failure)
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0


def _make(profile: str | None, theme: str | None, language: str | None, reset_layout: bool) -> WorkbenchApp:
    import textwrap
    from dataclasses import replace

    chosen, keys, problems = prepared(language)

    from workbench.tui.app import WorkbenchApp

    if reset_layout:
        chosen = replace(chosen, layout={})
    app = WorkbenchApp(lambda: _open_live(app, profile), chosen, keys=keys)
    if theme is not None:
        if theme not in app.available_themes:
            known = app.available_themes
            message = f"no theme is called {theme!r}{did_you_mean(theme, known)}"
            names = textwrap.wrap(
                f"There are: {', '.join(known)}.", (console.width() or 80) - 2, break_on_hyphens=False
            )
            raise UsageError(message, hint="\n  ".join(names))
        app.theme = theme
    for what in problems:
        app.notice(what, severity="warning")
    return app


def prepared(language: str | None = None) -> tuple[Choices, dict[str, str], list[str]]:
    """Speak the user's language, or `language`. Gives (choices, keys, what is wrong with their files)."""
    from workbench.tui import choices, texts

    chosen, problem = choices.load()
    if language is not None and language not in texts.LANGUAGES:
        raise UsageError(f"--lang {language!r} is not known", hint=f"There are: {', '.join(texts.LANGUAGES)}.")
    texts.use(texts.preferred(language or chosen.language))

    from workbench.tui import keymap  # its texts are in that language

    keys, problems = keymap.load()
    return chosen, keys, [*filter(None, [problem]), *problems]


async def _open_live(app: WorkbenchApp, name: str | None) -> Live:
    """With the profile of that `name`, or the current one; where that cannot be used, with one made here and now."""
    from workbench.threads import favour_the_loop, limit_arenas, to_thread

    limit_arenas()
    favour_the_loop()
    live, registry, overridden = await to_thread(_load)
    _tell_about_plugins(app, registry)
    try:
        return live(await to_thread(overridden, name, registry), registry)
    except WorkbenchError as error:
        if name is not None:
            raise
        app.notice(str(error), error.hint, "error")
        return live(await to_thread(overridden, AUTO, registry), registry)


def _load() -> tuple[type[Live], Registry, Callable[[str | None, Registry], Profile]]:
    """In a thread: it takes a second. (the class of live sessions, all plugins, what gives a profile by its name)."""
    from workbench import plugins
    from workbench.cli.overrides import overridden
    from workbench.live import Live

    found = plugins.load([*console.disabled_plugins, *plugins.disabled()])
    return Live, found, lambda name, registry: overridden(name, registry, (), ())


def _tell_about_plugins(app: WorkbenchApp, registry: Registry) -> None:
    from workbench.plugins import DISABLED
    from workbench.tui.texts import _

    known = {name for plugin in registry.plugins for name in (plugin.name, plugin.distribution)}
    for name in console.disabled_plugins:
        if name not in known:
            meant = did_you_mean(name, known)
            app.notice(_("no plugin is called {name!r}{meant}", name=name, meant=meant), severity="warning")
    for plugin in registry.plugins:
        if plugin.error not in ("", DISABLED):
            said = _("plugin {name} is left out: {error}", name=plugin.name, error=plugin.error)
            app.notice(said, _("4 shows all plugins."), "warning")


async def _run(app: Shell, terminal: int, drawing: Drawing, *, mouse: bool, patience_s: float) -> None:
    """The first signal ends the interface, a second one at once. However it is left, the live session has seconds."""
    import asyncio

    before = _attributes(terminal)
    caught: list[int] = []

    def stop(number: int) -> None:
        if caught == [_HANG_UP] == [number]:
            return  # the same window, told in two ways
        if caught:
            _leave_at_once(terminal, before, 128 + number)
        caught.append(number)
        limit(128 + number)
        app.exit(return_code=128 + number)

    def limit(code: int) -> None:
        patience = threading.Timer(patience_s, _leave_at_once, (terminal, before, code))
        patience.daemon = True  # of a process that ends earlier it is no concern
        patience.start()

    def hang_up() -> None:
        if not caught:  # the signal for it may come, or not
            stop(_HANG_UP)

    def gone() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended already
            loop.call_soon_threadsafe(hang_up)

    loop = asyncio.get_running_loop()
    drawing.gone = gone
    if sys.platform != "win32":
        from workbench.tui.driver import driver

        app.driver_class = driver(gone)
    for number in console.SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            with contextlib.suppress(NotImplementedError):  # Windows
                loop.add_signal_handler(number, stop, number)
    app.left = lambda: limit(app.return_code or 0)
    await app.run_async(mouse=mouse)


@contextlib.contextmanager
def _terminal() -> Iterator[tuple[int, Drawing]]:
    """Standard error, for the interface alone: what C libraries print there (ALSA does) goes to the log meanwhile."""
    from workbench.tui.driver import Drawing

    terminal, screen = os.dup(2), sys.__stderr__
    assert screen is not None  # it is a terminal
    drawing = Drawing(terminal)
    own = io.TextIOWrapper(io.BufferedWriter(drawing), encoding=screen.encoding, errors="replace")
    try:
        os.dup2(_log(), 2)
        sys.__stderr__ = own  # type: ignore[misc]  # where Textual draws
        yield terminal, drawing
    finally:
        sys.__stderr__ = screen  # type: ignore[misc]
        own.close()
        os.dup2(terminal, 2)
        os.close(terminal)


def _log() -> int:
    """A descriptor to write to the log file with, or to nowhere."""
    try:
        return os.open(paths.log_file(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _attributes(terminal: int) -> Any:
    """How the terminal is set, for `_leave_at_once`."""
    if sys.platform == "win32":
        return None
    import termios

    return termios.tcgetattr(terminal)


def _leave_at_once(terminal: int, attributes: Any, code: int) -> None:
    """End the process without waiting for anything, the terminal least of all: it may be what does not answer."""
    with contextlib.suppress(OSError):
        os.set_blocking(terminal, False)
        os.write(terminal, _RESTORE)
        os.set_blocking(terminal, True)
    if attributes is not None:
        import termios

        with contextlib.suppress(termios.error):
            termios.tcsetattr(terminal, termios.TCSANOW, attributes)
    os._exit(code)
