"""A question before anything that cannot be taken back."""

from __future__ import annotations

from time import monotonic

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


def test_a_question_that_nobody_asked_for_is_not_answered_by_keys_meant_for_the_screen_behind_it() -> None:
    answers: list[str | None] = []

    def typed(key: str, character: str | None, after_s: float) -> events.Key:
        event = events.Key(key, character)
        event.time = monotonic() + after_s
        return event

    async def driven() -> None:
        app: App[None] = App()
        async with app.run_test() as pilot:
            question = Ask("It was interrupted.", {"f": "finish it"}, asked_for=False)
            showing = app.push_screen(question, answers.append)
            question.post_message(typed("f", "f", 0.0))
            await showing
            await pilot.pause()
            for hasty in (typed("f", "f", -1.0), typed("escape", None, -1.0), typed("f", "f", 0.0)):
                app.post_message(hasty)
            await pilot.pause()
            assert app.screen is question
            app.post_message(typed("f", "f", 10.0))
            await pilot.pause()
            assert answers == ["f"]

    fakes.run(driven)
