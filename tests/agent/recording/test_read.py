"""Files of any size and content take bounded memory and end in a clear error."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from mibagent.recording import read
from mibagent.recording.read import RecordingFile
from mibagent.recording.sample import RecordingError
from tests.agent.recording.kit import read_text


def test_what_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        list(RecordingFile(tmp_path / "gone"))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# nothing\n"])
def test_a_file_without_values_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="holds no value"):
        read_text(tmp_path / "w", content)


def test_rubbish_is_refused_at_its_first_line(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"w:1: this is no recording: .* 999 more lines"):
        read_text(tmp_path / "w", b"\x7fELF rubbish\n" * 5000)


def test_one_endless_line_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "zeros"
    with path.open("wb") as file:
        file.truncate(64 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(RecordingError, match=r"zeros:1: holds no value.*the line is longer"):
            list(RecordingFile(path))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 << 20


def test_more_values_than_can_be_served_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "MOST_SAMPLES", 3)
    lines = "".join(f".1.3.6.1.{n}.0 = INTEGER: 1\n" for n in range(4))
    with pytest.raises(RecordingError, match="w:4: more than 3 values"):
        read_text(tmp_path / "w", lines)


def test_a_text_without_end_swallows_nothing(tmp_path: Path) -> None:
    lines = "".join(f".1.3.6.1.{n}.0 = INTEGER: 1\n" for n in range(20_000))
    samples, remarks = read_text(tmp_path / "w", f'.1.3.6.2.0 = STRING: "open\n{lines}')
    assert len(samples) == 20_000
    assert remarks == ["1: the text has no end; it is left out"]


def test_progress_tells_every_octet(tmp_path: Path) -> None:
    path = tmp_path / "w"
    path.write_text(".1.3.6.1.1.0 = INTEGER: 1\n" * 100)
    told: list[int] = []
    list(RecordingFile(path, progress=told.append))
    assert sum(told) == path.stat().st_size
