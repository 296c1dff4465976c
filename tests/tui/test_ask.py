"""A question before anything that cannot be taken back."""

from __future__ import annotations

from textual import events
from textual.app import App

from tests import fakes
from workbench.tui.screens.ask import Ask


def test_a_question_is_answered_once_however_fast_keys_come() -> None:
    answers: list[str | None] = []

    async def driven() -> None:
        app: App[None] = App()
        async with app.run_test() as pilot:
            question = Ask("Really?", {"c": "go on", "f": "finish"})
            await app.push_screen(question, answers.append)
            await pilot.pause()
            for character in "cfc":
                question.post_message(events.Key(character, character))
            await pilot.pause()
            assert answers == ["c"]
            assert len(app.screen_stack) == 1

    fakes.run(driven)
