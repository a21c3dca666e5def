"""All checks: importing this fills the registry, in the order of a report."""

from tools.conformance.checks import (
    bulk,
    engine,
    messages,
    mpd,
    mpd_refusals,
    reads,
    rows,
    sets,
    snmpv1,
    usm,
    usm_answers,
    vacm,
)

__all__ = ["bulk", "engine", "messages", "mpd", "mpd_refusals", "reads", "rows", "sets", "snmpv1",
           "usm", "usm_answers", "vacm"]
