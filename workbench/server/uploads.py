"""Form data as it streams in: files go to disk, fields stay in memory."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from workbench.disk import disk
from workbench.disk_errors import said_plainly
from workbench.errors import WorkbenchError
from workbench.server.problems import Problem, invalid
from workbench.threads import to_thread

M = TypeVar("M", bound=BaseModel)

MOST_FIELDS: Final = 100
LONGEST_FIELD: Final = 65_536
"""Bytes."""
LONGEST_SUFFIX: Final = 6


@dataclass(slots=True)
class Form:
    """What a client sent: one file at most."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    path: Path | None = None
    """Where the file lies, under a name of ours."""
    name: str = ""
    """What the client calls it: never a path here."""


def described(fields: type[BaseModel], lists: Sequence[str] = ()) -> dict[str, Any]:
    """A form with `fields` and a file, for the OpenAPI document; the names of `lists` end in "[]" there."""
    named = {
        f"{name}[]" if name in lists else name: of for name, of in fields.model_json_schema()["properties"].items()
    }
    schema = {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "format": "binary"}} | named,
    }
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def validated(sent: Form, fields: type[M], **given: Any) -> M:
    """The fields of a form that has a file: of those sent twice the last; `given` go before. Raises `Problem`."""
    if sent.path is None:
        raise Problem(400, "there is no file", param="file")
    values = {name.removesuffix("[]"): values[-1] for name, values in sent.fields.items()} | given
    try:
        return fields.model_validate({name: value for name, value in values.items() if value != ""})
    except ValidationError as error:
        raise invalid(error.errors()) from error


@contextmanager
def under_its_name(sent: Form) -> Iterator[None]:
    """Errors about the file have the client's name of it."""
    try:
        yield
    except WorkbenchError as error:
        error.message = error.message.replace(repr(str(sent.path)), repr(sent.name or "the file"))
        error.args = (error.message,)
        raise


@asynccontextmanager
async def form(request: Request, folder: Path) -> AsyncIterator[Form]:
    """What the request holds; its file is gone after. Raises `Problem` for what is no form, and `OutputError`."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Problem(415, "the body is no form", code="content-type", hint="Send multipart/form-data.")
    reading = _Reading(folder)
    try:
        try:
            parser = MultipartParser(options[b"boundary"], reading.callbacks())
            async for data in request.stream():
                parser.write(data)
                await reading.store()
            parser.finalize()
            reading.check_end()
        except FormParserError as error:
            raise Problem(400, f"the form cannot be read: {error}", code="form") from error
        await to_thread(reading.close)
        yield reading.form
    finally:
        await to_thread(reading.remove)


class _Reading:
    """Is told by the parser what it finds; `store` puts on disk what came since."""

    def __init__(self, folder: Path) -> None:
        self.form = Form()
        self._folder = folder
        self._header = self._name = ""
        self._value = bytearray()
        self._disposition = b""
        self._is_file = False
        self._parts: list[bytes] = []
        self._file: IO[bytes] | None = None
        self._fields = 0
        self._is_complete = False

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._complete,
        }

    def _begin(self) -> None:
        self._header, self._disposition, self._is_file = "", b"", False
        self._value.clear()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end].decode("latin-1").lower()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        if self._header == "content-disposition":
            self._disposition += data[start:end]

    def _header_end(self) -> None:
        self._header = ""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise Problem(400, "a part of the form has no name", code="form")
        self._fields += 1
        if self._fields > MOST_FIELDS:
            raise Problem(400, f"the form has more than {MOST_FIELDS} parts", code="form")
        self._name = options[b"name"].decode("utf-8", "replace")
        if b"filename" in options and self._name == "file":
            if self.form.path is not None:
                raise Problem(400, "the form has more than one file", code="form", param="file")
            self._is_file, self.form.name = True, options[b"filename"].decode("utf-8", "replace")[:255]
            self.form.path = self._folder  # until there is one

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._parts.append(data[start:end])
        elif len(self._value) + end - start > LONGEST_FIELD:
            raise Problem(413, f"the field {self._name[:40]!r} is too long", param=self._name[:40])
        else:
            self._value += data[start:end]

    def _end(self) -> None:
        if not self._is_file:
            self.form.fields.setdefault(self._name, []).append(self._value.decode("utf-8", "replace"))

    def _complete(self) -> None:
        self._is_complete = True

    def check_end(self) -> None:
        """Raises `Problem` where the last boundary is missing: half a file must not pass for a whole one."""
        if not self._is_complete:
            raise Problem(400, "the form ends before its last boundary", code="form")

    # on disk

    async def store(self) -> None:
        parts, self._parts = self._parts, []
        if parts or (self.form.path is not None and self._file is None):
            await disk().run(partial(self._write, parts), tries=1)

    def _write(self, parts: list[bytes]) -> None:
        with said_plainly(self._folder):
            if self._file is None:
                descriptor, path = tempfile.mkstemp(suffix=_suffix(self.form.name), dir=self._folder)
                self._file, self.form.path = os.fdopen(descriptor, "wb"), Path(path)
            self._file.writelines(parts)

    def close(self) -> None:
        if self._file is not None:
            with said_plainly(self._folder):
                self._file.close()

    def remove(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # the disk may be full: it is not wanted any more
                self._file.close()
            assert self.form.path is not None
            self.form.path.unlink(missing_ok=True)


def _suffix(name: str) -> str:
    """That of the client's name, which helps to guess the format; nothing else of it is used."""
    suffix = os.path.splitext(name)[1]
    return suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= LONGEST_SUFFIX else ""
