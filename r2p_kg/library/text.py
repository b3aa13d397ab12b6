"""TEMPORARY."""
from __future__ import annotations
import re
from dataclasses import dataclass
from typing import Mapping
@dataclass(frozen=True)
class Variable:
    sign: str; name: str; line: int
@dataclass(frozen=True)
class Text:
    form: str; prefixes: Mapping[str,str]; variables: tuple; projection: tuple|None
def read(t):
    m=re.search(r'(?i)\b(select|ask|construct|describe)\b',t)
    v=tuple(Variable(x[1],x[2],t[:x.start()].count('\n')+1) for x in re.finditer(r'([?$])(\w+)',t))
    h=re.search(r'(?is)select(.*?)(where|\{)',t)
    return Text(m[1].lower(), dict(re.findall(r'(?i)prefix\s+(\w*):\s*<([^>]*)>',t)), v, tuple(dict.fromkeys(re.findall(r'\?(\w+)(?!.*\bAS\b)',h[1]))) if h and '*' not in h[1] else None)
def substitute(t, terms):
    return re.sub(r'\$(\w+)', lambda m: terms[m[1]], t)
