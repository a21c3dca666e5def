"""What to do about a finding, by what it says."""

from __future__ import annotations

import re

from mibagent.model.findings import Finding

_CLAUSE = "write it in the last paragraph of the DESCRIPTION, as docs/architecture.md shows"

REMEDIES: tuple[tuple[str, str], ...] = (
    (r"there is no module (\S+)",
     "put the file that declares {0} beside this one, or name it in the same command"),
    (r"is imported from (\S+), which does not declare it",
     "import it from the module that declares it, or take another version of {0}"),
    (r"is used and not imported; it is taken from (\S+)", "add it to IMPORTS, FROM {0}"),
    (r"its place is under (\S+), which",
     "import {0}, or put the file of the module that declares it beside this one"),
    (r"the type (\S+) is neither declared nor imported",
     "import {0}, or put the file of the module that declares it beside this one"),
    (r"neither declared nor imported", "declare it, or import it from the module that does"),
    (r"the type \S+ is made of itself", "give the type a base of its own"),
    (r"SMI has no _", "managers that keep to SMI refuse it: ask for a corrected file, or write -"),
    (r"begins with a capital letter", "managers that keep to SMI refuse it: ask for a corrected "
     "file, or write one"),
    (r"can't be read as SMI",
     "look at this line and the one before: a clause, brace, comma or quote is missing, or one "
     "is too many"),
    (r"is declared twice|has the name of|another module declares this name",
     "rename or remove one of the two"),
    (r"has the object identifier of|has the place of",
     "give one of the two a sub-identifier of its own"),
    (r"no module is declared here", "a MIB begins with NAME DEFINITIONS ::= BEGIN"),
    (r"can't be read: ", "look at its name and its permissions"),
    (r"holds no MIB file", "name the file itself if its name does not end as MIBs' do"),
    (r"too long for a MIB", "split the file"),
    (r"MAX-ACCESS", "write not-accessible, accessible-for-notify, read-only, read-write or "
                    "read-create; it is served read-only until then"),
    (r"STATUS", "write current, deprecated or obsolete"),
    (r"has no object identifier", "write ::= { parent number }"),
    (r"last arc is not 0", "use a sub-identifier from 1 on"),
    (r"starts with a small letter", "begin the name with a small letter"),
    (r"(table|entry) is not-accessible", "write MAX-ACCESS not-accessible"),
    (r"no entry at arc 1|not at arc 1", "the entry is ::= { theTable 1 }"),
    (r"in a SEQUENCE and not under|under an entry and not in its SEQUENCE|in the SEQUENCE",
     "make SEQUENCE and columns name the same objects, each column ::= { theEntry number }"),
    (r"lost on the way", "the declaration is not complete: look at the one before it"),
    (r"neither INDEX nor AUGMENTS", "add INDEX { column }"),
    (r"^INDEX names", "name columns that are declared or imported, each once, of a type that a "
                      "key can have"),
    (r"^AUGMENTS", "name the entry of a table that has an INDEX"),
    (r"^IMPLIED", "leave IMPLIED away"),
    (r"has no columns", "declare its columns, or remove the table"),
    (r"second RowStatus", "leave one column of the SYNTAX RowStatus"),
    (r"DEFVAL", "write a value that the SYNTAX allows, or leave DEFVAL away"),
    (r"range|size|its limits are left out|one number|names of values|positions of BITS|no value",
     "correct the SYNTAX"),
    (r"SYNTAX that is none", "write a SYNTAX"),
    (r"^OBJECTS names", "name objects that are declared or imported and not not-accessible"),
    (r"longest key", "give its parts a smaller SIZE"),
    (r"Applies:|Command|Rights|Severity|Text:|Clears|Kind|Refers|Service:|refers to|line$",
     _CLAUSE),
    (r"is called|its path|not under the service's number|a key that is a name|no readable column"
     r"|index column|repeats the key|secret|descriptor|DESCRIPTION|last arc but one|job table"
     r"|command|at most 64|word|may be below 0|is unknown",
     "our own modules keep to the rules of docs/architecture.md"),
)
"""Patterns of reasons, the first that is found counts; what it captured goes where {0} stands."""

_COMPILED = [(re.compile(pattern), text) for pattern, text in REMEDIES]


def remedy_of(finding: Finding) -> str:
    """Give what to do, or nothing where nobody knows."""
    for pattern, text in _COMPILED:
        found = pattern.search(finding.reason)
        if found is not None:
            return text.replace("{0}", (found.groups() or ("",))[0] or "")
    return ""
