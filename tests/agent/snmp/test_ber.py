"""SMI values to octets and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibagent.smi.oid import Oid
from mibagent.smi.syntax import Base, Value
from mibagent.snmp.ber import (
    ENCODERS,
    BerError,
    check_oid,
    decode_oid,
    decode_value,
    encode_as,
    encode_length,
    encode_oid,
    read_tlv,
    sort_key,
)

PARTS = st.integers(0, 2**32 - 1) | st.sampled_from([0, 127, 128, 16383, 16384, 2**21, 2**28])
OIDS = st.builds(
    lambda first, second, rest: (first, second % 40 if first < 2 else second, *rest),
    st.integers(0, 2), PARTS, st.lists(PARTS, max_size=126))

VALUES: dict[Base, st.SearchStrategy[Value]] = {
    Base.INTEGER: st.integers(-2**31, 2**31 - 1),
    Base.OCTETS: st.binary(max_size=300),
    Base.OID: OIDS,
    Base.IP_ADDRESS: st.binary(min_size=4, max_size=4),
    Base.COUNTER32: st.integers(0, 2**32 - 1),
    Base.UNSIGNED32: st.integers(0, 2**32 - 1),
    Base.TIME_TICKS: st.integers(0, 2**32 - 1),
    Base.OPAQUE: st.binary(max_size=300),
    Base.COUNTER64: st.integers(0, 2**64 - 1),
    Base.BITS: st.binary(max_size=10),
}


@pytest.mark.parametrize("base", VALUES)
@given(data=st.data())
def test_decode_undoes_encode(base: Base, data: st.DataObject) -> None:
    value = data.draw(VALUES[base])
    octets = ENCODERS[base](value)
    tag, start, stop = read_tlv(octets, 0, len(octets))
    assert (tag, stop) == (base.tag, len(octets))
    assert decode_value(tag, octets[start:]) == value


@pytest.mark.parametrize(("base", "value", "octets"), [
    (Base.INTEGER, 0, "020100"), (Base.INTEGER, 127, "02017f"), (Base.INTEGER, 128, "02020080"),
    (Base.INTEGER, -1, "0201ff"), (Base.INTEGER, -128, "020180"), (Base.INTEGER, -129, "0202ff7f"),
    (Base.INTEGER, -2**31, "020480000000"), (Base.COUNTER32, 2**32 - 1, "410500ffffffff"),
    (Base.UNSIGNED32, 2**31, "42050080000000"), (Base.TIME_TICKS, 256, "43020100"),
    (Base.COUNTER64, 2**64 - 1, "460900ffffffffffffffff"), (Base.OCTETS, b"", "0400"),
    (Base.IP_ADDRESS, bytes((192, 0, 2, 1)), "4004c0000201"),
    (Base.OID, (0, 0), "060100"), (Base.OID, (1, 3, 6, 1, 4, 1, 32473), "06082b0601040181fd59"),
    (Base.OID, (2, 999, 3), "0603883703"), (Base.OID, (2, 2**32 - 1), "060590" "8080804f"),
    (Base.COUNTER32, 2**32 + 5, "410105"), (Base.COUNTER64, 2**64, "460100"),
])
def test_values_on_the_wire(base: Base, value: Value, octets: str) -> None:
    assert ENCODERS[base](value).hex() == octets


@pytest.mark.parametrize(("base", "value"), [
    (Base.INTEGER, 2**31), (Base.INTEGER, b"1"), (Base.UNSIGNED32, 2**32), (Base.UNSIGNED32, -1),
    (Base.COUNTER32, -1), (Base.OCTETS, 5), (Base.OCTETS, "text"), (Base.IP_ADDRESS, b"123"),
    (Base.OID, (1,)), (Base.OID, (1, 40)), (Base.OID, (3, 1)), (Base.OID, b"\x2b"),
    (Base.OID, (1, 3, 2**32)), (Base.OID, (1, 3, -1)), (Base.OID, (1,) * 129), (Base.INTEGER, None),
])
def test_what_is_no_value_is_not_encoded(base: Base, value: Value) -> None:
    with pytest.raises((ValueError, TypeError)):
        ENCODERS[base](value)


@pytest.mark.parametrize(("tag", "content"), [
    (0x02, ""), (0x02, "0000000001"), (0x41, ""), (0x41, "ff"), (0x41, "0100000000"),
    (0x41, "000000000001"), (0x46, "010000000000000000"), (0x46, "00" * 10), (0x40, "010203"),
    (0x06, ""), (0x06, "80"), (0x06, "2b81"), (0x06, "2b8001"), (0x06, "2b9080808000"),
    (0x06, "2b" + "01" * 127),
])
def test_what_is_no_content_is_not_decoded(tag: int, content: str) -> None:
    with pytest.raises(BerError):
        decode_value(tag, bytes.fromhex(content))


@given(OIDS)
def test_a_sound_name_is_taken(oid: Oid) -> None:
    check_oid(encode_oid(oid))


@given(st.binary(max_size=200))
def test_checking_and_decoding_a_name_agree(content: bytes) -> None:
    try:
        decode_oid(content)
    except BerError:
        with pytest.raises(BerError):
            check_oid(content)
    else:
        check_oid(content)


@given(OIDS, OIDS)
def test_sort_keys_compare_as_names_do(one: Oid, other: Oid) -> None:
    def key(oid: Oid) -> bytes:
        return sort_key(encode_oid(oid))

    assert (key(one) < key(other)) == (one < other)
    assert key(one).startswith(key(other)) == (one[:len(other)] == other)


@pytest.mark.parametrize("octets", [
    "", "30", "3080", "30ff", "3085000000000000", "3001", "1f0100", "308400000001", "0203ffff",
])
def test_a_broken_frame_is_refused(octets: str) -> None:
    with pytest.raises(BerError):
        read_tlv(bytes.fromhex(octets), 0, len(octets) // 2)


@pytest.mark.parametrize("octets", ["300100", "30810100", "3082000100", "308400000001" "00"])
def test_long_forms_of_lengths_are_taken(octets: str) -> None:
    found = bytes.fromhex(octets)
    tag, start, stop = read_tlv(found, 0, len(found))
    assert (tag, stop - start) == (0x30, 1)


@pytest.mark.parametrize(("size", "octets"), [
    (0, "00"), (127, "7f"), (128, "8180"), (255, "81ff"), (256, "820100"), (65536, "83010000")])
def test_lengths_are_written_in_the_fewest_octets(size: int, octets: str) -> None:
    assert encode_length(size).hex() == octets


@pytest.mark.parametrize("base", [base for base in VALUES if base is not Base.BITS])
@given(data=st.data())
def test_a_value_of_any_type_is_its_own_encoding(base: Base, data: st.DataObject) -> None:
    whole = encode_as(base.tag, data.draw(VALUES[base]))
    assert ENCODERS[Base.ANY](whole) == whole
    assert whole[0] == base.tag
