"""Requests made from the OpenAPI document, right and wrong: each answer is one that the document tells of."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.server.serving import serving
from workbench.server.limits import Limits

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 40
RIGHT, WRONG = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
REQUESTS = [
    ("GET", "/healthz", RIGHT),
    ("GET", "/readyz", RIGHT),
    ("GET", "/metrics", RIGHT),
    ("GET", "/api/hardware/basic", RIGHT),
    ("GET", "/api/hardware/optimize", RIGHT),
    ("GET", "/v1/languages", RIGHT),
    ("GET", "/v1/models", RIGHT),
    ("GET", "/v1/models/{model}", RIGHT),  # any text may be asked for
    ("POST", "/v1/audio/transcriptions", RIGHT),
    ("POST", "/v1/audio/transcriptions", WRONG),
    ("POST", "/v1/audio/speech", RIGHT),
    ("POST", "/v1/audio/speech", WRONG),
    ("POST", "/v1/jobs", RIGHT),
    ("POST", "/v1/jobs", WRONG),
    ("GET", "/v1/jobs", RIGHT),
    ("GET", "/v1/jobs/{job}", RIGHT),
    ("DELETE", "/v1/jobs/{job}", RIGHT),
    ("GET", "/v1/jobs/{job}/result", RIGHT),
    ("POST", "/v1/jobs/{job}/{action}", RIGHT),
    ("POST", "/v1/jobs/{job}/{action}", WRONG),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server in a thread: schemathesis asks, and waits."""
    started = threading.Event()
    told: list[Any] = []

    async def serve() -> None:
        async with serving(limits=Limits(text_bytes=2_000_000)) as server:
            stop = asyncio.Event()
            told.extend([server.url, asyncio.get_running_loop(), stop])
            started.set()
            await stop.wait()

    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            patch.setenv(f"WORKBENCH_{name}_DIR", str(tmp_path_factory.mktemp(name)))
        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        assert started.wait(60)
    yield str(told[0])
    told[1].call_soon_threadsafe(told[2].set)
    thread.join()


@pytest.mark.parametrize(("method", "path", "mode"), REQUESTS)
def test_every_answer_is_one_that_the_document_tells_of(url: str, method: str, path: str, mode: Any) -> None:
    schema = schemathesis.openapi.from_dict(httpx2.get(f"{url}/openapi.json").json())
    operation = schema[path][method]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def asked(case: Any) -> None:
        case.validate_response(case.call(base_url=url), checks=CHECKS)

    asked()


def test_every_request_of_the_document_is_made_here(url: str) -> None:
    paths = httpx2.get(f"{url}/openapi.json").json()["paths"]
    assert {(method.upper(), path) for path, methods in paths.items() for method in methods} == {
        (method, path) for method, path, _ in REQUESTS
    }
