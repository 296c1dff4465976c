"""How the help of a command looks, whatever version of Typer there is."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

EXIT_CODES = (
    "Exit codes: 0 all is well, 1 something failed, 2 the command line, a profile or an option is wrong, 3 some of "
    "the files failed, 4 a device, a model or a package is missing, 74 a result cannot be written, 128 + N signal N."
)


class Command(TyperCommand):
    """Its arguments look as in the manuals of other programs: FILE..., [NAME]."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return ["[OPTIONS]", *map(_usage, self._arguments())]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        if arguments := [(_name(argument), argument.help or "") for argument in self._arguments()]:
            with formatter.section("Arguments"):
                formatter.write_dl(arguments)
        options = [param for param in self.get_params(ctx) if param.param_type_name == "option"]
        with formatter.section("Options"):
            formatter.write_dl([record for option in options if (record := option.get_help_record(ctx))])

    def _arguments(self) -> list[Any]:
        return [param for param in self.params if param.param_type_name == "argument"]


def _usage(argument: Any) -> str:
    shown = _name(argument) if argument.required else f"[{_name(argument)}]"
    return shown + ("..." if argument.nargs == -1 else "")


def _name(argument: Any) -> str:
    return str(argument.metavar or argument.name).upper()
