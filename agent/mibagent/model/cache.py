"""The model, kept between starts under the digest of what it was made from.

A warm start imports neither pysmi nor `load.py`. A pickle runs what it says, so it is read from a
folder and a file that belong to this user and that nobody else may write; all else is as if it
were not there.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import pickle
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from mibagent.model.nodes import MibModel
from mibagent.model.sources import MibFile, gather

FORMAT = 1
"""Counts up when a pickle of before would be misread."""
KEPT_FILES = 8
"""How many models stay in a cache; the oldest goes."""


def load_model(
    folders: Iterable[Path], extra: Iterable[Path] = (), cache_dir: Path | None = None
) -> MibModel:
    """Give the model of the MIB texts in folders; those of extra, folders or files, come first.

    None as cache_dir is the user's own; a cache that can't be used is done without. Raises
    ModelError for the first fault in a text.
    """
    files = gather([*extra, *folders])
    digest = digest_of(files)

    def make() -> MibModel:
        from mibagent.model.load import load_files
        return load_files(files, digest)
    return _kept(digest, make, cache_dir)


def load_foreign(
    named: Sequence[Path], folders: Iterable[Path], cache_dir: Path | None = None, *,
    standard: bool = True,
) -> MibModel:
    """Give the model of named files, and of what they need from folders or from beside them.

    standard: with all standard modules, for a recording; else only what an agent itself needs.
    What is wrong is in the model's findings, and left out. Raises ModelError for what can't be
    read.
    """
    own = gather(named)
    beside = [path.parent for path in named if path.is_file()]
    names = {file.path for file in own}
    others = [file for file in gather([*folders, *beside]) if file.path not in names]
    digest = digest_of([MibFile("foreign", f"{len(own)} {standard}".encode()), *own, *others])

    def make() -> MibModel:
        from mibagent.model.load import load_with_needed
        return load_with_needed(own, others, digest, standard)
    return _kept(digest, make, cache_dir)


def _kept(digest: str, make: Callable[[], MibModel], cache_dir: Path | None) -> MibModel:
    folder = _usable(cache_dir or default_cache_dir())
    name = f"model-{digest}.pickle"
    model = _read(folder / name, digest) if folder else None
    if model is None:
        model = make()
        if folder:
            _write(folder, name, model)
    return model


def default_cache_dir() -> Path:
    """Give the folder of the user's caches that is ours, by the XDG base directory rules."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if Path(base).is_absolute() else Path("~/.cache")
    with contextlib.suppress(RuntimeError):
        root = root.expanduser()
    return root / "mibgate"


def digest_of(files: Sequence[MibFile]) -> str:
    """Give the digest of files, in their order, and of the code that makes a model of them."""
    digest = hashlib.sha256(f"{FORMAT} {sys.version_info[:2]}".encode())
    for name, content in (*((file.path, file.content) for file in files), *_own_code()):
        digest.update(f"\0{name}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        digest.update(content)
    return digest.hexdigest()


def _own_code() -> Iterator[tuple[str, bytes]]:
    """Give what decides on a model besides the texts; nothing where there is no source."""
    here = Path(__file__).parent
    for folder in (here, here.parent / "smi"):
        with contextlib.suppress(OSError):
            for path in sorted(folder.glob("*.py")):
                yield path.name, path.read_bytes()


def _usable(folder: Path) -> Path | None:
    """Give folder if it is a private one of this user, made where it is not there."""
    try:
        if not folder.is_absolute():
            folder = folder.absolute()
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        state = folder.lstat()
    except OSError:
        return None
    is_private = stat.S_ISDIR(state.st_mode) and _is_ours(state)
    return folder if is_private else None


def _is_ours(state: os.stat_result) -> bool:
    return state.st_uid == os.geteuid() and not state.st_mode & 0o022


def _read(path: Path, digest: str) -> MibModel | None:
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(opened, "rb") as stream:
        state = os.fstat(stream.fileno())
        if not stat.S_ISREG(state.st_mode) or not _is_ours(state):
            return None
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            model = pickle.loads(stream.read())
        except Exception:    # a broken pickle may raise anything; it is made anew
            return None
        finally:
            if was_enabled:
                gc.enable()
    return model if isinstance(model, MibModel) and model.digest == digest else None


def _write(folder: Path, name: str, model: MibModel) -> None:
    temporary = ""
    try:
        opened, temporary = tempfile.mkstemp(prefix=".model-", dir=folder)    # mode 0600
        with os.fdopen(opened, "wb") as stream:
            pickle.dump(model, stream, pickle.HIGHEST_PROTOCOL)
        Path(temporary).replace(folder / name)
        models = sorted(folder.glob("model-*.pickle"), key=lambda path: path.stat().st_mtime)
        for path in models[:-KEPT_FILES]:
            path.unlink(missing_ok=True)
    except OSError:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
