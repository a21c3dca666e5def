"""What the File service's table shows, and what its jobs take."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from mibagent.service.settings import Row
from mibgateway.tls.policy import Floor, SuiteSet, Trust
from mibgateway.transfer.asked import Validation


class DownloadResult(enum.IntEnum):
    """What came of the last download."""

    NONE = 100
    DOWNLOADING = 200
    SUCCESS = 300
    FAILED = 400


class UploadResult(enum.IntEnum):
    """What came of the last upload."""

    NONE = 100
    UPLOADING = 200
    SUCCESS = 300
    FAILED = 400


@dataclass(frozen=True)
class FileSettings:
    """The writable objects of MIBGATE-FILE-MIB."""

    transfer_https_cipher_suite: SuiteSet
    transfer_https_tls_version: Floor
    transfer_certificate_validation: Validation
    transfer_certificate_trust_level: Trust
    transfer_username: str
    transfer_password: str
    transfer_http_enable: bool


@dataclass(frozen=True)
class TransferArguments(Row):
    """What fileDownloadFileTable and fileUploadFileTable take."""

    url: str
    file_name: str


@dataclass(frozen=True)
class FileRow:
    """One file as the table shows it."""

    file_name: str
    file_description: str
    file_size: int
    """KB, what is begun counted as a whole one."""
