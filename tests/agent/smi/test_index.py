"""A row's key as sub-identifiers. RFC 2578 section 7.7."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibagent.errors import Index
from mibagent.smi.index import decode_index, encode_index
from mibagent.smi.syntax import Base, Syntax

NUMBER = Syntax(Base.UNSIGNED32)
TEXT = Syntax(Base.OCTETS, ranges=((0, 32),))
FIXED = Syntax(Base.OCTETS, ranges=((4, 4),))
OID = Syntax(Base.OID)
ADDRESS = Syntax(Base.IP_ADDRESS)

VALUES: dict[Syntax, st.SearchStrategy[int | bytes | tuple[int, ...]]] = {
    NUMBER: st.integers(0, 2**32 - 1),
    TEXT: st.binary(max_size=12),
    FIXED: st.binary(min_size=4, max_size=4),
    OID: st.lists(st.integers(0, 2**32 - 1), max_size=8).map(tuple),
    ADDRESS: st.binary(min_size=4, max_size=4),
}


@given(st.data(), st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=4), st.booleans())
def test_what_is_encoded_is_decoded(
    data: st.DataObject, syntaxes: list[Syntax], implied: bool
) -> None:
    implied = implied and syntaxes[-1] in (TEXT, OID)
    index: Index = data.draw(st.tuples(*(VALUES[syntax] for syntax in syntaxes)))
    suffix = encode_index(index, syntaxes, implied)
    assert decode_index(suffix, syntaxes, implied) == index


@given(st.lists(st.integers(0, 300), max_size=12).map(tuple),
       st.lists(st.sampled_from(list(VALUES)), max_size=3), st.booleans())
def test_what_decodes_is_encoded_alike(
    suffix: tuple[int, ...], syntaxes: list[Syntax], implied: bool
) -> None:
    implied = implied and bool(syntaxes) and syntaxes[-1] in (TEXT, OID)
    try:
        index = decode_index(suffix, syntaxes, implied)
    except ValueError:
        return
    assert encode_index(index, syntaxes, implied) == suffix


@pytest.mark.parametrize(("index", "syntaxes", "implied", "suffix"), [
    ((7,), [NUMBER], False, (7,)),
    ((b"ab",), [TEXT], False, (2, 97, 98)),
    ((b"ab",), [TEXT], True, (97, 98)),
    ((b"abcd",), [FIXED], False, (97, 98, 99, 100)),
    ((b"\x7f\0\0\1",), [ADDRESS], False, (127, 0, 0, 1)),
    (((1, 3),), [OID], False, (2, 1, 3)),
    (((1, 3),), [OID], True, (1, 3)),
    ((b"a", 3), [TEXT, NUMBER], False, (1, 97, 3)),
    ((), [], False, ()),
])
def test_the_encodings_are_those_of_the_rfc(
    index: Index, syntaxes: list[Syntax], implied: bool, suffix: tuple[int, ...]
) -> None:
    assert encode_index(index, syntaxes, implied) == suffix


@pytest.mark.parametrize(("index", "syntaxes"), [
    ((), [NUMBER]), ((1, 2), [NUMBER]), ((b"a",), [NUMBER]), ((-1,), [NUMBER]), ((1,), [TEXT]),
    (((1, 3),), [TEXT]), ((b"a",), [OID]), ((b"abc",), [FIXED]), ((b"abc",), [ADDRESS]),
    ((2**32,), [NUMBER]), ((b"x" * 128,), [TEXT]), (((2**32,),), [OID]),
])
def test_a_key_that_does_not_fit_is_refused(index: Index, syntaxes: list[Syntax]) -> None:
    with pytest.raises(ValueError, match="row's key"):
        encode_index(index, syntaxes)


@pytest.mark.parametrize(("suffix", "syntaxes"), [
    ((), [NUMBER]), ((), [TEXT]), ((3, 97), [TEXT]), ((1, 256), [TEXT]), ((1, 2), [NUMBER]),
    ((1, 2, 3), [FIXED]), ((1, 2, 3, 256), [ADDRESS]), ((2, 1), [OID]), ((1,), []),
    ((1, 2, 3, 4, 5), [FIXED]),
])
def test_sub_identifiers_that_are_no_key_are_refused(
    suffix: tuple[int, ...], syntaxes: list[Syntax]
) -> None:
    with pytest.raises(ValueError, match="row's key"):
        decode_index(suffix, syntaxes)
