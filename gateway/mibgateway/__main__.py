"""`python -m mibgateway` is `mibgate`."""

from mibgateway.cli import mibgate

mibgate(prog_name="mibgate")
