"""OpenAI's own client, unchanged, against the server with real weights."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from tests.real_speech import clip, needs_engines
from tests.server.process import served

openai = pytest.importorskip("openai", reason="pip install openai")

pytestmark = needs_engines
TOKEN = "a-token-for-this-test-only"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """It shows a token to a server in a process of its own."""
    folder = tmp_path_factory.mktemp("server")
    with (
        served(folder, TOKEN, "--model", "tiny.en", "--profile", "auto") as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key=TOKEN, max_retries=0) as client,
    ):
        yield client


@pytest.fixture
def kennedy() -> Path:
    return clip("read/jfk.flac")


def test_it_transcribes(client: Any, kennedy: Path) -> None:
    found = client.audio.transcriptions.create(model="whisper-1", file=kennedy, language="en")
    assert "ask not what your country can do for you" in found.text.lower()


def test_it_gets_words_with_their_times(client: Any, kennedy: Path) -> None:
    found = client.audio.transcriptions.create(
        model="whisper-1",
        file=(kennedy.name, kennedy.read_bytes()),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert found.duration == pytest.approx(11.0, abs=0.1)
    assert found.language == "en"
    assert found.words[0].word == "And"
    assert all(0 <= word.start <= word.end <= 11.1 for word in found.words)
    assert found.segments[0].avg_logprob < 0


def test_it_gets_subtitles(client: Any, kennedy: Path) -> None:
    assert "-->" in client.audio.transcriptions.create(model="tiny.en", file=kennedy, response_format="srt")


def test_it_streams(client: Any, kennedy: Path) -> None:
    told = list(client.audio.transcriptions.create(model="gpt-4o-transcribe", file=kennedy, stream=True))
    assert told[-1].type == "transcript.text.done"
    assert "".join(one.delta for one in told[:-1]) == told[-1].text
    assert "my fellow americans" in told[-1].text.lower()


def test_what_it_speaks_is_understood(client: Any, tmp_path: Path) -> None:
    text = "The quick brown fox jumps over the lazy dog."
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input=text, speed=1.25
    ) as spoken:
        data = b"".join(spoken.iter_bytes())
    with av.open(io.BytesIO(data), "r") as container:
        assert container.format.name == "mp3"
    heard = client.audio.transcriptions.create(model="whisper-1", file=("fox.mp3", data))
    assert "brown fox jumps over the lazy dog" in heard.text.lower()


def test_it_lists_models_and_raises_its_own_errors(client: Any, kennedy: Path) -> None:
    assert "tiny.en" in [model.id for model in client.models.list()]
    assert client.models.retrieve("tiny.en").owned_by == "faster-whisper"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nothing")
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.transcriptions.create(model="whisper-1", file=("talk.wav", b"no audio"))
    assert refused.value.code == "input"
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").models.list()
