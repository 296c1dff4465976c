"""A translator that only shouts: the smallest complete workbench plugin."""

from collections.abc import Iterator

import workbench


class Shout(workbench.Translator):
    name = "shout"

    class Options(workbench.Options):
        marks: int = 1
        """How many exclamation marks end a sentence."""

    def __init__(self, options: Options) -> None:
        self.marks = "!" * options.marks

    def process(self, item: workbench.Transcript, state: workbench.Settings) -> Iterator[workbench.Translation]:
        yield item.translated(item.text.upper() + self.marks, language=item.language)


@workbench.hookimpl
def register_engines(register: workbench.Register) -> None:
    register(Shout)
