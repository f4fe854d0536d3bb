"""The program behind `hashFiles()`: it runs in the job's root, on its Python alone; nothing here imports it.

It hashes as GitHub's runner does, whose function is `@actions/glob`: the files that the patterns match, each by
itself, in the order of a walk that goes through every directory by name, and then the digests. Called with the
workspace, `follow` or `keep` for symbolic links, and the patterns.
"""

import hashlib
import os
import re
import stat
import sys

ANY_DEPTH = "**"


class Pattern:
    """One line of the patterns."""

    def __init__(self, text: str, workspace: str) -> None:
        """Read a line; what is not absolute counts from the workspace."""
        self.is_negated = False
        while text.startswith("!"):
            self.is_negated = not self.is_negated
            text = text[1:].strip()
        literals = [literal(segment) for segment in text.strip("/").split("/")]
        if not text or ".." in literals or "." in literals[1:] or (text.startswith("/") and "." in literals):
            raise ValueError(f"Invalid pattern '{text}'. Relative pathing '.' and '..' is not allowed.")
        self.is_directory = text.endswith("/")
        self.segments = absolute_segments(text, workspace)
        self.is_implied = False
        self._compiled = [ANY_DEPTH if each == ANY_DEPTH else compiled(each) for each in self.segments]

    def implied(self) -> "Pattern | None":
        """Give the pattern for what lies below what this one matches."""
        if self.segments and self.segments[-1] == ANY_DEPTH and not self.is_directory:
            return None
        below = Pattern.__new__(Pattern)
        below.is_negated, below.is_directory, below.is_implied = self.is_negated, False, True
        below.segments = [*self.segments, ANY_DEPTH]
        below._compiled = [*self._compiled, ANY_DEPTH]  # noqa: SLF001
        return below

    @property
    def base(self) -> str:
        """The directory to look in: what comes before the first wildcard."""
        names: list[str] = []
        for segment in self.segments:
            name = literal(segment)
            if not name:
                break
            names.append(name)
        return "/" + "/".join(names)

    def matches(self, names: list[str]) -> bool:
        """Tell whether a path matches; `a/**` matches `a`, too, unless it was implied."""
        if self.segments and self.segments[-1] == ANY_DEPTH and not self.is_implied:
            names = [*names, ""]
        return matches(names, self._compiled, is_partial=False)

    def may_match_below(self, names: list[str]) -> bool:
        """Tell whether something below a path may match."""
        return matches(names, self._compiled, is_partial=True)


def absolute_segments(text: str, workspace: str) -> list[str]:
    """Give the segments of a pattern from the root."""
    if text.startswith("/"):
        return split(text)
    first, _, rest = text.partition("/")
    if first == "~":
        return [*map(escaped, split(os.path.expanduser("~"))), *split(rest)]
    return [*map(escaped, split(workspace)), *split(rest if first == "." else text)]


def split(path: str) -> list[str]:
    """Give the names in a path."""
    return [name for name in path.split("/") if name]


def escaped(name: str) -> str:
    """Make a pattern that matches a name."""
    return re.sub(r"([\\*?\[])", r"\\\1", name)


def literal(segment: str) -> str:
    """Give the one name that a segment matches; empty if it has a wildcard."""
    names = []
    for part in parts(segment):
        if not isinstance(part, str):
            return ""
        names.append(part)
    return "".join(names)


def compiled(segment: str) -> "re.Pattern[str]":
    """Make a regular expression for one name; it never matches `.` and `..` by a wildcard."""
    source = "".join(re.escape(part) if isinstance(part, str) else part[0] for part in parts(segment))
    guard = "" if literal(segment) else r"(?!\.{1,2}\Z)(?=.)"
    return re.compile(guard + source + r"\Z", re.DOTALL)


def parts(segment: str) -> "list[str | tuple[str]]":
    """Split a segment into characters, and regular expressions for its wildcards."""
    found: list[str | tuple[str]] = []
    position = 0
    while position < len(segment):
        character = segment[position]
        position += 1
        if character == "\\" and position < len(segment):
            found.append(segment[position])
            position += 1
        elif character == "*":
            found.append(("[^/]*?",))
        elif character == "?":
            found.append(("[^/]",))
        elif character == "[" and (end := set_end(segment, position)) is not None:
            found.append(character_set(segment[position:end]))
            position = end + 1
        else:
            found.append(character)
    return found


def set_end(segment: str, start: int) -> "int | None":
    """Find the end of a set of characters; None if there is none: then its bracket is a bracket."""
    position = start
    while position < len(segment):
        if segment[position] == "\\":
            position += 1
        elif segment[position] == "]" and position > start:
            return position
        position += 1
    return None


def character_set(inner: str) -> "str | tuple[str]":
    """Read a set; one character alone is that character."""
    if len(inner) == 1 or (len(inner) == 2 and inner[0] == "\\"):
        return inner[-1]
    negation = "^" if inner[0] in "!^" else ""
    members = re.sub(r"([\[\]&~|])", r"\\\1", inner[len(negation) :])
    try:
        re.compile(f"[{negation}{members}]")
    except re.error:
        return ("(?!)",)
    return (f"[{negation}{members}]",)


def matches(names: list[str], pattern: "list[str | re.Pattern[str]]", *, is_partial: bool) -> bool:
    """Match names against a pattern's segments; a partial match may end before the pattern does."""
    for index, segment in enumerate(pattern):
        if isinstance(segment, str):
            return matches_deep(names[index:], pattern[index + 1 :], is_partial=is_partial)
        if index >= len(names):
            return is_partial
        if segment.match(names[index]) is None:
            return False
    return len(names) == len(pattern)


def matches_deep(names: list[str], rest: "list[str | re.Pattern[str]]", *, is_partial: bool) -> bool:
    """Match what follows `**`."""
    if not names:
        return is_partial
    if not rest:
        return True
    if any(matches(names[start:], rest, is_partial=is_partial) for start in range(len(names))):
        return True
    return is_partial


def search_paths(patterns: list[Pattern]) -> list[str]:
    """Give the directories to walk, without those that lie in another."""
    bases = list(dict.fromkeys(pattern.base for pattern in patterns if not pattern.is_negated))
    return [base for base in bases if not any(is_below(base, other) for other in bases)]


def is_below(path: str, other: str) -> bool:
    """Tell whether a path lies in another."""
    return path != other and path.startswith(other.rstrip("/") + "/")


def walk(patterns: list[Pattern], *, follows: bool) -> "list[str]":
    """Give the paths that match and are no directories, in order."""
    found: list[str] = []
    stack: list[tuple[str, tuple[str, ...]]] = [
        (path, ()) for path in reversed(search_paths(patterns)) if os.path.lexists(path)
    ]
    while stack:
        path, ancestors = stack.pop()
        names = split(path)
        is_match, is_directory_match = match(patterns, names)
        if not (is_match or is_directory_match or may_match_below(patterns, names)):
            continue
        try:
            mode = (os.stat if follows else os.lstat)(path).st_mode
        except FileNotFoundError:
            if follows:
                continue
            raise
        if not stat.S_ISDIR(mode):
            if is_match:
                found.append(path)
            continue
        real = os.path.realpath(path) if follows else path
        if real in ancestors:
            continue
        children = sorted(os.listdir(path), key=os.fsencode, reverse=True)
        stack += [(os.path.join(path, child), (*ancestors, real)) for child in children]
    return found


def may_match_below(patterns: list[Pattern], names: list[str]) -> bool:
    """Tell whether a directory has to be looked into."""
    return any(pattern.may_match_below(names) for pattern in patterns if not pattern.is_negated)


def match(patterns: list[Pattern], names: list[str]) -> "tuple[bool, bool]":
    """Tell whether a path is chosen as a file, and as a directory; later patterns overrule earlier ones."""
    as_file = as_directory = False
    for pattern in patterns:
        if pattern.matches(names):
            as_directory = not pattern.is_negated
            if not pattern.is_directory:
                as_file = not pattern.is_negated
    return as_file, as_directory


def digest(workspace: str, texts: list[str], *, follows: bool) -> str:
    """Give the hash of the files that match; empty if none does."""
    patterns = []
    for line in "\n".join(texts).split("\n"):
        text = line.strip()
        if text and not text.startswith("#"):
            patterns.append(Pattern(text, workspace))
            patterns += filter(None, [patterns[-1].implied()])
    total, count = hashlib.sha256(), 0
    for path in walk(patterns, follows=follows):
        if path.startswith(workspace + "/") and not os.path.isdir(path):
            total.update(file_digest(path))
            count += 1
    return total.hexdigest() if count else ""


def file_digest(path: str) -> bytes:
    """Give the hash of one file."""
    content = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            content.update(chunk)
    return content.digest()


if __name__ == "__main__":
    try:
        print(digest(sys.argv[1], sys.argv[3:], follows=sys.argv[2] == "follow"))
    except (OSError, ValueError) as error:
        sys.exit(str(error))
