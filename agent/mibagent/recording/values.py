"""Recorded values as an object's MIB sees them."""

from __future__ import annotations

from mibagent.errors import Refused, WrongType
from mibagent.model.nodes import ObjectNode
from mibagent.recording.remarks import Remarks
from mibagent.recording.sample import Sample
from mibagent.smi.hint import parse_integer_by_hint, parse_octets_by_hint
from mibagent.smi.syntax import Base, Syntax, Value

_SYNTAXES = {base: Syntax(base) for base in Base}


class NoValue(Exception):
    """What was recorded is no value of any type; the text says why."""


def fitting(sample: Sample, node: ObjectNode, remarks: Remarks) -> Value:
    """Give the value that an object has by a sample.

    One that its SYNTAX would refuse is given all the same, and remarked on. Raises WrongType
    where it is of another type, NoValue where it is none.
    """
    syntax = node.syntax
    if sample.base is not None and sample.base.tag != syntax.base.tag:
        raise WrongType(node.name, f"its SYNTAX is {syntax.base.name} and "
                        f"{sample.base.name} was recorded")
    value = _unhinted(sample, node, remarks) if sample.hinted or sample.base is None \
        else sample.value
    _check_natural(syntax.base, value)
    if node.is_row_status:
        if value not in (1, 2, 3):
            remarks.add(sample.line, node.name,
                        f"{value!r} is no state that a row has; it is served as active")
    else:
        try:
            syntax.check(value, node.name)
        except WrongType:
            raise
        except Refused as refusal:
            remarks.add(sample.line, node.name,
                        f"a value is not one that its MIB allows ({refusal.why}); it is served "
                        "as recorded")
    return value


def _unhinted(sample: Sample, node: ObjectNode, remarks: Remarks) -> Value:
    """Undo what a DISPLAY-HINT, or an option of the recorder, made of a value."""
    syntax, text = node.syntax, sample.value
    assert isinstance(text, bytes)
    if syntax.base is Base.OCTETS and (syntax.is_text or not syntax.hint):
        return text
    words = text.decode("latin-1").strip()
    try:
        if sample.base is Base.INTEGER and not syntax.labels:
            return parse_integer_by_hint(syntax.hint, words.split()[0] if words else "")
        if syntax.base is Base.OCTETS:
            return parse_octets_by_hint(syntax.hint, words)
        return syntax.parse(words, node.name)
    except (ValueError, Refused) as error:
        why = error.why if isinstance(error, Refused) else str(error)
        if syntax.base is not Base.OCTETS:
            raise NoValue(f"{words[:40]!r} is no value of {node.name} ({why})") from None
        remarks.add(sample.line, node.name, f"the recorder printed it by a DISPLAY-HINT that can't "
                    f"be undone ({why}): record with -Onx; the text itself is served")
        return text


def natural(sample: Sample) -> tuple[Base, Value]:
    """Give type and value of a sample without a MIB. Raises NoValue."""
    if sample.base is None:
        raise NoValue("its type was not recorded: leave -Oq and -OQ away")
    if sample.hinted and sample.base is not Base.OCTETS:
        raise NoValue("a label or DISPLAY-HINT hides its value: record with -One, or load its MIB")
    _check_natural(sample.base, sample.value)
    return sample.base, sample.value


def _check_natural(base: Base, value: Value) -> None:
    if base is Base.BITS:
        base = Base.OCTETS
    try:
        _SYNTAXES[base].check(value)
    except WrongType as refusal:
        raise NoValue(refusal.why) from None
    except Refused as refusal:
        raise NoValue(f"out of the range of its type ({refusal.why})") from None
