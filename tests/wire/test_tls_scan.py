"""What a scanner finds at a TLS server of our engine: nothing that its policy does not say.

`tools/tls_scan.py` lets it look at every policy, and testssl.sh at the default ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.structure.tree import ROOT

SSLYZE = Path(sys.prefix) / "sslyze" / "bin" / "sslyze"


@pytest.mark.parametrize("policy", ["CS4-ec", "CS3-rsa"])
def test_sslyze_finds_nothing(policy: str) -> None:
    """CS4: Mozilla's profile "intermediate"; CS3: none but the suites that it names."""
    if not SSLYZE.exists():
        if os.environ.get("CI"):
            pytest.fail("sslyze is not installed; ./tools/setup --peers installs it")
        pytest.skip("not installed: sslyze")
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "tls_scan.py", policy], capture_output=True, text=True,
        timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, f"{policy}: nothing\n"), done.stdout + done.stderr
