"""Files of recorded values, line by line, so that neither size nor rubbish takes memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from mibagent.recording import snmprec, walk
from mibagent.recording.sample import Odd, RecordingError, Remark, Sample
from mibagent.smi.oid import Oid

LONGEST_LINE = 1 << 18
LONGEST_TEXT = 65535
MOST_SAMPLES = 1_000_000
MOST_UNREADABLE = 1000
"""After so many lines that can't be read, and no more that can, a file is something else."""
_WANTED = "the output of snmpwalk -On or -Onx, with its types, or an snmprec file is wanted"


def _nobody(_octets: int) -> None:
    pass


def _no_names(name: str) -> Oid:
    raise ValueError(f"{name} is not in digits")


class RecordingFile:
    """One file. Iterate over it once; then `remarks` holds what was left out."""

    def __init__(
        self, path: Path, resolve: walk.Resolve = _no_names,
        progress: Callable[[int], None] = _nobody,
    ) -> None:
        """resolve: gives OIDs of symbolic names; progress: told of octets as they are read."""
        self.path = path
        self.remarks: list[Remark] = []
        self._resolve, self._progress = resolve, progress
        self._read = self._unreadable = 0
        self._first_odd = 0, ""
        self._end = b"\n"

    def __iter__(self) -> Iterator[Sample]:
        """Give the samples in order of the file. Raises RecordingError."""
        try:
            with self.path.open("rb") as stream:
                yield from self._samples(stream)
        except OSError as error:
            raise RecordingError(str(self.path), 0, f"can't be read: {error.strerror}") from None
        if not self._read:
            line, why = self._first_odd
            raise RecordingError(str(self.path), line, "holds no value"
                                 + (f" ({why})" if why else "") + f": {_WANTED}")

    def _samples(self, stream: BinaryIO) -> Iterator[Sample]:
        lines = self._lines(stream)
        first = next((each for each in lines if not _is_void(each[1])), None)
        if first is None:
            return
        waiting = deque([first])
        if snmprec.LINE.match(first[1]):
            samples = self._of_snmprec(waiting, lines)
        else:
            samples = self._of_walk(waiting, lines)
        for sample in samples:
            self._read += 1
            if self._read > MOST_SAMPLES:
                raise RecordingError(str(self.path), sample.line,
                                     f"more than {MOST_SAMPLES:,} values: split the file")
            yield sample

    def _lines(self, stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Give number and octets of each line that is worth it."""
        number = 0
        while line := stream.readline(LONGEST_LINE):
            number += 1
            self._progress(len(line))
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                while (more := stream.readline(LONGEST_LINE)) and not more.endswith(b"\n"):
                    self._progress(len(more))
                self._odd(number, "", f"the line is longer than {LONGEST_LINE:,} octets")
                continue
            if number == 1:
                self._end = b"\r\n" if line.endswith(b"\r\n") else b"\n"
            yield number, line.removesuffix(self._end).removesuffix(b"\n")

    def _odd(self, number: int, about: str, reason: str) -> None:
        if not self._unreadable:
            self._first_odd = number, reason
        self.remarks.append(Remark(str(self.path), number, about, f"{reason}; it is left out"))
        self._unreadable += 1
        if self._unreadable >= MOST_UNREADABLE and self._unreadable > self._read:
            line, why = self._first_odd
            raise RecordingError(
                str(self.path), line, f"this is no recording: {why} (and "
                f"{self._unreadable - 1:,} more lines like it): {_WANTED}")

    def _of_snmprec(
        self, waiting: deque[tuple[int, bytes]], lines: Iterator[tuple[int, bytes]]
    ) -> Iterator[Sample]:
        for number, line in _chained(waiting, lines):
            if _is_void(line):
                continue
            name = _name_of(line.partition(b"|")[0])

            def remark(why: str, number: int = number, name: str = name) -> None:
                self.remarks.append(Remark(str(self.path), number, name, why))

            try:
                yield snmprec.read_line(number, line, remark)
            except Odd as odd:
                self._odd(number, name, str(odd))

    def _of_walk(
        self, waiting: deque[tuple[int, bytes]], lines: Iterator[tuple[int, bytes]]
    ) -> Iterator[Sample]:
        for number, line in _chained(waiting, lines):
            head = walk.HEAD.fullmatch(line)
            if head is None:
                if not _is_void(line) and not walk.is_end(line):
                    self._odd(number, "", "not of the form OID = TYPE: value")
                continue
            name, rest = head.groups()
            if walk.is_end(rest):
                continue
            rest = self._continued(rest, waiting, lines)
            try:
                yield walk.read_value(number, name, rest, self._resolve)
            except Odd as odd:
                self._odd(number, _name_of(name), str(odd))

    def _continued(
        self, rest: bytes, waiting: deque[tuple[int, bytes]], lines: Iterator[tuple[int, bytes]]
    ) -> bytes:
        """Give a value with the lines that it goes on over.

        A quoted text goes on to its quote; without that for too long, all after its first line
        is read anew.
        """
        quoted = walk.is_open(rest)
        if not quoted and not walk.may_go_on(rest):
            return rest
        parts, size = [rest], len(rest)
        taken: list[tuple[int, bytes]] = []
        for number, line in _chained(waiting, lines):
            taken.append((number, line))
            size += len(line) + 1
            if size > LONGEST_TEXT * 2:
                break
            if quoted:
                parts.append(line)
                if walk.closes(line):
                    return b"\n".join(parts)
            elif walk.HEAD.fullmatch(line) or not walk.goes_on(rest, line):
                waiting.appendleft((number, line))
                return b"\n".join(parts)
            else:
                parts.append(line)
        if quoted or size > LONGEST_TEXT * 2:
            waiting.extendleft(reversed(taken))
            return rest
        return b"\n".join(parts).rstrip(b"\n")


def _is_void(line: bytes) -> bool:
    return not line.strip() or line.startswith(b"#")


def _chained(
    waiting: deque[tuple[int, bytes]], lines: Iterator[tuple[int, bytes]]
) -> Iterator[tuple[int, bytes]]:
    """Give what was put back before what comes."""
    while True:
        if waiting:
            yield waiting.popleft()
            continue
        line = next(lines, None)
        if line is None:
            return
        yield line


def _name_of(octets: bytes) -> str:
    return octets[:80].decode("latin-1").strip()
