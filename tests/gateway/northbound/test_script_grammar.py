"""The script grammar of a whole file, its refusals and its way back."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mibgateway.northbound.script_grammar import (
    LINE_LIMIT_BYTES,
    MOST_PAIRS,
    Assignment,
    Begin,
    Command,
    Commit,
    Path,
    ScriptError,
    Statement,
    parse_script,
    print_statement,
    quote,
    read_statements,
)


def one(text: str) -> Statement:
    (statement,) = parse_script(text.encode())
    return statement


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SipEp.MinSeverity=info", Assignment(1, Path("SipEp", "MinSeverity"), "info")),
        (
            'SipEp.Gateway[Name="default"].Domain = "a.test"  # ours',
            Assignment(1, Path("SipEp", "Gateway", (("Name", "default"),), "Domain"), "a.test"),
        ),
        (
            "Eth.Vlan[ Link=eth0 , Id = 7 ].Priority=3",
            Assignment(1, Path("Eth", "Vlan", (("Link", "eth0"), ("Id", "7")), "Priority"), "3"),
        ),
        (
            "IF-MIB.ifXTable[ifIndex=1].ifAlias=a=b",
            Assignment(1, Path("IF-MIB", "ifXTable", (("ifIndex", "1"),), "ifAlias"), "a=b"),
        ),
        ("Scm.RestartRequiredServices", Command(1, Path("Scm", "RestartRequiredServices"))),
        (
            'Cert.Download Url="https://a.test/#x"\tType=Other#comment',
            Command(
                1,
                Path("Cert", "Download"),
                arguments=(("Url", "https://a.test/#x"), ("Type", "Other")),
            ),
        ),
        (
            "Scm.ServiceCommands[Name=SipEp].Restart",
            Command(1, Path("Scm", "ServiceCommands", (("Name", "SipEp"),), "Restart")),
        ),
        (
            "SipEp.Gateway[Name=b].delete",
            Command(1, Path("SipEp", "Gateway", (("Name", "b"),)), delete=True),
        ),
        ("X.T[K=1].Delete=2", Assignment(1, Path("X", "T", (("K", "1"),), "Delete"), "2")),
        ("Begin.Commit=begin", Assignment(1, Path("Begin", "Commit"), "begin")),
        (
            r'A.B="a\nb\tc\\d\"e\.f\r"',
            Assignment(1, Path("A", "B"), 'a\nb\tc\\d"e.f\r'),
        ),
        ('A.B=""', Assignment(1, Path("A", "B"), "")),
        ("A.B=[::1", Assignment(1, Path("A", "B"), "[::1")),
    ],
)
def test_a_statement_is_what_the_grammar_says(text: str, wanted: Statement) -> None:
    assert one(text) == wanted


def test_lines_count_whatever_ends_them_and_whatever_is_on_them() -> None:
    script = b"\xef\xbb\xbf# head\r\n\r\n \t\nbegin # one\r\nA.B=1\nCOMMIT\n\nC.D"
    assert parse_script(script) == [
        Begin(4),
        Assignment(5, Path("A", "B"), "1"),
        Commit(6),
        Command(8, Path("C", "D")),
    ]


def test_nothing_is_a_script_too() -> None:
    assert parse_script(b"") == parse_script(b"\xef\xbb\xbf") == parse_script(b"#\n\n") == []


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("A.B=1\nA", 2, "a dot and a name after A is wanted (column 2)"),
        ("=1", 1, "a service's name is wanted, not =1 (column 1)"),
        ("A.=1", 1, "a name after the dot is wanted, not =1 (column 3)"),
        ("A.B=", 1, 'B wants a value ("" is an empty one) (column 5)'),
        ("A.B= # none", 1, 'B wants a value ("" is an empty one) (column 6)'),
        ('A.B="x', 1, "a quote is not closed on its line (column 5)"),
        ('A.B="x\\', 1, "a quote is not closed on its line (column 5)"),
        ('A.B="x"y', 1, "the line should end, not y (column 8)"),
        ("A.B=x y", 1, "the line should end, not y (column 7)"),
        ("A.B=x,y", 1, "the line should end, not ,y (column 6)"),
        ("A.B.C=1", 1, "a column needs its row: B[Key=value].C (column 6)"),
        ("A.B[C=1]=1", 1, "a row has no value, name its column (column 9)"),
        ("A.B[C=1,c=2].D=1", 1, "c is given twice (column 10)"),
        ("A.B[C=1 D=2]", 1, "`,` or `]` after a key's value is wanted, not D=2] (column 9)"),
        ("A.B[]", 1, "a key's name is wanted, not ] (column 5)"),
        ("A.B[C]", 1, "`=` after C is wanted, not ] (column 6)"),
        ("A.B[C=1].D.E", 1, "nothing has a name behind a column's (column 11)"),
        ("A.B.Delete=1", 1, ".Delete takes no value (column 11)"),
        ("A.B C=1 c=2", 1, "c is given twice (column 10)"),
        ('A.B C="1"D=2', 1, "a blank is wanted, not D=2 (column 10)"),
        ("A.B C", 1, "`=` after C is wanted (column 6)"),
        ("A.B\x1b[2J=1", 1, "a blank is wanted, not \\x1b[2J=1 (column 4)"),
        ("begin\nbegin", 2, "begin inside the begin of line 1"),
        ("begin\n\n", 1, "begin without a commit after it"),
        ("\ncommit", 2, "commit without a begin before it"),
        ("begin now", 1, "the line should end, not now (column 7)"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(text: str, line: int, why: str) -> None:
    with pytest.raises(ScriptError) as refusal:
        parse_script(text.encode())
    assert (refusal.value.line, refusal.value.why) == (line, why)
    assert str(refusal.value) == f"line {line}: {why}"


@pytest.mark.parametrize(
    ("data", "line", "why"),
    [
        (b"A.B=1\nA.B=\0", 2, "a NUL is no text"),
        (b"A.B=1\n\nA.B=\xe9", 3, "octet 0xe9 at 5 is not UTF-8"),
        ("A.B=1".encode("utf-16"), 1, "the script is in UTF-16, and UTF-8 is wanted"),
        (b"\n#" + b"x" * LINE_LIMIT_BYTES, 2, "the line is longer than 65536 octets"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, line: int, why: str) -> None:
    with pytest.raises(ScriptError) as refusal:
        parse_script(data)
    assert (refusal.value.line, refusal.value.why) == (line, why)


def test_a_script_has_a_limit() -> None:
    assert len(parse_script(b"A.B=1\n" * 10, limit=60)) == 10
    with pytest.raises(ScriptError, match="line 10: the script is longer than 59 octets"):
        parse_script(b"A.B=1\n" * 10, limit=59)


def test_names_with_values_have_a_limit() -> None:
    many = " ".join(f"a{number}=1" for number in range(MOST_PAIRS))
    assert len(parse_script(f"A.B {many}".encode())) == 1
    with pytest.raises(ScriptError, match="more than 100 names with values"):
        parse_script(f"A.B {many} b=1".encode())


def test_reading_can_stop_after_each_line_and_within_the_count_of_a_long_one() -> None:
    assert list(read_statements(b"\n#\nA.B\n")) == [None, None, Command(3, Path("A", "B")), None]
    long = list(read_statements(b"A.B=" + b"x" * 636))
    assert len(long) == 11 and long[1:] == [None] * 10


@pytest.mark.parametrize(("line", "reason"), [
    ("Aaa.Users[UserName=x].Password=all sesame", "the line should end (column 36)"),
    ("Cert.Import Password=all sesame", "`=` after a name is wanted (column 32)"),
    ("Cert.Import sesame=1 sesame=2", "a name is given twice (column 28)"),
    ("Cert.Import sesame=", 'a name wants a value ("" is an empty one) (column 20)'),
    ("sesame", "a dot and a name is wanted (column 7)"),
    ("A.sesame.sesame=1", "a column needs its row (column 16)"),
    ("A.B[C=1,sesame]", "`=` after a name is wanted (column 15)"),
])
def test_a_reason_without_what_the_line_says_is_there_too(line: str, reason: str) -> None:
    with pytest.raises(ScriptError) as refusal:
        parse_script(line.encode())
    assert "sesame" in refusal.value.why
    assert refusal.value.reason == reason


def test_a_syntax_error_anywhere_gives_no_statement_at_all() -> None:
    with pytest.raises(ScriptError, match="line 1001"):
        parse_script(b"A.B=1\n" * 1000 + b"?")


@pytest.mark.parametrize(
    "piece", [b'\\"', b"=", b"[", b" ", b"\\", b"A.B ", b"a=1,", b'"', b"#", b"\xc3\xa9"]
)
@pytest.mark.parametrize("head", [b"A.B=", b'A.B="', b"A.B[C=", b'A.B C="', b"A.B ", b""])
def test_time_is_linear_whatever_is_repeated(head: bytes, piece: bytes) -> None:
    line = head + piece * (60_000 // len(piece)) + b"\n"
    started = time.process_time()
    for _ in range(5):
        try:
            parse_script(line)
        except ScriptError as refusal:
            assert len(refusal.why) < 200
    assert time.process_time() - started < 2.0


names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,12}", fullmatch=True)
values = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
pairs = st.lists(
    st.tuples(names, values), max_size=4, unique_by=lambda pair: pair[0].lower()
).map(tuple)
cells = st.builds(
    Path, names, names, pairs.filter(len), names.filter(lambda name: name.lower() != "delete")
)
rows = st.builds(Path, names, names, pairs)
scalars = st.builds(Path, names, names)
ones = st.just(1)
statements = st.one_of(
    st.builds(Assignment, ones, st.one_of(scalars, cells), values),
    st.builds(Command, ones, st.one_of(scalars, rows, cells), st.just(False), pairs),
    st.builds(Command, ones, rows, st.just(True), pairs),
)


@given(statements)
def test_what_is_printed_reads_the_same(statement: Statement) -> None:
    printed = print_statement(statement)
    assert "\n" not in printed
    assert parse_script(printed.encode()) == [statement]
    assert parse_script(f"\tbegin\r\n{printed} # {printed}\r\n commit\r\n".encode())[1] == (
        type(statement)(2, *[getattr(statement, name) for name in statement.__slots__[1:]])
    )


likely = st.text(alphabet='Ab.=[],"\\# \n\tdelet', max_size=60).map(str.encode)


@given(st.binary(max_size=200) | likely)
def test_noise_is_a_script_or_a_script_error(data: bytes) -> None:
    try:
        for statement in parse_script(data):
            print_statement(statement)
    except ScriptError as refusal:
        assert 1 <= refusal.line <= data.count(b"\n") + 1


def test_begin_and_commit_print_as_they_are_written() -> None:
    assert [print_statement(Begin(1)), print_statement(Commit(2))] == ["begin", "commit"]


def test_what_no_script_can_hold_is_not_printed() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")
