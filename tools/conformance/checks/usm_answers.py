"""How USM secures what it sends: RFC 3414 sections 3.1, 6, 7, 8; RFC 3826; RFC 7860."""

from __future__ import annotations

from tools.conformance.agent import Agent
from tools.conformance.names import SYS_DESCR, SYS_UP_TIME, USM_USER_ENTRY
from tools.conformance.pdu import GET, binding
from tools.conformance.registry import Skipped, check, require


@check("RFC 3414 6.3.1, 7.3.1; RFC 7860 4.2.1", "v3", "auth")
def usm_signs_its_answers(agent: Agent) -> None:
    """The digest of an answer is that of the user's key, in the length of its protocol."""
    for level in sorted({1, agent.secure("main").level} - {0}):
        main = agent.secure("main", level)
        if level < agent.credentials.least:
            continue
        answer = main.answer(GET, binding(SYS_DESCR))
        keys = main.envelope().keys
        require(len(answer.digest) == keys.digest_size,
                f"a digest of {len(answer.digest)} octets, due are {keys.digest_size}")
        require(answer.is_signed_by(keys), "the digest of an answer is wrong")


@check("RFC 3414 8.1.1.1; RFC 3826 3.1.2.1", "v3", "priv")
def usm_uses_each_salt_once(agent: Agent) -> None:
    """privParameters of answers are 8 octets, and never the same twice."""
    main = agent.secure("main")
    salts = [main.answer(GET, binding(SYS_DESCR)).salt for _ in range(8)]
    require(all(len(salt) == 8 for salt in salts), f"salts {[salt.hex() for salt in salts]}")
    require(len(set(salts)) == len(salts), "a salt comes twice")


@check("RFC 3414 8.3; RFC 3826 3.3", "v3", "priv")
def usm_encrypts_its_answers(agent: Agent) -> None:
    """At authPriv the answer is encrypted with the user's key, and says the same as in clear."""
    main = agent.secure("main")
    answer = main.answer(GET, binding(SYS_DESCR))
    require(answer.level == 3, f"the answer is at level {answer.level}")
    value = answer.pdu.bindings[0].value
    require(isinstance(value, bytes) and value and value not in answer.octets,
            "sysDescr stands in clear in an encrypted answer")


@check("RFC 3414 3.1 (6, 10)", "v3", "auth")
def usm_tells_its_boots_and_time(agent: Agent) -> None:
    """Answers carry the agent's engine ID, boots of at least 1, and a time that goes on."""
    main = agent.secure("main")
    engine = main.discover().engine_id
    first = main.answer(GET, binding(SYS_UP_TIME))
    began = agent.clock()
    for answer in (first, main.answer(GET, binding(SYS_UP_TIME))):
        require(answer.engine_id == engine, f"the answer is from engine {answer.engine_id.hex()}")
        require(1 <= answer.boots < 1 << 31, f"boots are {answer.boots}")
    agent.link.pause(2.5)
    last = main.answer(GET, binding(SYS_UP_TIME))
    require(last.boots == first.boots, f"boots go from {first.boots} to {last.boots}")
    grown = last.time - first.time
    require(abs(grown - (agent.clock() - began)) <= 2, f"engine time went on by {grown} s in "
            f"{agent.clock() - began:.1f} s")


@check("RFC 3414 3.1 (1)", "v3")
def usm_gives_the_user_back(agent: Agent) -> None:
    """msgUserName of a Response is that of the request."""
    main = agent.secure("main")
    answer = main.answer(GET, binding(SYS_DESCR))
    require(answer.user == main.user.name.encode(), f"the answer is for user {answer.user!r}")


@check("RFC 3414 5 (usmUserAuthKeyChange)", "v3")
def usm_shows_no_keys(agent: Agent) -> None:
    """The key-change columns of usmUserTable read as the empty string, cloneFrom as 0.0."""
    main = agent.secure("main")
    seen = 0
    for column, due in ((4, (0, 0)), (6, b""), (7, b""), (9, b""), (10, b"")):
        head = (*USM_USER_ENTRY, column)
        found = agent.get_next(head, via=main)
        one = found.bindings[0] if found.bindings and not found.status else None
        if one is None or one.oid[:len(head)] != head:
            continue
        seen += 1
        require(one.value == due, f"column {column} of usmUserTable reads {one}")
    if not seen:
        raise Skipped("usmUserTable can't be read")
